"""One file per data set: a function from a root folder to records, and what is known of the set's layout."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from kronface.data.layout import Layout
from kronface.data.records import Records
from kronface.data.sources import (
    casia,
    celeba,
    celeba_csv,
    celeba_hub,
    facescrub,
    fgnet,
    folder,
    ijb,
    lfw,
    megaface,
    packed,
    recordio,
)
from kronface.errors import ConfigError

_ALL = (
    celeba.LAYOUT,
    celeba_csv.LAYOUT,
    celeba_hub.LAYOUT,
    casia.LAYOUT,
    recordio.LAYOUT,
    packed.LAYOUT,
    folder.LAYOUT,
    lfw.LAYOUT,
    facescrub.LAYOUT,
    megaface.LAYOUT,
    fgnet.LAYOUT,
    ijb.LAYOUT,
)

LAYOUTS: Mapping[str, Layout] = MappingProxyType({layout.name: layout for layout in _ALL})
"""Every layout by its name."""


def find_layout(name: str) -> Layout:
    """The layout of a name.

    Raises:
        ConfigError: there is none.
    """
    if name not in LAYOUTS:
        raise ConfigError(f"unknown layout '{name}': choose one of {', '.join(LAYOUTS)}")
    return LAYOUTS[name]


def read_source(
    layout: str,
    root: Path,
    *,
    official: bool = False,
    aligned: bool = False,
    overlap: str = "as-paper",
    split: str | None = None,
) -> Records:
    """The records of a data set, or of one of its splits.

    Args:
        layout: a name in `LAYOUTS`.
        root: the data set's folder.
        official: require the official set's counts.
        aligned: the pictures are crops at the reference points already.
        overlap: of CASIA-WebFace with the usual tests: as-paper keeps it, removed leaves those people out.
        split: train, validation or test; None for all.

    Raises:
        ConfigError: an unknown layout or split, an option that the layout does not have, or a split without pictures.
        DataError: what is wrong with the data set.
    """
    if split is not None and split not in ("train", "validation", "test"):
        raise ConfigError(f"split is {split}: it must be train, validation or test")
    found = find_layout(layout)
    given = {"official": official, "aligned": aligned, "overlap": overlap}
    plain = {"official": False, "aligned": False, "overlap": "as-paper"}
    for option, value in given.items():
        if value != plain[option] and option not in found.options:
            those = ", ".join(other.name for other in LAYOUTS.values() if option in other.options)
            raise ConfigError(f"--{option} does not belong to the layout {layout}, but to {those}")
    records = found.read(root, **{option: given[option] for option in found.options})
    if split is None:
        return records
    part = records.select(split=split)
    if len(part) == 0:
        raise ConfigError(f"{root} has no pictures in the {split} split: leave --split out, or choose another")
    return part
