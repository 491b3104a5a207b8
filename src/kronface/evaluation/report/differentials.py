"""The report's section on groups of people: error rates of each, and how far apart they are."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from kronface.evaluation.protocols.differentials import MEASURES
from kronface.evaluation.report.attributes import plain
from kronface.evaluation.report.plots import differential_figure
from kronface.evaluation.report.section import Part, Plot, Section, Words
from kronface.evaluation.report.table import DASH, Cell, Column, Table, number, text

NOTE = (
    "Rates in per cent with 95 % intervals by bootstrap over people, at one threshold for everybody: the one that "
    "gives all people together the FMR or FPIR in the column's head. FMR is that of pairs within the group. "
    "\u201c—\u201d: so few trials that ten errors are not to be expected, or fewer than ten people; no rate can be "
    "read from them. Worst to best: how many times as often the worst group meets an error (at rank 1: a miss) as the "
    "best one; an interval that holds 1 decides nothing. Worst to mean: likewise to the geometric mean of the groups "
    "(NISTIR 8429). Dashed in the figures: everybody."
)


def differential_sections(results: Sequence[Mapping[str, Any]]) -> list[Section]:
    """One section, with a table and a figure for each result and column."""
    parts: list[Part] = []
    for result in results:
        entries = result.get("differentials") or []
        for by in dict.fromkeys(entry["by"] for entry in entries):
            parts += _parts(result["name"], by, [entry for entry in entries if entry["by"] == by])
    return [Section("Groups of people", tuple(parts), NOTE)] if parts else []


def _parts(network: str, by: str, entries: Sequence[Mapping[str, Any]]) -> list[Part]:
    """The measures that are given, a row per group, the ratios, and what is not given."""
    given = [entry for entry in entries if any(group["supported"] for group in entry["groups"])]
    title = f"{network} by {plain(by)}"
    name = re.sub(r"[^a-z0-9]+", "-", f"groups-{title.lower()}").strip("-")
    parts: list[Part] = []
    if given:
        parts.append(_table(name, title, by, entries, given))
        parts.append(Plot(name, "", f"Rates of {title}", differential_figure(given, MEASURES)))
    absent = [
        f"{MEASURES[entry['measure']]}: {entry['reason'] or 'too few errors are to be expected'}"
        for entry in entries
        if entry not in given
    ]
    if absent:
        parts.append(Words(f"{'' if given else f'{title}. '}Not given: {'; '.join(absent)}."))
    return parts


def _table(
    name: str, title: str, by: str, entries: Sequence[Mapping[str, Any]], given: Sequence[Mapping[str, Any]]
) -> Table:
    people: dict[str, int] = {}
    for entry in entries:
        for group in entry["groups"]:
            people[group["group"]] = max(people.get(group["group"], 0), group["people"])
    cells = [{group["group"]: group for group in entry["groups"]} for entry in given]
    columns = (
        Column(plain(by)),
        Column("people"),
        *(Column(f"{MEASURES[entry['measure']]}{_target(entry)}", has_interval=True) for entry in given),
    )
    rows = [
        (text(group), text(count), *(_rate(table.get(group)) for table in cells)) for group, count in people.items()
    ]
    rows.append((text("worst to best"), Cell(""), *(_ratio(entry) for entry in given)))
    rows.append((text("worst to mean"), Cell(""), *(number(entry["worst_to_mean"]) for entry in given)))
    return Table(name, title, columns, tuple(rows), summaries=2)


def _target(entry: Mapping[str, Any]) -> str:
    if entry["target"] is None:
        return ""
    return f" at {'FMR' if entry['measure'] in ('fnmr', 'fmr') else 'FPIR'} {entry['target']:g}"


def _rate(group: Mapping[str, Any] | None) -> Cell:
    if group is None or not group["supported"]:
        return Cell(DASH)
    rate, low, high = (group[key] for key in ("rate", "low", "high"))
    if low is None:
        return Cell(_digits(rate))
    return Cell(_digits(rate), _digits(low), "?" if high is None else _digits(high))


def _digits(rate: float) -> str:
    """Per cent with three digits that count, since error rates differ by powers of ten."""
    return f"{100 * rate:.3g}"


def _ratio(entry: Mapping[str, Any]) -> Cell:
    if entry["worst_to_best"] is None:
        return Cell("best without error" if entry["worst"] else DASH)
    low, high = (entry[f"worst_to_best_{end}"] for end in ("low", "high"))
    if low is None and high is None:
        return number(entry["worst_to_best"])
    ends = ["?" if end is None else f"{end:.2f}" for end in (low, high)]
    return Cell(f"{entry['worst_to_best']:.2f}", ends[0], ends[1])
