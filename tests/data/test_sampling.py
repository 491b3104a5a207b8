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


def replayed(step: int, count: int, length: int, seed: int) -> list[tuple[int, int]]:
    """The slow way: all orders one after the other, and of that the step's piece."""
    stream = [(passed, int(row)) for passed in range(20) for row in epoch_order(length, seed=seed, epoch=passed)]
    return stream[step * count : (step + 1) * count]


def test_replayed_images_follow_an_order_of_their_own_over_all_epochs() -> None:
    batches = RoundBatches(10, batch_size=5, seed=3, replayed=2, replayed_length=7)
    assert len(batches) == batches.per_epoch == 3  # three of each batch are the training set's
    step = 0
    for epoch in range(4):
        for start, stop in ((0, 2), (2, 3)):
            batches.choose(epoch, start, stop)
            for batch in batches:
                assert [row for _, row in batch[:3]] == epoch_order(10, seed=3, epoch=epoch)[
                    3 * (step % 3) : 3 * (step % 3) + 3
                ].tolist()
                assert [(passed, row - 10) for passed, row in batch[3:]] == replayed(step, 2, 7, 3)
                step += 1
    # From any step on without those before it, as a resumed run needs it; and more than one pass in a batch.
    other = RoundBatches(10, batch_size=5, seed=3, replayed=2, replayed_length=7)
    other.choose(3, 1, 2)
    assert [(passed, row - 10) for passed, row in next(iter(other))[3:]] == replayed(10, 2, 7, 3)
    small = RoundBatches(10, batch_size=9, seed=3, replayed=7, replayed_length=3)
    small.choose(1, 0, 1)
    assert [(passed, row - 10) for passed, row in next(iter(small))[2:]] == replayed(5, 7, 3, 3)
