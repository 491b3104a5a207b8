"""Speed of rendering, and how many rendered faces the detector finds.

Prints and writes `benchmarks/results/rendering.json`: pictures per second of `kronface synth write` with one and with
two processes (the start of the processes included), and the share of portraits on which yuface finds a face.
"""

import tempfile
import time
from pathlib import Path

from kronface.data.sources.folder import folder
from kronface.faces.detect import YuFaceDetector
from kronface.faces.image import read_image
from kronface.files import write_json
from kronface.hardware import processor_name
from kronface.synth.export import write_celeba, write_folder

PEOPLE, IMAGES, SEED = 40, 8, 20
RESULT = Path(__file__).parent / "results" / "rendering.json"


def main() -> None:
    """Measures, prints and writes."""
    figures: dict[str, object] = {"processor": processor_name(), "pictures": PEOPLE * IMAGES}
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        write_celeba(out / "warm", identities=2, images=1, seed=SEED, validation=0, test=0, workers=1)
        for workers in (1, 2):
            start = time.perf_counter()
            write_celeba(out / f"w{workers}", identities=PEOPLE, images=IMAGES, seed=SEED, workers=workers)
            figures[f"pictures_per_second_{workers}"] = round(PEOPLE * IMAGES / (time.perf_counter() - start), 1)
        write_folder(out / "folder", identities=PEOPLE, images=IMAGES, seed=SEED, workers=2)
        records = folder(out / "folder")
        detector = YuFaceDetector()
        found = sum(bool(detector.detect(read_image(records.root / path))) for path in records.table["path"])
        figures["portraits_detected"] = round(found / len(records), 4)
    print(figures)
    write_json(RESULT, figures)


if __name__ == "__main__":
    main()
