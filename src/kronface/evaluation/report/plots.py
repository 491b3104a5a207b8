"""The report's figures, and their forms on paper and on the screen."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from kronface.evaluation.devkit import DevkitCurves

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Okabe and Ito's colours, which colour-blind readers can tell apart."""

FEW = 4
"""Curves whose bands can be told apart; those of more are drawn fainter."""

DASHES = ("-", "--", "-.", ":")

STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "kronface",  # the same results give the same bytes
    "pdf.fonttype": 42,  # publishers refuse Type 3
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def to_svg(figure: Figure) -> str:
    """As SVG text, without a date."""
    text = io.StringIO()
    with rc_context(STYLE):
        figure.savefig(text, format="svg", metadata={"Date": None})
    svg = text.getvalue()
    return svg[svg.index("<svg") :]


def to_pdf(figure: Figure) -> bytes:
    """As PDF, without a date, with its fonts."""
    content = io.BytesIO()
    with rc_context(STYLE):
        figure.savefig(content, format="pdf", metadata={"CreationDate": None})
    return content.getvalue()


def to_png(figure: Figure) -> bytes:
    """As PNG, for pages that show no vectors."""
    content = io.BytesIO()
    with rc_context(STYLE):
        figure.savefig(content, format="png", dpi=200, metadata={"Software": None})
    return content.getvalue()


def cmc_figure(results: Sequence[Mapping[str, Any]], imported: Sequence[DevkitCurves] = ()) -> Figure:
    """CMC curves on a logarithmic axis of ranks, with 95 % bands; those of other systems' files without."""
    with rc_context(STYLE):
        figure, axes = _new("rank (log)", "identified within that rank")
        for index, result in enumerate(results):
            ranks = result.get("cmc_ranks") or range(1, len(result["cmc"]) + 1)
            _curve(
                axes,
                index,
                result["name"],
                ranks,
                result["cmc"],
                result["cmc_low"],
                result["cmc_high"],
                crowd=len(results),
            )
        for index, other in enumerate(imported, len(results)):
            _curve(axes, index, f"{other.name} (imported)", other.ranks.tolist(), other.cmc.tolist())
        return _finish(figure, axes)


def distractor_figure(results: Sequence[Mapping[str, Any]]) -> Figure:
    """Rank-1 against the number of distractors, both exact means over subsets, with 95 % bands."""
    with rc_context(STYLE):
        figure, axes = _new("distractors (log)", "rank-1 identification rate")
        for index, result in enumerate(results):
            part = result["distractors"]
            rates = part["rank1"], part["low"], part["high"]
            _curve(axes, index, result["name"], part["counts"], *rates, marker="o", crowd=len(results))
        return _finish(figure, axes)


def det_figure(results: Sequence[Mapping[str, Any]]) -> Figure:
    """FNIR against FPIR, both logarithmic."""
    with rc_context(STYLE):
        figure, axes = _new("false positive identification rate (log)", "false negative identification rate (log)")
        for index, result in enumerate(results):
            part = result["det"]
            kept = [(x, y) for x, y in zip(part["fpir"], part["fnir"], strict=True) if x > 0 and y > 0]
            if kept:
                _curve(axes, index, result["name"], [x for x, _ in kept], [y for _, y in kept])
        rates = [rate for result in results for rate in result["det"]["fnir"] if rate > 0]
        axes.set_yscale("log")
        axes.set_ylim(0.8 * min(rates, default=0.5), 1.1)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axis.set_minor_locator(NullLocator())
        return _finish(figure, axes)


def roc_figure(results: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Figure:
    """TAR against the logarithm of FAR, of results of verification.

    Args:
        results: each with a curve.
        names: of their curves.
    """
    with rc_context(STYLE):
        figure, axes = _new("false accept rate (log)", "true accept rate")
        for index, (result, name) in enumerate(zip(results, names, strict=True)):
            kept = [(x, y) for x, y in zip(result["roc"]["far"], result["roc"]["tar"], strict=True) if x > 0]
            if kept:
                _curve(axes, index, name, [x for x, _ in kept], [y for _, y in kept])
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        low, high = axes.get_xlim()
        if high > 100 * low:  # small rates take more room than large numbers
            axes.xaxis.set_major_locator(LogLocator())
        return _finish(figure, axes)


def attribute_figure(results: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Figure:
    """Balanced accuracy of each attribute per network, with 95 % intervals; chance is one half."""
    with rc_context(STYLE):
        figure = Figure(figsize=(6, 1.1 + 0.34 * len(names)), layout="constrained")
        axes = figure.subplots()
        axes.axvline(0.5, color="#888888", linestyle="--", linewidth=1)
        for index, result in enumerate(results):
            offset = 0.18 * (index - (len(results) - 1) / 2)
            rows = [
                (row + offset, values)
                for row, name in enumerate(names)
                if (values := result["attributes"].get(name)) and values["balanced_accuracy"] is not None
            ]
            if not rows:
                continue
            middle = [values["balanced_accuracy"] for _, values in rows]
            low = [max(values["balanced_accuracy"] - values["balanced_accuracy_low"], 0) for _, values in rows]
            high = [max(values["balanced_accuracy_high"] - values["balanced_accuracy"], 0) for _, values in rows]
            axes.errorbar(
                middle,
                [row for row, _ in rows],
                xerr=[low, high],
                fmt="os^D"[index % 4],
                markersize=4,
                capsize=2,
                color=COLOURS[index % len(COLOURS)],
                label=_label(result["name"]),
            )
        axes.set_yticks(range(len(names)), [_label(name.replace("_", " ")) for name in names])
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("balanced accuracy (dashed: chance)")
        return _finish(figure, axes, above=True)


def differential_figure(entries: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> Figure:
    """Rates of each group with 95 % intervals, one panel per measure, each on its own scale; dashed: all groups.

    Args:
        entries: differentials by one column, each with a group that has a rate.
        names: of the measures.
    """
    groups = list(dict.fromkeys(group["group"] for entry in entries for group in entry["groups"]))
    columns = min(len(entries), 3)
    rows = -(-len(entries) // columns)
    with rc_context(STYLE):
        figure = Figure(figsize=(7.2, rows * (0.8 + 0.3 * len(groups))), layout="constrained")
        panels = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
        for index, axes in enumerate(panels):
            if index >= len(entries):
                axes.set_visible(False)
                continue
            entry = entries[index]
            axes.axvline(entry["overall"], color="#888888", linestyle="--", linewidth=1)
            for group in entry["groups"]:
                if group["supported"]:
                    row, rate = groups.index(group["group"]), group["rate"]
                    ends = [rate if group[end] is None else group[end] for end in ("low", "high")]
                    axes.plot(ends, [row, row], color=COLOURS[0], linewidth=1.5)
                    axes.plot([rate], [row], "o", color=COLOURS[0], markersize=5)
            axes.set_yticks(range(len(groups)), [_label(group) for group in groups])
            axes.set_ylim(len(groups) - 0.5, -0.5)
            axes.grid(visible=False, axis="y")
            axes.xaxis.set_major_locator(MaxNLocator(4))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.3g}"))
            axes.set_title(f"{names[entry['measure']]}, %", fontsize=10, loc="left")
        return figure


def _new(x_label: str, y_label: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(6, 3.7), layout="constrained")  # small, so that letters stay legible on a phone
    axes = figure.subplots()
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}".replace(",", "\u2009")))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylim(0, 1.02)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    return figure, axes


def _curve(
    axes: Axes,
    index: int,
    name: str,
    x: Sequence[float] | range,
    y: Sequence[float],
    low: Sequence[float] | None = None,
    high: Sequence[float] | None = None,
    *,
    marker: str = "",
    crowd: int = 1,
) -> None:
    colour = COLOURS[index % len(COLOURS)]
    axes.plot(
        x, y, color=colour, linestyle=DASHES[index % len(DASHES)], marker=marker, markersize=3, label=_label(name)
    )
    if low is not None and high is not None:
        axes.fill_between(x, low, high, color=colour, alpha=0.12 if crowd <= FEW else 0.05, linewidth=0)


def _label(name: str) -> str:
    """As matplotlib shows it: it reads $ as mathematics and a leading _ as "not in the legend"."""
    return name.replace("$", r"\$").lstrip("_") or "?"


def _finish(figure: Figure, axes: Axes, *, above: bool = False) -> Figure:
    low, high = axes.get_xlim()
    if axes.get_xscale() == "log" and high > low * 10_000:  # room for powers of ten alone
        axes.xaxis.set_major_locator(LogLocator())
    if axes.get_legend_handles_labels()[0]:
        if above:  # where no point can lie under it
            axes.legend(fontsize=9, frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0.2)
        else:
            axes.legend(fontsize=9, frameon=False)
    return figure
