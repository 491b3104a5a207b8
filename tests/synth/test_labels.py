import numpy as np
import pytest

from kronface.synth.head import Head
from kronface.synth.identity import draw_identity, neutral_positions
from kronface.synth.labels import BASE_RATES, THRESHOLDS, find_thresholds, measure, point_vertices


def test_thresholds_are_quantiles_of_the_drawn(head: Head) -> None:
    found = find_thresholds(people=300, seed=5)
    rows = [measure(head, draw_identity(head, number, 5)) for number in range(300)]
    for name, rate in BASE_RATES.items():
        above = sum(row[name] > found[name] for row in rows)
        assert abs(above - 300 * rate) <= 1, name
    assert set(THRESHOLDS) == set(BASE_RATES)


def test_measurements_follow_the_geometry(head: Head) -> None:
    """The measured places are the same as those of the whole mesh: checked on the mesh that is rendered."""
    identity = draw_identity(head, 4, 1)
    positions = neutral_positions(head, identity).astype(np.float64)
    points = point_vertices(head)
    eyes = [positions[np.unique(head.triangles[head.parts == part])].mean(0) for part in (1, 2)]
    unit = np.linalg.norm(eyes[0] - eyes[1])
    top, bottom = (positions[points[name], 2].mean() for name in ("lip_top", "lip_bottom"))
    measured = measure(head, identity)
    assert measured["Big_Lips"] == pytest.approx((top - bottom) / unit, rel=1e-4)
    outer, inner = positions[points["eye_outer"], 0], positions[points["eye_inner"], 0]
    width = (np.ptp(outer) - np.ptp(inner)) / 2
    opening = positions[points["lid_upper"], 2].mean() - positions[points["lid_lower"], 2].mean()
    assert measured["Narrow_Eyes"] == pytest.approx(-opening / width, rel=1e-4)
    assert measured["Young"] == -identity.age_years
