"""Pictures that lie in no files of their own: records of a pack, rows of a table, arrays of faces."""

from pathlib import Path
from typing import Protocol

from kronface.faces.image import Image, read_image


class Store(Protocol):
    """Where pictures lie. It can be pickled: processes that read side by side get a copy."""

    @property
    def start_method(self) -> str | None:
        """How such processes must be started ('spawn'); None where the system's way will do."""

    def picture(self, path: str) -> Image:
        """The picture of a path in the records, (H, W, 3) uint8 RGB.

        Raises:
            ImageError: it cannot be read.
        """


def read_picture(root: Path, path: str, store: Store | None) -> Image:
    """One picture of some records, (H, W, 3) uint8 RGB: from the store, or without one from its file below the root.

    Raises:
        ImageError: the picture cannot be read; names it.
    """
    return read_image(root / path) if store is None else store.picture(path)
