"""One table for the page, for a spreadsheet and for LaTeX: the three are written from the same cells."""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

DASH = "—"
"""What a cell without a figure shows; spreadsheets get an empty one."""

Kind = Literal["", "published", "gains", "loses"]


@dataclass(frozen=True)
class Cell:
    """A figure as it is shown, or words."""

    text: str
    low: str = ""
    """Ends of an interval; empty where there is none."""
    high: str = ""
    kind: Kind = ""
    """Published figures are marked; what gains or loses is coloured on the page."""
    mark: str = ""
    """Of a footnote."""


@dataclass(frozen=True)
class Column:
    """What stands above cells."""

    head: str
    group: str = ""
    """Above the heads of neighbouring columns of one group."""
    has_interval: bool = False
    """Cells have ends."""
    is_text: bool = False
    """Set to the left."""
    source: str = ""
    """Where published figures come from; empty of what was measured."""


@dataclass(frozen=True)
class HeadCell:
    """A cell of the table's head, which spans some columns or rows."""

    text: str
    columns: int
    rows: int
    is_text: bool
    source: str


@dataclass(frozen=True)
class Table:
    """Rows under columns; the first column names the rows."""

    name: str
    """Of its files."""
    title: str
    """Heading and caption; may be empty."""
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    """How to read it."""
    footnotes: tuple[str, ...] = ()
    """By number, from 1: what cells' marks refer to."""
    remarks: tuple[str, ...] = ()
    """After the footnotes."""
    summaries: int = 0
    """Last rows, which are set off."""

    kind = "table"

    @property
    def is_published(self) -> bool:
        """Whether any figure is not measured here."""
        return any(column.source for column in self.columns) or any(
            cell.kind == "published" for row in self.rows for cell in row
        )

    def head(self) -> list[list[HeadCell]]:
        """One row of heads, or two where columns are grouped."""
        grouped = any(column.group for column in self.columns)
        first: list[HeadCell] = []
        for group, members in groupby(self.columns, key=lambda column: column.group):
            part = list(members)
            if group:
                first.append(HeadCell(group, len(part), 1, False, ""))
            else:
                rows = 2 if grouped else 1
                first += [HeadCell(each.head, 1, rows, each.is_text, each.source) for each in part]
        second = [HeadCell(each.head, 1, 1, each.is_text, each.source) for each in self.columns if each.group]
        return [first, second] if grouped else [first]


def text(value: object) -> Cell:
    """Words, or a number that is shown as it is; None is a dash."""
    return Cell(DASH if value is None else f"{value:,}" if isinstance(value, int) else str(value))


def percent(value: float | None, low: float | None = None, high: float | None = None, *, digits: int = 1) -> Cell:
    """A rate in per cent, with the ends of its interval where both are there; None is a dash."""
    if value is None:
        return Cell(DASH)
    return _figure(100, f".{digits}f", value, low, high)


def number(value: float | None, low: float | None = None, high: float | None = None, *, form: str = ".2f") -> Cell:
    """A figure that is no rate; None is a dash."""
    if value is None:
        return Cell(DASH)
    return _figure(1, form, value, low, high)


def points(value: float, low: float | None, high: float | None) -> Cell:
    """A difference of rates in points of per cent, with its sign."""
    return _figure(100, "+.1f", value, low, high)


def _figure(scale: float, form: str, value: float, low: float | None, high: float | None) -> Cell:
    shown = [f"{scale * part:{form}}" if part is not None else "" for part in (value, low, high)]
    # A rounded negative number may be zero, which has no sign but in differences.
    plain = [re.sub(r"^-(?=0(\.0*)?$)", "", part).replace("-", "\u2212") for part in shown]
    return Cell(plain[0], *(plain[1:] if plain[1] and plain[2] else ("", "")))


def to_csv(table: Table) -> str:
    """Comma-separated: one head row, a column for each end of an interval, marks and footnotes left out."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    heads: list[str] = []
    for column in table.columns:
        name = ": ".join(part for part in (column.group, column.head) if part)
        name += f" (published: {column.source})" if column.source else ""
        heads += [name, f"{name}, low", f"{name}, high"] if column.has_interval else [name]
    writer.writerow(heads)
    for row in table.rows:
        line: list[str] = []
        for column, cell in zip(table.columns, row, strict=True):
            parts = [cell.text, cell.low, cell.high] if column.has_interval else [cell.text]
            line += [_bare(part) for part in parts]
        writer.writerow(line)
    return out.getvalue()


def _bare(shown: str) -> str:
    """A cell as programs read it: no dash, no sign but ASCII's, and no commas in numbers."""
    if re.fullmatch(r"\d{1,3}(,\d{3})+", shown):
        return shown.replace(",", "")
    return "" if shown == DASH else shown.replace("\u2212", "-")


def to_markdown(table: Table) -> str:
    """A Markdown table under its title, with notes after it; published figures are slanted."""
    heads = [": ".join(part for part in (column.group, column.head) if part) for column in table.columns]
    lines = [f"| {' | '.join(_escape_markdown(head) for head in heads)} |"]
    lines.append(
        "|" + "|".join(" --- " if column.is_text or not k else " ---: " for k, column in enumerate(table.columns)) + "|"
    )
    lines += [f"| {' | '.join(_markdown_cell(cell) for cell in row)} |" for row in table.rows]
    notes = [_sentence(table.note)] if table.note else []
    if table.is_published:
        notes.append("Slanted figures were published, and not measured here.")
    notes += [f"{place}: {_sentence(note)}" for place, note in enumerate(table.footnotes, 1)]
    notes += [_sentence(remark) for remark in table.remarks]
    title = f"**{table.title}**\n\n" if table.title else ""
    return title + "\n".join([*lines, "", *(f"{_escape_markdown(note)}  " for note in notes)]).rstrip() + "\n"


def _markdown_cell(cell: Cell) -> str:
    shown = _escape_markdown(cell.text)
    shown = f"*{shown}*" if cell.kind == "published" and cell.text != DASH else shown
    shown += f" ({cell.mark})" if cell.mark else ""
    return shown + (f" [{cell.low}, {cell.high}]" if cell.low else "")


def _escape_markdown(words: str) -> str:
    return " ".join(re.sub(r"([|*_`\\<])", r"\\\1", words).split())


LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "_": r"\_",
    "%": r"\%",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "\u2013": "--",
    "\u2014": "---",
    "\u2212": "$-$",
    "κ": r"$\kappa$",
    "†": r"\textdagger{}",
    "\u00d7": r"$\times$",
    "²": r"\textsuperscript{2}",
}
"""What LaTeX reads otherwise, or its fonts lack."""


def escape_latex(words: str) -> str:
    """Text as LaTeX shows it; line ends and other control characters become blanks."""
    return "".join(LATEX.get(letter, letter if letter.isprintable() else " ") for letter in words)


def to_latex(table: Table) -> str:
    """A `table` environment with rules of the package booktabs; published figures are slanted and bear a dagger."""
    alignment = "".join("l" if column.is_text or not index else "r" for index, column in enumerate(table.columns))
    lines = [
        "% needs \\usepackage{booktabs}, and \\usepackage[T1]{fontenc} for some names",
        "\\begin{table}",
        "\\centering\\small",
        f"\\caption{{{escape_latex(_sentence(table.title or table.name))}}}",
        f"\\label{{tab:{table.name}}}",
        f"\\begin{{tabular}}{{{alignment}}}",
        "\\toprule",
        *_latex_head(table.columns),
        "\\midrule",
    ]
    for number_of_row, row in enumerate(table.rows):
        if table.summaries and number_of_row == len(table.rows) - table.summaries:
            lines.append("\\midrule")
        lines.append(" & ".join(_latex_cell(cell) for cell in row) + r" \\")
    lines += ["\\bottomrule", "\\end{tabular}"]
    lines += [f"\\par\\smallskip\\footnotesize {note}" for note in [_latex_notes(table)] if note]
    return "\n".join([*lines, "\\end{table}", ""])


def _latex_head(columns: Sequence[Column]) -> list[str]:
    heads = [
        escape_latex(column.head) + (r"\textsuperscript{\textdagger}" if column.source else "") for column in columns
    ]
    lines, rules, at = [], [], 1
    if any(column.group for column in columns):
        groups = []
        for group, members in groupby(columns, key=lambda column: column.group):
            width = len(list(members))
            if group:
                groups.append(f"\\multicolumn{{{width}}}{{c}}{{{escape_latex(group)}}}")
                rules.append(f"\\cmidrule(lr){{{at}-{at + width - 1}}}")
            else:
                groups += [""] * width
            at += width
        lines = [" & ".join(groups) + r" \\", "".join(rules)]
    return [*lines, " & ".join(heads) + r" \\"]


def _latex_cell(cell: Cell) -> str:
    shown = escape_latex(cell.text)
    if cell.kind == "published":
        shown = rf"\textit{{{shown}}}"
    if cell.mark:
        shown += rf"\textsuperscript{{{escape_latex(cell.mark)}}}"
    if cell.low:
        shown += rf" {{\scriptsize [{escape_latex(cell.low)}, {escape_latex(cell.high)}]}}"
    # A bracket at the start of a row would be read as an option of the row's end before it.
    return f"{{}}{shown}" if shown.startswith(("[", "*")) else shown


def _latex_notes(table: Table) -> str:
    notes = [escape_latex(_sentence(table.note))] if table.note else []
    sources = dict.fromkeys(column.source for column in table.columns if column.source)
    if table.is_published:
        named = f": {'; '.join(sources)}" if sources else ""
        notes.append(r"\textsuperscript{\textdagger}" + escape_latex(f"Published, not measured here{named}."))
    notes += [
        rf"\textsuperscript{{{number_of_note}}}{escape_latex(_sentence(note))}"
        for number_of_note, note in enumerate(table.footnotes, 1)
    ]
    return " ".join([*notes, *(escape_latex(_sentence(remark)) for remark in table.remarks)])


def _sentence(words: str) -> str:
    return words if words.endswith((".", "!", "?")) else f"{words}."
