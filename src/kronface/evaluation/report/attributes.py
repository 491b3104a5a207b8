"""The report's sections on attributes: scores, chosen thresholds, published figures, and the audit of the labels."""

from collections.abc import Mapping, Sequence
from typing import Any

from kronface.evaluation.attributes import mean_scores
from kronface.evaluation.report.identification import TITLES
from kronface.evaluation.report.plots import attribute_figure
from kronface.evaluation.report.published_tables import accuracy_table
from kronface.evaluation.report.section import Faces, Part, Plot, Section
from kronface.evaluation.report.table import DASH, Cell, Column, Table, number, percent, text

Result = Mapping[str, Any]


def attribute_sections(results: Sequence[Result], samples: Mapping[int, Faces]) -> list[Section]:
    """A section for each protocol whose results have attributes.

    Args:
        results: of identification and attributes, all of them.
        samples: faces with predicted attributes, by the `id` of their result.
    """
    attributed = [result for result in results if result["attributes"]]
    # Untrained networks guess: they belong beside trained ones only where people are told apart.
    attributed = [result for result in attributed if result["checkpoint"]] or attributed
    protocols = list(dict.fromkeys(result["protocol"] for result in attributed))
    sections = []
    for protocol in protocols:
        part = [result for result in attributed if result["protocol"] == protocol]
        is_only = len(protocols) == 1
        suffix = "" if is_only else f"-{protocol}"
        names = list(dict.fromkeys(name for result in part for name in result["attributes"]))
        parts: list[Part] = [_score_table(part, names, suffix), _plot(part, names, suffix)]
        chosen = [result for result in part if _chosen(result)]
        if chosen:
            parts.append(_threshold_table(chosen, names, suffix))
        beside = accuracy_table(part) if protocol == "celeba" else None
        parts += [beside] if beside else []
        parts += _audit_tables(part, suffix)
        parts += [samples[id(result)] for result in part if id(result) in samples]
        heading = "Attributes" if is_only else f"Attributes: {TITLES.get(protocol, protocol)}"
        sections.append(Section(heading, tuple(parts)))
    return sections


def _plot(results: Sequence[Result], names: Sequence[str], suffix: str) -> Plot:
    description = f"Balanced accuracy of each attribute of {', '.join(result['name'] for result in results)}"
    return Plot(f"attributes{suffix}", "", description, attribute_figure(results, names))


def _score_table(results: Sequence[Result], names: Sequence[str], suffix: str) -> Table:
    """At the threshold in use: the base rates, and scores by network (a dash where one does not predict it)."""
    ranked = any("average_precision" in entry for result in results for entry in result["attributes"].values())
    columns = [Column("attribute"), Column("positive people"), Column("majority")]
    for result in results:
        columns += [
            Column("balanced", result["name"], has_interval=True),
            Column("accuracy", result["name"], has_interval=True),
        ]
        columns += [Column(head, result["name"]) for head in ("AP", "ECE") if ranked]
    bases = {name: next(r["attributes"][name] for r in results if name in r["attributes"]) for name in names}
    rows = []
    for name, base in bases.items():
        row = [text(plain(name)), Cell(f"{base['positives']} of {base['people']}"), percent(base["majority"])]
        for result in results:
            row += _scores(result["attributes"].get(name), ranked=ranked)
        rows.append(tuple(row))
    last = [text("mean"), Cell(""), percent(mean_scores(bases)["majority"])]
    for result in results:
        means = mean_scores(result["attributes"])
        last += [percent(means[key]) for key in ("balanced_accuracy", "accuracy")]
        last += [percent(means[key]) for key in ("average_precision", "ece") if ranked]
    more = (
        " AP: average precision, of which a guess gets the share of positive images; ECE: expected calibration error "
        "of the probability of a yes."
        if ranked
        else ""
    )
    note = (
        "Accuracy means little without its base rate: balanced accuracy is the mean of the right shares of positives "
        "and of negatives, 50 % for any guess; \u201cmajority\u201d is the accuracy of always giving the more "
        f"frequent answer; \u201cpositive\u201d counts people.{more} The last row: the mean over the attributes that "
        "have the figure. All in per cent, intervals at 95 % by bootstrap over people."
    )
    return Table(f"attributes{suffix}", "", tuple(columns), (*rows, tuple(last)), note=note, summaries=1)


def _scores(entry: Mapping[str, Any] | None, *, ranked: bool) -> list[Cell]:
    if entry is None:
        return [Cell(DASH)] * (4 if ranked else 2)
    balanced = [entry[f"balanced_accuracy{end}"] for end in ("", "_low", "_high")]
    cells = [
        Cell("one class only") if balanced[0] is None else percent(*balanced),
        percent(entry["accuracy"], entry["accuracy_low"], entry["accuracy_high"]),
    ]
    return cells + ([percent(entry.get("average_precision")), percent(entry.get("ece"))] if ranked else [])


def _chosen(result: Result) -> Mapping[str, Any] | None:
    return (result.get("attribute_protocol") or {}).get("chosen")


def _threshold_table(results: Sequence[Result], names: Sequence[str], suffix: str) -> Table:
    """What thresholds that were chosen on validation images come to on the test images."""
    columns = [Column("attribute")]
    for result in results:
        columns += [Column("threshold", result["name"]), Column("accuracy", result["name"], has_interval=True)]
        columns.append(Column("balanced", result["name"], has_interval=True))
    tables = [(_chosen(result) or {})["attributes"] for result in results]
    rows = []
    for name in names:
        row = [text(plain(name))]
        for table in tables:
            entry = table.get(name)
            row += (
                [number(entry["threshold"], form=".3f"), *reversed(_scores(entry, ranked=False))]
                if entry
                else ([Cell(DASH)] * 3)
            )
        rows.append(tuple(row))
    last = [text("mean")]
    for table in tables:
        means = mean_scores(table)
        last += [Cell(""), percent(means["accuracy"]), percent(means["balanced_accuracy"])]
    criteria = dict.fromkeys((_chosen(result) or {})["criterion"].replace("_", " ") for result in results)
    images = dict.fromkeys(f"{(_chosen(result) or {})['images']:,}" for result in results)
    note = (
        f"Thresholds that give the highest {' or '.join(criteria)} on {' or '.join(images)} validation images, "
        "measured on the test images. In per cent, with 95 % intervals over people."
    )
    title = "At thresholds chosen on validation images"
    return Table(f"thresholds{suffix}", title, tuple(columns), (*rows, tuple(last)), note=note, summaries=1)


def _audit_tables(results: Sequence[Result], suffix: str) -> list[Table]:
    """Of the labels, which networks do not change: one table for each data set."""
    audits: dict[str, Mapping[str, Any]] = {}
    for result in results:
        labels = (result.get("attribute_protocol") or {}).get("labels")
        if labels:
            audits[result["data"]["root"]] = audits.get(result["data"]["root"], {}) | labels
    heads = ("images", "people", "positive images")
    columns = (
        *(Column(head) for head in ("attribute", *heads)),
        Column("agreement", has_interval=True),
        Column("chance"),
        Column("κ", has_interval=True),
        Column("mixed people"),
        Column("minority images"),
    )
    note = (
        "Do two images of one person bear the same label? Agreement: the share of such pairs that do; chance: what "
        "two images of anybody agree in; κ = (agreement \u2212 chance) / (1 \u2212 chance), 1 where labels never "
        "change over a person's images and 0 where the person says nothing about them. Mixed people are labelled both "
        "ways; minority images are labelled other than most of their person's, so whoever gives one answer per person "
        "is wrong about them. Rates in per cent, intervals at 95 % over people."
    )
    tables = []
    for index, (root, labels) in enumerate(audits.items(), 1):
        rows = tuple(_audit_row(name, entry) for name, entry in labels.items())
        of = f" of {root}" if len(audits) > 1 else ""
        name = f"labels{suffix}" + (f"-{index}" if len(audits) > 1 else "")
        tables.append(Table(name, f"Audit of the labels{of}", columns, rows, note=note))
    return tables


def _audit_row(name: str, entry: Mapping[str, Any]) -> tuple[Cell, ...]:
    return (
        text(plain(name)),
        text(entry["images"]),
        text(entry["people"]),
        percent(entry["prevalence"]),
        percent(entry["agreement"], entry["agreement_low"], entry["agreement_high"]),
        percent(entry["chance"]),
        number(entry["kappa"], entry["kappa_low"], entry["kappa_high"]),
        text(entry["mixed_people"]),
        text(entry["minority_images"]),
    )


def plain(name: str) -> str:
    """A name as people write it."""
    return name.replace("_", " ")
