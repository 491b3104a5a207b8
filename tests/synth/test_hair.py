from dataclasses import replace

import numpy as np
import pytest

from kronface.synth.hair import cap, curtain, ear_vertices
from kronface.synth.head import Head
from kronface.synth.person import Person


def test_ears_are_two_small_parts_beside_the_head(head: Head) -> None:
    ears = head.template[ear_vertices(head)]
    assert 100 < len(ears) < 800
    assert np.abs(ears[:, 0]).min() > 0.06
    assert (ears[:, 0] > 0).mean() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("length", ["cropped", "short", "medium", "long"])
def test_the_cap_lies_on_the_scalp_and_does_not_float(head: Head, person: Person, length: str) -> None:
    look = replace(person.appearance, length=length, thickness=0.012, curly=False)
    part = cap(head, person.identity, look, person.neutral)
    assert part is not None
    distances = np.array([np.linalg.norm(person.neutral - place, axis=1).min() for place in part.positions[::7]])
    assert distances.max() < 0.012 * 1.6 * 1.2 + 0.001  # thickest where a quiff and a lock meet
    assert distances.min() < 0.002  # at the hairline it touches
    assert part.triangles.max() < len(part.positions)


def test_only_long_hair_hangs(head: Head, person: Person) -> None:
    level = 0.73
    ends = {}
    for length in ("cropped", "short", "medium", "long"):
        look = replace(person.appearance, length=length, thickness=0.012, curly=False)
        part = curtain(head, person.identity, look, person.neutral, level)
        if part is not None:
            ends[length] = float(part.positions[:, 2].min())
    assert set(ends) == {"medium", "long"}
    assert ends["long"] < ends["medium"] < -0.03
