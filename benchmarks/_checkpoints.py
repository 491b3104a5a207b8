"""Makes the networks that are handed out with Kronface: `make checkpoint-rendered`, `make checkpoint-distilled`.

Each was trained in parts, `recipes/checkpoints/NAME/1.yaml` and so on, where each part begins from the weights that the
one before it ended with. They are run in `runs/checkpoints/NAME`, where a training that was ended goes on, and then the
network is calibrated, measured and written to `src/kronface/weights/NAME`. `--measure` does the latter alone, with what
has been trained so far; `--begin-from` runs the last part alone, from another checkpoint. How each part went stands in
`benchmarks/results/checkpoints.json`.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from kronface.cli.main import main as kronface
from kronface.cli.progress import drawn_progress
from kronface.files import Progress, write_json
from kronface.network.checkpoint import read_card
from kronface.runtime.load import SHIPPED_NAMES, WEIGHTS
from kronface.studies.pretraining.loop import LAST, METRICS
from kronface.studies.pretraining.release import HeldOut, release
from kronface.synth.export import write_folder
from kronface.synth.settings import Rendering
from real import photographs

RUNS = Path("runs/checkpoints")
RECIPES = Path(__file__).parent.parent / "recipes" / "checkpoints"
HISTORY = Path(__file__).parent / "results" / "checkpoints.json"

PEOPLE = {"calibration": (600, 4, "usual"), "test": (400, 5, "usual"), "shifted": (200, 5, "shifted")}
"""How many, pictures of each, and in which world; their seeds are nobody else's."""
SEED = 2_000_001
LARGEST_YAW_RAD = 0.9


def main() -> None:
    """Trains, unless that is done, and writes the network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=SHIPPED_NAMES)
    parser.add_argument("--measure", action="store_true", help="what has been trained so far")
    parser.add_argument("--begin-from", type=Path, help="a checkpoint to begin the last part from")
    given = parser.parse_args()
    if not given.measure:
        train(given.name, given.begin_from)
    with drawn_progress() as progress:
        measured = release(
            max((RUNS / given.name).glob(f"*/{LAST}"), key=lambda path: int(path.parent.name)),
            WEIGHTS / given.name,
            name=given.name,
            people=held_out(progress),
            development=photographs,
            progress=progress,
        )
    keep_history(given.name)
    for key in ("rank1", "rank1_without_fusion", "rank1_shifted", "development"):
        print(f"{key}: {measured[key]}")


def train(name: str, begun: Path | None) -> None:
    """Runs the parts one after the other; those that are done end at once."""
    parts = sorted((RECIPES / name).glob("*.yaml"), key=lambda path: int(path.stem))
    for part in parts if begun is None else parts[-1:]:
        out, recipe = RUNS / name / part.stem, yaml.safe_load(part.read_text(encoding="utf-8"))
        faces = RUNS / "faces" / f"{recipe['teacher']}-{recipe['seed']}"  # parts that can share them do
        start = [] if begun is None else ["--start", str(begun)]
        code = kronface(["pretrain", "--config", str(part), "--out", str(out), "--pool", str(faces), *start])
        if code:
            raise SystemExit(code)
        begun = out / LAST


def keep_history(name: str) -> None:
    """Writes how the parts that lie in the run's folder went; of others, what was written before stays if they do."""
    kept: dict[str, Any] = json.loads(HISTORY.read_text(encoding="utf-8")) if HISTORY.is_file() else {}
    recipes = {path.stem for path in (RECIPES / name).glob("*.yaml")}
    parts = kept[name] = {part: run for part, run in kept.get(name, {}).items() if part in recipes}
    for path in sorted((RUNS / name).glob(f"*/{METRICS}")):
        table = pl.read_csv(path)
        counts = table["passes"].diff().fill_null(table["passes"][0])
        training = read_card(path.parent / LAST).training
        parts[path.parent.name] = {
            "hours": round(float((counts / table["faces_per_second"]).sum()) / 3600, 2),
            "seed": training["seed"],
            "passes_before": training.get("passes_before", 0),
            "processor": training["processor"],
            "rounds": table.select("passes", "rank1", "balanced_accuracy").to_dicts(),
        }
    write_json(HISTORY, kept)


def held_out(progress: Progress) -> HeldOut:
    """People whom no training sees, drawn once."""
    folders = {}
    for place, (name, (people, images, world)) in enumerate(PEOPLE.items()):
        folders[name] = RUNS / "people" / name
        rendering = Rendering(max_yaw_rad=LARGEST_YAW_RAD, world=world)
        write_folder(
            folders[name], identities=people, images=images, seed=SEED + place, rendering=rendering, progress=progress
        )
    return HeldOut(**folders)


if __name__ == "__main__":
    main()
