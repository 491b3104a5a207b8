"""Enrol, identify, list, forget."""

import numpy as np
import pytest

from kronface.errors import CheckpointError, DataError
from kronface.gallery.memory import MemoryGallery


@pytest.fixture
def gallery() -> MemoryGallery:
    gallery = MemoryGallery("mark")
    gallery.enrol("Ada", [[3.0, 0.0], [0.0, 5.0]], fingerprint="mark")
    gallery.enrol("Bob", [[-1.0, 0.0]], fingerprint="mark")
    return gallery


def test_scores_are_cosines_with_the_mean_of_unit_vectors(gallery: MemoryGallery) -> None:
    best, other = gallery.identify([2.0, 0.0], fingerprint="mark")
    assert (best.name, other.name) == ("Ada", "Bob")
    assert best.score == pytest.approx(np.sqrt(0.5))
    assert other.score == pytest.approx(-1)
    assert len(gallery.identify([1.0, 1.0], fingerprint="mark", top=1)) == 1


def test_enrolling_again_adds_pictures(gallery: MemoryGallery) -> None:
    gallery.enrol("Bob", [1.0, 0.2], fingerprint="mark")
    assert gallery.images("Bob") == 2
    assert gallery.names() == ["Ada", "Bob"]


def test_forgetting_deletes(gallery: MemoryGallery) -> None:
    gallery.forget("Ada")
    assert gallery.names() == ["Bob"]
    assert [candidate.name for candidate in gallery.identify([1.0, 0.0], fingerprint="mark")] == ["Bob"]
    assert gallery.images("Ada") == 0
    with pytest.raises(DataError, match="Ada"):
        gallery.forget("Ada")


def test_two_networks_never_mix(gallery: MemoryGallery) -> None:
    with pytest.raises(CheckpointError, match="cannot be compared"):
        gallery.enrol("Eve", [[1.0, 0.0]], fingerprint="other")
    with pytest.raises(CheckpointError, match="cannot be compared"):
        gallery.identify([1.0, 0.0], fingerprint="other")
    assert gallery.names() == ["Ada", "Bob"]


def test_nobody_without_a_face(gallery: MemoryGallery) -> None:
    with pytest.raises(DataError, match="Eve"):
        gallery.enrol("Eve", np.zeros((0, 2)), fingerprint="mark")
