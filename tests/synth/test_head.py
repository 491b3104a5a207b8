import warnings
from pathlib import Path

import numpy as np
import pytest

from kronface.synth.head import ANCHORS, LIGHT_REACH, PARTS, Floats, Head, cache_folder
from kronface.synth.identity import draw_identity, shaped
from kronface.synth.render import vertex_normals
from tests.synth.geometry import corners, distances


def test_parts_are_all_there_and_mirrored(head: Head) -> None:
    for number in range(1, len(PARTS) + 1):
        assert (head.parts == number).any(), PARTS[number - 1]
    left = head.template[np.unique(head.triangles[head.parts == 1])].mean(0)
    right = head.template[np.unique(head.triangles[head.parts == 2])].mean(0)
    assert left[0] > 0.02  # the person's left is +x
    np.testing.assert_allclose(left * (-1, 1, 1), right, atol=1e-3)


def test_bases_belong_to_the_template(head: Head) -> None:
    size = head.template.size
    assert head.phenotype_basis.shape == (head.phenotype_projection.shape[1], size)
    assert head.action_basis.shape == (52, size)
    assert len(head.actions) == 52
    assert head.change_basis.shape == (2 * len(head.changes), size)
    assert head.triangles.max() == len(head.template) - 1
    assert head.phenotype_mask.shape[1] == 3 + sum(map(len, ANCHORS.values()))


def test_shape_agrees_with_the_model_that_it_was_taken_from(head: Head) -> None:
    """The model's own forward pass, in double precision and with its skeleton at rest, is the reference."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import anny
        import torch
    model = anny.Anny(local_changes="default", facial_actions="all", phenotypes="all")
    template = model.template_vertices.numpy()
    # Which of the model's vertices were kept: the template's coordinates are all different.
    number_of = {tuple(place): index for index, place in enumerate(template.astype(np.float32).tolist())}
    kept = np.array([number_of[tuple(place)] for place in head.template.tolist()])
    for number in (0, 5):
        identity = draw_identity(head, number, 3)
        changes = {name: torch.tensor([float(v)]) for name, v in zip(head.changes, identity.changes, strict=True)}
        names = set(model.local_change_labels)
        phenotypes = {name: torch.tensor([float(value)]) for name, value in identity.phenotypes.items()}
        out = model.forward(
            phenotype_kwargs=phenotypes,
            local_changes_kwargs={name: value for name, value in changes.items() if name in names},
        )
        expected = out["rest_vertices"][0].numpy()[kept]
        actual = shaped(identity, head, head.template, head.phenotype_basis, head.change_basis)
        assert set(changes) <= names
        np.testing.assert_allclose(actual, expected, atol=2e-6)


def test_cache_folder_can_be_moved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KRONFACE_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("KRONFACE_CACHE")
    assert cache_folder() != tmp_path


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


def test_light_reaches_foreheads_and_not_hollows(head: Head) -> None:
    """Few rays leave nostrils, the mouth and the sockets; at some vertices all rays are counted one by one."""
    light, rest = head.open_light, head.template
    assert light.shape == (len(rest),)
    assert light.min() >= 0
    assert light.max() <= 1

    def near(place: tuple[float, float, float], reach: float) -> Floats:
        found: Floats = light[np.linalg.norm(rest - place, axis=1) < reach]
        return found

    forehead = near((0.0, -0.1405, 0.79), 0.015)
    assert forehead.min() > 0.9
    for part in ("eye_cavity.L", "eye_cavity.R", "mouth_cavity"):
        inside = np.unique(head.triangles[head.parts == PARTS.index(part) + 1])
        assert np.median(light[inside]) < 0.6 * forehead.min(), part
    for side in (-1, 1):
        assert near((side * 0.008, -0.15, 0.682), 0.008).min() < 0.4  # a nostril

    faces = corners(rest, head.triangles)
    normals = vertex_normals(rest, head.triangles).astype(np.float64)
    k = np.arange(256) + 0.5
    height, turn = 1 - 2 * k / 256, np.pi * (1 + 5**0.5) * k
    ways = np.stack([np.sqrt(1 - height**2) * np.cos(turn), np.sqrt(1 - height**2) * np.sin(turn), height], 1)
    skin = np.unique(head.triangles[head.parts == 0])
    front = skin[rest[skin, 1] < -0.1]
    for vertex in np.random.default_rng(0).choice(front, 12, replace=False):
        cosine = ways @ normals[vertex]
        seen = cosine > 0.05
        start = rest[vertex] + 0.0004 * normals[vertex]
        free = distances(faces, start, ways[seen]).min(1) > LIGHT_REACH
        assert light[vertex] == pytest.approx(cosine[seen][free].sum() / cosine[seen].sum(), abs=0.02)
