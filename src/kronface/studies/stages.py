"""The paper's four training stages, one after the other, each measured: what `kronface reproduce stages` does."""

import inspect
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from kronface.errors import ConfigError, DataError
from kronface.files import Progress, no_progress, write_json
from kronface.studies.training_run import SUMMARY, train

if TYPE_CHECKING:
    from kronface.network.network import Network

CASIA, CELEBA, JOINT = STAGES = ("2-casia", "3-celeba", "4-casia-joint")
"""The stages that train, named as their recipes and folders are; the first of the four is a file of weights."""

START = "1-imagenet"
"""What stage 2 begins with, measured before it trains."""

HANDED_ON = "last"
"""The checkpoint of a stage that the next one starts from, and that is measured."""

STAND_INS = "stand-ins"

IDENTITIES, IMAGES = 240, 6
"""Of the stand-in for CASIA-WebFace, where nothing else is asked for."""

STAND_IN: Mapping[str, Any] = MappingProxyType(
    {
        "variant": "vgg19-quarter",
        "size": 64,
        "batch_size": 64,
        "schedule": "cosine",
        "attribute_weight": 20.0,
        "balance_labels": True,
        "augment": "mild",
        "licence": "apache-2.0",
    }
)
"""What is other than in the recipes where there are minutes, not days."""

STAND_IN_EPOCHS: Mapping[str, int] = MappingProxyType({CASIA: 10, CELEBA: 14, JOINT: 8})


@dataclass(frozen=True)
class Chain:
    """Everything that the stages need to know."""

    out: Path
    casia: Path
    celeba: Path
    celeba_layout: str
    imagenet: Path | None
    settings: Mapping[str, Mapping[str, Any]]
    """Options of `train` by stage: the recipe, and what is other than there."""
    changed: Mapping[str, Mapping[str, Any]]
    """Of these, what is not the recipe's."""
    stand_in: tuple[int, int] | None
    """People of CASIA-WebFace's stand-in and pictures of each; None where the data is the real one."""
    seed: int
    device: str
    workers: int
    progress: Progress

    def finished(self) -> list[str]:
        """Stages that need not be run again."""
        return [stage for stage in STAGES if (self.out / stage / SUMMARY).is_file()]

    def result(self, stage: str) -> Path:
        """Where the results file of a stage lies."""
        return self.out / "results" / f"{stage}.json"


def stages(
    *,
    out: Path = Path("runs/stages"),
    data: Literal["files", "synth"] = "files",
    casia: Path | None = None,
    celeba: Path | None = None,
    imagenet: Path | None = None,
    casia_layout: str = "casia",
    celeba_layout: str = "celeba",
    overlap: str = "as-paper",
    freeze_attributes: bool = False,
    replay_share: float = 0.0,
    variant: str | None = None,
    size: int | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    identities: int | None = None,
    images: int | None = None,
    seed: int = 0,
    device: str = "auto",
    precision: str = "auto",
    workers: int = 2,
    progress: Progress = no_progress,
) -> str:
    """Trains the paper's stages: ImageNet, CASIA-WebFace, CelebA, CASIA-WebFace again; and measures after each.

    The recipes are those of recipes/paper. After each stage, CelebA's test people are searched for among its validation
    people, and attributes are measured on its test split; how far they drift in the last stage, whose data teaches no
    attributes, is in the report. A finished stage is not run again, and one that was ended goes on. Leaves in `out` a
    folder per stage (as kronface train does), results/, stages.json, stages.txt and report.html.

    Args:
        out: folder of the whole chain.
        data: files, the data sets themselves; or synth, rendered people in their places, in minutes.
        casia: folder of CASIA-WebFace.
        celeba: folder of CelebA, with its identities.
        imagenet: torchvision's vgg19_bn or vgg19 state dict; random weights without it.
        casia_layout: how that set lies on disk: casia, recordio (InsightFace's pack) or packed.
        celeba_layout: how that one does: celeba or packed.
        overlap: CASIA-WebFace's people who are in the usual tests: as-paper or removed.
        freeze_attributes: hold the attribute branch where it is in the last stage.
        replay_share: share of each batch of the last stage that is taken from CelebA's training people, so that the
            attribute branch keeps its teacher; none by default.
        variant: in place of the recipes': vgg19, vgg19-half, vgg19-quarter or compact.
        size: in place of the recipes': side of the aligned face in pixels.
        epochs: in place of the recipes', for every stage.
        batch_size: in place of the recipes'.
        identities: people of CASIA-WebFace's stand-in (synth); 240 by default. CelebA's has more.
        images: pictures of each (synth); 6 by default.
        seed: of weights, order, augmentation and rendered people.
        device: auto, cpu, cuda or cuda:N.
        precision: auto, fp32 or bf16.
        workers: processes that load images, or render stand-ins.
        progress: called as the work goes on.

    Returns:
        What each stage is worth, in lines.

    Raises:
        KronfaceError: what is missing, where to put it, or what is wrong with the options, in one line.
    """
    layouts = {"casia": casia_layout, "celeba": celeba_layout}
    check_data(data, casia=casia, celeba=celeba, layouts=layouts, identities=identities, images=images)
    if not 0 <= replay_share < 1:
        raise ConfigError(f"replay_share is {replay_share}: it is a share of each batch, at least 0 and below 1")
    is_stand_in = data == "synth"
    people = IDENTITIES if identities is None else identities, IMAGES if images is None else images
    roots = {name: root or out / STAND_INS / name for name, root in (("casia", casia), ("celeba", celeba))}
    given = {"variant": variant, "size": size, "epochs": epochs, "batch_size": batch_size, "precision": precision}
    chosen = {name: value for name, value in given.items() if value is not None} | {"seed": seed, "overlap": overlap}
    switches: dict[str, Any] = {"freeze": ["attribute_branch"]} if freeze_attributes else {}
    if replay_share:
        switches |= {"replay": roots["celeba"], "replay_layout": celeba_layout, "replay_share": replay_share}
    settings: dict[str, dict[str, Any]] = {}
    changed: dict[str, dict[str, Any]] = {}
    for stage in STAGES:
        layout = layouts["celeba" if stage == CELEBA else "casia"]
        settings[stage], changed[stage] = stage_settings(
            stage, chosen | {"layout": layout}, stand_in=is_stand_in, switches=switches if stage == JOINT else {}
        )
    chain = Chain(
        out=out,
        casia=roots["casia"],
        celeba=roots["celeba"],
        celeba_layout=celeba_layout,
        imagenet=imagenet,
        settings=settings,
        changed=changed,
        stand_in=people if is_stand_in else None,
        seed=seed,
        device=device,
        workers=workers,
        progress=progress,
    )
    return run_chain(chain)


def run_chain(chain: Chain) -> str:
    """Trains and measures what is not there yet, and writes the report; returns it as text."""
    from kronface.evaluation.result import load_result
    from kronface.network.network import Network
    from kronface.studies.stages_report import write_report

    done = chain.finished()
    # Once stage 2 is finished, ImageNet's file may be gone.
    stored = CASIA in done and chain.result(START).is_file()
    first = None if stored else beginning(chain)
    if len(done) < len(STAGES):
        prepare(chain)
    results = [load_result(chain.result(START)) if first is None else measure(chain, START, first, None)]
    for place, stage in enumerate(STAGES):
        run_stage(chain, stage, STAGES[place - 1] if place else None)
        folder = chain.out / stage / HANDED_ON
        results.append(measure(chain, stage, Network.from_pretrained(folder), folder))
    return write_report(
        chain.out,
        results,
        changed=chain.changed,
        imagenet=chain.imagenet,
        stand_in=chain.stand_in is not None,
        remarks=[f"{stage} was finished already" for stage in done],
    )


def stage_settings(
    stage: str, common: Mapping[str, Any], *, stand_in: bool, switches: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A stage's options for `train`, and those of them that are not its recipe's.

    Args:
        stage: its name.
        common: what holds for all stages; `overlap` concerns CASIA-WebFace alone.
        stand_in: learns from stand-ins, in minutes.
        switches: what is switched on in this stage.
    """
    recipe = read_recipe(stage)
    plain = {name: value for name, value in common.items() if name != "overlap" or stage != CELEBA}
    other = (dict(STAND_IN) | {"epochs": STAND_IN_EPOCHS[stage]} if stand_in else {}) | plain
    everything = recipe | other | dict(switches)
    defaults = {name: parameter.default for name, parameter in inspect.signature(train).parameters.items()}
    changed = {name: value for name, value in everything.items() if value != recipe.get(name, defaults[name])}
    return everything, changed


def run_stage(chain: Chain, stage: str, before: str | None) -> None:
    """Trains one stage, from the checkpoint of the stage before, or goes on where it was ended; a finished one stays.

    Raises:
        KronfaceError: the stage was begun with other options or from other weights, or cannot begin.
    """

    def named(part: str, done: int, total: int) -> None:
        chain.progress(f"{stage} {part}", done, total)

    begins: dict[str, Any] = {"start": chain.out / before / HANDED_ON} if before else {"imagenet": chain.imagenet}
    train(
        root=chain.celeba if stage == CELEBA else chain.casia,
        out=chain.out / stage,
        device=chain.device,
        workers=0 if chain.stand_in else chain.workers,  # those faces are in memory
        progress=named,
        **begins,
        **chain.settings[stage],
    )


def beginning(chain: Chain) -> "Network":
    """The network that stage 2 begins with, but for the size of its class layer, which nothing measures.

    Raises:
        CheckpointError: ImageNet's file is missing, damaged or of another network.
    """
    from kronface.network.imagenet import load_imagenet
    from kronface.network.variants import build

    settings = chain.settings[CASIA]
    network = build(
        arm="identity-only",
        identities=1,
        **{name: settings[name] for name in ("variant", "size", "batch_norm", "seed")},
    )
    if chain.imagenet is not None:
        load_imagenet(network, chain.imagenet)
    return network


def measure(chain: Chain, stage: str, network: "Network", folder: Path | None) -> dict[str, Any]:
    """CelebA's protocol after a stage; a results file of the same weights is read instead.

    Args:
        chain: of the stages.
        stage: what tables call it.
        network: what it came to.
        folder: of its checkpoint, or None.
    """
    from kronface.data.sources import read_source
    from kronface.evaluation.result import load_result
    from kronface.faces.detect import YuFaceDetector
    from kronface.runtime.celeba import embed_splits, evaluate_celeba
    from kronface.runtime.describe import describe_checkpoint
    from kronface.runtime.embedder import NetworkEmbedder

    embedder = NetworkEmbedder(network, device=chain.device)
    path = chain.result(stage)
    if path.is_file():
        stored = load_result(path)
        if stored["settings"].get("fingerprint") == embedder.fingerprint:
            return stored

    def named(part: str, done: int, total: int) -> None:
        chain.progress(f"{stage} {part}", done, total)

    records = read_source(chain.celeba_layout, chain.celeba)
    test, validation = embed_splits(records, embedder, detector=YuFaceDetector(), progress=named)
    result, _ = evaluate_celeba(
        records,
        test,
        validation,
        name=stage,
        settings={"fingerprint": embedder.fingerprint},
        checkpoint=None if folder is None else describe_checkpoint(folder, embedder),
        seed=chain.seed,
        progress=named,
    )
    write_json(path, result)
    return result


def check_data(
    data: str,
    *,
    casia: Path | None,
    celeba: Path | None,
    layouts: Mapping[str, str],
    identities: int | None,
    images: int | None,
) -> None:
    """Whether the options say where the data comes from; names every set that is missing, and where it goes.

    Raises:
        ConfigError: they do not.
    """
    from kronface.data.sources import LAYOUTS

    roots = {"casia": casia, "celeba": celeba}
    if data == "synth":
        given = [name for name, root in roots.items() if root is not None]
        given += [f"{name}-layout" for name, layout in layouts.items() if layout != name]
        if given:
            raise ConfigError(f"--{given[0]} belongs to --data files: --data synth renders people in its place")
        return
    numbers = {"identities": identities, "images": images}
    given = [name for name, value in numbers.items() if value is not None]
    if given:
        raise ConfigError(f"--{given[0]} belongs to --data synth: the data sets have their own")
    missing = []
    for name, root in roots.items():
        if root is None:
            layout = LAYOUTS[name]
            holds = ", ".join(f"{part.places[0]} ({part.what})" for part in layout.parts)
            missing.append(f"{layout.title} by --{name}, a folder that holds {holds}; ask {layout.ask}")
    if missing:
        raise ConfigError(
            f"data sets are missing, name {' — and '.join(missing)} — or choose --data synth, rendered stand-ins"
        )


def prepare(chain: Chain) -> None:
    """Renders stand-ins, and looks at both sets and whether every stage can begin on them, before the first one does.

    Raises:
        DataError: something is missing; says what and where to put it.
        ConfigError: an impossible option.
    """
    from kronface.data.check import check
    from kronface.studies.stand_ins import write_stand_ins

    check_recipes(chain, dict.fromkeys(STAGES, sys.maxsize))
    if chain.stand_in is not None:
        identities, images = chain.stand_in
        write_stand_ins(
            chain.out / STAND_INS,
            identities=identities,
            images=images,
            seed=chain.seed,
            workers=chain.workers,
            progress=chain.progress,
        )
    found = [
        check(layout, root, decode=False)
        for root, layout in ((chain.casia, chain.settings[CASIA]["layout"]), (chain.celeba, chain.celeba_layout))
    ]
    problems = [problem for report in found for problem in report.problems]
    if problems:
        raise DataError("; ".join(problems))
    casia, celeba = (report.counts for report in found)
    for split in ("train", "validation", "test"):
        if not celeba.get(f"{split} identities"):
            raise DataError(f"{chain.celeba} has no people in the split {split}: bring CelebA's splits and identities")
    images_of = {stage: celeba["train images"] if stage == CELEBA else casia["images"] for stage in STAGES}
    check_recipes(chain, images_of)


def check_recipes(chain: Chain, images: Mapping[str, int]) -> None:
    """Whether every stage can begin with so many images.

    Raises:
        ConfigError: an impossible option; names the stage.
    """
    from kronface.training.fit import check_recipe

    numbers = ("epochs", "batch_size", "learning_rate", "attribute_weight", "schedule", "seed")
    for stage, settings in chain.settings.items():
        try:
            check_recipe(
                **{name: settings[name] for name in numbers},
                checkpoint_steps=500,
                workers=chain.workers,
                images=images[stage],
                replay_share=settings.get("replay_share"),
            )
        except ConfigError as error:
            raise ConfigError(f"{stage}: {error}") from error


def recipe_path(stage: str) -> Path:
    """Where a stage's recipe lies: in the installed package, or in the tree that it is run from.

    Raises:
        ConfigError: in neither.
    """
    places = (Path(__file__).parents[1] / "recipes", Path(__file__).parents[3] / "recipes")
    for place in places:
        path = place / "paper" / f"{stage}.yaml"
        if path.is_file():
            return path
    raise ConfigError(f"the recipe paper/{stage}.yaml is not in {places[0]}: install Kronface again")


def read_recipe(stage: str) -> dict[str, Any]:
    """A stage's options, as its file has them."""
    import yaml

    options: dict[str, Any] = yaml.safe_load(recipe_path(stage).read_text(encoding="utf-8"))
    return options
