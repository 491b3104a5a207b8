"""What `kronface train` adds around the training itself."""

from pathlib import Path

import polars as pl
import pytest

from kronface.data.records import Records
from kronface.errors import ConfigError
from kronface.studies.training_source import hold_out


def people(count: int) -> Records:
    rows = [(f"{k}/{i}.jpg", f"p{k:03d}") for k in range(count) for i in range(3)]
    return Records.from_columns(Path(), pl.DataFrame(rows, schema=["path", "identity"], orient="row"), name="folder")


def test_a_share_of_the_people_is_held_out_and_no_person_is_split() -> None:
    records = hold_out(people(50), 0.2, seed=1)
    train, validation = (records.select(split=name) for name in ("train", "validation"))
    assert (len(train.identities()), len(validation.identities())) == (40, 10)
    assert not set(train.identities()) & set(validation.identities())
    assert validation.identities() == hold_out(people(50), 0.2, seed=1).select(split="validation").identities()
    assert validation.identities() != hold_out(people(50), 0.2, seed=2).select(split="validation").identities()


def test_too_few_people_are_all_trained_on() -> None:
    assert len(hold_out(people(30), 0.1, seed=1).select(split="train").identities()) == 30


def test_impossible_shares() -> None:
    with pytest.raises(ConfigError, match="held_out"):
        hold_out(people(30), 1.0, seed=1)
