"""Small scenes whose light can be worked out by hand, in double precision."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from kronface.synth.kernels import CLOTH, FRAME, HAIR, MOUTH, SKIN, SOCKET
from kronface.synth.render import CROWDING, HIGH, LOW, Camera, Lighting, Mesh, render
from tests.synth.plain import BLACK, CAMERA, FRONT, UPRIGHT, Plain, Square, squares, texture_of

BLEED = np.array([0.25, 0.12, 0.08])
"""How far light creeps around the terminator on skin."""


def shot(mesh: Mesh, plain: Plain, lighting: Lighting = FRONT, camera: Camera = CAMERA) -> NDArray[np.float64]:
    linear = render(mesh, UPRIGHT, plain.surface(), lighting, camera, BLACK).linear
    return linear.astype(np.float64)


def lit(
    albedo: NDArray[np.float64], lighting: Lighting, *, occlusion: float = 1.0, shine: float = 0.0
) -> NDArray[np.float64]:
    """Slow reference: a place in the middle of the picture that faces the camera, without shadows."""
    normal, towards = np.array([0.0, -1.0, 0.0]), np.array([0.0, -1.0, 0.0])
    ambient = 0.5 * np.array(lighting.sky) + 0.5 * np.array(lighting.ground)
    colour = albedo * ambient * occlusion
    for direction, light in zip(lighting.directions.astype(float), lighting.colours.astype(float), strict=True):
        cosine = float(normal @ direction)
        colour = colour + albedo * np.maximum((cosine + BLEED) / (1 + BLEED), 0) * light * (0.35 + 0.65 * occlusion)
        if shine > 0 and cosine > 0:
            half = (direction + towards) / np.linalg.norm(direction + towards)
            glint = max(normal @ half, 0.0) ** 18 * (18 + 8) / 25
            fresnel = 0.04 + 0.96 * (1 - half @ towards) ** 5
            colour = colour + light * shine * glint * fresnel * cosine * occlusion
    return np.asarray(colour, np.float64)


def lamps(*directions: tuple[float, float, float]) -> Lighting:
    unit = np.array(directions, np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    colours = np.array([[0.8, 0.7, 0.6], [0.1, 0.2, 0.3], [0.3, 0.1, 0.2]])[: len(unit)]
    return Lighting(unit.astype(np.float32), colours.astype(np.float32), (0.3, 0.4, 0.5), (0.1, 0.1, 0.2), dark=0.9)


def test_a_lit_square_has_the_place_of_its_projection() -> None:
    image = shot(squares(Square()), Plain())
    seen = np.argwhere(image[:, :, 0] > 0.01)
    # One metre at two metres' distance and 40 pixels per unit: 20 pixels around the middle.
    assert (seen.min(0).tolist(), seen.max(0).tolist()) == ([10, 10], [30, 30])
    np.testing.assert_allclose(image[20, 10], image[20, 20] / 2, rtol=1e-3)  # half of a pixel's samples lie inside


@pytest.mark.parametrize(
    "directions", [[(0, -1, 0)], [(1, -1, 0.5)], [(1, 0.05, 0)], [(0.3, -1, 0.2), (-1, -0.2, 0.1), (0, 1, 0.2)]]
)
@pytest.mark.parametrize(("gloss", "occlusion", "opened"), [(0.0, 1.0, 1.0), (0.6, 0.7, 1.0), (0.5, 1.0, 0.4)])
def test_skin_is_lit_by_its_formula(
    directions: list[tuple[float, float, float]], gloss: float, occlusion: float, opened: float
) -> None:
    plain = Plain(texture=texture_of(0.5, 0.3, 0.2, 0.8, occlusion, 0, 0, 0), values={"gloss": gloss})
    lighting = replace(lamps(*directions), dark=0.0)
    image = shot(squares(Square(), opened=opened), plain, lighting)
    expected = lit(np.array([0.5, 0.3, 0.2]), lighting, occlusion=occlusion * opened, shine=0.8 * gloss)
    np.testing.assert_allclose(image[20, 20], expected, rtol=2e-3)


def test_neighbours_leave_no_cracks() -> None:
    """The edge between a square's triangles runs through samples: rounding must not lose them to the background."""
    bright = np.full_like(BLACK, 100)
    for tilt in np.linspace(0.3, 1.6, 14):
        mesh = squares(Square(half=0.3))
        shape = mesh.shape.copy()
        shape[:, 1] = tilt * shape[:, 2]
        seen = render(replace(mesh, shape=shape), UPRIGHT, Plain().surface(), FRONT, CAMERA, bright).linear
        assert seen[17:24, 17:24].max() < 1, tilt


def test_the_texture_is_mixed_from_its_four_nearest_texels() -> None:
    rng = np.random.default_rng(4)
    texture = texture_of(0, 0, 0, 0, 1, 0, 0, 0)
    texture[:, :, :3] = rng.uniform(0.2, 0.8, (8, 8, 3))
    for turn, level in ((-0.8, 0.84), (0.05, 0.75), (0.6, 0.69), (2.9, 0.7), (-3.1, 0.852)):
        rest = (float(0.1 * np.sin(turn)), float(-0.1 * np.cos(turn)), level)
        share = turn / np.pi
        x = 0.5 + 0.5 * (1 + CROWDING) * share / (1 + CROWDING * abs(share))
        y = (HIGH - level) / (HIGH - LOW)
        column, row = np.clip(x * 8 - 0.5, 0, 6.999), np.clip(y * 8 - 0.5, 0, 6.999)
        j, i = int(column), int(row)
        fx, fy = column - j, row - i
        near = texture[i : i + 2, j : j + 2, :3].astype(np.float64)
        albedo = (1 - fy) * ((1 - fx) * near[0, 0] + fx * near[0, 1]) + fy * ((1 - fx) * near[1, 0] + fx * near[1, 1])
        image = shot(squares(Square(rest=rest)), Plain(texture=texture), replace(FRONT, dark=0.0))
        np.testing.assert_allclose(image[20, 20], lit(albedo, FRONT), rtol=2e-3)


def test_ambient_light_comes_from_above_and_below() -> None:
    """A square that looks up takes the sky's light, one that looks down the ground's."""
    lighting = replace(lamps((0, -1, 0)), colours=np.zeros((1, 3), np.float32))
    for lean, expected in ((0.95, lighting.sky), (-0.95, lighting.ground)):
        mesh = squares(Square(half=0.3))
        shape = mesh.shape.copy()
        shape[:, 1] = 3.04 * shape[:, 2] * np.sign(lean)  # steep: its normal's height is ±0.95
        share = 0.5 + 0.5 * lean
        mixed = share * np.array(lighting.sky) + (1 - share) * np.array(lighting.ground)
        image = shot(replace(mesh, shape=shape), Plain(texture=texture_of(1, 1, 1, 0, 1, 0, 0, 0)), lighting)
        np.testing.assert_allclose(image[20, 20], mixed, rtol=5e-3)
        assert np.abs(image[20, 20] - expected).max() < 0.02


@pytest.mark.parametrize(
    ("channel", "values", "colour"),
    [
        (5, {"lips": 0.6, "lipstick": (0.5, 0.0, 0.1)}, (0.5, 0.0, 0.1)),
        (6, {"lids": 0.6, "shadow": (0.1, 0.2, 0.9)}, (0.1, 0.2, 0.9)),
        (7, {"stubble": 0.6, "beard": (0.02, 0.01, 0.0)}, (0.02, 0.01, 0.0)),
    ],
)
def test_make_up_and_stubble_cover_skin_where_the_texture_says(
    channel: int, values: dict[str, object], colour: tuple[float, float, float]
) -> None:
    texture = texture_of(0.5, 0.4, 0.3, 0, 1, 0, 0, 0)
    texture[:, :, channel] = 0.5
    skin = np.array([0.5, 0.4, 0.3])
    image = shot(squares(Square()), Plain(texture=texture, values=values), replace(FRONT, dark=0.0))
    shine = 0.6 * 0.3 if channel == 5 else 0.0  # lipstick shines
    expected = lit(skin * 0.7 + np.array(colour) * 0.3, FRONT, shine=shine)
    np.testing.assert_allclose(image[20, 20], expected, rtol=2e-3)
    untouched = shot(squares(Square()), Plain(values=values), replace(FRONT, dark=0.0))
    np.testing.assert_allclose(untouched[20, 20], lit(skin, FRONT), rtol=2e-3)


def test_the_nearer_surface_hides_the_farther_one_in_any_order() -> None:
    near, far = Square(y=0.0), Square(y=0.4, material=MOUTH, half=0.8)
    for parts in ((near, far), (far, near)):
        image = shot(squares(*parts), Plain(), replace(FRONT, dark=0.0))
        np.testing.assert_allclose(image[20, 20], lit(np.array([0.5, 0.4, 0.3]), FRONT), rtol=2e-3)
        assert 0 < image[20, 7, 0] < 0.1  # the mouth's dark beside it


@pytest.mark.parametrize("dark", [0.0, 0.4, 1.0])
def test_a_shadow_takes_its_share_of_the_first_light_alone(dark: float) -> None:
    """A small square between the lamp and a large one: the camera sees the shadow beside it."""
    camera = Camera(2.0, np.array([[400.0, 0.0, 20.0], [0.0, 400.0, 20.0]]))
    lighting = replace(lamps((-1, -1, 0), (0, -1, 0)), dark=dark, softness=0.5)
    mesh = squares(Square(y=0.0, half=0.15), Square(y=-0.05, half=0.02, x=-0.03), casters=2)
    image = shot(mesh, Plain(), lighting, camera)
    albedo = np.array([0.5, 0.4, 0.3])
    full, none = (
        lit(albedo, lighting),
        lit(albedo, replace(lighting, colours=lighting.colours * np.array([[0], [1]], np.float32))),
    )
    # The lamp stands at 45°: what lies 0.05 before the wall at -0.03 throws its shadow at +0.02, 4 pixels aside.
    np.testing.assert_allclose(image[20, 24], dark * none + (1 - dark) * full, rtol=3e-3)
    for free in ((20, 34), (4, 24), (36, 24)):
        np.testing.assert_allclose(image[free], full, rtol=3e-3)
    unshaded = shot(replace(mesh, casters=2), Plain(), lighting, camera)  # the small one does not cast
    np.testing.assert_allclose(unshaded[20, 24], full, rtol=3e-3)


def test_lenses_are_looked_through_and_tinted() -> None:
    camera = Camera(2.0, np.array([[100.0, 0.0, 20.0], [0.0, 100.0, 20.0]]))
    lighting = replace(lamps((0.4, -1, 0.3)), dark=0.0)
    mesh = squares(Square(half=0.3), Square(y=-0.1, half=0.1, material=FRAME), lenses=1)
    bare = shot(mesh, Plain(), lighting, camera)
    beside = lit(np.array([0.5, 0.4, 0.3]), lighting)
    np.testing.assert_allclose(bare[20, 20], beside, rtol=2e-3)
    tint = np.array([0.5, 0.6, 0.7])
    tinted = shot(mesh, Plain(lens=(*tint, 0.0)), lighting, camera)
    np.testing.assert_allclose(tinted[20, 20], tint * beside, rtol=2e-3)
    np.testing.assert_allclose(tinted[20, 30], bare[20, 30], atol=0)  # past the lens
    # What it mirrors, seen at one of its corners: the sky above, and the lamp's glare.
    glaring = shot(mesh, Plain(lens=(*tint, 0.3)), lighting, camera)
    corner = np.array([0.1, -0.1, -0.1])
    towards = np.array([0.0, -2.0, 0.0]) - corner
    towards /= np.linalg.norm(towards)
    normal = np.array([0.0, -1.0, 0.0])
    mirrored = 2 * (normal @ towards) * normal - towards
    glare = np.array(lighting.sky) * max(mirrored[2] + 0.15, 0)
    glare = glare + lighting.colours[0] * max(float(mirrored @ lighting.directions[0]), 0.0) ** 24
    np.testing.assert_allclose(glaring[23, 23] - tinted[23, 23], 0.3 * glare, rtol=1e-3)


def test_a_lens_behind_what_is_seen_changes_nothing() -> None:
    mesh = squares(Square(), Square(y=0.1, half=0.3, material=FRAME), lenses=1)
    dark = Plain(lens=(0.1, 0.1, 0.1, 0.5))
    np.testing.assert_array_equal(shot(mesh, dark), shot(squares(Square()), Plain()))


def test_hair_is_looked_through_between_its_strands() -> None:
    skin, hair = Square(), Square(y=-0.1, material=HAIR, rest=(0.0, -0.1, 0.84))
    lighting = replace(FRONT, dark=0.0)
    bare = shot(squares(skin), Plain(), lighting)
    for strand, covered in ((0.2, False), (0.8, True)):
        plain = Plain(strands=np.full((4, 4, 4), strand, np.float32))
        image = shot(squares(skin, replace(hair, cover=0.5)), plain, lighting)
        assert np.allclose(image[20, 20], bare[20, 20]) != covered
    dense = shot(squares(skin, hair), Plain(), lighting)
    np.testing.assert_array_equal(dense == bare, np.zeros_like(bare, np.bool_) | (bare == dense))
    assert not np.allclose(dense[20, 20], bare[20, 20])


def test_colours_come_from_the_palette() -> None:
    plain = Plain(palette=np.array([[0.1, 0.1, 0.1], [0.9, 0.1, 0.1], [0.1, 0.1, 0.9]], np.float32))
    for paint in (1, 2):
        mesh = replace(squares(Square(material=CLOTH)), paints=np.full(2, paint, np.int32))
        image = shot(mesh, plain, replace(FRONT, dark=0.0))[20, 20]
        assert image.argmax() == (0 if paint == 1 else 2)


def test_a_background_is_seen_where_nothing_else_is() -> None:
    field = np.random.default_rng(0).uniform(0.1, 1, (41, 41, 3)).astype(np.float32)
    seen = render(squares(Square()), UPRIGHT, Plain().surface(), FRONT, CAMERA, field)
    np.testing.assert_allclose(seen.linear[:9], field[:9], rtol=1e-6)
    assert seen.regions is None
    assert np.abs(seen.linear[12:28, 12:28] - field[12:28, 12:28]).min() >= 0
    again = render(squares(Square()), UPRIGHT, Plain().surface(), FRONT, CAMERA, field)
    np.testing.assert_array_equal(seen.linear, again.linear)


def test_regions_name_what_is_seen() -> None:
    """One square of each kind, by material, by place on the template, and by what is painted there."""

    def region(square: Square, plain: Plain) -> int:
        named = render(squares(square), UPRIGHT, plain.surface(), FRONT, CAMERA, BLACK, regions=True).regions
        assert named is not None
        assert named[0, 0] == 0
        return int(named[20, 20])

    lips, brows = texture_of(0.5, 0.4, 0.3, 0, 1, 0.9, 0, 0), np.full((8, 8), 0.9, np.float32)
    cheek, nose, neck = (0.08, -0.1, 0.69), (0.0, -0.16, 0.7), (0.05, -0.05, 0.56)
    assert region(Square(rest=cheek), Plain()) == 1
    assert region(Square(rest=cheek), Plain(brows=brows)) == 2
    assert region(Square(material=1), Plain()) == 3
    assert region(Square(rest=nose), Plain()) == 4
    assert region(Square(rest=cheek), Plain(texture=lips)) == 5
    assert region(Square(rest=cheek), Plain(line=np.full(16, 0.6, np.float32))) == 6
    assert region(Square(rest=cheek), Plain(line=np.full(16, 0.6, np.float32), crown=0.65)) == 1
    assert region(Square(material=HAIR, rest=(0, -0.1, 0.84)), Plain()) == 6
    assert region(Square(rest=neck), Plain()) == 7
    for material, kind in ((MOUTH, 7), (SOCKET, 1), (CLOTH, 7), (FRAME, 7), (SKIN, 1)):
        assert region(Square(rest=cheek, material=material), Plain()) == kind


def test_hair_begins_at_its_line_and_ends_at_a_bald_crown() -> None:
    line = np.linspace(0.7, 0.8, 32).astype(np.float32)

    def hairy(turn: float, level: float) -> bool:
        rest = (float(0.1 * np.sin(turn)), float(-0.1 * np.cos(turn)), level)
        plain = Plain(line=line, crown=0.82)
        named = render(squares(Square(rest=rest)), UPRIGHT, plain.surface(), FRONT, CAMERA, BLACK, regions=True).regions
        assert named is not None
        return bool(named[20, 20] == 6)

    for turn in (-2.5, -0.3, 0.4, 1.1, 3.0):
        position = np.clip((turn / (2 * np.pi) + 0.5) * 32 - 0.5, 0, 31 - 1e-3)
        edge = float(np.interp(position, np.arange(32), line))
        found = [hairy(turn, level) for level in (edge - 0.0005, edge + 0.0005, 0.8195, 0.8205)]
        assert found == [False, True, True, False], turn


@pytest.mark.parametrize(("garment", "neckline"), [(0, 0.58), (1, 0.58), (2, 0.58), (3, 0.58), (4, 0.58)])
def test_clothes_end_at_the_neck(garment: int, neckline: float) -> None:
    def region(height: float) -> int:
        plain = Plain(values={"garment": garment, "neckline": neckline})
        square = squares(Square(rest=(0.01, -0.11, height)))
        named = render(square, UPRIGHT, plain.surface(), FRONT, CAMERA, BLACK, regions=True).regions
        assert named is not None
        return int(named[20, 20])

    worn = [region(height) == 7 for height in np.arange(0.45, 0.64, 0.01)]
    assert worn[0]
    assert not worn[-1]
    assert sum(np.diff(np.array(worn, int)) != 0) == 1  # one edge
    highest = 0.45 + 0.01 * (sum(worn) - 1)
    assert {0: 0.55, 1: 0.53, 2: 0.57, 3: 0.58, 4: 0.6}[garment] == pytest.approx(highest, abs=0.0151)
