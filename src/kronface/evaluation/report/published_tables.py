"""Published figures beside measured ones, where both are of the same images, and a plain word where they are not."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kronface.evaluation import published
from kronface.evaluation.report.table import DASH, Cell, Column, Table, percent, text

Result = Mapping[str, Any]

MILLION = 1_000_000

NOT_CELEBA = (
    "These pictures are not the official CelebA: the measured figures are of other people and other labels than the "
    "published ones, and cannot be compared with them."
)
NOT_MEGAFACE = (
    "This is not the protocol of the published figures ({reasons}): the measured ones cannot be compared with them."
)


def is_official_celeba(result: Result) -> bool:
    """Whether a result says of the splits that it was measured on that they are the official ones."""
    notes = result["data"].get("notes")
    is_celeba = result["protocol"] == "celeba" and str(result["data"].get("layout", "")).startswith("celeba")
    return is_celeba and notes is not None and not any("not the official" in note for note in notes)


def accuracy_table(results: Sequence[Result]) -> Table | None:
    """The paper's Table 1 with more columns: what was measured on CelebA's splits, and what others published.

    Args:
        results: by the protocol celeba.

    Returns:
        None where none of the published attributes was measured.
    """
    names = [name for name in published.ALL if any(name in result["attributes"] for result in results)]
    if not names:
        return None
    official = all(is_official_celeba(result) for result in results)
    columns = [Column("attribute"), Column("majority")]
    for result in results:
        columns += [Column(head, group=result["name"]) for head in ("at 0.5", "chosen", "balanced")]
    methods = published.ATTRIBUTE_METHODS
    columns += [Column(method.name, group="published accuracy", source=method.source) for method in methods]
    footnotes: list[str] = []
    rows = []
    for name in names:
        base = next(result["attributes"][name] for result in results if name in result["attributes"])
        majority = 100 * base["majority"] if official else published.MAJORITY[name]
        cells = [text(name.replace("_", " ")), percent(base["majority"])]
        for result in results:
            cells += _measured(result, name)
        cells += [_published(method, name, majority, footnotes) for method in methods]
        rows.append(tuple(cells))
    mean_of = [name for name in names if name in published.REPORTED]
    if len(mean_of) == len(published.REPORTED):
        rows.append(_means(results, mean_of))
    return Table(
        "published-attributes",
        "Accuracy beside what was published",
        tuple(columns),
        tuple(rows),
        note=_accuracy_note(official=official),
        footnotes=tuple(footnotes),
        remarks=published.ATTRIBUTE_NOTES,
        summaries=int(len(mean_of) == len(published.REPORTED)),
    )


def _accuracy_note(*, official: bool) -> str:
    below = "measured here" if official else "of CelebA's first 20,000 images, which are of the train split"
    note = (
        "Accuracy in per cent on the test split: with the threshold 0.5, with thresholds chosen on the validation "
        "split, and balanced accuracy with the latter. An asterisk: a published accuracy below the majority's share "
        f"{below}."
    )
    return note if official else f"{NOT_CELEBA} {note}"


def _measured(result: Result, name: str) -> list[Cell]:
    """Accuracy at 0.5 and at the chosen threshold, and balanced accuracy at the latter."""
    at_half = result["attributes"].get(name)
    chosen = ((result.get("attribute_protocol") or {}).get("chosen") or {}).get("attributes", {}).get(name)
    return [
        percent(at_half and at_half["accuracy"]),
        percent(chosen and chosen["accuracy"]),
        percent(chosen and chosen["balanced_accuracy"]),
    ]


def _published(method: published.AttributeMethod, name: str, majority: float, footnotes: list[str]) -> Cell:
    """A figure with the digits that were printed; `footnotes` grows by what it needs."""
    value = method.accuracy.get(name)
    if value is None:
        return Cell(DASH)
    mark = "*" if value < majority else ""
    note = method.footnotes.get(name)
    if note is not None:
        if note not in footnotes:
            footnotes.append(note)
        mark = f"{footnotes.index(note) + 1}{mark}"
    return Cell(f"{value:g}", kind="published", mark=mark)


def _means(results: Sequence[Result], names: Sequence[str]) -> tuple[Cell, ...]:
    """Over the nine attributes of the paper's table; a dash where one of them is missing."""
    bases = [next(r["attributes"][name] for r in results if name in r["attributes"]) for name in names]
    cells = [text("mean of the paper's nine"), percent(float(np.mean([base["majority"] for base in bases])))]
    for result in results:
        tables = [
            result["attributes"],
            ((result.get("attribute_protocol") or {}).get("chosen") or {}).get("attributes"),
        ]
        wanted = ((tables[0], "accuracy"), (tables[1], "accuracy"), (tables[1], "balanced_accuracy"))
        for table, key in wanted:
            values = [(table or {}).get(name, {}).get(key) for name in names]
            cells.append(percent(None if None in values else float(np.mean(values))))
    for method in published.ATTRIBUTE_METHODS:
        cells.append(Cell(f"{np.mean([method.accuracy[name] for name in names]):.1f}", kind="published"))
    return tuple(cells)


def rank1_table(results: Sequence[Result]) -> Table:
    """The paper's Table 2 after what was measured at the largest list.

    Args:
        results: by the protocol megaface, variants apart.
    """
    columns = (
        Column("method"),
        Column("released", is_text=True),
        Column("training set", is_text=True),
        Column("distractors"),
        Column("rank-1", has_interval=True),
        Column("source", is_text=True),
    )
    rows: list[tuple[Cell, ...]] = []
    for result in results:
        part = result["distractors"]
        rate = percent(part["rank1"][-1], part["low"][-1], part["high"][-1])
        row = (text(result["name"]), Cell(DASH), Cell(DASH), text(part["counts"][-1]), rate, text("measured here"))
        rows.append(row)
    notes = dict.fromkeys(method.footnote for method in published.RANK1_METHODS if method.footnote)
    footnotes = tuple(notes)
    for method in published.RANK1_METHODS:
        mark = str(footnotes.index(method.footnote) + 1) if method.footnote else ""
        words = (method.name, "yes" if method.is_released else "no", method.training_set, f"{MILLION:,}")
        cells = [Cell(word, kind="published") for word in words]
        cells += [Cell(f"{method.rank1:.2f}", kind="published", mark=mark), Cell("paper, Table 2", kind="published")]
        rows.append(tuple(cells))
    reasons = list(dict.fromkeys(reason for result in results for reason in _differing(result)))
    note = "Rank-1 in per cent at the largest list of distractors; published figures are of the raw lists."
    return Table(
        "published-rank1",
        "Rank-1 beside what was published",
        columns,
        tuple(rows),
        note=f"{NOT_MEGAFACE.format(reasons='; '.join(reasons))} {note}" if reasons else note,
        footnotes=footnotes,
        remarks=(f"Source: {published.RANK1_SOURCE}", *published.RANK1_NOTES),
    )


def _differing(result: Result) -> list[str]:
    """In what a result by MegaFace's protocol differs from that of the published figures."""
    official = result.get("official") or {"is_official": False, "probes": ""}
    reasons = [] if official["is_official"] else ["other lists than the official ones"]
    if official["is_official"] and official["probes"] != "FaceScrub":
        reasons.append(f"probes are of {official['probes']}, not of FaceScrub")
    largest = max((part["size"] for part in result.get("lists") or []), default=result["distractors"]["counts"][-1])
    if largest < MILLION:
        reasons.append(f"the largest list holds {largest:,} distractors, not {MILLION:,}")
    return reasons
