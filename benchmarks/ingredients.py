"""Where the judges' figures stand as the ingredients of rendered pictures are added one after another.

Prints and writes `benchmarks/results/ingredients.json`: rank-1 and the area under the curve of dlib's network, the
share of faces found and the probe for sex, on 60 people with 3 pictures each, |yaw| at most 45°, first for faces at
rest in one light with cropped hair, then with each further ingredient, at last with everything.
"""

import argparse
import tempfile
from pathlib import Path

from _people import judge
from kronface.files import write_json
from kronface.hardware import processor_name
from kronface.synth.export import write_folder
from kronface.synth.settings import INGREDIENTS, Rendering

PEOPLE, IMAGES, SEED = 60, 3, 20_261_126
RESULT = Path(__file__).parent / "results" / "ingredients.json"

STEPS = (
    ("shape, pose and camera", ("camera",)),
    ("skin", ("skin",)),
    ("beard", ("beard",)),
    ("hair", ("hair",)),
    ("make-up", ("make-up",)),
    ("background and clothes", ("background", "clothes")),
    ("lights and shadows", ("lights", "shadows")),
    ("expression and gaze", ("expression", "gaze")),
    ("hair restyled", ("restyling",)),
    ("spectacles and hats", ("spectacles", "hats")),
    ("occluders", ("occluders",)),
    ("flaws", ("flaws",)),
)
"""What is added in each step."""

KEPT = ("detected_share_45deg", "dlib_auc", "dlib_auc_same_group", "dlib_rank1", "male_probe_accuracy")


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    figures: dict[str, object] = {
        "processor": processor_name(),
        "people": given.people,
        "images_each": IMAGES,
        "seed": given.seed,
    }
    added: list[str] = []
    for name, ingredients in STEPS:
        added += ingredients
        without = tuple(ingredient for ingredient in INGREDIENTS if ingredient not in added)
        rendering = Rendering(max_yaw_rad=0.7853, without=without)
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "people"
            write_folder(out, identities=given.people, images=IMAGES, seed=given.seed, rendering=rendering, workers=2)
            found = judge(out).figures()
        figures[f"with {name}"] = {key: round(found[key], 4) for key in KEPT}
        print(name, figures[f"with {name}"], flush=True)
    write_json(given.out, figures)


if __name__ == "__main__":
    main()
