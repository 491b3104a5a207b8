"""The report's sections on identification: rank-1, CMC, distractors, TAR at FAR, the open set, and differences."""

from collections.abc import Mapping, Sequence
from typing import Any

from kronface.errors import DataError
from kronface.evaluation.comparison import compare, rank1_difference, verdict
from kronface.evaluation.devkit import DevkitCurves
from kronface.evaluation.report.plots import cmc_figure, det_figure, distractor_figure
from kronface.evaluation.report.published_tables import rank1_table
from kronface.evaluation.report.section import Part, Plot, Section, Words
from kronface.evaluation.report.table import Cell, Column, Table, number, percent, points, text

Result = Mapping[str, Any]

TITLES = {"folder": "people in folders", "arrays": "embeddings", "megaface": "MegaFace", "celeba": "CelebA"}
"""What headings call a protocol."""


def with_variants(result: Result) -> list[dict[str, Any]]:
    """A result, and what it says besides of the same embeddings, such as without noisy images."""
    others = result.get("variants") or {}
    if not others:
        return [dict(result)]
    parts: dict[str, Mapping[str, Any]] = {"raw": {}, **others}
    return [{**result, **part, "name": f"{result['name']} ({name})", "variant": name} for name, part in parts.items()]


def identification_sections(results: Sequence[Result], imported: Sequence[DevkitCurves]) -> list[Section]:
    """A section for each protocol; figures of two protocols do not stand in one table.

    Args:
        results: that identify.
        imported: curves of other systems: they stand beside MegaFace's, or else beside the first protocol's.
    """
    protocols = list(dict.fromkeys(result["protocol"] for result in results))
    host = "megaface" if "megaface" in protocols else next(iter(protocols), "")
    sections = []
    for protocol in protocols:
        part = [result for result in results if result["protocol"] == protocol]
        sections.append(_section(protocol, part, imported if protocol == host else (), is_only=len(protocols) == 1))
    return sections


def open_set_section(results: Sequence[Result]) -> list[Section]:
    """Strangers at the threshold that was set on other people."""
    searched = [result for result in results if result["open_set"]]
    if not searched:
        return []
    rows = []
    for result in searched:
        part = result["open_set"]
        extrapolated = " (extrapolated)" if part.get("extrapolated") else ""
        rows.append(
            (
                text(result["name"]),
                text(part["people"]),
                Cell(f"{part['threshold']:.4f}{extrapolated}"),
                percent(part.get("target_fpir")),
                text(part.get("calibrated_on")),
                percent(part["fpir"]),
                percent(part["fnir"]),
                text(part["non_mated_searches"]),
                text(part["mated_searches"]),
            )
        )
    heads = ("enrolled people", "threshold", "set for", "on people", "FPIR", "FNIR", "non-mated searches")
    columns = _columns("network", *heads, "mated searches")
    note = (
        "Half of the people are enrolled, everybody is searched for. FPIR: strangers who were given a name. FNIR: "
        "enrolled people who were not given their own. The threshold was set on other people, for the FPIR under "
        "\u201cset for\u201d; where more people are enrolled here than were there, it is extrapolated. Rates in per "
        "cent."
    )
    return [Section("Strangers", (Table("strangers", "", columns, tuple(rows), note=note),))]


def difference_section(results: Sequence[Result]) -> list[Section]:
    """Every pair by one protocol on the same people: the difference, its interval, and what it supports.

    A network with weights stands before a method without; of two networks the later one stands first.
    """
    rows = []
    trained = {result["protocol"] for result in results if result["checkpoint"]}
    for index, earlier in enumerate(results):
        for later in results[index + 1 :]:
            if any(earlier.get(key) != later.get(key) for key in ("protocol", "variant")):
                continue
            first, second = (earlier, later) if earlier["checkpoint"] and not later["checkpoint"] else (later, earlier)
            if not first["checkpoint"] and first["protocol"] in trained:
                continue  # two baselines
            rows += [
                (text(measure), text(first["name"]), text(second["name"]), change, Cell(word, kind=_coloured(word)))
                for measure, change, word in _changes(first, second)
            ]
    if not rows:
        return []
    columns = (
        Column("measure"),
        Column("first", is_text=True),
        Column("second", is_text=True),
        Column("difference", has_interval=True),
        Column("the first", is_text=True),
    )
    note = (
        "The first minus the second, in points of per cent, with 95 % intervals: the same people are drawn for both. "
        "An interval that holds zero decides nothing."
    )
    return [Section("Differences", (Table("differences", "", columns, tuple(rows), note=note),))]


def _changes(first: Result, second: Result) -> list[tuple[str, Cell, str]]:
    """What can be paired: rank-1, means over attributes, and figures of verification."""
    found: list[tuple[str, Cell, str]] = []
    if "rank1" in first and "rank1" in second:
        try:
            difference, low, high = rank1_difference(first, second)
        except DataError:
            pass  # measured on different people: there is nothing to pair
        else:
            found.append(("rank-1", points(difference, low, high), verdict(low, high)))
    try:
        others = compare(second, first).differences
    except DataError:
        return found
    found += [
        (f"{each.measure}, {each.of}" if each.of else each.measure, points(each.difference, each.low, each.high), word)
        for each in others
        if (word := each.verdict) and not each.measure.startswith("rank-1") and (not each.of or "mean" in each.of)
    ]
    return found


def _coloured(word: str) -> Any:  # noqa: ANN401 - a Kind
    return word if word in ("gains", "loses") else ""


def _section(protocol: str, results: Sequence[Result], imported: Sequence[DevkitCurves], *, is_only: bool) -> Section:
    suffix = "" if is_only else f"-{protocol}"
    names = ", ".join(result["name"] for result in results)
    parts: list[Part] = [_rank1_table(results, suffix)]
    if imported:
        parts.append(Words("Curves marked as imported are from files of other systems, as they were handed out."))
    title = "Cumulative match characteristic"
    parts.append(Plot(f"cmc{suffix}", title, f"{title} of {names}", cmc_figure(results, imported)))
    parts.append(_distractor_table(results, suffix))
    title = "Rank-1 as distractors grow"
    parts.append(Plot(f"distractors{suffix}", title, f"{title}: {names}", distractor_figure(results)))
    if any(result.get("tar") for result in results):
        parts.append(_tar_table(results, suffix))
    searched = [result for result in results if result.get("det")]
    if searched:
        if any(result["det"]["points"] for result in searched):
            parts.append(_tpir_table(searched, suffix))
        title = "Strangers: DET"
        parts.append(Plot(f"det{suffix}", title, f"DET of {names}", det_figure(searched)))
    if protocol == "megaface":
        parts.append(rank1_table(results))
    heading = "Identification" if is_only else f"Identification: {TITLES.get(protocol, protocol)}"
    return Section(heading, tuple(parts))


def _columns(first: str, *heads: str) -> tuple[Column, ...]:
    return (Column(first), *(Column(head) for head in heads))


def _rank1_table(results: Sequence[Result], suffix: str) -> Table:
    columns = (
        Column("network"),
        Column("protocol", is_text=True),
        Column("rank-1", has_interval=True),
        *_columns("candidates", "searches per draw", "draws", "faces not found"),
    )
    rows = tuple(
        (
            text(result["name"]),
            text(result["protocol"]),
            percent(result["rank1"], result["rank1_low"], result["rank1_high"]),
            text(result["people"]),
            text(result["probes"]),
            text(result["settings"].get("draws") or None),
            text(result["faces_not_found"]),
        )
        for result in results
    )
    note = (
        "Rank-1 in per cent with 95 % intervals by bootstrap over people. Candidates: the mate, the other enrolled "
        "people and all distractors, of whom none is left out."
    )
    return Table(f"rank1{suffix}", "", columns, rows, note=note)


def _distractor_table(results: Sequence[Result], suffix: str) -> Table:
    counts = sorted({count for result in results for count in result["distractors"]["counts"]})
    found = []
    for result in results:
        part = result["distractors"]
        lists = zip(part["counts"], part["rank1"], part["low"], part["high"], strict=True)
        found.append({count: percent(*rates) for count, *rates in lists})
    columns = (Column("distractors"), *(Column(result["name"], has_interval=True) for result in results))
    rows = tuple((text(count), *(cells.get(count, Cell("—")) for cells in found)) for count in counts)
    title = "Rank-1 by the number of distractors"
    return Table(f"distractors{suffix}", title, columns, rows, note="In per cent, with 95 % intervals over people.")


def _tar_table(results: Sequence[Result], suffix: str) -> Table:
    columns = (Column("network"), Column("FAR"), Column("TAR", has_interval=True))
    rows = tuple(
        (text(result["name"]), text(f"{part['far']:g}"), percent(part["tar"], part["low"], part["high"]))
        for result in results
        for part in result.get("tar") or []
    )
    note = (
        "Pairs of two photographs of one person against pairs of a probe and a distractor. The largest TAR whose FAR "
        "does not exceed the wanted one, in per cent."
    )
    return Table(f"tar{suffix}", "Verification at low FAR", columns, rows, note=note)


def _tpir_table(results: Sequence[Result], suffix: str) -> Table:
    columns = (Column("network"), Column("FPIR"), Column("TPIR", has_interval=True), Column("threshold"))
    rows = tuple(
        (
            text(result["name"]),
            text(f"{point['target_fpir']:g}"),
            percent(point["tpir"], point["tpir_low"], point["tpir_high"]),
            number(point["threshold"], form=".4f"),
        )
        for result in results
        for point in result["det"]["points"]
    )
    note = (
        "TPIR in per cent at the lowest threshold at which no more than the FPIR's share of the searches for strangers "
        "returns anybody. Rates that the number of those searches cannot support are left out."
    )
    return Table(f"tpir{suffix}", "Open set: TPIR at FPIR", columns, rows, note=note)
