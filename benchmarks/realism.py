"""What makes a network that saw renderings alone know photographs? Five ingredients, each left out in turn.

Every run trains the compact network by what the renderer knows of its people, with two seeds. Each is measured on
rendered people of the shifted world, which was fixed before any training, and on the photographs of the development set
(`real.py`). Writes `benchmarks/results/realism.json`: rank-1 of each run, and its differences from the whole recipe,
paired by seeds and people; their 95 % intervals are over people alone, with both seeds averaged, so look at the figures
of each seed too. Runs that stand there are not run again; all twelve take three hours of one slow core, and two
processes with `OMP_NUM_THREADS=1`, each for one `--seed`, half of that.
"""

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from _checkpoints import LARGEST_YAW_RAD, PEOPLE, SEED
from kronface.cli.progress import drawn_progress
from kronface.evaluation.bootstrap import interval, ratio_of, resample_counts
from kronface.evaluation.identification import closed_set
from kronface.faces.detect import YuFaceDetector
from kronface.files import Progress, write_json
from kronface.hardware import processor_name
from kronface.runtime.embedder import NetworkEmbedder
from kronface.runtime.extract import extract
from kronface.studies.pretraining.loop import LAST, pretrain
from kronface.studies.pretraining.provenance import card_of
from kronface.studies.pretraining.recipe import PretrainingRecipe
from kronface.studies.pretraining.release import rendered_people
from kronface.synth.export import write_folder
from kronface.synth.settings import Rendering
from real import PEOPLE as PHOTOGRAPHED
from real import development_set, right_answers, similarities

RESULT = Path(__file__).parent / "results" / "realism.json"
WHOLE = PretrainingRecipe(
    rounds=1,
    window=2,
    head_start=1,
    repeats=4,
    variant="compact",
    teacher="renderer",
    fusion="none",
    mixed=0.5,
    altered=0.7,
    identity_weight=0.05,
    attribute_weight=0.05,
    warm_up=100,
    decay=0.6,
    margin=0.0,
    strength_at_first=0.35,
    strength=0.35,
    edge=0.2,
)
RECIPES = {
    "all": WHOLE,
    "no faces between people": replace(WHOLE, mixed=0.0, repeats=8),
    "no other light or camera in training": replace(WHOLE, altered=0.0),
    "no teacher, and so no faces between people": replace(
        WHOLE, mixed=0.0, repeats=8, teacher="none", identity_weight=1.0
    ),
    "one light in rendering": replace(WHOLE, without=("lights", "shadows")),
    "one camera, no background or flaws in rendering": replace(WHOLE, without=("camera", "background", "flaws")),
}
SEEDS = (1, 2)


def main() -> None:
    """Runs what is missing, and writes what is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("runs/realism"))
    parser.add_argument("--seed", type=int, choices=SEEDS, help="these runs alone")
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto")
    given = parser.parse_args()
    for seed in SEEDS if given.seed is None else (given.seed,):
        work = given.work / f"seed-{seed}"
        for name, recipe in RECIPES.items():
            own = json.loads(json.dumps(asdict(replace(recipe, seed=seed))))
            kept = runs().get(name, {}).get(str(seed))
            if kept is not None:
                if kept["recipe"] != own:
                    raise SystemExit(f"{RESULT} holds {name} by another recipe: delete the file to run all anew")
                continue
            out = work / "".join(letter for letter in name if letter.isalnum() or letter == " ").replace(" ", "-")
            with drawn_progress() as progress:
                faces = work / "faces" / ("-".join(recipe.without) or "all")
                mine = replace(recipe, seed=seed)
                pretrain(out, mine, card=card_of(mine), precision=given.precision, pool=faces, progress=progress)
                measured = measure(out / LAST, work / "shifted", progress)
            found = runs()
            found.setdefault(name, {})[str(seed)] = measured | {"recipe": own}
            write_json(RESULT, collect(found))
    print(json.dumps(collect(runs())["differences"], indent=1))


def runs() -> dict[str, Any]:
    """What is finished: by name and seed, each person's share of right answers on both sets."""
    if not RESULT.is_file():
        return {}
    found: dict[str, Any] = json.loads(RESULT.read_text(encoding="utf-8"))["runs"]
    return found


def measure(checkpoint: Path, root: Path, progress: Progress) -> dict[str, object]:
    """Right answers of each person on both sets."""
    people, images, world = PEOPLE["shifted"]
    rendering = Rendering(max_yaw_rad=LARGEST_YAW_RAD, world=world)
    seed = SEED + list(PEOPLE).index("shifted")
    write_folder(root, identities=people, images=images, seed=seed, rendering=rendering, progress=progress)
    embedder, detector = NetworkEmbedder.from_pretrained(checkpoint, device="cpu"), YuFaceDetector()
    records = rendered_people(root)
    proxy = extract(records, embedder, detector=detector, progress=progress)
    real = extract(development_set(), embedder, detector=detector, progress=progress)
    assert proxy.embeddings is not None
    assert real.embeddings is not None
    found = closed_set(proxy.embeddings, records.table["identity"].to_numpy(), resamples=2)
    shares = [round(float(share), 4) for share in found.hits / found.probes_of]
    photographs = [round(float(share), 4) for share in right_answers(similarities(real.embeddings))]
    return {"proxy": shares, "photographs": photographs, "processor": processor_name()}


def collect(finished: dict[str, Any]) -> dict[str, object]:
    """Rank-1 and differences from the whole recipe, of all runs that are there under both seeds."""
    right: dict[str, dict[str, NDArray[np.float64]]] = {}
    for name in RECIPES:
        seeds = finished.get(name, {})
        if all(str(seed) in seeds for seed in SEEDS):
            right[name] = {key: np.array([seeds[str(seed)][key] for seed in SEEDS]) for key in ("proxy", "photographs")}
    processors = sorted({run["processor"] for seeds in finished.values() for run in seeds.values()})
    differences: dict[str, object] = {}
    for name, found in right.items():
        entry: dict[str, object] = {}
        for key, shares in found.items():
            entry[key] = [round(float(part), 4) for part in shares.mean(1)]
            if name != "all" and "all" in right:
                away = (shares - right["all"][key]).mean(0)
                drawn = resample_counts(len(away), resamples=2000)
                low, high = interval(ratio_of(drawn, away, np.ones(len(away))))
                entry[f"{key}_minus_all"] = [round(float(part), 4) for part in (away.mean(), low, high)]
        differences[name] = entry
    return {
        "processor": " and ".join(processors),
        "passes": sum(WHOLE.passes(number) for number in range(WHOLE.rounds)),
        "seeds": list(SEEDS),
        "people": {"proxy": PEOPLE["shifted"][0], "photographs": PHOTOGRAPHED},
        "differences": differences,
        "runs": finished,
    }


if __name__ == "__main__":
    main()
