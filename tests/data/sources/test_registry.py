from pathlib import Path

import pytest

from kronface.data.sources import LAYOUTS, read_source
from kronface.errors import ConfigError
from tests.data.conftest import WriteCeleba, WritePeople


def test_every_layout_gives_records(write_celeba: WriteCeleba, write_people: WritePeople) -> None:
    roots = {"celeba": write_celeba(pictures=False), "folder": write_people({"ann": 1, "bob": 2})}
    assert set(roots) == set(LAYOUTS)
    for layout, root in roots.items():
        records = read_source(layout, root)
        assert records.name == layout
        assert records.root == root
        assert len(records) > 0


def test_options_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown layout 'lfw': choose one of celeba, folder"):
        read_source("lfw", tmp_path)
    with pytest.raises(ConfigError, match="official"):
        read_source("folder", tmp_path, official=True)
    with pytest.raises(ConfigError, match="aligned"):
        read_source("celeba", tmp_path, aligned=True)
