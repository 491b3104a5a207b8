"""`kronface reproduce table-1` and `table-2`: the paper's comparisons, run again."""

from pathlib import Path
from typing import TYPE_CHECKING

from kronface.errors import ConfigError
from kronface.files import Progress, no_progress

if TYPE_CHECKING:
    from kronface.studies.tables.people import RenderedCounts, TablePeople


def table_1(
    *,
    out: Path = Path("runs/table-1"),
    rows: list[str] = [],  # noqa: B006 - the command line shows it as the default
    root: Path | None = None,
    passes: int = 40_000,
    batch_size: int = 64,
    learning_rate: float = 1e-3,
    identities: int = 600,
    images: int = 8,
    seed: int = 0,
    workers: int = 2,
    progress: Progress = no_progress,
) -> str:
    """Attributes: FaceTracer, PANDA, LNets+ANet, MT-RBM-PCA, and the paper's network separately and jointly.

    Each method learns on the train split and is measured on the test split; what was published stands beside it. A row
    that is finished is kept: the same command goes on where it was ended, and further rows may join.

    Args:
        out: the table's folder: table.md, .csv, .tex, .json, and rows/.
        rows: facetracer, panda, lnets-anet, mt-rbm-pca, separately, jointly; all by default.
        root: a data set in CelebA's layout; people are rendered without one.
        passes: images that every learned method is shown.
        batch_size: images per step.
        learning_rate: Adam's, which falls to 0.
        identities: rendered people to train on; a sixth as many validate, a third as many are tested.
        images: pictures of each.
        seed: of people, weights and order.
        workers: processes that render.
        progress: called as the work goes on.
    """
    _check_packages()
    from kronface.methods.learning import Budget
    from kronface.studies.tables.people import RENDERED, attribute_people, rendered_attribute_people
    from kronface.studies.tables.run import run_table

    _check(
        learning_rate,
        passes=passes,
        batch_size=batch_size,
        identities=identities,
        images=images,
        workers=workers,
        seed=seed,
    )
    counts = _counts(identities, images, 100)
    source = f"{RENDERED} (seed {seed})" if root is None else f"CelebA's layout in {root}"

    def load() -> "TablePeople":
        if root is None:
            return rendered_attribute_people(out, counts, seed=seed, workers=workers, progress=progress)
        return attribute_people(root, out / "faces", progress=progress)

    budget = Budget(passes, batch_size, learning_rate, seed)
    data = {"source": source} | ({} if root is not None else {"identities": identities, "images": images})
    return str(run_table(1, out, load, rows=rows, budget=budget, data=data, progress=progress))


def table_2(
    *,
    out: Path = Path("runs/table-2"),
    rows: list[str] = [],  # noqa: B006
    root: Path | None = None,
    layout: str = "casia",
    probes: Path | None = None,
    distractors: Path | None = None,
    overlap: str = "removed",
    imported: list[str] = [],  # noqa: B006
    passes: int = 40_000,
    batch_size: int = 64,
    learning_rate: float = 1e-3,
    identities: int = 600,
    images: int = 8,
    others: int = 2000,
    seed: int = 0,
    workers: int = 2,
    progress: Progress = no_progress,
) -> str:
    """Identification: every public method of the paper's Table 2, what the field uses now, and chance.

    All learn on the same people, and find the same probes among the same distractors, by MegaFace's rule. Closed rows
    show what was published, and are filled by imported curves. A row that is finished is kept: the same command goes on
    where it was ended, and further rows may join.

    Args:
        out: the table's folder: table.md, .csv, .tex, .json, and rows/.
        rows: facenet, lightened-cnn, lightened-cnn-a, center-loss, lbp, lbp-ahonen, joint-bayes, joint-bayes-chen,
            wang, separately, jointly, cosface, arcface, adaface, arcface-fused, chance; by default all that can learn
            from the training set: wang, jointly and arcface-fused need attributes.
        root: a training set; people are rendered without one.
        layout: of the training set; kronface data layouts shows all.
        probes: FaceScrub's folder, with --root.
        distractors: MegaFace's folder, with --root.
        overlap: people of CASIA-WebFace who are also FaceScrub's probes: removed from training, or as-paper, kept in
            it.
        imported: cmc_*.json files of other systems, each as NAME=FILE with the paper's name of the row, such as
            "3DiVi Company=cmc_facescrub_megaface_x_1000000_1.json".
        passes: images that every learned method is shown.
        batch_size: images per step.
        learning_rate: Adam's, which falls to 0.
        identities: rendered people to train on.
        images: pictures of each, and of each probe.
        others: rendered people among the distractors, with one or two pictures each; a fiftieth as many are probes.
        seed: of people, weights and order.
        workers: processes that render.
        progress: called as the work goes on.
    """
    _check_packages()
    from kronface.methods.learning import Budget
    from kronface.studies.tables.people import RENDERED, identification_people, rendered_identification_people
    from kronface.studies.tables.run import run_table

    given = {"root": root, "probes": probes, "distractors": distractors}
    missing = [name for name, path in given.items() if path is None]
    if 0 < len(missing) < len(given):
        raise ConfigError(f"--{missing[0]} is missing: name training set, probes and distractors, or none of them")
    curves = {}
    for words in imported:
        name, sign, file = words.partition("=")
        if not sign or not name or not file:
            raise ConfigError(f"--imported has '{words}': write NAME=FILE, with the paper's name of the row")
        curves[name] = Path(file)
    _check(
        learning_rate,
        passes=passes,
        batch_size=batch_size,
        identities=identities,
        images=images,
        workers=workers,
        seed=seed,
        others=others,
    )
    counts = _counts(identities, images, others)
    source = (
        f"{RENDERED} (seed {seed})" if root is None else f"{layout} ({root}; overlap {overlap}), FaceScrub ({probes})"
    )

    def load() -> "TablePeople":
        if root is None or probes is None or distractors is None:
            return rendered_identification_people(out, counts, seed=seed, workers=workers, progress=progress)
        return identification_people(
            root, probes, distractors, out / "faces", layout=layout, overlap=overlap, progress=progress
        )

    budget = Budget(passes, batch_size, learning_rate, seed)
    data = {"source": source} | (
        {} if root is not None else {"identities": identities, "images": images, "others": others}
    )
    return str(run_table(2, out, load, rows=rows, budget=budget, data=data, imported=curves, progress=progress))


def _check_packages() -> None:
    from importlib.util import find_spec

    if find_spec("sklearn") is None or find_spec("skimage") is None:
        raise ConfigError("the tables' methods need two packages more: pip install 'kronface[methods]'")


def _counts(identities: int, images: int, others: int) -> "RenderedCounts":
    from kronface.studies.tables.people import RenderedCounts

    return RenderedCounts(
        identities, max(identities // 6, 4), max(identities // 3, 4), images, max(others // 50, 2), others
    )


def _check(learning_rate: float, **numbers: int) -> None:
    least = {"images": 2, "batch_size": 8, "identities": 8, "others": 4, "seed": 0}
    for name, value in numbers.items():
        if value < least.get(name, 1):
            raise ConfigError(f"{name} is {value}: it must be at least {least.get(name, 1)}")
    if numbers["passes"] < 4 * numbers["batch_size"]:  # of which some methods give a quarter to each of their stages
        raise ConfigError(f"passes is {numbers['passes']}: at least four batches must be shown, or nothing is learned")
    if not 0 < learning_rate < 1:
        raise ConfigError(f"learning_rate is {learning_rate}: it must lie between 0 and 1")
