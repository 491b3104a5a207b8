"""Metrics over batches and processes against the pure functions on whole arrays: the same numbers, to the last bit."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, distributed
from torch.multiprocessing.spawn import spawn

from kronface.errors import ConfigError, DataError
from kronface.evaluation.attributes import score
from kronface.evaluation.identification import closed_set
from kronface.evaluation.torch_metrics import AttributeMetrics, ClosedSetRank1

NAMES = ("Male", "Young", "Bald")
THRESHOLDS = (0.4, 0.5, 0.6)
IMAGES, PEOPLE = 120, 13


def whole() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Probabilities, labels, embeddings and people (numbers of two digits and of one) of a small set."""
    rng = np.random.default_rng(8)
    people = rng.integers(0, PEOPLE, IMAGES)
    labels = (rng.random((IMAGES, 3)) < (0.4, 0.6, 0.0)).astype(np.float32)
    labels[rng.random(labels.shape) < 0.2] = np.nan
    chances = rng.random((IMAGES, 3)).astype(np.float32)
    vectors = (rng.normal(size=(PEOPLE, 6))[people] + rng.normal(size=(IMAGES, 6))).astype(np.float32)
    chances[5] = vectors[5] = np.nan
    return torch.from_numpy(chances), torch.from_numpy(labels), torch.from_numpy(vectors), torch.from_numpy(people)


def expected() -> tuple[dict[str, list[float]], float]:
    chances, labels, vectors, people = (part.numpy() for part in whole())
    names = np.array([f"{number:02}" for number in range(PEOPLE)])[people]
    found = score(chances, labels, names, NAMES, threshold=THRESHOLDS, resamples=40, seed=4)
    entries = [asdict(found[name]) for name in NAMES]
    figures = {key: [np.nan if e[key] is None else float(e[key]) for e in entries] for key in entries[0]}
    return figures, closed_set(vectors, names, draws=3, seed=2).rank1


def metrics() -> tuple[AttributeMetrics, ClosedSetRank1]:
    return AttributeMetrics(NAMES, threshold=THRESHOLDS, resamples=40, seed=4), ClosedSetRank1(draws=3, seed=2)


def update(attributes: AttributeMetrics, rank1: ClosedSetRank1, rows: Tensor) -> None:
    chances, labels, vectors, people = whole()
    attributes.update(rows, chances[rows], labels[rows], people[rows])
    rank1.update(rows, vectors[rows], people[rows])


def check(attributes: AttributeMetrics, rank1: ClosedSetRank1) -> None:
    figures, rate = expected()
    found = attributes.compute()
    assert set(found) == set(figures)
    for key, values in found.items():
        assert values.dtype == torch.float64
        np.testing.assert_array_equal(values.numpy(), figures[key], err_msg=key)
    assert float(rank1.compute()) == rate
    assert 0.2 < rate < 0.95


def test_batches_in_any_order_with_rows_twice() -> None:
    order = torch.randperm(IMAGES, generator=torch.Generator().manual_seed(0))
    attributes, rank1 = metrics()
    for batch in torch.cat([order, order[:7]]).split(11):
        update(attributes, rank1, batch)
    check(attributes, rank1)
    attributes.reset()
    rank1.reset()
    update(attributes, rank1, torch.arange(IMAGES))
    check(attributes, rank1)
    check(attributes.clone(), rank1.clone())  # type: ignore[arg-type]


def test_forward_keeps_what_it_is_given() -> None:
    chances, labels, _, people = whole()
    attributes = AttributeMetrics(NAMES, threshold=THRESHOLDS, resamples=40, seed=4)
    for batch in torch.arange(IMAGES).split(50):
        first = attributes(batch, chances[batch], labels[batch], people[batch])
        assert first["images"].tolist() == (~labels[batch].isnan()).sum(0).tolist()
    np.testing.assert_array_equal(attributes.compute()["accuracy"].numpy(), expected()[0]["accuracy"])


def process(rank: int, count: int, meeting: str) -> None:
    """One of `count`: a sampler deals the rows in turn, some of them twice; at last one process gets none."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=count)
    try:
        for empty in (count, count - 1):
            attributes, rank1 = metrics()
            rows = torch.cat([torch.arange(IMAGES), torch.arange(5)])
            if rank != empty:
                dealt = rows[rank::count] if empty == count else rows
                for batch in dealt.split(9):
                    update(attributes, rank1, batch)
            check(attributes, rank1)
            update(attributes, rank1, torch.arange(2))  # the rows of others are given back, and there is more to come
            check(attributes, rank1)
    finally:
        distributed.destroy_process_group()


def test_two_processes_see_what_one_sees(tmp_path: Path) -> None:
    spawn(process, args=(2, (tmp_path / "meeting").as_uri()), nprocs=2)


def test_what_does_not_fit_is_refused() -> None:
    attributes, rank1 = metrics()
    rows, people = torch.arange(2), torch.tensor([0, 1])
    with pytest.raises(DataError, match="do not fit"):
        attributes.update(rows, torch.zeros(1, 3), torch.zeros(2, 3), people)
    with pytest.raises(DataError, match="do not fit"):
        rank1.update(rows, torch.zeros(2, 3), torch.zeros(3))
    with pytest.raises(DataError, match="4 numbers a row where 3"):
        attributes.update(rows, torch.zeros(2, 3), torch.zeros(2, 4), people)
    with pytest.raises(DataError, match="below 0"):
        rank1.update(rows, torch.zeros(2, 3), people - 1)
    with pytest.warns(UserWarning, match="before"), pytest.raises(DataError, match="nothing was measured"):
        ClosedSetRank1().compute()
    rank1.update(rows, torch.ones(2, 3), people)
    rank1.update(rows, torch.ones(2, 3), people + 1)
    with pytest.raises(DataError, match="row 0 shows two people"):
        rank1.compute()
    with pytest.raises(ConfigError, match="draws"):
        ClosedSetRank1(draws=0)
