"""The report's section on verification: accuracy, TAR at FAR, EER, the ROC, and 1:N among templates."""

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from kronface.evaluation.report.plots import roc_figure
from kronface.evaluation.report.section import Part, Plot, Section
from kronface.evaluation.report.table import DASH, Cell, Column, Table, percent, text

Result = Mapping[str, Any]

TITLES = {"lfw": "LFW", "bin": "packs of pairs", "ijb": "IJB"}
"""What headings call a protocol."""


def list_name(result: Result) -> str:
    """Which list of pairs a result is of, from its settings."""
    settings = result["settings"]
    for key in ("pack", "pairs"):
        if settings.get(key):
            return PurePath(str(settings[key])).stem
    return str(settings.get("target") or result["protocol"])


def verification_sections(results: Sequence[Result]) -> list[Section]:
    """A section for each protocol."""
    sections = []
    for protocol in dict.fromkeys(result["protocol"] for result in results):
        part = [result for result in results if result["protocol"] == protocol]
        suffix = f"-{protocol}"
        names = [f"{result['name']}, {list_name(result)}" for result in part]
        parts: list[Part] = [_figure_table(part, suffix), _tar_table(part, suffix)]
        parts.append(Plot(f"roc{suffix}", "ROC", f"ROC of {'; '.join(names)}", roc_figure(part, names)))
        parts += _gallery_tables(part, suffix)
        sections.append(Section(f"Verification: {TITLES.get(protocol, protocol)}", tuple(parts)))
    return sections


def _first(result: Result) -> tuple[Cell, Cell]:
    return text(result["name"]), Cell(list_name(result) + ("" if result["official"] else " (not the official list)"))


FIRST = (Column("network"), Column("list", is_text=True))


def _figure_table(results: Sequence[Result], suffix: str) -> Table:
    columns = (
        *FIRST,
        Column("accuracy", has_interval=True),
        Column("deviation"),
        Column("EER", has_interval=True),
        *(Column(head) for head in ("genuine pairs", "impostor pairs", "without a face")),
    )
    rows = []
    for result in results:
        figures, counts = result["figures"], result["counts"]
        accuracy = figures.get("accuracy")
        rows.append(
            (
                *_first(result),
                _cell(accuracy),
                percent(accuracy and accuracy["std"], digits=2),
                _cell(figures["eer"]),
                text(counts["genuine"]),
                text(counts["impostors"]),
                text(counts["genuine_rejected"] + counts["impostors_rejected"]),
            )
        )
    units = dict.fromkeys(result["settings"]["resampled"].replace("identities", "people") for result in results)
    note = (
        "Accuracy: mean over folds, each at the threshold that is best on the others; deviation: its standard "
        "deviation over folds. EER: the rate at which FAR and FNR are equal. In per cent, with 95 % intervals by "
        f"bootstrap over {' or '.join(units)}. A pair without a face is a miss if it is genuine, and never accepted."
    )
    return Table(f"verification{suffix}", "", columns, tuple(rows), note=note)


def _cell(figure: Mapping[str, Any] | None) -> Cell:
    return Cell(DASH) if figure is None else percent(figure["value"], figure["low"], figure["high"], digits=2)


def _tar_table(results: Sequence[Result], suffix: str) -> Table:
    rates = sorted({rate for result in results for rate in result["figures"]["tar"]}, key=float)
    columns = (*FIRST, *(Column(rate, group="TAR at a FAR of", has_interval=True) for rate in rates))
    rows = tuple(
        (*_first(result), *(_cell(result["figures"]["tar"].get(rate)) for rate in rates)) for result in results
    )
    rules = dict.fromkeys(str(result["settings"].get("rule", "strict")) for result in results)
    words = {
        "strict": "The largest TAR whose FAR does not exceed the wanted one",
        "nearest": "TAR at the point of the curve whose FAR is nearest to the wanted one, as InsightFace reads it",
    }
    note = (
        f"{'. '.join(words[rule] for rule in rules if rule in words)}. In per cent, with 95 % intervals. "
        "\u201c\u2014\u201d: the impostor pairs cannot support that rate."
    )
    return Table(f"tar{suffix}", "TAR at FAR", columns, rows, note=note)


def _gallery_tables(results: Sequence[Result], suffix: str) -> list[Table]:
    """1:N among the templates of gallery sets, where a result has it."""
    searched = [result for result in results if result.get("identification")]
    if not searched:
        return []
    ranks, rates = (
        list(dict.fromkeys(key for r in searched for part in r["identification"].values() for key in part[kind]))
        for kind in ("rank", "tpir")
    )
    columns = (
        *FIRST,
        Column("gallery set", is_text=True),
        *(Column(f"rank-{rank}") for rank in ranks),
        *(Column(rate, group="TPIR at an FPIR of") for rate in rates),
    )
    rows = tuple(
        (
            *_first(result),
            text(name),
            *(percent(part["rank"].get(rank)) for rank in ranks),
            *(percent(part["tpir"].get(rate)) for rate in rates),
        )
        for result in searched
        for name, part in result["identification"].items()
    )
    note = "Templates of the probe list among those of a gallery set, in per cent."
    return [Table(f"gallery{suffix}", "1:N among templates", columns, rows, note=note)]
