import warnings
from pathlib import Path

import numpy as np
import pytest

from kronface.synth.head import ANCHORS, PARTS, Head, cache_folder
from kronface.synth.identity import draw_identity, shaped


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
