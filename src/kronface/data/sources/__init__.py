"""One file per data set: a function from a root folder to records."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from kronface.data.records import Records
from kronface.data.sources.celeba import celeba
from kronface.data.sources.folder import folder
from kronface.errors import ConfigError

LAYOUTS: Mapping[str, Callable[..., Records]] = MappingProxyType({"celeba": celeba, "folder": folder})
"""The readers by the name of the layout."""


def read_source(layout: str, root: Path, *, official: bool = False, aligned: bool = False) -> Records:
    """The records of a data set.

    Args:
        layout: a name in `LAYOUTS`.
        root: the data set's folder.
        official: require the official set's counts (celeba).
        aligned: the pictures are crops at the reference points already (folder).

    Raises:
        ConfigError: an unknown layout, or an option that the layout does not have.
        DataError: what is wrong with the data set.
    """
    if layout not in LAYOUTS:
        raise ConfigError(f"unknown layout '{layout}': choose one of {', '.join(LAYOUTS)}")
    if official and layout != "celeba":
        raise ConfigError(f"the layout {layout} has no official counts: leave --official out")
    if aligned and layout != "folder":
        raise ConfigError(f"--aligned belongs to the layout folder: {layout} brings landmarks")
    return celeba(root, official=official) if layout == "celeba" else folder(root, aligned=aligned)
