"""The figures of an ablation."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from kronface.evaluation.ablation_content import FIGURES
from kronface.evaluation.report.plots import COLOURS, DASHES, STYLE

CURVES: Mapping[str, str] = {
    "validation_rank1": "rank-1 of validation people",
    "validation_balanced_accuracy": "balanced accuracy of validation people",
}


def forest_figure(arms: Sequence[Mapping[str, Any]]) -> Figure | None:
    """Each arm minus the arm that it is compared with, with 95 % intervals, one panel per figure; None without any."""
    shown = [arm for arm in arms if arm["reference"] and any(arm["differences"].values())]
    if not shown:
        return None
    titles = {key: title for key, title in FIGURES.items() if any(arm["differences"][key] for arm in shown)}
    rows = -(-len(titles) // 2)
    with rc_context(STYLE):
        figure = Figure(figsize=(8.6, rows * (0.75 + 0.27 * len(shown))), layout="constrained")
        panels = figure.subplots(rows, 2, sharey=True, squeeze=False).ravel()
        for axes in panels[len(titles) :]:
            axes.set_visible(False)
        for axes, (key, title) in zip(panels, titles.items(), strict=False):
            _forest(axes, [arm["differences"][key] for arm in shown], [arm["name"] for arm in shown])
            axes.set_title(f"{title}, difference in points", fontsize=10, loc="left")
        return figure


def gain_figure(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Joint minus separate accuracy of each attribute with 95 % intervals, and the paper's differences."""
    with rc_context(STYLE):
        figure = Figure(figsize=(8.6, 1.0 + 0.3 * len(rows)), layout="constrained")
        axes = figure.subplots()
        _forest(axes, [row["accuracy"] for row in rows], [row["attribute"].replace("_", " ") for row in rows])
        known = [(row["paper"] / 100, place) for place, row in enumerate(rows) if row["paper"] is not None]
        axes.plot(*zip(*known, strict=True), "D", color=COLOURS[1], markersize=4, label="the paper's Table 1")
        axes.plot([], [], "o-", color=COLOURS[0], markersize=5, label="here")
        axes.legend(fontsize=9, frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.2)
        axes.set_xlabel("accuracy, joint minus separate, in points")
        return figure


def curve_figure(arms: Sequence[Mapping[str, Any]]) -> Figure:
    """What each arm is worth on validation people as training goes on: means over seeds, and their range."""
    shown = [arm for arm in arms if not arm["same_run_as"]]
    with rc_context(STYLE):
        figure = Figure(figsize=(8.6, 4.2), layout="constrained")
        for axes, (key, title) in zip(figure.subplots(1, 2), CURVES.items(), strict=True):
            for index, arm in enumerate(shown):
                if key in arm["curves"][0][0]:
                    _curve(axes, index, arm, key)
            axes.set_xlabel("image passes")
            axes.set_title(title, fontsize=10, loc="left")
            axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}".replace(",", "\u2009")))
        figure.legend(
            *_legend(figure.axes), fontsize=9, frameon=False, loc="outside upper left", ncols=5, handlelength=2.6
        )
        return figure


def _curve(axes: Axes, index: int, arm: Mapping[str, Any], key: str) -> None:
    passes = [row["passes"] for row in arm["curves"][0]]
    values = np.array([[row[key] for row in history] for history in arm["curves"]])
    colour, dash = COLOURS[index % len(COLOURS)], DASHES[index // len(COLOURS) % len(DASHES)]
    axes.plot(passes, values.mean(0), color=colour, linestyle=dash, label=arm["name"])
    axes.fill_between(passes, values.min(0), values.max(0), color=colour, alpha=0.1, linewidth=0)


def _legend(panels: Sequence[Axes]) -> tuple[list[Any], list[str]]:
    entries: dict[str, Any] = {}
    for axes in panels:
        handles, labels = axes.get_legend_handles_labels()
        entries |= dict(zip(labels, handles, strict=True))
    return list(entries.values()), list(entries)


def _forest(axes: Axes, differences: Sequence[Mapping[str, Any] | None], names: Sequence[str]) -> None:
    axes.axvline(0, color="#888888", linestyle="--", linewidth=1)
    for row, found in enumerate(differences):
        if found is not None:
            filled = COLOURS[0] if found["word"] in ("gains", "loses") else "#ffffff"
            axes.plot([found["low"], found["high"]], [row, row], color=COLOURS[0], linewidth=1.5)
            axes.plot([found["value"]], [row], "o", color=COLOURS[0], markerfacecolor=filled, markersize=5)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:+.3g}".replace("-", "\u2212")))
