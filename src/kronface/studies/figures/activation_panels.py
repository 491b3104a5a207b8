"""How figure 4 is drawn: pictures, and maps laid over them."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from kronface.evaluation.report.plots import STYLE

COLOURS = "inferno"


@dataclass(frozen=True)
class Panel:
    """One picture with its maps."""

    attribute: str
    framing: str
    """Aligned or whole."""
    image: NDArray[np.uint8]
    """(H, W, 3) RGB."""
    region: NDArray[np.bool_]
    """(H, W) the part of the face that the attribute is about."""
    maps: Mapping[str, NDArray[np.float32]]
    """(H, W) by kind."""


def draw(panels: Sequence[Panel]) -> dict[str, bytes]:
    """PNG and PDF by their suffixes: a row per attribute, each picture with its maps beside it; outlined: the part."""
    rows = list(dict.fromkeys(panel.attribute for panel in panels))
    of = {name: [panel for panel in panels if panel.attribute == name] for name in rows}
    kinds = list(panels[0].maps)
    order = {name: sorted(of[name], key=lambda panel: panel.framing) for name in rows}  # aligned faces first
    columns = max(len(group) for group in order.values()) * (1 + len(kinds))
    with rc_context(STYLE):
        figure = Figure(figsize=(1.25 * columns + 0.4, 1.3 * len(rows) + 0.3), layout="constrained", dpi=160)
        grid = figure.subplots(len(rows), columns, squeeze=False)
        for axes in grid.ravel():
            axes.set_axis_off()
        for name, line in zip(rows, grid, strict=True):
            for place, panel in enumerate(order[name]):
                first = place * (1 + len(kinds))
                _show(line[first], panel, None)
                for column, kind in enumerate(kinds, first + 1):
                    _show(line[column], panel, kind)
            line[0].text(
                -0.06, 0.5, name.replace("_", " "), rotation=90, va="center", ha="right", transform=line[0].transAxes
            )
        for place, panel in enumerate(order[rows[0]]):
            for column, title in enumerate(({"aligned": "aligned", "whole": "whole picture"}[panel.framing], *kinds)):
                grid[0][place * (1 + len(kinds)) + column].set_title(title, fontsize=9)
        files = {}
        for suffix, metadata in (("png", {"Software": None}), ("pdf", {"CreationDate": None})):
            content = io.BytesIO()
            figure.savefig(content, format=suffix, metadata=metadata)
            files[suffix] = content.getvalue()
        return files


def _show(axes: Axes, panel: Panel, kind: str | None) -> None:
    if kind is None:
        axes.imshow(panel.image)
        if panel.region.any():
            axes.contour(panel.region, levels=[0.5], colors="#ffffff", linewidths=0.7)
        return
    map_ = panel.maps[kind]
    axes.imshow(panel.image.mean(2), cmap="gray")
    low, high = float(map_.min()), float(map_.max())
    scaled = (map_ - low) / (high - low) if high > low else np.zeros_like(map_)
    axes.imshow(scaled, cmap=COLOURS, alpha=0.65, vmin=0, vmax=1)
