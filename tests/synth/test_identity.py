import numpy as np

from kronface.synth.head import Head
from kronface.synth.identity import ASYMMETRY, LIMIT, MORE, draw_identity, eye_vertices, neutral_positions


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
    people = np.stack([draw_identity(head, k, 1).changes for k in range(200)])
    assert np.abs(people).max() <= LIMIT + 1e-6
    pairs = [
        (head.changes.index(name), head.changes.index("r-" + name.removeprefix("l-")))
        for name in head.changes
        if name.startswith("l-")
    ]
    assert len(pairs) > 10
    for left, right in pairs:
        assert np.corrcoef(people[:, left], people[:, right])[0, 1] > 0.9
        assert np.std(people[:, left] - people[:, right]) < 1.5 * ASYMMETRY * MORE  # two independent ones


def test_the_origin_lies_between_the_eyes(head: Head) -> None:
    positions = neutral_positions(head, draw_identity(head, 3, 1))
    np.testing.assert_allclose(positions[eye_vertices(head)].mean(0), 0, atol=1e-6)
