"""Enrol, identify, list, forget."""

import numpy as np
import pytest

from kronface.errors import CheckpointError, DataError
from kronface.gallery.interface import Candidate, Gallery
from kronface.gallery.memory import MemoryGallery


@pytest.fixture
def gallery() -> Gallery:
    gallery: Gallery = MemoryGallery("mark")  # an annotation that the type checker holds
    gallery.enrol("Ada", [[3.0, 0.0], [0.0, 5.0]], fingerprint="mark")
    gallery.enrol("Bob", [[-1.0, 0.0]], fingerprint="mark")
    return gallery


def test_scores_are_cosines_with_the_mean_of_unit_vectors(gallery: Gallery) -> None:
    best, other = gallery.identify([2.0, 0.0], fingerprint="mark")
    assert (best.name, other.name) == ("Ada", "Bob")
    assert best.score == pytest.approx(np.sqrt(0.5))
    assert other.score == pytest.approx(-1)
    assert len(gallery.identify([1.0, 1.0], fingerprint="mark", top=1)) == 1


def test_enrolling_again_adds_pictures(gallery: Gallery) -> None:
    gallery.enrol("Bob", [1.0, 0.2], fingerprint="mark")
    assert gallery.images("Bob") == 2
    assert gallery.names() == ["Ada", "Bob"]


def test_forgetting_deletes(gallery: Gallery) -> None:
    gallery.forget("Ada")
    assert gallery.names() == ["Bob"]
    assert [candidate.name for candidate in gallery.identify([1.0, 0.0], fingerprint="mark")] == ["Bob"]
    assert gallery.images("Ada") == 0
    with pytest.raises(DataError, match="Ada"):
        gallery.forget("Ada")


def test_two_networks_never_mix(gallery: Gallery) -> None:
    with pytest.raises(CheckpointError, match="cannot be compared"):
        gallery.enrol("Eve", [[1.0, 0.0]], fingerprint="other")
    with pytest.raises(CheckpointError, match="cannot be compared"):
        gallery.identify([1.0, 0.0], fingerprint="other")
    assert gallery.names() == ["Ada", "Bob"]


def test_nobody_without_a_face(gallery: Gallery) -> None:
    with pytest.raises(DataError, match="Eve"):
        gallery.enrol("Eve", np.zeros((0, 2)), fingerprint="mark")
    assert len(gallery) == 2


def test_equals_plain_loops_and_breaks_ties_by_name() -> None:
    rng = np.random.default_rng(0)
    gallery = MemoryGallery("mark")
    pictures = {f"p{k}": rng.normal(size=(int(rng.integers(1, 4)), 6)) for k in range(9)}
    pictures["a twin"] = pictures["p3"]
    for name, vectors in pictures.items():
        gallery.enrol(name, vectors, fingerprint="mark")
    probe = rng.normal(size=6)
    expected = []
    for name, vectors in pictures.items():
        mean = sum(vector / np.sqrt((vector**2).sum()) for vector in vectors) / len(vectors)
        expected.append((-float(mean @ probe) / np.sqrt(float((mean**2).sum() * (probe**2).sum())), name))
    expected.sort(key=lambda pair: (round(pair[0], 9), pair[1]))
    for top in (1, 3, 20):
        found = gallery.identify(probe, fingerprint="mark", top=top)
        assert [candidate.name for candidate in found] == [name for _, name in expected][:top]
        np.testing.assert_allclose([candidate.score for candidate in found], [-score for score, _ in expected][:top])


def test_people_who_come_or_go_change_the_next_answer(gallery: Gallery) -> None:
    gallery.identify([1.0, 0.0], fingerprint="mark")
    gallery.enrol("Cat", [1.0, 0.0], fingerprint="mark")
    assert gallery.identify([1.0, 0.0], fingerprint="mark", top=1) == [Candidate("Cat", 1.0)]
    gallery.forget("Cat")
    assert gallery.identify([1.0, 0.0], fingerprint="mark", top=1)[0].name == "Ada"


def test_an_empty_gallery_knows_nobody() -> None:
    assert MemoryGallery("mark").identify([1.0, 0.0], fingerprint="mark") == []


def test_other_lengths_are_refused(gallery: Gallery) -> None:
    with pytest.raises(CheckpointError, match="3 numbers"):
        gallery.enrol("Eve", [[1.0, 0.0, 0.0]], fingerprint="mark")
    with pytest.raises(CheckpointError, match="3 numbers"):
        gallery.identify([1.0, 0.0, 0.0], fingerprint="mark")
    assert gallery.names() == ["Ada", "Bob"]


@pytest.mark.parametrize("bad", [[np.nan, 1.0], [np.inf, 1.0], [0.0, 0.0]])
def test_embeddings_of_no_face_are_refused(gallery: Gallery, bad: list[float]) -> None:
    with pytest.raises(DataError, match="Eve"):
        gallery.enrol("Eve", [[1.0, 0.0], bad], fingerprint="mark")
    with pytest.raises(DataError, match="no face"):
        gallery.identify(bad, fingerprint="mark")
    assert gallery.names() == ["Ada", "Bob"]
