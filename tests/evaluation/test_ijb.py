"""IJB's lists and templates, against slow loops written from the protocol's text."""

import math
from pathlib import Path

import numpy as np
import pytest

from kronface.errors import ConfigError, DataError
from kronface.evaluation.protocols import ijb
from kronface.evaluation.protocols.ijb import (
    Media,
    Subjects,
    TemplatePairs,
    Templates,
    identify,
    identify_together,
    meta_file,
    pool,
    read_faceness,
    read_media,
    read_subjects,
    read_template_pairs,
    score_pairs,
)


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


# --- files -----------------------------------------------------------------------------------------------------------


def test_lists_are_read(tmp_path: Path) -> None:
    media = read_media(write(tmp_path / "m.txt", "1.jpg 7 100\n2.jpg 7 100\n3.jpg 5 -9"))
    assert media.images.tolist() == ["1.jpg", "2.jpg", "3.jpg"]
    assert (media.template.tolist(), media.medium.tolist()) == ([7, 7, 5], [100, 100, -9])
    pairs = read_template_pairs(write(tmp_path / "p.txt", "7 5 0\n5 7 1\n"))
    assert (pairs.first.tolist(), pairs.second.tolist(), pairs.same.tolist()) == ([7, 5], [5, 7], [False, True])
    line = "1.jpg 1 2 3.5 4 5 6 7 8 9 10 0.75\n"
    images, landmarks, faceness = read_faceness(write(tmp_path / "f.txt", line + line.replace("1.jpg", "2.jpg")))
    assert images.tolist() == ["1.jpg", "2.jpg"]
    np.testing.assert_array_equal(landmarks[0], [[1, 2], [3.5, 4], [5, 6], [7, 8], [9, 10]])
    np.testing.assert_array_equal(faceness, [0.75, 0.75])
    text = "TEMPLATE_ID,SUBJECT_ID,FILENAME\n9,1,a.jpg\n3,2,b.jpg\n9,1,c.jpg\n"
    subjects = read_subjects(write(tmp_path / "g.csv", text))
    assert (subjects.template.tolist(), subjects.subject.tolist()) == ([3, 9], [2, 1])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "is empty|cannot be read"),
        ("1.jpg 7 1\n2.jpg x 1\n", "line 2 should be 'name template medium'"),
        ("1.jpg 7 1\n2.jpg 7\n", "line 2 should be"),
        ("1.jpg 7 1\n2.jpg 7 1 5\n", "line 2 should be"),
        ("1.jpg\t7\t1\n", "line 1 should be"),
        ("1.jpg 7 1\n\n2.jpg 7 1\n", "line 2 should be"),
        ("1.jpg 7.5 1\n", "line 1 should be"),
    ],
)
def test_faults_in_lists_are_named_by_line(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(DataError, match=expected) as error:
        read_media(write(tmp_path / "m.txt", text))
    assert "\n" not in str(error.value)


def test_other_faults_in_lists(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 2: the label 2"):
        read_template_pairs(write(tmp_path / "p.txt", "7 5 0\n5 7 2\n"))
    with pytest.raises(DataError, match="line 1 should be"):
        read_faceness(write(tmp_path / "f.txt", "1.jpg 1 2 3 4 5 6 7 8 9 10\n"))
    with pytest.raises(DataError, match="line 3"):
        read_subjects(write(tmp_path / "g.csv", "a,b\n1,2\n1,x\n"))
    with pytest.raises(DataError, match="line 1"):
        read_subjects(write(tmp_path / "g.csv", "a,b\n"))
    with pytest.raises(DataError, match="template 9 to two people"):
        read_subjects(write(tmp_path / "g.csv", "a,b\n9,1\n9,2\n"))
    for reader in (read_media, read_template_pairs, read_faceness, read_subjects):
        with pytest.raises(DataError, match=r"nowhere\.txt"):
            reader(tmp_path / "nowhere.txt")
    with pytest.raises(DataError, match=r"ijbb_a\.txt is missing"):
        meta_file(tmp_path, "IJBB", "a.txt")
    with pytest.raises(ConfigError, match="target is IJBA"):
        meta_file(tmp_path, "IJBA", "a.txt")  # type: ignore[arg-type]


# --- templates -------------------------------------------------------------------------------------------------------


def made_up(images: int, templates: int, *, length: int, seed: int) -> tuple[np.ndarray, Media]:
    """Rows in disorder; numbers of media that occur in several templates; lengths of vectors from 1 to 30."""
    rng = np.random.default_rng(seed)
    features = (rng.normal(size=(images, length)) * rng.uniform(0.5, 3, (images, 1))).astype(np.float32)
    template = np.r_[np.arange(templates), rng.integers(0, templates, images - templates)] * 3 + 1
    order = rng.permutation(images)
    return features, Media(np.arange(images).astype(np.str_), template[order], rng.integers(-2, 4, images))


def slow_pool(
    features: np.ndarray, media: Media, faceness: np.ndarray | None, *, flipped: bool, norms: bool
) -> dict[int, np.ndarray]:
    """Template by template, medium by medium, image by image."""
    result = {}
    for template in sorted(set(media.template.tolist())):
        total = np.zeros(features.shape[1] // (2 if flipped else 1))
        shown = 0
        for medium in sorted({m for t, m in zip(media.template, media.medium, strict=True) if t == template}):
            images = []
            for row in range(len(features)):
                if media.template[row] != template or media.medium[row] != medium or np.isnan(features[row]).any():
                    continue
                vector = features[row].astype(np.float64)
                if flipped:
                    half = len(vector) // 2
                    vector = np.array([vector[k] + vector[half + k] for k in range(half)])
                if not norms:
                    vector = vector / math.sqrt(sum(v * v for v in vector))
                if faceness is not None:
                    vector = vector * faceness[row]
                images.append(vector)
            if images:
                total = total + sum(images) / len(images)
                shown += len(images)
        result[template] = total / math.sqrt(sum(v * v for v in total)) if shown else np.full(len(total), np.nan)
    return result


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("norms", [False, True])
@pytest.mark.parametrize("weighed", [False, True])
@pytest.mark.parametrize("block", [1, 7, 1 << 14])
def test_pooling_by_plain_loops(
    flipped: bool, norms: bool, weighed: bool, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ijb, "BLOCK", block)
    features, media = made_up(90, 17, length=8, seed=block)
    features[[4, 50]] = np.nan
    features[media.template == 4] = np.nan
    faceness = np.random.default_rng(1).uniform(0.3, 1, 90).astype(np.float32) if weighed else None
    found = pool(features, media, faceness=faceness, flipped=flipped, norms=norms)
    expected = slow_pool(features, media, faceness, flipped=flipped, norms=norms)
    assert found.number.tolist() == sorted(expected)
    np.testing.assert_allclose(found.vectors, np.stack([expected[t] for t in sorted(expected)]), atol=1e-6)
    assert found.images_not_found == int(np.isnan(features).any(1).sum())


def test_pooling_by_hand() -> None:
    # Two frames of a video count as one image: (2, 0) and (0, 2) become (1, 1); the still (3, 0) is added: (4, 1).
    media = Media(np.array(["a", "b", "c"]), np.array([8, 8, 8]), np.array([1, 1, 2]))
    found = pool([[2, 0], [0, 2], [3, 0]], media)
    np.testing.assert_allclose(found.vectors, [[4 / math.sqrt(17), 1 / math.sqrt(17)]], rtol=1e-6)
    found = pool([[2, 0], [0, 2], [3, 0]], media, norms=False)  # (1/2, 1/2) + (1, 0)
    np.testing.assert_allclose(found.vectors, [[3 / math.sqrt(10), 1 / math.sqrt(10)]], rtol=1e-6)


def test_pairs_are_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ijb, "PAIRS", 5)
    features, media = made_up(60, 12, length=6, seed=0)
    features[media.template == 7] = np.nan
    templates = pool(features, media)
    rng = np.random.default_rng(0)
    first, second = rng.choice(templates.number, 33), rng.choice(templates.number, 33)
    found = score_pairs(templates, TemplatePairs(first, second, np.zeros(33, bool)))
    vector = dict(zip(templates.number.tolist(), templates.vectors.astype(np.float64), strict=True))
    expected = [float(sum(vector[a] * vector[b])) for a, b in zip(first.tolist(), second.tolist(), strict=True)]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert np.isnan(found[(first == 7) | (second == 7)]).all()
    assert not np.isnan(found[(first != 7) & (second != 7)]).any()
    with pytest.raises(DataError, match="template 2 has no images"):
        score_pairs(templates, TemplatePairs(np.array([1]), np.array([2]), np.array([True])))


def test_mistakes_in_embeddings() -> None:
    media = Media(np.array(["a", "b"]), np.array([1, 1]), np.array([1, 2]))
    for wrong in (np.zeros((3, 2)), np.zeros(2)):
        with pytest.raises(DataError, match="2 images need as many embeddings"):
            pool(wrong, media)
    with pytest.raises(DataError, match="two halves"):
        pool(np.ones((2, 3)), media, flipped=True)
    with pytest.raises(DataError, match="a faceness each"):
        pool(np.ones((2, 3)), media, faceness=np.ones(3))
    with pytest.raises(DataError, match="image 1 holds an infinite value"):
        pool(np.array([[1, 0], [np.inf, 0]]), media)
    assert np.isnan(pool(np.array([[np.nan, 0], [np.nan, 0]]), media).vectors).all()


# --- 1:N -------------------------------------------------------------------------------------------------------------


def crowd(seed: int) -> tuple[Templates, tuple[Subjects, Subjects], Subjects]:
    """Sixty people with a gallery template each, in one set or the other, and forty probes of each."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(60, 5))
    owners = np.r_[np.arange(60), np.repeat(np.arange(60), 40)]
    vectors = centres[owners] + 0.6 * rng.normal(size=(len(owners), 5))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[100] = np.nan
    templates = Templates(np.arange(len(owners)) * 2, vectors.astype(np.float32), 1)
    first, second = np.arange(0, 35), np.arange(35, 60)
    galleries = Subjects(first * 2, first + 500), Subjects(second * 2, second + 500)
    return templates, galleries, Subjects(np.arange(60, len(owners)) * 2, owners[60:] + 500)


def test_identification_by_plain_loops() -> None:
    templates, galleries, probes = crowd(0)
    vector = {number: templates.vectors[row].astype(np.float64) for row, number in enumerate(templates.number.tolist())}
    for gallery in galleries:
        found = identify(templates, gallery, probes)
        ranks, scores, alarms = [], [], []
        for template, subject in zip(probes.template.tolist(), probes.subject.tolist(), strict=True):
            table = {
                person: float(vector[template] @ vector[entry])
                for entry, person in zip(gallery.template.tolist(), gallery.subject.tolist(), strict=True)
            }
            if any(math.isnan(value) for value in table.values()):
                table = dict.fromkeys(table, -math.inf)
            if subject not in table:
                alarms.append(max(table.values()))
                continue
            own = table.pop(subject)
            scores.append(own)
            ranks.append(1000 if own == -math.inf else 1 + sum(value >= own for value in table.values()))
        assert (found.gallery, found.mated, found.non_mated) == (len(gallery.template), len(ranks), len(alarms))
        for k in (1, 5, 10):
            assert found.rank[k] == pytest.approx(np.mean([rank <= k for rank in ranks]))
        assert 0.2 < found.rank[1] < found.rank[10] < 1
        for rate in (0.01, 0.1):
            # Every score is tried as a threshold.
            best = 0.0
            for threshold in sorted(alarms):
                if np.mean([alarm > threshold for alarm in alarms]) <= rate:
                    hits = [rank == 1 and own > threshold for rank, own in zip(ranks, scores, strict=True)]
                    best = max(best, float(np.mean(hits)))
            assert found.tpir[rate] == pytest.approx(best)


def test_both_gallery_sets_as_one_by_plain_loops() -> None:
    templates, galleries, probes = crowd(1)
    templates.vectors[100] = templates.vectors[101]
    found = identify_together(templates, galleries, probes)
    enrolled = np.concatenate([gallery.template for gallery in galleries]) // 2
    names = np.concatenate([gallery.subject for gallery in galleries]).tolist()
    similarity = templates.vectors[probes.template // 2] @ templates.vectors[enrolled].T
    own, other, ranks = [], [], []
    for row, subject in enumerate(probes.subject.tolist()):
        mate = names.index(subject)
        own.append(similarity[row, mate])
        rest = [similarity[row, column] for column in range(len(names)) if column != mate]
        other += rest
        ranks.append(1 + sum(value >= own[-1] for value in rest))
    for k in (1, 5, 10):
        assert found.rank[k] == pytest.approx(np.mean([rank <= k for rank in ranks]))
    other.sort(reverse=True)
    for rate in (0.01, 0.1):
        threshold = other[math.ceil(rate * len(own)) - 1]
        assert found.tpir[rate] == pytest.approx(np.mean([score > threshold for score in own]))
    assert (found.gallery, found.mated, found.non_mated) == (60, 2400, 0)


def test_few_strangers_support_no_rate_and_mistakes_are_named() -> None:
    templates, galleries, probes = crowd(0)
    few = Subjects(probes.template[::40], probes.subject[::40])
    assert identify(templates, galleries[0], few).tpir == {0.01: None, 0.1: None}
    with pytest.raises(DataError, match="neither gallery set"):
        identify_together(templates, galleries, Subjects(probes.template, probes.subject + 1))
    with pytest.raises(DataError, match="no probe's person"):
        identify(templates, galleries[0], Subjects(probes.template, probes.subject + 1000))
    with pytest.raises(DataError, match="enrolled twice"):
        identify(templates, Subjects(np.array([0, 2]), np.array([500, 500])), probes)
