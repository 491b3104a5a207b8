"""The ablation that tests the paper's claim: every arm under every seed by one recipe, and what the figures support."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kronface.data.attributes import FUSED
from kronface.errors import ConfigError
from kronface.evaluation.ablation_content import ArmContent, ablation_content, visible
from kronface.evaluation.report.ablation_page import build_ablation
from kronface.files import Progress, no_progress, write_json
from kronface.studies.ablation_arms import ARMS, reference_of
from kronface.studies.ablation_people import RENDERED, SPLITS, People, photographed_people, rendered_people
from kronface.studies.ablation_run import Recipe, read_result, run_arm, signature, write_result

SETTINGS, ABOUT, RESULTS, PAGE, TABLE = "settings.json", "about.json", "results.json", "report.html", "table.md"


@dataclass(frozen=True)
class AblationOutcome:
    """Where an ablation's figures lie, and what they say."""

    content: Mapping[str, Any]
    results: Path
    report: Path
    table: Path
    remarks: tuple[str, ...]

    def lines(self) -> list[str]:
        """What a terminal shows."""
        said = [self.content["claim"]["sentence"], visible(self.content), ""]
        said += [arm["sentence"] for arm in self.content["arms"] if arm["sentence"]]
        where = [f"report:  {self.report}", f"tables:  {self.table}", f"figures: {self.results}"]
        return [*said, "", *self.remarks, *where]


def run_ablation(
    out: Path,
    *,
    arms: Sequence[str],
    seeds: int = 3,
    recipe: Recipe = Recipe(),  # noqa: B008 - it cannot change
    root: Path | None = None,
    people: Mapping[str, int | None] | None = None,
    images: int = 5,
    data_seed: int = 1,
    indicative: bool = False,
    device: str = "auto",
    workers: int = 2,
    progress: Progress = no_progress,
) -> AblationOutcome:
    """Runs what is not there yet, and reads what is: the tables are made anew from the counts of all runs.

    Args:
        out: the ablation's folder; further arms and seeds may join it later.
        arms: names in `ARMS`.
        seeds: how many; they are 1, 2, 3 and so on.
        recipe: of every run.
        root: a data set in CelebA's layout; None renders people.
        people: how many by split; None for `RENDERED`, or all that a data set has.
        images: pictures of each rendered person.
        data_seed: of the rendered people, or of the choice among a data set's.
        indicative: say of it that it is no more than that.
        device: where it trains: auto, cpu, cuda or cuda:N.
        workers: processes that render.
        progress: called after every step, with the image passes of all runs.

    Raises:
        ConfigError: an unknown arm, an impossible number, or a folder that holds an ablation with other options.
        DataError: data that cannot serve.
    """
    _check(arms, seeds, images, people or {})
    absent = [] if root is None else [name for name in arms if not ARMS[name].noise]
    plan = [(name, seed) for seed in range(1, seeds + 1) for name in ARMS if name in arms and name not in absent]
    if not plan:
        raise ConfigError(f"{root} cannot serve {', '.join(absent)}: nobody knows the true labels of photographs")
    counts = {split: (people or {}).get(split) or (RENDERED[split] if root is None else None) for split in SPLITS}
    recipe.check((counts["train"] or 0) * images if root is None else None)
    _claim(
        out, recipe, {"root": None if root is None else str(root), **counts, "images": images, "data_seed": data_seed}
    )
    if any(read_result(run_folder(out, name, seed)) is None for name, seed in plan):
        faces = _faces(out, root, counts, images, data_seed, recipe, workers, progress)
        write_json(out / ABOUT, _about(faces, recipe))
        _run_all(out, plan, faces, recipe, device=device, indicative=indicative, progress=progress)
    content = summarise(out, plan, indicative=indicative)
    remark = f"left out, since nobody knows the true labels of photographs: {', '.join(absent)}"
    return AblationOutcome(content, out / RESULTS, out / PAGE, out / TABLE, (remark,) if absent else ())


def run_folder(out: Path, arm: str, seed: int) -> Path:
    """Where a run lies."""
    return out / "runs" / arm / f"seed-{seed}"


def summarise(out: Path, plan: Sequence[tuple[str, int]], *, indicative: bool = False) -> dict[str, Any]:
    """Computes the tables of the planned runs from their files, and writes results, page and tables.

    Args:
        out: the ablation's folder.
        plan: arms and seeds, all of them finished.
        indicative: say of it that it is no more than that.
    """
    names, seeds = (list(dict.fromkeys(column)) for column in zip(*plan, strict=True))
    arms = []
    for name in names:
        arm, runs = ARMS[name], [read_result(run_folder(out, name, seed)) for seed in seeds]
        arms.append(
            ArmContent(
                name=name,
                about=arm.about,
                truth=arm.truth,
                reference=reference_of(name),
                learns_attributes=not arm.shuffled,
                runs=[run for run in runs if run is not None],
            )
        )
    about = json.loads((out / ABOUT).read_text(encoding="utf-8"))
    content = ablation_content(arms, fused=FUSED, about=about, indicative=indicative)
    write_json(out / RESULTS, content)
    build_ablation(content, page=out / PAGE, table=out / TABLE)
    return content


def _check(arms: Sequence[str], seeds: int, images: int, people: Mapping[str, int | None]) -> None:
    if not arms:
        raise ConfigError("no arm is named: choose --quick, --full, or --arms")
    unknown = [name for name in arms if name not in ARMS]
    if unknown:
        raise ConfigError(f"unknown arm '{unknown[0]}': choose from {', '.join(ARMS)}")
    for name, value in {"seeds": seeds, "images": images, **people}.items():
        if value is not None and value < 1:
            raise ConfigError(f"{name} is {value}: it must be at least 1")


def _claim(out: Path, recipe: Recipe, data: Mapping[str, Any]) -> None:
    """Makes the folder this ablation's, or sees that it is."""
    settings = {**data, **asdict(recipe)}
    path = out / SETTINGS
    if not path.is_file():
        write_json(path, settings)
        return
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: choose another --out, or delete {out}") from error
    for name, value in settings.items():
        was = stored.get(name) if isinstance(stored, dict) else None
        if was != value:
            raise ConfigError(
                f"{out} holds an ablation with other options ({name} was {was}, now {value}): choose another --out"
            )


def _faces(
    out: Path,
    root: Path | None,
    counts: Mapping[str, int | None],
    images: int,
    data_seed: int,
    recipe: Recipe,
    workers: int,
    progress: Progress,
) -> People:
    if root is not None:
        return photographed_people(root, people=counts, seed=data_seed, size=recipe.size, progress=progress)
    return rendered_people(
        out,
        people={split: count or 0 for split, count in counts.items()},
        images=images,
        seed=data_seed,
        size=recipe.size,
        workers=workers,
        progress=progress,
    )


def _about(faces: People, recipe: Recipe) -> dict[str, Any]:
    images = len(faces.faces["train"])
    epochs = recipe.epochs(images)
    length = {"epochs": epochs, "passes": epochs * recipe.passes_per_epoch(images)}
    return {"data": faces.describe() | length, "recipe": asdict(recipe), "agreement": faces.agreement()}


def _run_all(
    out: Path,
    plan: Sequence[tuple[str, int]],
    faces: People,
    recipe: Recipe,
    *,
    device: str,
    indicative: bool,
    progress: Progress,
) -> None:
    """Runs in their order what is not finished; the tables are written whenever all arms of a seed are there."""
    same = {entry: signature(ARMS[entry[0]], faces, entry[1]) for entry in plan}
    finished = {same[entry]: entry for entry in plan if read_result(run_folder(out, *entry)) is not None}
    runs = len(set(same.values()))
    each = recipe.epochs(len(faces.faces["train"])) * recipe.passes_per_epoch(len(faces.faces["train"]))
    for place, (name, seed) in enumerate(plan):
        folder = run_folder(out, name, seed)
        if read_result(folder) is None:
            twin = finished.get(same[name, seed])
            if twin is None:
                done = len(finished)
                title = f"ablation: run {done + 1} of {runs}, {name} with seed {seed}"

                def report(stage: str, step: int, total: int, title: str = title, done: int = done) -> None:
                    detail = stage.removeprefix("training: ")
                    progress(f"{title}, {detail}", int((done + step / max(total, 1)) * each), runs * each)

                run_arm(name, seed, faces, recipe, folder, device=device, progress=report)
                finished[same[name, seed]] = (name, seed)
            else:
                found = read_result(run_folder(out, *twin)) or {}
                write_result(folder, found | {"arm": name, "same_run_as": found.get("same_run_as") or twin[0]})
        if place + 1 < len(plan) and plan[place + 1][1] != seed:
            summarise(out, plan[: place + 1], indicative=indicative)
