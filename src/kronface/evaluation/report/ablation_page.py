"""An ablation's report: one self-contained HTML page, and the same tables as Markdown."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup
from matplotlib.figure import Figure

from kronface.evaluation.ablation_content import FIGURES, points, span_of, visible
from kronface.evaluation.report.ablation_figures import curve_figure, forest_figure, gain_figure
from kronface.evaluation.report.plots import to_svg
from kronface.files import write_text

DASH = "\u2014"


def build_ablation(content: Mapping[str, Any], *, page: Path, table: Path) -> None:
    """Writes the page and the Markdown tables.

    Args:
        content: what `ablation_content` gave.
        page: the HTML file.
        table: the Markdown file.
    """
    environment = Environment(
        loader=PackageLoader("kronface.evaluation.report"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": percent,
        "points": points,
        "span": span_of,
        "plain": lambda name: str(name).replace("_", " "),
        "share": lambda part: DASH if part is None else f"{percent(part['low'])} to {percent(part['high'])}",
    }
    separate = content["separate"]
    text = environment.get_template("ablation.html").render(
        content=content,
        names=FIGURES,
        visible=visible(content),
        forest=_drawn(forest_figure(content["arms"])),
        curves=_drawn(curve_figure(content["arms"])),
        gains=_drawn(None if separate is None else gain_figure(separate["rows"])),
    )
    write_text(page, text)
    write_text(table, markdown(content))


def _drawn(figure: Figure | None) -> Markup | None:
    return None if figure is None else Markup(to_svg(figure))  # noqa: S704 - our own SVG


def percent(value: float | None) -> str:
    """A share in per cent."""
    return DASH if value is None else f"{100 * value:.1f}"


def markdown(content: Mapping[str, Any]) -> str:
    """The arms' table, joint minus separate, and the sentences."""
    head = ["arm", "parameters", *(title for name in FIGURES.values() for title in (name, "minus joint"))]
    lines = [content["claim"]["sentence"], "", visible(content), "", _line(head), _line(["---"] * len(head))]
    for arm in content["arms"]:
        cells = [f"`{arm['name']}`", f"{arm['parameters']:,}"]
        for key in FIGURES:
            cells += [_share(arm["figures"][key]), _difference(arm["differences"][key])]
        lines.append(_line(cells))
    lines += ["", *(f"- {arm['sentence']}" for arm in content["arms"] if arm["sentence"])]
    if content.get("contrasts"):
        head = ["arm", "against", "what it has more", "rank-1, difference"]
        lines += ["", _line(head), _line(["---"] * len(head))]
        for row in content["contrasts"]:
            lines.append(_line([f"`{row['arm']}`", f"`{row['against']}`", row["what"], _difference(row["rank1"])]))
    if content["separate"] is not None:
        head = ["attribute", "accuracy, joint minus separate", "the paper", "balanced accuracy, joint minus separate"]
        lines += ["", _line(head), _line(["---"] * len(head))]
        for row in content["separate"]["rows"]:
            paper = DASH if row["paper"] is None else f"{row['paper']:+.2f}"
            name = row["attribute"].replace("_", " ")
            lines.append(_line([name, _difference(row["accuracy"]), paper, _difference(row["balanced_accuracy"])]))
        for title, key in (("mean of Table 1's nine", "table1"), ("mean of the text's ten", "fused")):
            mean = content["separate"]["means"][key]
            paper = f"{mean['paper']:+.2f}" if key == "table1" else f"around {mean['paper']:+.0f}"
            lines.append(_line([title, _difference(mean["accuracy"]), paper, _difference(mean["balanced_accuracy"])]))
        order = content["separate"]["order"]
        if order is not None:
            lines += ["", f"Order of the gains, rank correlation with the paper's: {_correlation(order)}."]
    return "\n".join([*lines, ""])


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _share(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return DASH
    return f"{percent(found['value'])} [{percent(found['low'])}, {percent(found['high'])}]"


def _difference(found: Mapping[str, Any] | None) -> str:
    return DASH if found is None else f"{points(found['value'])} [{points(found['low'])}, {points(found['high'])}]"


def _correlation(found: Mapping[str, Any]) -> str:
    return f"{found['value']:+.2f} [{found['low']:+.2f}, {found['high']:+.2f}]".replace("-", "\u2212")
