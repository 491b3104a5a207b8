"""What a report is made of: sections with tables, figures and faces, in the order in which the page shows them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from kronface.evaluation.report.plots import to_svg
from kronface.evaluation.report.table import Table


@dataclass(frozen=True)
class Plot:
    """A figure."""

    name: str
    """Of its files."""
    title: str
    """Heading; may be empty."""
    description: str
    """For those who cannot see it."""
    figure: Figure

    kind = "plot"

    @property
    def svg(self) -> Markup:
        """For the page."""
        return Markup(to_svg(self.figure))  # noqa: S704 - our own SVG, in which matplotlib escapes names


@dataclass(frozen=True)
class Words:
    """A paragraph."""

    text: str

    kind = "words"


@dataclass(frozen=True)
class Faces:
    """Pictures of people, as the template knows to lay them out."""

    kind: str
    """samples, matches or measured."""
    title: str
    content: Any


Part = Table | Plot | Words | Faces


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it."""

    title: str
    parts: tuple[Part, ...]
    note: str = ""


def tables_and_plots(sections: Sequence[Section]) -> list[Table | Plot]:
    """All of them, in the order of the page."""
    return [part for section in sections for part in section.parts if isinstance(part, Table | Plot)]
