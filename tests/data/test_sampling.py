import numpy as np
import pytest

from kronface.data.sampling import RoundBatches, epoch_order


def test_every_image_comes_once() -> None:
    np.testing.assert_array_equal(np.sort(epoch_order(1000, seed=3, epoch=7)), np.arange(1000))


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    first = epoch_order(100, seed=3, epoch=7)
    np.random.default_rng(0).random(10)
    np.testing.assert_array_equal(epoch_order(100, seed=3, epoch=7), first)


@pytest.mark.parametrize(("seed", "epoch"), [(3, 8), (4, 7), (7, 3)])
def test_other_epochs_and_seeds_have_other_orders(seed: int, epoch: int) -> None:
    assert (epoch_order(100, seed=seed, epoch=epoch) != epoch_order(100, seed=3, epoch=7)).mean() > 0.8


def test_rounds_of_an_epoch_are_its_order_cut_in_pieces() -> None:
    batches = RoundBatches(10, batch_size=3, seed=3)
    assert len(batches) == 3
    pieces = []
    for start, stop in ((0, 2), (2, 3)):
        batches.choose(7, start, stop)
        assert len(batches) == stop - start
        pieces += list(batches)
    assert {epoch for batch in pieces for epoch, _ in batch} == {7}
    rows = [row for batch in pieces for _, row in batch]
    assert rows == epoch_order(10, seed=3, epoch=7)[:9].tolist()
    assert [len(batch) for batch in pieces] == [3, 3, 3]
