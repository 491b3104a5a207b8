"""Figure 1: the network, drawn from what was built: names, shapes and parameters of its parts."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from kronface.data.attributes import FUSED, PREDICTED
from kronface.errors import ConfigError
from kronface.files import write_bytes, write_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from torch import Tensor, nn

    from kronface.network.network import Network

TIMES = " \u00d7 "

SIDE = 0.385
"""Half of a box's width; columns are 1 apart."""

IDENTITIES = 10_575
"""CASIA-WebFace's people: the class layer of the paper's last stage."""


@dataclass(frozen=True)
class Part:
    """A box of the figure."""

    room: str
    """The part of the network that it belongs to: trunk, attribute branch, fusion, identity branch."""
    name: str
    output: tuple[int, ...]
    """What comes out of it, for one face: (height, width, channels), or (length,)."""
    parameters: int

    def shape(self) -> str:
        """The output as it is written."""
        return TIMES.join(_number(side) for side in self.output)


def figure_1(
    *,
    out: Path = Path("runs/figures"),
    checkpoint: Path | None = None,
    variant: str = "vgg19",
    arm: Literal["identity-only", "attributes-only", "joint"] = "joint",
    identities: int = IDENTITIES,
    predicted: list[str] = list(PREDICTED),  # noqa: B006 - never changed
    fused: list[str] = list(FUSED),  # noqa: B006 - never changed
    fusion: str = "kronecker",
    size: int = 112,
) -> str:
    """Draws the network from what is built: names, shapes, parameters. Leaves figure-1.svg, .pdf, .png and .txt.

    Args:
        out: folder for the files.
        checkpoint: the network to draw; without one it is built from the options below.
        variant: vgg19, vgg19-half, vgg19-quarter or compact.
        arm: identity-only, attributes-only or joint.
        identities: of the class layer.
        predicted: attributes.
        fused: attributes, of the predicted ones.
        fusion: kronecker, kronecker-tanh, kronecker-detached, concatenation or none.
        size: side of the aligned face in pixels.

    Returns:
        The same as a table, and where the figure is.

    Raises:
        ConfigError: an impossible network.
        CheckpointError: the checkpoint cannot be read.
    """
    from kronface.evaluation.report.files import write_vectors
    from kronface.evaluation.report.plots import to_png, to_svg
    from kronface.network.network import Network
    from kronface.network.variants import build

    if checkpoint is not None:
        network = Network.from_pretrained(checkpoint)
        title = str(checkpoint)
    else:
        network = build(
            variant=variant,
            arm=arm,
            identities=identities,
            predicted=predicted,
            fused=fused,
            fusion=fusion,
            size=size,
        ).eval()
        title = f"{variant}, {arm}"
    parts = measure_parts(network)
    total = sum(parameter.numel() for parameter in network.parameters())
    if sum(part.parameters for part in parts) != total:
        raise ConfigError(f"{title} has parts that figure 1 does not know: draw a network of kronface train")
    text = describe(parts, total)
    figure = draw(parts, f"{title}: {_number(total)} parameters")
    write_text(out / "figure-1.txt", text + "\n")
    write_vectors(out / "figure-1", to_svg(figure), figure)
    write_bytes(out / "figure-1.png", to_png(figure))
    return f"{text}\n\nfigure: {out / 'figure-1.png'}"


def measure_parts(network: "Network") -> list[Part]:
    """The parts in the order of the forward pass, their outputs taken from a face that runs through them."""
    import torch

    if not network.trunk.pools:
        raise ConfigError("figure 1 shows the paper's architecture: draw a network with a VGG-19 trunk")
    with torch.no_grad():
        face = network.preprocess(torch.zeros((1, network.size, network.size, 3), dtype=torch.uint8))
        parts, feature_map = _trunk_parts(network, face)
        u = network.trunk.forward_pool(feature_map)
        parts.append(Part("trunk", "global average pooling: u", _shape(u), 0))
        branch, identities = network.attribute_branch, network.identity_branch
        v = network.forward_attributes(u)
        if branch is not None and v is not None:
            hidden = branch.forward_hidden(u)
            parts.append(Part("attribute branch", "FC", _shape(hidden), _count(branch.hidden, branch.norm)))
            parts.append(Part("attribute branch", "FC: attribute logits v", _shape(v), _count(branch.logits)))
        fused = network.forward_fusion(u, v)
        if network.fusion is not None:
            name = {"kronecker": "u ⊗ v", "kronecker-detached": "u ⊗ v, no gradient to v"}
            name |= {"kronecker-tanh": "u ⊗ [1, tanh v]", "concatenation": "[u, v]"}
            kind = str((network.architecture or {}).get("fusion"))
            parts.append(Part("fusion", name.get(kind, kind), _shape(fused), _count(network.fusion)))
        if identities is not None:
            first = _shape(identities.hidden(fused))
            parts.append(Part("identity branch", "FC", first, _count(identities.hidden, identities.norm)))
            if identities.reduction is not None:
                embedding = _shape(identities.forward_hidden(fused))
                parts.append(Part("identity branch", "FC", embedding, _count(identities.reduction)))
            logits = identities(fused)
            if identities.logits is not None and logits is not None:
                parts.append(Part("identity branch", "FC: identity logits", _shape(logits), _count(identities.logits)))
    return parts


def _trunk_parts(network: "Network", face: "Tensor") -> tuple[list[Part], "Tensor"]:
    """A part for each run of convolutions and each pooling; and the last map."""
    from torch import nn

    parts: list[Part] = []
    run: list[nn.Module] = []

    def end(output: "Tensor") -> None:
        convolutions = [module for module in run if isinstance(module, nn.Conv2d)]
        if convolutions:
            side = convolutions[0].kernel_size[0]
            parts.append(Part("trunk", f"{len(convolutions)}{TIMES}conv {side}x{side}", _shape(output), _count(*run)))
        run.clear()

    assert isinstance(network.trunk.features, nn.Sequential)
    for module in network.trunk.features:
        if isinstance(module, nn.MaxPool2d):
            end(face)
            face = module(face)
            parts.append(Part("trunk", "max-pool 2x2", _shape(face), 0))
        else:
            begun = run[0] if run else None
            if (
                isinstance(module, nn.Conv2d)
                and isinstance(begun, nn.Conv2d)
                and begun.kernel_size != module.kernel_size
            ):
                end(face)
            run.append(module)
            face = module(face)
    end(face)
    return parts, face


def _shape(output: "Tensor") -> tuple[int, ...]:
    _, *sides = output.shape
    return tuple(sides) if len(sides) == 1 else (*sides[1:], sides[0])


def _count(*modules: "nn.Module") -> int:
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


def _number(value: int) -> str:
    return f"{value:,}".replace(",", "\u2009")


def describe(parts: Sequence[Part], total: int) -> str:
    """The parts as a table."""
    lines = [f"{'part':17} {'layer':27} {'output of one face':>18} {'parameters':>12}"]
    for part in parts:
        shape = " x ".join(str(side) for side in part.output)
        lines.append(f"{part.room:17} {part.name:27} {shape:>18} {part.parameters:12,}")
    return "\n".join([*lines, f"{'all':17} {'':27} {'':>18} {total:12,}"])


def draw(parts: Sequence[Part], title: str) -> "Figure":
    """The trunk in a row, the attribute branch above it, fusion and identity branch going on from u."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    from kronface.evaluation.report.plots import STYLE

    boxes = [part for part in parts if part.name != "max-pool 2x2"]
    columns: list[tuple[Part, float, float]] = []  # part, column, row
    last_of_trunk = sum(part.room == "trunk" for part in boxes) - 1
    upper = [part for part in boxes if part.room == "attribute branch"]
    lower = [part for part in boxes if part.room in ("fusion", "identity branch")]
    columns += [(part, float(place), 0.0) for place, part in enumerate(boxes[: last_of_trunk + 1])]
    columns += [(part, last_of_trunk + 1.0 + place, 1.0) for place, part in enumerate(upper)]
    after = last_of_trunk + 1 + (len(upper) if any(part.room == "fusion" for part in lower) else 0)
    columns += [(part, float(after + place), 0.0) for place, part in enumerate(lower)]
    width = max(column for _, column, _ in columns) + 1
    with rc_context(STYLE):
        figure = Figure(figsize=(1.36 * width, 2.6 if upper else 1.6), layout="constrained")
        axes = figure.subplots()
        axes.set_xlim(-0.55, width - 0.45)
        axes.set_ylim(-0.62, 1.5 if upper else 0.62)
        axes.set_axis_off()
        axes.set_title(title, fontsize=10, loc="left")
        for part, column, row in columns:
            _box(axes, part, column, row)
        for (part, column, _), (following, _, _) in pairwise(columns):
            if part.room == following.room == "trunk":
                pooled = following.name.startswith("global")
                _arrow(axes, (column + SIDE, 0), (column + 1 - SIDE, 0), "" if pooled else "pool")
        u = float(last_of_trunk)
        if upper:
            _arrow(axes, (u + 0.2, 0.36), (u + 1 - SIDE, 0.85))
            for place in range(1, len(upper)):
                _arrow(axes, (u + place + SIDE, 1), (u + place + 1 - SIDE, 1))
        if lower:
            _arrow(axes, (u + SIDE, 0), (after - SIDE, 0), "u" if after > u + 1 else "")
            for place in range(1, len(lower)):
                _arrow(axes, (after + place - 1 + SIDE, 0), (after + place - SIDE, 0))
            if upper and lower[0].room == "fusion":
                _arrow(axes, (u + len(upper) + 0.3, 0.64), (after - 0.2, 0.36), "fused")
        return figure


COLOURS = {"trunk": "#d6e6f2", "attribute branch": "#d9efe5", "fusion": "#fbe6c8", "identity branch": "#f3dbe8"}


def _box(axes: "Axes", part: Part, column: float, row: float) -> None:
    from matplotlib.patches import FancyBboxPatch

    style = "round,pad=0,rounding_size=0.06"
    corner = (column - SIDE, row - 0.36)
    axes.add_patch(
        FancyBboxPatch(corner, 2 * SIDE, 0.72, boxstyle=style, facecolor=COLOURS[part.room], edgecolor="#555555")
    )
    name = part.name.replace("global average pooling: u", "average\npooling: u").replace(": ", ":\n")
    lines = [name.replace("average\npooling:\nu", "average\npooling: u"), part.shape()]
    if part.parameters:
        lines.append(_number(part.parameters))
    axes.text(column, row, "\n".join(lines), ha="center", va="center", fontsize=7.5, linespacing=1.25)


def _arrow(axes: "Axes", start: tuple[float, float], end: tuple[float, float], text: str = "") -> None:
    axes.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": "#333333", "linewidth": 1})
    if text:
        axes.text((start[0] + end[0]) / 2, (start[1] + end[1]) / 2 + 0.06, text, ha="center", fontsize=6.5)
