"""What is known of a layout besides how to read it: what belongs where, whose it is, and under which terms."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kronface.data.records import Records


@dataclass(frozen=True)
class Part:
    """Something that a data set consists of."""

    what: str
    """In words."""
    places: tuple[str, ...]
    """Patterns relative to the set's folder, the usual one first; something at any of them will do."""
    source: str
    """What a user without it has to do."""

    def is_there(self, root: Path) -> bool:
        """Whether something lies at one of the places."""
        return any(next(root.glob(place), None) is not None for place in self.places)

    def missing(self, root: Path) -> str:
        """What a user is told where it is not there: what, where it goes, where to get it."""
        return f"{root}/{self.places[0]} is missing ({self.what}): {self.source}"


@dataclass(frozen=True)
class Layout:
    """A data set's shape on disk."""

    name: str
    """As `--layout` has it."""
    title: str
    """As its owners call it."""
    read: Callable[..., Records]
    """From the root folder, and the options below, to records."""
    owner: str
    """The name that a form of consent or a report asks for."""
    terms: str
    ask: str
    """Where to get it."""
    parts: tuple[Part, ...]
    """What must be there."""
    options: tuple[str, ...] = ()
    """Keywords of the reader: official, aligned, overlap."""

    def line(self) -> str:
        """Whose it is, under which terms, and where to ask, in one line."""
        return f"{self.title}: {self.owner}; {self.terms}; {self.ask}"
