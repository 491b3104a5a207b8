"""What is worn, as geometry on drawn people: nothing is rendered."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from kronface.synth.accessories import COVERS, HATS, accessories, earrings, hand, hat, mask, scarf, spectacles
from kronface.synth.hair import cap, curtain, ear_vertices, hairline
from kronface.synth.head import Floats, Head
from kronface.synth.identity import eye_vertices
from kronface.synth.kernels import BEARD, CLOTH, FRAME, HAND
from kronface.synth.labels import point_vertices
from kronface.synth.landmarks import landmarks68
from kronface.synth.part import COVER_PAINT, HAT_PAINT, METAL_PAINT, Part
from kronface.synth.person import Person
from kronface.synth.scene import draw_scene
from kronface.synth.styling import draw_hair_style, draw_spectacles
from tests.synth.conftest import SEED
from tests.synth.geometry import corners, depths, distances, sticks_out


def skin_vertices(head: Head) -> NDArray[np.int64]:
    """Numbers of the skin's vertices without ears."""
    skin = np.unique(head.triangles[head.parts == 0])
    out: NDArray[np.int64] = skin[~ear_vertices(head)[skin]].astype(np.int64)
    return out


def moved(head: Head, person: Person, action: str, strength: float) -> Floats:
    shape: Floats = person.neutral + strength * head.action_basis[head.actions.index(action)].reshape(-1, 3)
    return shape


def origin(head: Head) -> Floats:
    """The template's origin in a person's coordinates."""
    place: Floats = -head.template[eye_vertices(head)].mean(0)
    return place


def faces_of(part: Part) -> NDArray[np.float64]:
    return corners(part.positions, part.triangles)


def test_triangles_lie_within_their_parts(head: Head, crowd: list[Person]) -> None:
    rng = np.random.default_rng(1)
    for number, person in enumerate(crowd[:12]):
        parts = [
            *hat(head, HATS[number % 4], person.neutral, number),
            *spectacles(head, draw_spectacles(rng, dark=bool(number % 2)), person.neutral),
            *earrings(head, person.neutral, number),
            *mask(head, person.neutral, rng),
            *scarf(head, person.neutral, rng),
            *hand(head, person.neutral, rng),
        ]
        for part in parts:
            assert part.positions.shape == part.template.shape == (len(part.covers), 3)
            assert np.isfinite(part.positions).all()
            assert set(part.triangles.ravel()) == set(range(len(part.positions)))  # none is left over


@pytest.mark.parametrize("expression", ["rest", "jawOpen", "drawn"])
def test_lenses_lie_in_front_of_eyes_brows_nose_and_cheeks(head: Head, crowd: list[Person], expression: str) -> None:
    rng = np.random.default_rng(2)
    near = skin_vertices(head)
    near = near[(head.template[near, 1] < -0.05) & (np.abs(head.template[near, 2] - 0.72) < 0.06)]
    eyes = [np.unique(head.triangles[head.parts == part]) for part in (2, 1)]
    for number, person in enumerate(crowd[:40]):
        shape = moved(head, person, expression, 0.5) if expression == "jawOpen" else person.neutral
        if expression == "drawn":
            shape = person.expressed(draw_scene(head, SEED, number, 0))
        lenses = [part for part in spectacles(head, draw_spectacles(rng, dark=False), person.neutral) if part.lens]
        assert len(lenses) == 2
        for lens, eye in zip(lenses, eyes, strict=True):
            front = depths(faces_of(lens), shape[eye][:, [0, 2]])
            middle = np.abs(shape[eye] - shape[eye].mean(0))[:, [0, 2]].max(1) < 0.006
            assert np.isfinite(front[middle]).any(1).all()  # it covers the middle of the eye
            assert (shape[eye, 1] - lens.positions[:, 1].max() > 0.005).all()
            skin = depths(faces_of(lens), shape[near][:, [0, 2]])
            assert not (skin > shape[near, 1:2]).any(), number  # no vertex before the lens


def test_temples_lead_from_the_rims_to_the_ears(head: Head, crowd: list[Person]) -> None:
    rng = np.random.default_rng(3)
    ears = ear_vertices(head)
    for person in crowd[:20]:
        parts = spectacles(head, draw_spectacles(rng, dark=False), person.neutral)
        assert [part.lens for part in parts] == [False, True, False, False, True, False, False]
        assert all(part.material == FRAME for part in parts)
        for side, rim, temple in ((-1, parts[0], parts[2]), (1, parts[3], parts[5])):
            ear = person.neutral[ears & (side * person.neutral[:, 0] > 0)]
            end = temple.positions[temple.positions[:, 1].argmax()]
            start = temple.positions[temple.positions[:, 1].argmin()]
            assert np.linalg.norm(ear - end, axis=1).min() < 0.006
            assert end[2] > ear[:, 2].mean()  # on the upper half of the ear
            assert np.linalg.norm(rim.positions - start, axis=1).min() < 0.012
            assert (side * temple.positions[:, 0] > 0).all()
        bridge = parts[6].positions
        assert abs(bridge[:, 0].mean()) < 1e-4
        for rim in (parts[0], parts[3]):
            assert np.linalg.norm(rim.positions[:, None] - bridge, axis=2).min() < 0.01


@pytest.mark.parametrize("kind", HATS)
def test_hats_enclose_the_scalp_and_the_hair(head: Head, crowd: list[Person], kind: str) -> None:
    rng = np.random.default_rng(HATS.index(kind))
    rest, skin = head.template, skin_vertices(head)
    scalp = skin[rest[skin, 2] > 0.7]
    level = float(rest[eye_vertices(head), 2].mean())
    for number, person in enumerate(crowd[HATS.index(kind) : 60 : 4]):
        crown = hat(head, kind, person.neutral, number)[0]
        assert (crown.material, crown.paint) == (CLOTH, HAT_PAINT)
        style = draw_hair_style(rng, person.identity, person.appearance, colour=True)
        line = hairline(person.appearance, style)
        parts = cap(head, style, line, person.neutral, person.normals, pressed=True)
        if kind != "headscarf":  # which hides hanging hair altogether
            parts += curtain(head, style, person.neutral, level, pressed=True)
        centre = person.neutral[scalp[rest[scalp, 2] > 0.76]]
        centre = (centre.max(0) + centre.min(0)) / 2 * (0, 1, 0) + (0, 0, 0.76 - level)
        points = np.concatenate([person.neutral[scalp], *(part.positions for part in parts)])
        beyond = sticks_out(points, faces_of(crown), centre)
        assert beyond.max() < 0, (number, style.length)
        assert np.isfinite(beyond[: len(scalp)]).sum() > 80  # it does cover the scalp
        top = person.neutral[scalp[rest[scalp, 2].argmax()]]
        assert 0 < crown.positions[:, 2].max() - top[2] < 0.06


def test_the_mask_lies_over_nose_and_mouth(head: Head, crowd: list[Person]) -> None:
    rng = np.random.default_rng(4)
    rest, skin = head.template, skin_vertices(head)
    turn = np.arctan2(rest[skin, 0], -rest[skin, 1])
    skin = skin[(np.abs(turn) < 0.8) & (np.abs(rest[skin, 2] - 0.655) < 0.085)]
    centre = np.add(origin(head), (0, 0, 0.66))
    for number, person in enumerate(crowd[:25]):
        for shape in (
            person.neutral,
            moved(head, person, "jawOpen", 0.6),
            person.expressed(draw_scene(head, SEED, number, 0)),
        ):
            cloth = mask(head, shape, rng)[0]
            beyond = sticks_out(shape[skin], faces_of(cloth), centre)
            assert beyond.max() < -0.001, number
            assert np.median(beyond[np.isfinite(beyond)]) > -0.02  # it does not float
            points = landmarks68(head, shape)[[8, 30, 31, 33, 35, *range(48, 68)]]
            ways = (points - centre) / np.linalg.norm(points - centre, axis=1, keepdims=True)
            assert np.isfinite(distances(faces_of(cloth), centre, ways).min(1)).all()
            eyes = shape[eye_vertices(head)] - centre
            ways = eyes / np.linalg.norm(eyes, axis=1, keepdims=True)
            assert np.isinf(distances(faces_of(cloth), centre, ways)).all()  # it ends below the eyes


def test_a_beard_lies_flat_under_a_mask(head: Head, crowd: list[Person]) -> None:
    centre = np.add(origin(head), (0, 0, 0.66))
    bearded = [person for person in crowd if person.appearance.beard == "full"]
    assert bearded
    for person in bearded:
        scene = draw_scene(head, SEED, person.identity.number, 0)
        worn = replace(person.styling(0), cover="mask", shaven=False, spectacles=None, hat="")
        shape = person.expressed(scene)
        mesh = person.mesh(scene, worn, shape)
        cloth = mesh.triangles[(mesh.materials == CLOTH) & (mesh.paints == COVER_PAINT)][:400]  # without its bands
        hairs = np.unique(mesh.triangles[mesh.materials == BEARD])
        assert sticks_out(mesh.shape[hairs], corners(mesh.shape, cloth), centre).max() < 0


def test_bands_of_the_mask_end_at_the_ears(head: Head, crowd: list[Person]) -> None:
    ears = ear_vertices(head)
    for person in crowd[:10]:
        _, *bands = mask(head, person.neutral, np.random.default_rng(5))
        assert len(bands) == 4
        for number, band in enumerate(bands):
            side = -1 if number < 2 else 1
            ear = person.neutral[ears & (side * person.neutral[:, 0] > 0)]
            assert np.linalg.norm(ear[:, None] - band.positions, axis=2).min() < 0.008


def test_earrings_hang_at_the_lobes(head: Head, crowd: list[Person]) -> None:
    ears = ear_vertices(head)
    shapes = set()
    for number, person in enumerate(crowd[:20]):
        parts = earrings(head, person.neutral, number)
        assert len(parts) == 2
        for side, part in zip((-1, 1), parts, strict=True):
            assert (part.material, part.paint) == (FRAME, METAL_PAINT)
            ear = person.neutral[ears & (side * person.neutral[:, 0] > 0)]
            lobe = ear[ear[:, 2].argmin()]
            assert np.linalg.norm(part.positions - lobe, axis=1).min() < 0.008
            assert part.positions[:, 2].max() < ear[:, 2].mean()
            shapes.add(len(part.positions))
    assert len(shapes) == 2  # studs and rings


def test_a_scarf_goes_around_the_neck(head: Head, crowd: list[Person]) -> None:
    rest = head.template
    ring = (np.abs(rest[:, 2] - 0.605) < 0.01) & (np.hypot(rest[:, 0], rest[:, 1]) < 0.12)
    for number, person in enumerate(crowd[:10]):
        neck = person.neutral[ring]
        for part in scarf(head, person.neutral, np.random.default_rng(number)):
            around = np.arctan2(part.positions[:, 0], -(part.positions[:, 1] - neck[:, 1].mean()))
            assert np.diff(np.sort(around)).max() < 0.5  # there is no gap
            path = part.positions.reshape(-1, 9, 3).mean(1)
            for axis in (0, 1):
                assert path[:, axis].min() < neck[:, axis].min()
                assert path[:, axis].max() > neck[:, axis].max()


def test_hands_touch_the_face_from_outside(head: Head, crowd: list[Person]) -> None:
    """No skin lies before a finger's nearest side, one touches it, and none floats far off."""
    skin = skin_vertices(head)
    for number, person in enumerate(crowd[:20]):
        face = person.neutral[skin]
        parts = hand(head, person.neutral, np.random.default_rng(number))
        assert [part.material for part in parts] == [HAND] * 6
        gaps = []
        for finger in parts[:4]:
            front = depths(faces_of(finger), face[:, [0, 2]])
            seen = np.isfinite(front).any(1)
            assert (np.nanmin(front[seen], 1) < face[seen, 1]).all(), number
            gaps.append(float(np.linalg.norm(face[:, None] - finger.positions, axis=2).min()))
        assert min(gaps) < 0.005
        assert max(gaps) < 0.035


def test_accessories_are_those_of_the_styling(head: Head, person: Person) -> None:
    bare = replace(person.styling(0), spectacles=None, hat="", cover="", earrings=False)
    pair = draw_spectacles(np.random.default_rng(0), dark=True)

    def count(**worn: object) -> int:
        return len(accessories(head, replace(bare, **worn), person.neutral, person.neutral))  # type: ignore[arg-type]

    assert count() == 0
    assert count(spectacles=pair) == 7
    assert count(earrings=True) == 2
    assert [count(cover=cover) for cover in COVERS] == [2, 5, 6]
    assert [count(hat=kind) for kind in HATS] == [1, 2, 2, 4]
    assert count(spectacles=pair, earrings=True, cover="mask", hat="beanie") == 7 + 2 + 5 + 1
    nose = person.neutral[point_vertices(head)["nose_tip"]].mean(0)
    (crown,) = accessories(head, replace(bare, hat="beanie"), person.neutral, person.neutral)
    assert crown.positions[:, 2].min() > nose[2]
