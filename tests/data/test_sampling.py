import numpy as np
import pytest

from kronface.data.sampling import epoch_order


def test_every_image_comes_once() -> None:
    np.testing.assert_array_equal(np.sort(epoch_order(1000, seed=3, epoch=7)), np.arange(1000))


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    first = epoch_order(100, seed=3, epoch=7)
    np.random.default_rng(0).random(10)
    np.testing.assert_array_equal(epoch_order(100, seed=3, epoch=7), first)


@pytest.mark.parametrize(("seed", "epoch"), [(3, 8), (4, 7), (7, 3)])
def test_other_epochs_and_seeds_have_other_orders(seed: int, epoch: int) -> None:
    assert (epoch_order(100, seed=seed, epoch=epoch) != epoch_order(100, seed=3, epoch=7)).mean() > 0.8
