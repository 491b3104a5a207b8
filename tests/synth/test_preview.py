from pathlib import Path

import numpy as np
import pytest

from kronface.errors import ConfigError
from kronface.faces.image import read_image
from kronface.synth.preview import GAP, STRIP, write_sheets


def test_sheets_are_the_same_again(tmp_path: Path) -> None:
    arguments = {"identities": 1, "images": 2, "seed": 3, "size": 40}
    files = [
        write_sheets(tmp_path / name, attributes=["Smiling", "Big_Nose"], **arguments)  # type: ignore[arg-type]
        for name in ("once", "again")
    ]
    assert [path.name for path in files[0]] == ["people.png", "attribute-Smiling.png", "attribute-Big_Nose.png"]
    for once, again in zip(*files, strict=True):
        assert once.read_bytes() == again.read_bytes()
    height = round(40 * 218 / 178) + GAP
    assert read_image(files[0][0]).shape == (STRIP + height, 2 * (40 + GAP), 3)
    sheet = read_image(files[0][1])
    assert sheet.shape == (2 * (STRIP + height), 2 * (40 + GAP), 3)
    above, below = sheet[STRIP : STRIP + height], sheet[2 * STRIP + height :]
    assert np.abs(above.astype(int) - below).mean() > 5


def test_wrong_arguments_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="images is 0"):
        write_sheets(tmp_path, images=0)
    with pytest.raises(ConfigError, match="'Attractive' is not labelled"):
        write_sheets(tmp_path, images=1, attributes=["Attractive"])
