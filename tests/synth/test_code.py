"""What the renderer tells a network of a person: alike people have codes that are near each other."""

from dataclasses import replace

import numpy as np
import pytest

from kronface.synth.code import CODE_SIZE, LOOKS, SHAPES, face_code
from kronface.synth.head import load_head
from kronface.synth.identity import Identity, draw_identity
from kronface.synth.labels import attributes
from kronface.synth.person import make_person, person_of
from kronface.synth.settings import Rendering


def code_of(identity: Identity) -> np.ndarray:
    head = load_head()
    return face_code(person_of(head, identity, attributes(head, identity), Rendering()))


@pytest.fixture(scope="module")
def codes() -> np.ndarray:
    return np.stack([face_code(make_person(load_head(), number, 5)) for number in range(60)])


def test_a_code_has_length_one_and_tells_people_apart(codes: np.ndarray) -> None:
    assert codes.shape == (60, CODE_SIZE)
    np.testing.assert_allclose(np.linalg.norm(codes, axis=1), 1, atol=1e-5)
    cosines = (codes @ codes.T)[~np.eye(60, dtype=bool)]
    assert abs(cosines.mean()) < 0.05
    assert 0.08 < cosines.std() < 0.3
    assert cosines.max() < 0.9
    looks = 1 - np.square(codes[:, :SHAPES]).sum(1).mean()
    assert looks == pytest.approx(LOOKS, abs=0.08)


def test_a_code_is_the_persons_alone(codes: np.ndarray) -> None:
    np.testing.assert_array_equal(codes[7], code_of(draw_identity(load_head(), 7, 5)))
    bare = Rendering(without=("skin", "hats"))
    person = make_person(load_head(), 7, 5, bare)
    assert float(face_code(person) @ codes[7]) == pytest.approx(1, abs=1e-5)  # what is worn or drawn changes nothing


def test_the_more_of_a_face_changes_the_farther_it_goes(codes: np.ndarray) -> None:
    head = load_head()
    identity, other = (draw_identity(head, number, 5) for number in (7, 8))
    near = [
        float(code_of(replace(identity, changes=(1 - share) * identity.changes + share * other.changes)) @ codes[7])
        for share in (0.1, 0.4, 0.8)
    ]
    assert 1 > near[0] > near[1] > near[2]
    assert near[0] > 0.97
    assert near[0] > (codes @ codes[7])[np.arange(60) != 7].max()


def test_size_alone_changes_nothing(codes: np.ndarray) -> None:
    head = load_head()
    identity = draw_identity(head, 7, 5)
    taller = replace(identity, phenotypes=identity.phenotypes | {"height": 0.8})
    smaller = replace(identity, phenotypes=identity.phenotypes | {"height": 0.2})
    assert float(code_of(taller) @ code_of(smaller)) > 0.98
