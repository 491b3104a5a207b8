"""The paper's Tables 1 and 2 on rendered people, as `kronface reproduce table-1` and `table-2` run them.

Writes `docs/tables/table-1.json` and `table-2.json`, from which docs/tables.md is made. Rows that are finished there or
in the work folder are not run again, so that it can be ended and goes on; all of them take some hours.
"""

import argparse
import json
from pathlib import Path

from kronface.cli.progress import drawn_progress
from kronface.cli.reproduce.tables import table_1, table_2
from kronface.errors import KronfaceError
from kronface.files import write_json
from kronface.studies.tables.run import RESULTS, ROWS, SETTINGS

KEPT = Path(__file__).parent.parent / "docs" / "tables"


def main() -> None:
    """Runs what is missing, and keeps what is finished."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("runs"), help="both tables' folders lie in it")
    parser.add_argument("--table", type=int, choices=(1, 2), action="append", help="one of them alone")
    parser.add_argument("--rows", nargs="*", default=[], help="these alone")
    given = parser.parse_args()
    for number in given.table or (1, 2):
        work, kept = given.work / f"table-{number}", KEPT / f"table-{number}.json"
        if kept.is_file():
            take_over(json.loads(kept.read_text(encoding="utf-8")), work)
        try:
            with drawn_progress() as progress:
                said = (table_1 if number == 1 else table_2)(out=work, rows=given.rows, progress=progress)
        except KronfaceError as error:
            raise SystemExit(str(error)) from error
        finally:
            if (work / RESULTS).is_file():
                write_json(kept, json.loads((work / RESULTS).read_text(encoding="utf-8")))
        print(said)


def take_over(content: dict[str, object], work: Path) -> None:
    """Puts finished rows where they are looked for, if the folder is of the same settings or new."""
    there = work / SETTINGS
    if not there.is_file():
        write_json(there, content["settings"])
    elif json.loads(there.read_text(encoding="utf-8")) != content["settings"]:
        raise SystemExit(f"{work} holds a table of other settings than the results: name another --work")
    rows = content["rows"]
    assert isinstance(rows, dict)
    for name, row in rows.items():
        if not (work / ROWS / f"{name}.json").is_file():
            write_json(work / ROWS / f"{name}.json", row)


if __name__ == "__main__":
    main()
