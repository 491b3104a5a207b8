"""Is joint training worth it? The whole ablation, `kronface ablate --full`.

Writes `benchmarks/results/ablation.json`, from which docs/ablation.md is made. About three hours on two cores; what is
finished in `runs/ablation` is not run again, so that it can be ended and goes on. `--quick` runs five arms, in an hour.
"""

import argparse
import json
from pathlib import Path

from kronface.cli.ablate import ablate
from kronface.cli.progress import drawn_progress
from kronface.files import write_json
from kronface.hardware import processor_name
from kronface.studies.ablation import RESULTS

RESULT = Path(__file__).parent / "results" / "ablation.json"


def main() -> None:
    """Runs, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="five arms alone")
    parser.add_argument("--work", type=Path, default=Path("runs/ablation"), help="the ablation's folder")
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    with drawn_progress() as progress:
        print(ablate(quick=given.quick, full=not given.quick, out=given.work, progress=progress))
    found = json.loads((given.work / RESULTS).read_text(encoding="utf-8"))
    write_json(given.out, {"processor": processor_name()} | found)


if __name__ == "__main__":
    main()
