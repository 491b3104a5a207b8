"""A person in a picture, without rendering: what stays, what moves, what is added."""

from dataclasses import replace

import numpy as np
import pytest

from kronface.synth import kernels
from kronface.synth.head import SHADELESS, Head
from kronface.synth.identity import eye_vertices
from kronface.synth.labels import point_vertices
from kronface.synth.part import BEARD_PAINT, HAIR_PAINT
from kronface.synth.person import Person, make_person
from kronface.synth.scene import Scene, draw_scene
from kronface.synth.settings import Rendering
from tests.synth.conftest import SEED
from tests.synth.geometry import corners, depths


def with_actions(head: Head, scene: Scene, **strengths: float) -> Scene:
    actions = np.zeros(len(head.actions), np.float32)
    for name, strength in strengths.items():
        actions[head.actions.index(name)] = strength
    return replace(scene, actions=actions)


def test_teeth_lie_behind_the_lips_and_are_absent_when_they_are_closed(head: Head, crowd: list[Person]) -> None:
    rest, faces = head.template, head.triangles[head.parts == 0]
    near = (np.abs(rest[faces][:, :, 0]) < 0.04).all(1) & (rest[faces][:, :, 1] < -0.1).all(1)
    lips = faces[near & (np.abs(rest[faces][:, :, 2] - 0.661) < 0.03).all(1)]
    seen = 0
    for number, person in enumerate(crowd):
        drawn = draw_scene(head, SEED, number, 0)
        closed = with_actions(head, drawn, mouthSmileLeft=0.9, mouthSmileRight=0.9, eyeBlinkLeft=1.0)
        bare = replace(person.styling(0), spectacles=None, hat="", cover="", earrings=False)
        for scene in (drawn, with_actions(head, drawn, jawOpen=0.5), closed):
            shape = person.expressed(scene)
            mesh = person.mesh(scene, bare, shape)
            teeth = np.unique(mesh.triangles[mesh.materials == kernels.TEETH])
            if scene is closed:
                assert len(teeth) == 0
                continue
            if len(teeth) == 0:
                assert not scene.mouth_open
                continue
            places = mesh.shape[teeth]
            front = depths(corners(shape, lips), places[:, [0, 2]])
            gap = places[:, 1] - np.nan_to_num(front, nan=np.inf).min(1)  # minus infinity between open lips
            assert not ((gap > -np.inf) & (gap < 0.002)).any(), number
            assert np.abs(places[:, 2].mean() - shape[point_vertices(head)["lip_top"], 2].mean()) < 0.02
            seen += 1
    assert seen >= 100 + 30


def test_what_does_not_cast_shadows_comes_after_what_does(head: Head, person: Person) -> None:
    scene = draw_scene(head, SEED, 2, 0)
    worn = replace(person.styling(0), cover="mask", earrings=True)
    mesh = person.mesh(with_actions(head, scene, jawOpen=0.5), worn, person.neutral)
    assert (mesh.materials[: len(head.triangles)] <= kernels.EAR).all()
    assert kernels.TEETH in mesh.materials[mesh.casters :]
    assert kernels.CLOTH not in mesh.materials[mesh.casters :]
    assert mesh.triangles.min() == 0
    silent = mesh.triangles[: mesh.shadeless]
    inside = mesh.materials[: mesh.shadeless] != kernels.SKIN
    assert (head.template[silent[~inside]].mean(1)[:, 2] <= SHADELESS).all()  # the body below the neck
    throwing = mesh.triangles[mesh.shadeless : len(head.triangles)]
    assert (head.template[throwing].mean(1)[:, 2] > SHADELESS).all()
    assert set(mesh.materials[mesh.shadeless : len(head.triangles)]) == {kernels.SKIN, kernels.EAR}
    assert mesh.triangles.max() < len(mesh.shape) == len(mesh.template) == len(mesh.covers)
    assert len(mesh.open_light) == len(head.template)
    np.testing.assert_array_equal(mesh.shape[: len(head.template)], person.neutral)
    assert np.isfinite(mesh.shape).all()


def test_meshes_of_drawn_pictures_are_whole(head: Head, crowd: list[Person]) -> None:
    for number, person in enumerate(crowd[:30]):
        scene, worn = draw_scene(head, SEED, number, 1), person.styling(1)
        mesh = person.mesh(scene, worn, person.expressed(scene))
        assert np.isfinite(mesh.shape).all()
        assert np.linalg.norm(mesh.shape, axis=1).max() < 0.7
        assert mesh.triangles.max() < len(mesh.shape)
        assert ((mesh.covers >= 0) & (mesh.covers <= 1.6)).all()
        assert set(mesh.paints[mesh.materials == kernels.HAIR]) <= {HAIR_PAINT}
        bearded = person.appearance.beard in ("moustache", "goatee", "full") and not worn.shaven
        assert (kernels.BEARD in mesh.materials) == bearded
        assert set(mesh.paints[mesh.materials == kernels.BEARD]) <= {BEARD_PAINT}
        assert (mesh.lenses > 0) == (worn.spectacles is not None)


def test_the_head_turns_all_of_the_way_and_the_shoulders_a_part(head: Head, person: Person) -> None:
    scene = replace(draw_scene(head, SEED, 2, 0), yaw=0.8, pitch=0.0, roll=0.0, body_turn=0.25)
    pose = person.pose(scene)
    eyes = person.neutral[eye_vertices(head)].mean(0)
    np.testing.assert_allclose(pose.apply(eyes[None]), 0, atol=1e-6)  # the camera goes on looking at them
    high, low = np.array([[0.0, -0.1, 0.05], [0.05, -0.1, 0.05]]), np.array([[0.0, -0.1, -0.2], [0.05, -0.1, -0.2]])
    for points, angle in ((high, 0.8), (low, 0.2)):
        before, after = points[1] - points[0], np.diff(pose.apply(points), axis=0)[0]
        np.testing.assert_allclose(after, [0.05 * np.cos(angle), 0.05 * np.sin(angle), 0], atol=1e-9)
        assert np.linalg.norm(before) == pytest.approx(np.linalg.norm(after))


def test_the_five_landmarks_are_places_of_the_geometry(head: Head, person: Person) -> None:
    scene = draw_scene(head, SEED, 2, 0)
    expressed, pose = person.expressed(scene), person.pose(scene)
    points = person.landmarks(expressed, pose)
    eyes = [np.unique(head.triangles[head.parts == part]) for part in (2, 1)]
    for point, vertices in zip(points[:2], eyes, strict=True):
        np.testing.assert_allclose(point, pose.apply(expressed[vertices]).mean(0), atol=1e-6)
    assert points[0, 0] < points[1, 0]  # image-left first
    assert points[3, 0] < points[4, 0]
    assert points[2, 1] < points[:2, 1].max()  # the nose is nearer to the camera than the farther eye
    actions = scene.actions.astype(np.float64)
    slow = person.neutral + np.tensordot(actions, head.action_basis.astype(np.float64), 1).reshape(-1, 3)
    np.testing.assert_allclose(expressed, slow, atol=1e-6)


def test_a_person_is_one_whatever_else_is_drawn(head: Head, person: Person) -> None:
    again = make_person(head, 2, SEED)
    assert again.appearance == person.appearance
    assert again.habits == person.habits
    assert again.labels == person.labels
    np.testing.assert_array_equal(again.neutral, person.neutral)
    for once, twice in zip(again.painted, person.painted, strict=True):
        np.testing.assert_array_equal(once, twice)
    pictures = range(5, -1, -1)
    assert [again.styling(image) for image in pictures] == [person.styling(image) for image in pictures]
    for image in range(12):  # more styles than are kept
        scene, worn = draw_scene(head, SEED, 2, image), person.styling(image)
        alone = make_person(head, 2, SEED)
        one, other = (who.mesh(scene, worn, who.expressed(scene)) for who in (person, alone))
        np.testing.assert_array_equal(one.shape, other.shape)
        np.testing.assert_array_equal(person.surface(worn).line, alone.surface(worn).line)


def test_lenses_of_nobody_let_all_light_through(person: Person) -> None:
    worn = replace(person.styling(0), spectacles=None)
    assert person.surface(worn).lens == (1.0, 1.0, 1.0, 0.0)


def test_a_shaven_beard_leaves_a_shadow(head: Head) -> None:
    numbers = iter(range(200))
    bearded = next(who for who in (make_person(head, k, SEED) for k in numbers) if who.appearance.beard == "full")
    worn = bearded.styling(0)
    grown, gone = (bearded.surface(replace(worn, shaven=shaven)).values["stubble"] for shaven in (False, True))
    assert (grown, gone) == (0.85, pytest.approx(0.3 * 0.85))
    smooth = make_person(head, bearded.identity.number, SEED, Rendering(without=("beard",)))
    assert smooth.surface(worn).values["stubble"] == 0.0
