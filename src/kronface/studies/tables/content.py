"""The paper's tables as tables: what was measured beside what was published, never mixed."""

from collections.abc import Mapping
from typing import Any

from kronface.evaluation import published
from kronface.evaluation.report.table import DASH, Cell, Column, Table, number, percent, points, text
from kronface.studies.tables.rows import TABLE_1, TABLE_2

Content = Mapping[str, Any]

COMPACT = (
    "'compact' marks a stand-in, or a reduced size: its structure is the method's, its channels, pictures and training "
    "are smaller"
)
WEIGHED = (
    "The paper compares accuracy alone, which answering the commoner half always makes high. FaceTracer, PANDA and the "
    "paper's networks weigh both halves of an attribute alike; ANet's machines and MT-RBM-PCA do not, and so lose "
    "balanced accuracy where one half is rare"
)
CONFLICT = (
    "The paper's text calls its attributes' table Table 2; Young stands in it and not in the text, Double Chin and "
    "Pointy Nose in the text and not in it"
)


def rank1_table(content: Content) -> Table:
    """Table 2: rank-1 among distractors, in the paper's order, others beside their like."""
    columns = (
        Column("method"),
        Column("released", is_text=True),
        Column("protocol", is_text=True),
        Column("rank-1", group="measured here", has_interval=True),
        Column("untrained", group="measured here", has_interval=True),
        Column("lift", group="measured here", has_interval=True),
        Column("minutes", group="measured here"),
        Column("rank-1", group="published", source="the paper's Table 2"),
    )
    notes = dict.fromkeys(method.footnote for method in published.RANK1_METHODS if method.footnote)
    footnotes = list(notes)
    repeated = {row.published: name for name, row in TABLE_2.items() if row.published}
    rows: list[tuple[Cell, ...]] = []
    placed: set[str] = set()
    for method in published.RANK1_METHODS:
        own = repeated.get(method.name)
        mark = str(footnotes.index(method.footnote) + 1) if method.footnote else ""
        figure = Cell(f"{method.rank1:.2f}", kind="published", mark=mark)
        released = text("yes" if method.is_released else "no")
        head = (released, text(method.training_set))
        if own is not None and own in content["rows"]:
            entry = content["rows"][own]
            rows.append((Cell(f"{method.name}: {entry['name']}"), *head, *_measured(entry), figure))
            placed.add(own)
        else:
            taken = content["imported"].get(method.name)
            rows.append((text(method.name), *head, *_imported(taken, footnotes), figure))
        for name in BESIDE.get(method.name, ()):
            if name in content["rows"]:
                rows.append((*_beyond(content["rows"][name]), Cell(DASH)))
                placed.add(name)
    rows += [(*_beyond(entry), Cell(DASH)) for name, entry in content["rows"].items() if name not in placed]
    return Table(
        "table-2",
        "Table 2: identification",
        columns,
        tuple(rows),
        note=_note(content, "Rank-1 in per cent by MegaFace's rule, each other photograph of a person the mate"),
        footnotes=tuple(footnotes),
        remarks=(COMPACT, *published.RANK1_NOTES),
    )


BESIDE: Mapping[str, tuple[str, ...]] = {
    "Google - FaceNet v8": ("facenet",),
    "Lightened CNN": ("lightened-cnn-a",),
    "LBP": ("lbp-ahonen",),
    "Joint Bayes": ("joint-bayes-chen",),
}
"""Rows of ours that the paper does not have, after the one they belong to."""


def accuracy_table(content: Content) -> Table:
    """Table 1: accuracy by attribute, measured and published, a method each two columns."""
    methods = {method.name: method for method in published.ATTRIBUTE_METHODS}
    entries = [
        (content["rows"][name], methods.get(row.published), name)
        for name, row in TABLE_1.items()
        if name in content["rows"]
    ]
    columns = [Column("attribute")]
    for entry, method, _ in entries:
        columns += [Column(head, group=entry["name"]) for head in ("accuracy", "balanced")]
        if method is not None:
            columns.append(Column("published", group=entry["name"], source=method.source))
    footnotes: list[str] = []
    rows: list[tuple[Cell, ...]] = []
    names = [name for name in published.ALL if any(name in entry["attributes"] for entry, _, _ in entries)]
    for name in names:
        cells = [text(name.replace("_", " "))]
        for entry, method, _ in entries:
            measured = entry["attributes"].get(name)
            parts = ("accuracy", "balanced_accuracy")
            cells += [percent(measured[part]["value"]) if measured else Cell(DASH) for part in parts]
            if method is not None:
                cells.append(_published(method, name, footnotes))
        rows.append(tuple(cells))
    for label, key in (
        ("mean balanced accuracy", "mean_balanced_accuracy"),
        ("untrained", "untrained"),
        ("lift", "lift"),
    ):
        cells = [text(label)]
        for entry, method, _ in entries:
            figure = entry.get(key)
            shown = Cell(DASH)
            if figure is not None:
                make = points if key == "lift" else percent
                plain = make(figure["value"], figure["low"], figure["high"])
                shown = Cell(f"{plain.text} [{plain.low}, {plain.high}]" if plain.low else plain.text)
            cells += [Cell(DASH), shown] + ([Cell(DASH)] if method is not None else [])
        rows.append(tuple(cells))
    return Table(
        "table-1",
        "Table 1: attributes",
        tuple(columns),
        tuple(rows),
        note=_note(content, "Accuracy and balanced accuracy in per cent on the test split"),
        footnotes=tuple(footnotes),
        remarks=(COMPACT, WEIGHED, CONFLICT),
        summaries=3 if entries else 0,
    )


def _note(content: Content, what: str) -> str:
    data, budget = content["settings"]["data"], content["settings"]["budget"]
    said = f"{what}. Measured on {data['source']}; every learned method was shown {budget['passes']:,} images"
    counted = next((entry for entry in content["rows"].values() if "distractors" in entry), None)
    among = f", {counted['probes']:,} probes among {counted['distractors']:,} distractors" if counted else ""
    tied = [
        entry["name"] for entry in content["rows"].values() if entry.get("tied", 0) > 0.01 * sum(entry.get("pairs", []))
    ]
    if tied:
        among += f". Over a hundredth of the pairs of {', '.join(tied)} are ties, which count as found"
    other = (
        "Published figures are of CelebA, or of FaceScrub among a million: measured ones stand beside them for order"
    )
    return f"{said}{among}. {other}."


def _measured(entry: Mapping[str, Any]) -> tuple[Cell, ...]:
    rate, before, lift = entry["rank1"], entry.get("untrained"), entry.get("lift")
    return (
        percent(rate["value"], rate["low"], rate["high"]),
        Cell(DASH) if before is None else percent(before["value"], before["low"], before["high"]),
        Cell(DASH) if lift is None else points(lift["value"], lift["low"], lift["high"]),
        number(entry["seconds"] / 60, form=".1f"),
    )


def _beyond(entry: Mapping[str, Any]) -> tuple[Cell, ...]:
    return (text(entry["name"]), Cell(DASH), Cell(DASH), *_measured(entry))


def _imported(rank1: float | None, footnotes: list[str]) -> tuple[Cell, ...]:
    """A closed row: a dash, or what its own curve says."""
    if rank1 is None:
        return (Cell(DASH),) * 4
    note = "From an imported curve, of another system on its own lists"
    if note not in footnotes:
        footnotes.append(note)
    figure = percent(rank1)
    return (Cell(figure.text, mark=str(footnotes.index(note) + 1)), Cell(DASH), Cell(DASH), Cell(DASH))


def _published(method: published.AttributeMethod, name: str, footnotes: list[str]) -> Cell:
    value = method.accuracy.get(name)
    if value is None:
        return Cell(DASH)
    note = method.footnotes.get(name)
    if note is not None and note not in footnotes:
        footnotes.append(note)
    return Cell(f"{value:g}", kind="published", mark="" if note is None else str(footnotes.index(note) + 1))
