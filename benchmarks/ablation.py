"""Is joint training worth it? The whole ablation, `kronface ablate --full`.

Writes `benchmarks/results/ablation.json`, from which docs/ablation.md is made, and `ablation-runs.json.xz` beside it:
every finished run's counts per person, from which all figures and intervals follow. What is finished there or in the
work folder is not run again, so that it can be ended and goes on; with all of it there, the tables are computed anew in
seconds. `--anew` begins with nothing: about three hours on two cores, or an hour with `--quick`, five arms alone.
"""

import argparse
import json
import lzma
from pathlib import Path
from typing import Any

from kronface.cli.ablate import ablate
from kronface.cli.progress import drawn_progress
from kronface.errors import KronfaceError
from kronface.files import write_bytes, write_json
from kronface.studies.ablation import ABOUT, RESULTS, SETTINGS, run_folder
from kronface.studies.ablation_arms import ARMS
from kronface.studies.ablation_run import read_result, write_result

RESULT = Path(__file__).parent / "results" / "ablation.json"
RUNS = "-runs.json.xz"
NOTES = (SETTINGS, ABOUT)


def main() -> None:
    """Runs, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="five arms alone")
    parser.add_argument("--anew", action="store_true", help="run again what the results hold")
    parser.add_argument("--work", type=Path, default=Path("runs/ablation"), help="the ablation's folder")
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    if given.anew and any((given.work / "runs").glob("*/*")):
        raise SystemExit(f"{given.work} holds runs, which --anew would count as its own: name another --work")
    kept = given.out.with_name(given.out.stem + RUNS)
    before = None if given.anew or not kept.is_file() else json.loads(lzma.decompress(kept.read_bytes()))
    if before is not None:
        take_over(before, given.work)
    try:
        with drawn_progress() as progress:
            said = ablate(quick=given.quick, full=not given.quick, out=given.work, progress=progress)
    except KronfaceError as error:
        raise SystemExit(str(error)) from error
    finally:
        if (given.work / ABOUT).is_file():
            keep(given.work, kept, before)
    print(said)
    found = json.loads((given.work / RESULTS).read_text(encoding="utf-8"))
    processors = {run["processor"] for run in gather(given.work)["runs"]}
    write_json(given.out, {"processor": " and ".join(sorted(processors))} | found)


def take_over(runs: dict[str, Any], work: Path) -> None:
    """Puts finished runs where they are looked for; what is there already stays, if it is of the same settings."""
    there = work / SETTINGS
    if there.is_file() and json.loads(there.read_text(encoding="utf-8")) != runs[SETTINGS]:
        raise SystemExit(f"{work} holds an ablation with other settings than the results': name another --work")
    for name in NOTES:
        if not (work / name).is_file():
            write_json(work / name, runs[name])
    for run in runs["runs"]:
        folder = run_folder(work, run["arm"], run["seed"])
        if read_result(folder) is None:
            write_result(folder, run)


def keep(work: Path, kept: Path, before: dict[str, Any] | None) -> None:
    """Writes the finished runs, unless they are on other people than those before."""
    runs = gather(work)
    if before is not None and any(runs[name] != before[name] for name in NOTES):
        raise SystemExit(f"people or settings are not those of {kept}: take another --work, and --anew")
    write_bytes(kept, lzma.compress(json.dumps(runs).encode(), preset=9))


def gather(work: Path) -> dict[str, Any]:
    """All finished runs below a folder, and what they have in common."""
    found = [read_result(folder) for name in ARMS for folder in sorted(run_folder(work, name, 0).parent.glob("seed-*"))]
    notes = {name: json.loads((work / name).read_text(encoding="utf-8")) for name in NOTES}
    return notes | {"runs": [run for run in found if run is not None]}


if __name__ == "__main__":
    main()
