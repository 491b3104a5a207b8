"""Do other people's networks see persons in rendered people, and how fast are they rendered?

Prints and writes `benchmarks/results/synth.json`. All pictures are of `kronface synth write`'s default distribution,
500 people with 5 each, with heads turned by at most 45°; a face that is not found is an error in every figure. The
judges are yuface, dlib's face network (by its descriptors' distances), and a linear probe for sex on those descriptors.
`redrawn`: hair, spectacles, clothes and background are drawn anew in every picture. Speed is that of the whole command
on two processes, their start included, with all effects on.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from _judges import check_agreement
from _people import _chip, judge
from kronface.files import write_json
from kronface.hardware import processor_name
from kronface.synth.export import write_celeba, write_folder
from kronface.synth.settings import Rendering

PEOPLE, IMAGES, SEED = 500, 5, 20_261_125
RESULT = Path(__file__).parent / "results" / "synth.json"


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
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        write_folder(out / "warm", identities=2, images=1, seed=1, workers=1)
        rendering = Rendering(max_yaw_rad=0.7853)

        def timed(folder: str, write: Callable[..., None], rendering: Rendering, **more: bool) -> float:
            start = time.perf_counter()
            write(
                out / folder,
                identities=given.people,
                images=IMAGES,
                seed=given.seed,
                rendering=rendering,
                workers=2,
                **more,
            )
            return round(float(given.people * IMAGES / (time.perf_counter() - start)), 1)

        figures["faces_per_second"] = timed("crops", write_folder, rendering, aligned=True)
        figures["faces_per_second_celeba_178x218"] = timed("celeba", write_celeba, rendering)
        figures["faces_per_second_portrait_256x256"] = timed("portraits", write_folder, rendering)
        timed("redrawn", write_folder, Rendering(max_yaw_rad=rendering.max_yaw_rad, redrawn=True))
        chips = [_chip(out / "portraits" / "person-00001" / f"{k:04d}.jpg") for k in range(1, IMAGES + 1)]
        figures["dlib_agreement"] = check_agreement([chip for chip in chips if chip is not None])
        usual = judge(out / "portraits").figures()
        redrawn = judge(out / "redrawn").figures()
    rank1 = f"dlib_rank1_{given.people}"
    figures |= {rank1 if key == "dlib_rank1" else key: round(value, 4) for key, value in usual.items()}
    figures[f"{rank1}_redrawn"] = round(redrawn["dlib_rank1"], 4)
    for key in ("detected_share_45deg", "dlib_auc"):
        figures[f"{key}_redrawn"] = round(redrawn[key], 4)
    for key, value in figures.items():
        print(f"{key}: {value}")
    write_json(given.out, figures)


if __name__ == "__main__":
    main()
