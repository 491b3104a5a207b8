"""The audit of labels against a hand-worked table, loops over pairs, and figures of CelebA."""

import itertools

import numpy as np
import pytest

from kronface.errors import DataError
from kronface.evaluation.bootstrap import resample_counts
from kronface.evaluation.label_audit import audit_labels, voted_labels

NAN = float("nan")


def test_hand_worked_table() -> None:
    people = ["b", "a", "a", "a", "b", "c", "c", "d"]
    labels = np.c_[[0, 1, 1, 0, 0, 1, NAN, 1], [NAN] * 8, [1] * 8]
    found = audit_labels(labels, people, ("Smiling", "Young", "Male"))
    assert set(found) == {"Smiling", "Male"}
    smiling = found["Smiling"]
    # a: three pairs of which one agrees; b: one, which agrees; c has one label, d one image.
    assert (smiling.pairs, smiling.people, smiling.mixed_people) == (4, 4, 1)
    assert (smiling.images, smiling.minority_images) == (7, 1)
    assert smiling.prevalence == pytest.approx(4 / 7)
    assert smiling.agreement == pytest.approx(2 / 4)
    assert smiling.chance == pytest.approx((16 + 9) / 49)
    assert smiling.kappa == pytest.approx((1 / 2 - 25 / 49) / (24 / 49))
    male = found["Male"]
    assert (male.agreement, male.chance, male.kappa, male.kappa_low) == (1, 1, None, None)
    alone = audit_labels([[1], [0]], ["a", "b"], ("A",))["A"]
    assert (alone.agreement, alone.agreement_low, alone.kappa, alone.pairs) == (None, None, None, 0)
    assert audit_labels(np.zeros((0, 1)), [], ("A",)) == {}


def test_labels_that_a_person_never_changes_have_a_kappa_of_one_and_random_ones_of_nought() -> None:
    rng = np.random.default_rng(2)
    person = np.repeat(np.arange(400), 12)
    labels = np.c_[(rng.random(400) < 0.3)[person], rng.random(len(person)) < 0.3].astype(float)
    found = audit_labels(labels, [str(number) for number in person], ("fixed", "random"), resamples=200)
    assert found["fixed"].kappa == found["fixed"].kappa_low == 1
    random = found["random"]
    assert random.kappa_low is not None
    assert random.kappa_high is not None
    assert random.kappa_low < 0 < random.kappa_high
    assert random.kappa_high - random.kappa_low < 0.05


def test_figures_and_intervals_by_loops_over_pairs() -> None:
    rng = np.random.default_rng(6)
    people = [f"p{k}" for k in range(10) for _ in range(int(rng.integers(1, 6)))]
    labels = (rng.random((len(people), 2)) < (0.3, 0.6)).astype(float)
    labels[rng.random(labels.shape) < 0.2] = NAN
    found = audit_labels(labels, people, "AB", resamples=50, seed=3)
    names = sorted(set(people))
    counts = [np.ones(10), *resample_counts(10, resamples=50, seed=3)]
    for column, name in enumerate("AB"):
        figures = []
        for drawn in counts:
            agree = pairs = yes = images = 0.0
            for number, owner in enumerate(names):
                own = [v for v, o in zip(labels[:, column], people, strict=True) if o == owner and not np.isnan(v)]
                both = list(itertools.combinations(own, 2))
                agree += drawn[number] * sum(a == b for a, b in both)
                pairs += drawn[number] * len(both)
                yes += drawn[number] * sum(own)
                images += drawn[number] * len(own)
            p = yes / images
            chance = p**2 + (1 - p) ** 2
            figures.append((agree / pairs, (agree / pairs - chance) / (1 - chance)))
        got = found[name]
        assert (got.agreement, got.kappa) == pytest.approx(figures[0])
        ends = np.quantile(figures[1:], [0.025, 0.975], axis=0)
        assert (got.agreement_low, got.kappa_low) == pytest.approx(tuple(ends[0]))
        assert (got.agreement_high, got.kappa_high) == pytest.approx(tuple(ends[1]))


@pytest.mark.parametrize(
    ("prevalence", "agreement", "kappa"),
    [
        (0.4215, 0.988, 0.975),
        (0.780, 0.931, 0.799),
        (0.2386, 0.889, 0.695),
        (0.45, 0.671, 0.335),
        (0.1158, 0.829, 0.166),
    ],
)
def test_kappa_is_what_is_known_of_celeba(prevalence: float, agreement: float, kappa: float) -> None:
    """Male, Young, Big_Lips, High_Cheekbones and Narrow_Eyes of its first 20,000 images, from their counts."""
    # People of two images: as many pairs yes-yes, yes-no and no-no as give this prevalence and this agreement.
    mixed = round(100_000 * (1 - agreement))
    yes = round((200_000 * prevalence - mixed) / 2)
    pairs = np.repeat([[1.0, 1.0], [1.0, 0.0], [0.0, 0.0]], [yes, mixed, 100_000 - yes - mixed], 0)
    people = np.repeat(np.arange(100_000), 2).astype(np.str_)
    found = audit_labels(pairs.reshape(-1, 1), people, ("A",), resamples=1)["A"]
    assert found.prevalence == pytest.approx(prevalence, abs=1e-4)
    assert found.kappa == pytest.approx(kappa, abs=0.002)  # agreement is known to three digits


def test_votes() -> None:
    people = ["a", "b", "a", "a", "b", "c", "a"]
    labels = np.c_[[1, 1, 0, 1, 0, NAN, NAN], [0, NAN, 0, 1, 0, 1, 0]]
    expected = np.c_[[1, 1, 1, 1, 1, NAN, 1], [0, 0, 0, 0, 0, 1, 0]]
    np.testing.assert_array_equal(voted_labels(labels, people), expected)
    assert audit_labels(voted_labels(labels, people), people, "AB")["A"].kappa is None
    assert voted_labels(np.zeros((0, 2)), []).shape == (0, 2)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(DataError, match="do not fit 2 names"):
        audit_labels([[1]], ["a"], "AB")
    with pytest.raises(DataError, match="1 images need"):
        audit_labels([[1]], ["a", "b"], "A")
    with pytest.raises(DataError, match="no table"):
        voted_labels([1, 0], ["a", "b"])
