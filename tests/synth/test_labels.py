import numpy as np
import pytest

from kronface.synth.head import Head
from kronface.synth.identity import PRIOR_MALE, draw_identity, neutral_positions
from kronface.synth.labels import (
    BASE_RATES,
    THRESHOLDS,
    attributes,
    attributes_many,
    find_thresholds,
    measure,
    measure_many,
    measure_shape,
    measured_places,
    point_vertices,
)
from kronface.synth.landmarks import landmarks68
from kronface.synth.linear import transform
from kronface.synth.scene import rotation


def test_thresholds_are_quantiles_of_the_drawn(head: Head) -> None:
    found = find_thresholds(people=300, seed=5)
    rows = [measure(head, draw_identity(head, number, 5)) for number in range(300)]
    for name, rate in BASE_RATES.items():
        above = sum(row[name] > found[name] for row in rows)
        assert abs(above - 300 * rate) <= 1, name
    assert set(THRESHOLDS) == set(BASE_RATES)


def test_many_people_are_measured_as_one_by_one(head: Head) -> None:
    people = [draw_identity(head, number, 9) for number in range(230)]  # more than are measured at once
    measured, labels = measure_many(head, people), attributes_many(head, people)
    for number in (0, 100, 229):
        alone = measure(head, people[number])
        assert alone == {name: values[number] for name, values in measured.items()}  # to the last bit
        assert attributes(head, people[number]) == {name: values[number] for name, values in labels.items()}


def test_measurements_follow_the_geometry(head: Head) -> None:
    """The measured places are the same as those of the whole mesh: checked on the mesh that is rendered."""
    identity = draw_identity(head, 4, 1)
    positions = neutral_positions(head, identity).astype(np.float64)
    marks = landmarks68(head, positions).astype(np.float64)
    points = point_vertices(head)
    measured = measure(head, identity)
    size = np.sqrt(np.linalg.norm(marks[2] - marks[14]) * np.linalg.norm(marks[27] - marks[8]))
    openings = [
        (marks[k + 1, 2] - marks[k + 5, 2] + marks[k + 2, 2] - marks[k + 4, 2])
        / np.linalg.norm(marks[k] - marks[k + 3])
        for k in (36, 42)
    ]
    assert measured["Narrow_Eyes"] == pytest.approx(-sum(openings) / 4, rel=1e-3)
    lips = (
        marks[[50, 51, 51, 52], 2]
        - marks[[61, 62, 62, 63], 2]
        + marks[[67, 66, 66, 65], 2]
        - marks[[58, 57, 57, 56], 2]
    )
    forward = positions[points["nose_base"], 1].mean() - positions[points["lip_top"], 1].mean()
    assert measured["Big_Lips"] == pytest.approx((lips.mean() + 0.3 * forward) / size, rel=1e-3)
    assert measured["Young"] == -identity.age_years


def test_a_turn_changes_what_is_seen_but_not_the_face(head: Head) -> None:
    points = measured_places(head).on(head.template)
    straight = measure_shape(points[None])
    for angles in ((0.0, 0.0, 0.0), (0.1, 0.0, 0.0)):
        turned = measure_shape(transform(points, rotation(*angles))[None])
        for name, values in straight.items():
            assert turned[name][0] == pytest.approx(values[0], abs=0.06 if any(angles) else 1e-6), name
    away = measure_shape(transform(points, rotation(1.2, 0.0, 0.0))[None])
    assert np.isfinite(list(away.values())).all()


def test_a_draw_has_celebas_base_rates(head: Head) -> None:
    people = 2000
    drawn = attributes_many(head, [draw_identity(head, number, 77) for number in range(people)])
    for name, rate in {**BASE_RATES, "Male": PRIOR_MALE}.items():
        margin = 3.29 * np.sqrt(rate * (1 - rate) / people)  # 99.9 % each: eleven are looked at
        assert abs(drawn[name].mean() - rate) < margin, name


def test_women_are_never_labelled_bald(head: Head) -> None:
    people = [draw_identity(head, number, 8) for number in range(600)]
    bald = attributes_many(head, people)["Bald"]
    assert 0 < bald.sum() < 40
    assert all(who.male for who, label in zip(people, bald, strict=True) if label)


def test_labels_follow_the_measurements_thresholds(head: Head) -> None:
    for number in range(5):
        identity = draw_identity(head, number, 1)
        measured, labels = measure(head, identity), attributes(head, identity)
        for name, threshold in THRESHOLDS.items():
            assert labels[name] == (measured[name] > threshold)
        assert labels["Male"] == identity.male
