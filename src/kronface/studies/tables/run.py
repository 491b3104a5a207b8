"""Runs the rows of a table that are not there yet, and writes the table: `kronface reproduce table-1` and `table-2`."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from kronface.data.attributes import PREDICTED
from kronface.errors import ConfigError, DataError
from kronface.evaluation.devkit import read_cmc
from kronface.evaluation.published import RANK1_METHODS
from kronface.evaluation.report.table import Table, to_csv, to_latex, to_markdown
from kronface.files import Progress, no_progress, write_json, write_text
from kronface.hardware import processor_name
from kronface.methods.learning import Budget
from kronface.methods.network_method import chosen_labels, untaught
from kronface.studies.tables.content import accuracy_table, rank1_table
from kronface.studies.tables.measures import attribute_figures, measure_attributes, measure_rank1, rank1_figures
from kronface.studies.tables.people import TablePeople
from kronface.studies.tables.rows import TABLE_1, TABLE_2

ROWS, RESULTS, SETTINGS = "rows", "table.json", "settings.json"

Load = Callable[[], TablePeople]

UNLABELLED = (
    "they learn attributes, and the training people have no labels of some: name a training set that has them by "
    "--root and --layout, such as CelebA's files (celeba)"
)


@dataclass(frozen=True)
class TableOutcome:
    """Where a table lies, and what it says."""

    table: Table
    folder: Path
    left_out: Sequence[str] = ()
    """Rows that learn attributes, where the training people have no labels of them."""

    def __str__(self) -> str:
        """What a terminal shows."""
        said = f"{to_markdown(self.table)}\ntable: {self.folder} (table.md, .csv, .tex, .json)"
        return f"{said}\nnot run: {', '.join(self.left_out)}: {UNLABELLED}" if self.left_out else said


def run_table(
    number: int,
    out: Path,
    load: Load,
    *,
    rows: Sequence[str] = (),
    budget: Budget,
    data: Mapping[str, Any],
    imported: Mapping[str, Path] | None = None,
    progress: Progress = no_progress,
) -> TableOutcome:
    """Runs what is not there yet; finished rows are kept, and the table is written after each.

    Args:
        number: 1 (attributes) or 2 (identification).
        out: the table's folder; further rows may join it later.
        load: gives the faces, if any row is to be run.
        rows: names of methods; none means all.
        budget: of every learned method.
        data: what the faces are, as JSON values; a folder holds the rows of one kind of data and budget.
        imported: of table 2, curves of others (cmc_*.json of MegaFace's tool) by the paper's name of the row.
        progress: called as the work goes on.

    Raises:
        ConfigError: an unknown row, or a folder that holds a table of other settings.
        DataError: faces or curves are missing, or the labels that a row named in `rows` learns from.
    """
    known = TABLE_1 if number == 1 else TABLE_2
    unknown = [name for name in rows if name not in known]
    if unknown:
        raise ConfigError(f"unknown row '{unknown[0]}' of table {number}: choose from {', '.join(known)}")
    curves = {name: _rank1_of(name, path) for name, path in (imported or {}).items()}
    settings = {"data": dict(data), "budget": asdict(budget)}
    _check_claim(out, settings)
    wanted = [name for name in known if not rows or name in rows]
    missing = [name for name in wanted if not (out / ROWS / f"{name}.json").is_file()]
    people = load() if missing else None
    left_out: list[str] = []
    if people is not None and number == 2 and untaught(chosen_labels(people.train, PREDICTED), PREDICTED):
        left_out = [name for name in missing if TABLE_2[name].attributes]
    if left_out and rows:
        raise DataError(f"--rows names {', '.join(left_out)}: {UNLABELLED}, or leave them out")
    missing = [name for name in missing if name not in left_out]
    write_json(out / SETTINGS, settings)  # not before there is something to run it on
    table = _write(number, out, curves)
    if people is not None:
        for place, name in enumerate(missing):

            def report(stage: str, done: int, total: int, place: int = place) -> None:
                progress(f"row {place + 1} of {len(missing)}: {stage}", done, total)

            _run_row(number, name, out, people, budget, report)
            table = _write(number, out, curves)
    return TableOutcome(table, out, left_out)


def _run_row(number: int, name: str, out: Path, people: TablePeople, budget: Budget, progress: Progress) -> None:
    started = time.perf_counter()
    run = _identify if number == 2 else _read_attributes
    title, figures = run(name, people, budget, progress)
    written = {"name": title, "row": name, "seconds": round(time.perf_counter() - started, 1)}
    write_json(out / ROWS / f"{name}.json", written | {"processor": processor_name()} | figures)


def _identify(name: str, people: TablePeople, budget: Budget, progress: Progress) -> tuple[str, dict[str, Any]]:
    row = TABLE_2[name]
    assert people.probes is not None
    assert people.distractors is not None
    untrained = None
    if row.learned:
        idle = row.make(replace(budget, passes=0))
        idle.fit(people.train, progress=progress)
        untrained = measure_rank1(idle, people.probes, people.distractors, progress=progress)
    method = row.make(budget)
    method.fit(people.train, progress=progress)
    found = measure_rank1(method, people.probes, people.distractors, progress=progress)
    figures = rank1_figures(found, untrained)
    figures |= {"right": found.right.tolist(), "pairs": found.pairs.tolist(), "tied": found.tied}
    return method.name, figures | {"distractors": len(people.distractors), "probes": len(people.probes)}


def _read_attributes(name: str, people: TablePeople, budget: Budget, progress: Progress) -> tuple[str, dict[str, Any]]:
    row = TABLE_1[name]
    assert people.validation is not None
    assert people.test is not None
    untrained = None
    if row.learned:
        idle = row.make(replace(budget, passes=0))
        idle.fit(people.train, people.validation, progress=progress)
        untrained = measure_attributes(idle, people.test)
    method = row.make(budget)
    method.fit(people.train, people.validation, progress=progress)
    return method.name, attribute_figures(measure_attributes(method, people.test), untrained)


def _write(number: int, out: Path, curves: Mapping[str, float]) -> Table:
    """The table of all rows that are there, in every form."""
    known = TABLE_1 if number == 1 else TABLE_2
    found = {
        name: _read(out / ROWS / f"{name}.json", "to run it again")
        for name in known
        if (out / ROWS / f"{name}.json").is_file()
    }
    settings = json.loads((out / SETTINGS).read_text(encoding="utf-8"))
    content = {"table": number, "settings": settings, "imported": dict(curves), "rows": found}
    table = accuracy_table(content) if number == 1 else rank1_table(content)
    write_json(out / RESULTS, content)
    write_text(out / "table.md", to_markdown(table))
    write_text(out / "table.csv", to_csv(table))
    write_text(out / "table.tex", to_latex(table))
    return table


def _read(path: Path, remedy: str) -> Any:  # noqa: ANN401 - JSON values
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path} is damaged: delete it {remedy}") from error


def _check_claim(out: Path, settings: dict[str, Any]) -> None:
    """Whether the folder is this table's; one without any row is anybody's."""
    path = out / SETTINGS
    if not path.is_file() or not any((out / ROWS).glob("*.json")):
        return
    if _read(path, f"with all of {out}") != json.loads(json.dumps(settings)):
        raise ConfigError(f"{out} holds a table of other people or another budget: choose another --out")


def _rank1_of(name: str, path: Path) -> float:
    """Rank-1 of a curve, for a row that the paper has."""
    names = [method.name for method in RANK1_METHODS]
    if name not in names:
        raise ConfigError(f"table 2 has no row '{name}' to import {path} into: choose from {', '.join(names)}")
    return float(read_cmc(path).cmc[0])
