"""Do activation maps lie where the attribute is? The paper's Fig. 4, measured.

Trains the quarter-width joint network at 112 pixels on rendered people, as the demo trains its own, and runs
`kronface reproduce figure-4` on it: other people, whose nose, lips, eyes and top of the head are known. Prints and
writes `benchmarks/results/maps.json`, with the balanced accuracy of the four attributes on test people; the figure
itself goes to `docs/static/figure-4.jpg`. About 25 minutes on two cores; goes on where it was ended.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from kronface.cli.evaluate.celeba import celeba
from kronface.cli.progress import drawn_progress
from kronface.faces.image import read_image, write_image
from kronface.files import write_json
from kronface.hardware import processor_name
from kronface.studies.demo import LARGEST_YAW_RAD, LEFT_OUT
from kronface.studies.figures.activation import ROWS, figure_4
from kronface.studies.training_run import train
from kronface.synth.export import write_celeba
from kronface.synth.settings import Rendering

PEOPLE = {"train": 600, "validation": 60, "test": 200}
IMAGES, EPOCHS, SEED = 5, 12, 1
SHOWN_TO = 100
"""People of each attribute whose maps are measured."""
BENCHMARKS = Path(__file__).parent
RESULT = BENCHMARKS / "results" / "maps.json"


def main() -> None:
    """Trains, measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("runs/maps"), help="folder of the pictures and the training")
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--figure", type=Path, default=BENCHMARKS.parent / "docs" / "static" / "figure-4.jpg")
    given = parser.parse_args()
    root, run = given.work / "people", given.work / "joint"
    with drawn_progress() as progress:
        write_celeba(
            root,
            identities=sum(PEOPLE.values()),
            images=IMAGES,
            seed=SEED,
            validation=PEOPLE["validation"],
            test=PEOPLE["test"],
            rendering=Rendering(max_yaw_rad=LARGEST_YAW_RAD, without=LEFT_OUT),
            workers=2,
            progress=progress,
        )
        recipe: dict[str, Any] = {
            "arm": "joint",
            "variant": "vgg19-quarter",
            "size": 112,
            "epochs": EPOCHS,
            "batch_size": 64,
            "schedule": "cosine",
            "attribute_weight": 20.0,
            "balance_labels": True,
            "augment": "mild",
            "seed": SEED,
        }
        train(root=root, out=run, checkpoint_steps=100, licence="apache-2.0", progress=progress, **recipe)
        measured = given.work / "celeba.json"
        celeba(root, checkpoint=run / "last", criterion="balanced_accuracy", json=measured, progress=progress)
        print(figure_4(run / "last", out=given.work, people=SHOWN_TO, progress=progress))
    found = json.loads((given.work / "figure-4.json").read_text(encoding="utf-8"))
    attributes = json.loads(measured.read_text(encoding="utf-8"))["attributes"]
    figures = {
        "processor": processor_name(),
        "people": PEOPLE,
        "images_each": IMAGES,
        "recipe": recipe,
        "maps_of": SHOWN_TO,
        "redrawn_networks": found["redrawn_networks"],
        "balanced_accuracy": {
            name: [round(attributes[name][f"balanced_accuracy{end}"], 4) for end in ("", "_low", "_high")]
            for name in ROWS
        },
        "rows": found["rows"],
    }
    write_json(given.out, figures)
    write_image(given.figure, read_image(given.work / "figure-4.png"), quality=88)


if __name__ == "__main__":
    main()
