import json
from pathlib import Path

import numpy as np
import pytest

from kronface.cli import synth
from kronface.data.attributes import CELEBA, PREDICTED
from kronface.errors import ConfigError
from kronface.synth.head import Head
from kronface.synth.person import make_person
from kronface.synth.settings import Rendering
from kronface.synth.statistics import TRAITS, Table, as_text, correlations, describe, draw_people, draw_table, interval


def test_correlations_are_numpys() -> None:
    rng = np.random.default_rng(2)
    male = rng.random(500) < 0.4
    bald = male & (rng.random(500) < 0.3)
    age, none = rng.normal(40, 9, 500) + 5 * bald, np.zeros(500)
    columns = [male, bald, age]
    np.testing.assert_allclose(correlations(columns, columns), np.corrcoef(columns), atol=1e-12)
    np.testing.assert_allclose(correlations([bald], [age, male])[0], np.corrcoef(columns)[1, [2, 0]], atol=1e-12)
    assert np.isnan(correlations([none], columns)).all()


def test_phi_is_that_of_the_fourfold_table() -> None:
    a, b = np.repeat([1, 1, 0, 0], (30, 10, 20, 40)), np.repeat([1, 0, 1, 0], (30, 10, 20, 40))
    assert correlations([a], [b])[0, 0] == pytest.approx((30 * 40 - 10 * 20) / np.sqrt(40 * 60 * 50 * 50))


def test_intervals_are_exact() -> None:
    """Clopper and Pearson's bounds are the shares at which the count seen would be too rare by half of one per cent."""
    from scipy.stats import binom

    low, high = interval(7, 40)
    assert binom.sf(6, 40, low) == pytest.approx(0.005)
    assert binom.cdf(7, 40, high) == pytest.approx(0.005)
    assert interval(0, 40)[0] == 0.0
    assert interval(0, 40)[1] == pytest.approx(1 - 0.005 ** (1 / 40))
    assert interval(40, 40)[1] == 1.0


def test_a_table_is_described(head: Head) -> None:
    table = draw_table(120, seed=6)
    assert list(table.attributes) == [name for name in CELEBA if name in table.attributes]
    assert set(PREDICTED) <= set(table.attributes)
    assert set(table.traits) == set(TRAITS)
    np.testing.assert_array_equal(table.attributes["Male"], table.traits["male"])
    found = describe(table)
    for name, row in found["rates"].items():
        assert row["rate"] == pytest.approx(table.attributes[name].mean(), abs=1e-5)
        assert row["low"] <= row["rate"] <= row["high"]
    assert found["rates"]["Young"]["celeba"] == 0.78
    assert found["rates"]["Smiling"]["celeba"] is None
    assert found["traits"]["matrix"][list(table.attributes).index("Male")][0] == 1
    text = as_text(found)
    assert "0.7800" in text
    assert "chosen" in text
    assert len(text.splitlines()) > 2 * len(table.attributes)


def test_constant_attributes_have_no_correlation() -> None:
    column = np.array([0, 1, 1], np.int8)
    traits = {name: np.array([1.0, 2.0, 4.0]) for name in TRAITS}
    found = describe(Table({"Male": column, "Bald": 0 * column}, traits))
    assert found["phi"]["matrix"] == [[1.0, None], [None, None]]
    assert "-" in as_text(found).splitlines()[-1]


def test_people_by_the_dozen_are_those_made_one_by_one(head: Head) -> None:
    for person in draw_people(head, [3, 9], 6, Rendering()):
        alone = make_person(head, person.identity.number, 6)
        assert person.labels == alone.labels
        assert person.habits == alone.habits
        assert (person.appearance.tone, person.appearance.beard) == (alone.appearance.tone, alone.appearance.beard)
    with pytest.raises(ConfigError, match="at least 1"):
        draw_table(0, seed=1)


def test_the_command_writes_what_the_page_is_made_of(tmp_path: Path) -> None:
    path = tmp_path / "statistics.json"
    text = synth.describe(identities=40, seed=3, json=path)
    assert text.endswith("40 people of seed 3")
    found = json.loads(path.read_text(encoding="utf-8"))
    assert (found["identities"], found["seed"]) == (40, 3)
    assert found["rates"] == describe(draw_table(40, seed=3))["rates"]
