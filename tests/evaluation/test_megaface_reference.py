"""The reference of MegaFace's protocol against vectors worked out by hand."""

import json
import math
import struct
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from .megaface_reference import (
    MISS,
    feature_bytes,
    first_photos,
    genuine_pairs,
    noise_names,
    noisy_distractor_rows,
    noisy_probe_rows,
    read_official_cmc,
    read_official_matches,
    reference_cmc,
    reference_rank1,
    reference_ranks,
    reference_ranks_with_others,
    reference_roc,
    reference_tpr,
    refine,
    score,
    without,
    write_devkit,
)

NAN = math.nan
# On a circle, in degrees: a1 at 0, a2 at 40; b1 at 90, b2 at 100. Distractors at 20, 70 and 200.
IDS = ["a", "a", "b", "b"]


def at(*degrees: float) -> list[list[float]]:
    return [[math.cos(math.radians(value)), math.sin(math.radians(value))] for value in degrees]


PROBES = at(0, 40, 90, 100)
DISTRACTORS = at(20, 70, 200)


def test_scores() -> None:
    assert score([3, 4], [6, 8], "cosine") == pytest.approx(1)
    assert score([3, 4], [-4, 3], "cosine") == 0
    assert score([1, 0], [0, 0], "cosine") == 0
    assert score([3, 4], [6, 8], "euclidean") == -5


def test_pairs_are_ordered() -> None:
    assert genuine_pairs(IDS) == [(0, 1), (1, 0), (2, 3), (3, 2)]
    assert genuine_pairs(["a", "b", "a", "a"]) == [(0, 2), (0, 3), (2, 0), (2, 3), (3, 0), (3, 2)]


def test_ranks_worked_by_hand() -> None:
    # (a1, a2): a2 at 40 is 40 from its mate; distractors are 20, 30 and 160 away: rank 3.
    # (a2, a1): a1 at 0 is 40 from its mate; distractors 20, 70, 160: rank 2.
    # (b1, b2), (b2, b1): 10 away, no distractor nearer: rank 1.
    expected = {(0, 1): 3, (1, 0): 2, (2, 3): 1, (3, 2): 1}
    for metric in ("cosine", "euclidean"):
        ranks = reference_ranks(PROBES, IDS, DISTRACTORS, metric)
        assert ranks == expected
        assert reference_rank1(ranks) == 0.5
        assert reference_cmc(ranks, [1, 2, 3, 4]) == [0.5, 0.75, 1, 1]


def test_the_metrics_differ_where_lengths_do() -> None:
    probes, ids, distractors = [[1, 0], [3, 1], [0, 1]], ["a", "a", "b"], [[1.0, 0.5]]
    # By angle the mate is nearer (18.4 against 26.6 degrees, and 18.4 against 8.1); by distance it never is.
    assert reference_ranks(probes, ids, distractors, "cosine") == {(0, 1): 2, (1, 0): 1}
    assert reference_ranks(probes, ids, distractors, "euclidean") == {(0, 1): 2, (1, 0): 2}


def test_a_distractor_with_the_mates_score_does_not_push_it_down() -> None:
    probes, ids = [[1, 0], [0, 1]], ["a", "a"]
    assert reference_ranks(probes, ids, [[1, 0], [0, 1]]) == {(0, 1): 2, (1, 0): 2}  # both: one tied, one better
    assert reference_ranks(probes, ids, [[1, 0], [1, 0]]) == {(0, 1): 1, (1, 0): 3}
    assert reference_ranks(probes, ids, [[-1, 0]]) == {(0, 1): 1, (1, 0): 1}


def test_faces_that_are_not_found() -> None:
    probes = [*at(0, 40), [NAN, NAN], *at(90)]
    ids = ["a", "a", "a", "b"]
    ranks = reference_ranks(probes, ids, [*at(20), [NAN, NAN]])
    assert ranks == {(0, 1): 2, (0, 2): MISS, (1, 0): 2, (1, 2): MISS, (2, 0): MISS, (2, 1): MISS}
    assert reference_cmc(ranks, [1, 2, 1000]) == [0, 2 / 6, 2 / 6]


def test_a_distractor_that_never_matches() -> None:
    assert reference_ranks(PROBES, IDS, DISTRACTORS, never=[0]) == {(0, 1): 2, (1, 0): 1, (2, 3): 1, (3, 2): 1}
    # Without a distractor everything found is at rank 1.
    assert set(reference_ranks(PROBES, IDS, DISTRACTORS, never=[0, 1, 2]).values()) == {1}


def test_one_photo_of_each_other_person_stands_in_the_gallery() -> None:
    probes, ids = at(0, 40, 50, 100), ["a", "a", "b", "b"]
    # Without them: a2 is 40 from a1 and 30 from the distractor, a1 40 and 10, b2 50 and 90, b1 50 and 40.
    assert reference_ranks(probes, ids, at(10)) == {(0, 1): 2, (1, 0): 2, (2, 3): 1, (3, 2): 2}
    first = first_photos(ids)
    assert first == {(0, "b"): 2, (1, "b"): 2, (2, "a"): 0, (3, "a"): 0}
    # b1 is 10 from a2, nearer than a1, and 50 from a1, farther than a2; a1 is 100 from b2, farther than b1.
    with_first = reference_ranks_with_others(probes, ids, at(10), first)
    assert (with_first[0, 1], with_first[1, 0], with_first[2, 3]) == (3, 2, 1)
    # a2 is 60 from b2, farther than b1, and 10 from b1, nearer than b2; b2 is farther than the mates of both a.
    last = {(0, "b"): 3, (1, "b"): 3, (2, "a"): 1, (3, "a"): 1}
    assert reference_ranks_with_others(probes, ids, at(10), last) == {(0, 1): 2, (1, 0): 2, (2, 3): 1, (3, 2): 3}
    # A photo that was not found pushes nobody down.
    gone = [*probes[:2], [NAN, NAN], probes[3]]
    assert reference_ranks_with_others(gone, ids, at(10), first)[0, 1] == 2


def test_the_curve_worked_by_hand() -> None:
    # Genuine (both orders): a 40, 40; b 10, 10 degrees apart. Impostor distances, in order: a1 20 70 160, a2 20 30 160,
    # b1 70 20 110, b2 80 30 100.
    curve = reference_roc(at(0, 40, 90, 100), IDS, at(20, 70, 200))
    assert [curve[0], curve[-1]] == [(0, 0.5), (1, 1)]
    assert [y for _, y in curve] == sorted(y for _, y in curve)
    assert reference_tpr(curve, 0, "strict") == 0.5
    assert reference_tpr(curve, 5 / 12, "strict") == 1  # 20 20 20 30 30 are nearer than 40
    assert reference_tpr(curve, 0.4, "strict") == 0.5


def test_the_curve_counts_what_is_not_found() -> None:
    curve = reference_roc([*at(0, 40), [NAN, NAN]], ["a", "a", "a"], [*at(20), [NAN, NAN], *at(200)], never=[2])
    # Of 6 genuine pairs 2 are found; of 9 impostor pairs 2 can be accepted.
    assert [curve[-1]] == [(2 / 9, 2 / 6)]
    with_zero = reference_roc(at(0, 5), ["a", "a"], at(20, 90), never=[1])
    assert reference_tpr(with_zero, 1.0, "strict") == 1
    assert max(x for x, _ in with_zero) == 0.5


def test_the_rules_of_reading_a_curve() -> None:
    curve = [(0.0, 0.1), (0.0, 0.2), (1e-3, 0.2), (1e-3, 0.4), (1e-1, 0.8), (1.0, 1.0)]
    assert reference_tpr(curve, 1e-2, "strict") == 0.4
    assert reference_tpr(curve, 1e-2, "nearest") == 0.4
    assert reference_tpr(curve, 0.09, "nearest") == 0.8
    assert reference_tpr(curve, 1e-2, "linear") == pytest.approx(0.6)
    assert reference_tpr(curve, 1e-1, "linear") == 0.8
    assert reference_tpr(curve, 1e-6, "linear") == 0.2  # no neighbour below but 0
    assert reference_tpr([(0.5, 0.9)], 0.7, "linear") == 0.9


def test_refinement_worked_by_hand() -> None:
    probes, ids = [[1.0, 0.0], [0.0, 1.0], [0.6, 0.8], [NAN, NAN], [0.0, -1.0]], ["a", "a", "a", "a", "b"]
    noise = [[0.0, 0.0]] * 2 + [[0.0, 1.0]] + [[0.0, 0.0]] * 2
    refined = refine(probes, ids, [2], noise)
    np.testing.assert_allclose(refined[2], np.array([1, 2]) / math.sqrt(5))
    assert refined[0] == probes[0]
    assert refined[4] == probes[4]
    # Two noisy photos of a person: neither enters the sum of the other.
    both = refine(probes, ids, [1, 2], noise)
    np.testing.assert_allclose(both[1], [1, 0])
    np.testing.assert_allclose(both[2], np.array([1, 1]) / math.sqrt(2))
    assert without(["a", "b", "c", "d"], [1, 3]) == ["a", "c"]


def test_noise_lists(tmp_path: Path) -> None:
    listed = tmp_path / "noises.txt"
    listed.write_text("# x\n\nA B_1.jpg\nx\t534/1@N0/2_0.jpg\n  534/3@N0/2_0.jpg \n#C_3.png\n", encoding="utf-8")
    names = noise_names(listed)
    assert names == ["A B_1.jpg", "534/1@N0/2_0.jpg", "534/3@N0/2_0.jpg"]
    assert noisy_probe_rows(["A B/A B_1.jpg", "A B/A B_2.jpg", "C/C_3.png"], names) == [0]
    paths = ["534/1@N0/2_0.jpg", "534/2@N0/2_0.jpg", "Flickr/534/3@N0/2_0.jpg"]
    assert noisy_distractor_rows(paths, names) == [0, 2]


def test_bytes_worked_by_hand() -> None:
    assert feature_bytes([1.0, -2.0]).hex() == "02000000010000000400000005000000" + "0000803f" + "000000c0"
    assert len(feature_bytes([0.0] * 512)) == 2064
    assert feature_bytes([1.0], "float64") == struct.pack("<4id", 1, 1, 8, 6, 1.0)


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_the_tree_reads_back(tmp_path: Path, kind: str) -> None:
    kit = write_devkit(
        tmp_path, people=6, kind=kind, ending="_ALG.bin", missing_probes=[2], missing_distractors=[7, 8], seed=3
    )
    listed = json.loads(kit.probe_list.read_text(encoding="utf-8"))
    assert set(listed) == {"path", "id"}
    assert (listed["path"], listed["id"]) == (kit.probe_paths, kit.ids)
    assert len(set(kit.probe_paths)) == len(kit.ids) == 18
    assert any(" " in path for path in kit.probe_paths)
    assert {Path(path).suffix for path in kit.probe_paths} >= {".jpg", ".png", ""}
    letter, width = ("f", 4) if kind == "float32" else ("d", 8)
    for folder, paths, features in (
        (kit.probe_folder, kit.probe_paths, kit.probes),
        (kit.distractor_folder, kit.distractor_paths, kit.distractors),
    ):
        for path, feature in zip(paths, features, strict=True):
            file = folder / f"{path}_ALG.bin"
            assert file.exists() == (not np.isnan(feature).any())
            if file.exists():
                content = file.read_bytes()
                assert len(content) == 16 + width * feature.size
                np.testing.assert_array_equal(struct.unpack_from(f"<16{letter}", content, 16), feature)
    assert set(kit.samples) == {(10, 1), (25, 1), (10, 2), (25, 2)}
    for (size, number), rows in kit.samples.items():
        listed = json.loads((tmp_path / f"templatelists/megaface_features_list.json_{size}_{number}").read_bytes())
        assert listed == {"path": [kit.distractor_paths[row] for row in rows]}
        assert len(set(rows)) == size
    assert not any(set(a) <= set(b) for a, b in pairwise(kit.samples.values()))
    assert noisy_probe_rows(kit.probe_paths, noise_names(kit.probe_noises)) == kit.noisy_probes == [1, 5]
    noisy = noisy_distractor_rows(kit.distractor_paths, noise_names(kit.distractor_noises))
    assert noisy == kit.noisy_distractors
    assert "x\t" in kit.distractor_noises.read_text(encoding="utf-8")
    for place in kit.noisy_of(25, 1):
        assert kit.samples[25, 1][place] in noisy


def test_the_tree_is_neither_too_easy_nor_too_hard(tmp_path: Path) -> None:
    kit = write_devkit(tmp_path / "plain")
    loose = reference_ranks(kit.probes.tolist(), kit.ids, kit.distractors_of(25, 1).tolist())
    assert 0.2 < reference_rank1(loose) < 0.95
    tied = write_devkit(tmp_path / "tied", tied=True)
    ranks = reference_ranks(tied.probes.tolist(), tied.ids, tied.distractors_of(25, 1).tolist())
    assert 0.2 < reference_rank1(ranks) < 0.95
    # Ties happen: were they to count against the mate, the ranks would be others.
    values = {score(tied.probes[g].tolist(), tied.probes[p].tolist(), "cosine") for g, p in ranks}
    assert len(values) < len(ranks) / 2


def test_official_results_files(tmp_path: Path) -> None:
    (tmp_path / "cmc.json").write_text('{"cmc": [[0, 1, 9], [0.5, 0.6, 1.0]], "roc": [[0.0, 1.0], [0.2, 1.0]]}')
    ranks, rates, fpr, tpr = read_official_cmc(tmp_path / "cmc.json")
    assert (ranks, rates, fpr, tpr) == ([1, 2, 10], [0.5, 0.6, 1.0], [0.0, 1.0], [0.2, 1.0])
    (tmp_path / "matches.json").write_text('[{"probes": {"idx": [1, 2], "rank": [0, 4]}}]')
    assert read_official_matches(tmp_path / "matches.json") == [{1: 1, 2: 5}]
