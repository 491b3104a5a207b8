"""Identities, labels, geometry and the renderer's passes, against independent computations."""

import numpy as np
import pytest

from kronface.synth.group import take_group_photo
from kronface.synth.head import ANCHORS, Head, load_head
from kronface.synth.identity import draw_identity, neutral_positions
from kronface.synth.labels import BASE_RATES, THRESHOLDS, attributes, measure
from kronface.synth.person import make_person
from kronface.synth.render import Camera, Lighting, Mesh, Surface, render, vertex_normals
from kronface.synth.scene import draw_scene, rotation


@pytest.fixture(scope="module")
def head() -> Head:
    return load_head()


def test_phenotype_coefficients_are_products_of_hat_functions(head: Head) -> None:
    values = {"gender": 0.3, "age": 0.8, "weight": 0.6, "african": 0.2, "asian": 0.2, "caucasian": 0.6}
    spread: list[float] = [0.2, 0.2, 0.6]
    for name, anchors in ANCHORS.items():
        value = values.get(name, 0.5)
        for position, anchor in enumerate(anchors):
            weight = 0.0
            for other in (position - 1, position + 1):
                if 0 <= other < len(anchors) and min(anchor, anchors[other]) <= value <= max(anchor, anchors[other]):
                    weight = 1 - abs(value - anchor) / abs(anchors[other] - anchor)
            spread.append(weight)
    products = [np.prod([w for w, used in zip(spread, row, strict=True) if used]) for row in head.phenotype_mask]
    expected = np.array(products) @ head.phenotype_projection
    np.testing.assert_allclose(head.phenotype_coefficients(values), expected, rtol=1e-4, atol=1e-5)


def test_people_are_themselves_and_differ_from_each_other(head: Head) -> None:
    shapes = [neutral_positions(head, draw_identity(head, number, 3)) for number in range(12)]
    np.testing.assert_array_equal(shapes[4], neutral_positions(head, draw_identity(head, 4, 3)))
    assert not np.array_equal(shapes[4], neutral_positions(head, draw_identity(head, 4, 4)))
    for a in range(12):
        for b in range(a):
            assert np.abs(shapes[a] - shapes[b]).max() > 2e-3  # metres


def test_base_rates_of_a_draw_are_celebas(head: Head) -> None:
    people = 3000
    counts = dict.fromkeys([*BASE_RATES, "Male"], 0)
    for number in range(people):
        for name, label in attributes(head, draw_identity(head, number, 77)).items():
            counts[name] += label
    for name, rate in {**BASE_RATES, "Male": 0.42}.items():
        margin = 2.81 * np.sqrt(rate * (1 - rate) / people)  # 99.5 % each: eleven are looked at
        assert abs(counts[name] / people - rate) < margin, name


def test_labels_follow_the_measurements_thresholds(head: Head) -> None:
    identity = draw_identity(head, 0, 1)
    measured, labels = measure(head, identity), attributes(head, identity)
    for name, threshold in THRESHOLDS.items():
        assert labels[name] == (measured[name] > threshold)
    assert labels["Male"] == identity.male


def test_women_are_never_labelled_bald(head: Head) -> None:
    for number in range(300):
        identity = draw_identity(head, number, 8)
        assert identity.male or not attributes(head, identity)["Bald"]


def test_rotation_turns_about_each_axis() -> None:
    forward = np.array([0.0, -1.0, 0.0])
    np.testing.assert_allclose(rotation(np.pi / 2, 0, 0) @ forward, [1, 0, 0], atol=1e-12)
    assert (rotation(0, 0.3, 0) @ forward)[2] > 0  # positive pitch looks up
    for angles in ((0.4, 0.2, -0.1), (-1, 0.1, 0.3)):
        turned = rotation(*angles)
        np.testing.assert_allclose(turned @ turned.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(turned) == pytest.approx(1)


def test_landmarks_are_projections_of_the_geometry(head: Head) -> None:
    person = make_person(head, 2, 1)
    mesh, points = person.pose(draw_scene(head, 1, 2, 0))
    eyes = [np.unique(head.triangles[head.parts == part]) for part in (2, 1)]
    for point, vertices in zip(points[:2], eyes, strict=True):
        np.testing.assert_allclose(point, mesh.positions[vertices].mean(0), atol=1e-6)
    assert points[0, 0] < points[1, 0]  # image-left first
    assert points[2, 1] < points[:2, 1].max()  # the nose is nearer to the camera than the farther eye


def flat_scene(z: float, colour: float) -> tuple[Mesh, Surface]:
    """A square of one metre, two triangles, facing the camera at the depth y = z."""
    corners = np.array([[-0.5, z, -0.5], [0.5, z, -0.5], [0.5, z, 0.5], [-0.5, z, 0.5]], np.float32)
    triangles = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    texture = np.zeros((8, 8, 6), np.float32)
    texture[:, :, :3] = colour
    texture[:, :, 4] = 1
    rest = np.tile(np.array([[0.0, -0.1, 0.75]], np.float32), (4, 1))
    normals = np.tile(np.array([[0.0, -1.0, 0.0]], np.float32), (4, 1))
    black = (0.0, 0.0, 0.0)
    zero = np.zeros(3, np.float32)
    surface = Surface(texture, black, 0.006, 0.002, zero, zero, black, black, 0.5, 0.0)
    return Mesh(corners, rest, normals, triangles, np.zeros(2, np.int32)), surface


def test_a_lit_square_has_the_colour_of_its_formula_and_the_place_of_its_projection() -> None:
    mesh, surface = flat_scene(0.0, 0.5)
    light = Lighting(
        np.array([[0, -1, 0]], np.float32), np.array([[0.8, 0.8, 0.8]], np.float32), (0.2, 0.2, 0.2), (0.2, 0.2, 0.2)
    )
    camera = Camera(2.0, np.array([[40.0, 0, 20], [0, 40.0, 20]]))
    image = render(mesh, surface, light, camera, np.zeros((41, 41, 3), np.float32))
    # Facing the light: ambient 0.2 and diffuse 0.8 of an albedo of one half.
    np.testing.assert_allclose(image[20, 20], 0.5, atol=1e-3)
    lit = np.argwhere(image[:, :, 0] > 0.1)
    # One metre at two metres' distance and 40 pixels per unit: 20 pixels around the middle.
    assert (lit.min(0).tolist(), lit.max(0).tolist()) == ([10, 10], [30, 30])


def test_the_nearer_surface_hides_the_farther_one_in_any_order() -> None:
    light = Lighting(np.array([[0, -1, 0]], np.float32), np.zeros((1, 3), np.float32), (1, 1, 1), (1, 1, 1))
    near, surface = flat_scene(0.0, 0.5)
    far, _ = flat_scene(0.5, 0.5)
    for first, second in ((near, far), (far, near)):
        both = Mesh(
            np.concatenate([first.positions, second.positions]),
            np.concatenate([first.template, second.template]),
            np.concatenate([first.normals, second.normals]),
            np.concatenate([first.triangles, second.triangles + 4]),
            np.array([0, 0, 2, 2] if first is near else [2, 2, 0, 0], np.int32),
        )
        image = render(
            both,
            surface,
            light,
            Camera(2.0, np.array([[40.0, 0, 20], [0, 40.0, 20]])),
            np.zeros((41, 41, 3), np.float32),
        )
        np.testing.assert_allclose(image[20, 20], 0.5, atol=1e-3)  # skin in front, the mouth's dark behind


def test_normals_of_a_sphere_point_outwards() -> None:
    u, v = np.meshgrid(np.linspace(0, 2 * np.pi, 24, endpoint=False), np.linspace(0.2, np.pi - 0.2, 12))
    points = np.stack([np.sin(v) * np.cos(u), np.sin(v) * np.sin(u), np.cos(v)], 2).reshape(-1, 3).astype(np.float32)
    triangles = []
    for row in range(11):
        for column in range(24):
            a, b = row * 24 + column, row * 24 + (column + 1) % 24
            triangles += [[a, a + 24, b], [b, a + 24, b + 24]]
    normals = vertex_normals(points, np.array(triangles, np.int32))
    assert (np.abs((normals * points).sum(1)) > 0.95).all()


def test_group_photo_shows_everybody_from_left_to_right() -> None:
    photo = take_group_photo([3, 1, 2], seed=5)
    assert photo.image.shape == (480, 960, 3)
    centres = [points.mean(0)[0] for points in photo.landmarks]
    assert centres == sorted(centres)
    assert np.array_equal(photo.image, take_group_photo([3, 1, 2], seed=5).image)
