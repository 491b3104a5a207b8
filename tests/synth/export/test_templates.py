import json
from pathlib import Path

import numpy as np
import pytest

from kronface.synth.export.templates import Sample, sizes, write_distractor_lists


@pytest.mark.parametrize(("size", "total"), [(0, 5), (3, 10), (10, 10), (1, 1)])
def test_a_sample_has_its_size(size: int, total: int) -> None:
    for seed in range(20):
        sample = Sample(size, total, np.random.default_rng(seed))
        assert sum(sample.takes_next() for _ in range(total)) == size


def test_every_thing_is_as_likely_as_any_other() -> None:
    counts = np.zeros(8)
    for seed in range(4000):
        sample = Sample(3, 8, np.random.default_rng(seed))
        counts += [sample.takes_next() for _ in range(8)]
    assert np.abs(counts / 4000 - 3 / 8).max() < 4 * np.sqrt(3 / 8 * 5 / 8 / 4000)


def test_sizes() -> None:
    assert sizes(9) == []
    assert sizes(10) == [10]
    assert sizes(99_999) == [10, 100, 1000, 10_000]


def test_lists_of_a_set_are_independent_not_nested(tmp_path: Path) -> None:
    paths = [f"{number:04d}.jpg" for number in range(2000)]
    write_distractor_lists(tmp_path, paths, total=2000, seed=1)
    lists = {
        path.name.removeprefix("megaface_features_list.json_"): json.loads(path.read_text())["path"]
        for path in (tmp_path / "templatelists").iterdir()
    }
    assert sorted(lists) == sorted(f"{size}_{number}" for size in (10, 100, 1000) for number in (1, 2, 3))
    assert {name: len(set(chosen)) for name, chosen in lists.items()} == {
        name: int(name.split("_")[0]) for name in lists
    }
    # 100 and 1,000 of 2,000 share 50 by chance, not 100.
    assert 30 < len(set(lists["100_1"]) & set(lists["1000_1"])) < 70
    again = tmp_path / "again"
    write_distractor_lists(again, paths, total=2000, seed=1)
    assert (again / "templatelists" / "megaface_features_list.json_10_1").read_text() == json.dumps(
        {"path": lists["10_1"]}
    )
