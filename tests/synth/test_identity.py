import numpy as np
import pytest
from scipy.stats import binom

from kronface.synth.head import Head
from kronface.synth.identity import (
    ASYMMETRY,
    LARGEST_MOVE,
    LIMIT,
    MORE,
    PRIOR_MALE,
    SPREAD,
    draw_identity,
    eye_vertices,
    neutral_positions,
)


def test_a_number_and_a_seed_are_one_person(head: Head) -> None:
    once, again = draw_identity(head, 7, 3), draw_identity(head, 7, 3)
    np.testing.assert_array_equal(once.changes, again.changes)
    assert once.phenotypes == again.phenotypes
    other, elsewhere = draw_identity(head, 8, 3), draw_identity(head, 7, 4)
    assert not np.array_equal(once.changes, other.changes)
    assert not np.array_equal(once.changes, elsewhere.changes)
    assert once.generator(2).random() == again.generator(2).random()
    assert once.generator(2).random() != once.generator(3).random()


def test_left_and_right_belong_together(head: Head) -> None:
    people = np.stack([draw_identity(head, k, 1).changes for k in range(400)])
    assert np.abs(people).max() <= LIMIT + 1e-6
    pairs = [
        (head.changes.index(name), head.changes.index("r-" + name.removeprefix("l-")))
        for name in head.changes
        if name.startswith("l-")
    ]
    assert len(pairs) > 10
    # Left and right are a common part of size 1 and one each of the size of the asymmetry.
    own = ASYMMETRY / SPREAD
    expected = np.sqrt(2) * own / np.sqrt(1 + own**2)
    for left, right in pairs:
        unevenness = np.std(people[:, left] - people[:, right]) / np.std(people[:, left])
        assert unevenness == pytest.approx(expected, rel=0.15)  # four standard errors of 400 people
        assert np.corrcoef(people[:, left], people[:, right])[0, 1] == pytest.approx(1 / (1 + own**2), abs=0.01)


def test_no_change_is_larger_than_it_may_be(head: Head) -> None:
    """Neither in its own unit nor in metres at one standard deviation; heavy people alone have full faces."""
    identities = [draw_identity(head, k, 2) for k in range(400)]
    people = np.stack([identity.changes for identity in identities])
    moves = np.linalg.norm(head.change_basis[::2].reshape(len(head.changes), -1, 3), axis=2).max(1)
    free = [k for k, name in enumerate(head.changes) if name not in ("neck-double-incr", "head-fat-incr")]
    spread = people.std(0)
    assert (spread[free] < 1.15 * np.minimum(SPREAD * MORE, LARGEST_MOVE * MORE / moves[free])).all()
    assert (spread[free] > 0).all()
    weight = np.array([identity.phenotypes["weight"] for identity in identities])
    for name in ("neck-double-incr", "head-fat-incr"):
        assert np.corrcoef(people[:, head.changes.index(name)], weight)[0, 1] > 0.5
    assert people[:, head.changes.index("neck-double-incr")].min() >= 0


def test_adults_of_all_kinds(head: Head) -> None:
    people = [draw_identity(head, k, 3) for k in range(400)]
    years = np.array([who.age_years for who in people])
    assert 20 <= years.min() < 23
    assert 55 < years.max() <= 80
    low, high = binom.interval(0.99, len(people), PRIOR_MALE)
    assert low <= sum(who.male for who in people) <= high
    for who in people:
        assert who.male == (who.phenotypes["gender"] < 0.5)
        assert 0.62 <= who.phenotypes["age"] <= 1
        assert sum(who.phenotypes[name] for name in ("african", "asian", "caucasian")) == pytest.approx(1)


def test_the_origin_lies_between_the_eyes(head: Head) -> None:
    positions = neutral_positions(head, draw_identity(head, 3, 1))
    np.testing.assert_allclose(positions[eye_vertices(head)].mean(0), 0, atol=1e-6)


def test_people_are_themselves_and_differ_from_each_other(head: Head) -> None:
    shapes = [neutral_positions(head, draw_identity(head, number, 3)) for number in range(12)]
    np.testing.assert_array_equal(shapes[4], neutral_positions(head, draw_identity(head, 4, 3)))
    assert not np.array_equal(shapes[4], neutral_positions(head, draw_identity(head, 4, 4)))
    for a in range(12):
        for b in range(a):
            assert np.abs(shapes[a] - shapes[b]).max() > 2e-3  # metres
