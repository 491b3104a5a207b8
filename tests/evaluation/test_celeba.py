"""CelebA identification against plain loops, and the command on index files and a table of embeddings."""

import json
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from kronface.cli.main import main
from kronface.errors import ConfigError, DataError
from kronface.evaluation.features import Features
from kronface.evaluation.identification import MISS
from kronface.evaluation.protocols.celeba import identify_celeba


def people(counts: list[int], size: int, rng: np.random.Generator, *, tied: bool, first: int = 0) -> Features:
    owner = np.repeat(np.arange(len(counts)), counts)
    values = rng.normal(size=(len(counts), size))[owner] + 0.9 * rng.normal(size=(len(owner), size))
    order = rng.permutation(len(owner))
    values = np.where(values > 0, 1.0, -1.0) if tied else values
    return Features(values[order], "features", np.array([f"{first + number:05d}" for number in owner[order]]))


def cosine(x: np.ndarray, y: np.ndarray) -> float:
    product = math.fsum((x * y).tolist())
    return product / math.sqrt(math.fsum((x * x).tolist()) * math.fsum((y * y).tolist()))


@pytest.mark.parametrize("tied", [False, True])
def test_trials_are_what_the_protocol_says(tied: bool) -> None:
    rng = np.random.default_rng(4)
    test = people([4, 1, 3, 2, 5], 16, rng, tied=tied)
    validation = people([3, 1, 4, 6], 16, rng, tied=tied, first=100)
    test.values[3] = np.nan
    validation.values[5] = np.nan
    found = identify_celeba(test, validation, draws=6, seed=2)
    assert test.identities is not None
    single = "00001"
    images = len(test) - 1  # of people with two images or more
    assert len(found.probe) == 6 * (images - 4)
    mates = found.mate.reshape(6, -1)
    assert len({tuple(row) for row in mates.tolist()}) > 1
    for draw in range(6):
        probes, chosen = found.probe.reshape(6, -1)[draw], np.unique(mates[draw])
        assert not set(probes) & set(chosen)
        assert sorted(test.identities[chosen]) == ["00000", "00002", "00003", "00004"]
        assert sorted([*probes, *chosen]) == [row for row in range(len(test)) if test.identities[row] != single]
        enrolled = [*chosen, int(np.flatnonzero(test.identities == single)[0])]
        for place, (probe, mate) in enumerate(zip(probes, mates[draw], strict=True)):
            index = draw * len(probes) + place
            assert test.identities[probe] == test.identities[mate]
            if 3 in (probe, mate):
                assert found.trials.before()[index] == MISS
                continue
            level = cosine(test.values[probe], test.values[mate])
            others = [row for row in enrolled if test.identities[row] != test.identities[probe] and row != 3]
            before = sum(cosine(test.values[probe], test.values[row]) >= level - 1e-12 for row in others)
            beside = sum(
                cosine(test.values[probe], validation.values[row]) >= level - 1e-12
                for row in range(len(validation))
                if row != 5
            )
            assert found.fixed.before()[index] == before
            assert found.distractors.before()[index] == beside
            assert found.trials.before()[index] == before + beside
        for row in range(len(validation)):
            scores = [cosine(validation.values[row], test.values[other]) for other in enrolled if other != 3]
            best = -np.inf if row == 5 else max(scores)
            assert found.stranger_score[draw * len(validation) + row] == pytest.approx(best)
    assert found.distractors.others == len(validation) - 1
    assert found.not_found == (1, 1)
    again = identify_celeba(test, validation, draws=6, seed=2, threads=1)
    np.testing.assert_array_equal(again.trials.before(), found.trials.before())


def test_splits_that_cannot_be_searched_are_refused() -> None:
    rng = np.random.default_rng(0)
    test = people([2, 2], 4, rng, tied=False)
    with pytest.raises(DataError, match="00000 is in the test and in the validation split"):
        identify_celeba(test, test)
    with pytest.raises(DataError, match="nobody"):
        identify_celeba(people([1, 1], 4, rng, tied=False), people([2], 4, rng, tied=False, first=9))
    with pytest.raises(ConfigError, match="draws is 0"):
        identify_celeba(test, people([2], 4, rng, tied=False, first=9), draws=0)


def test_the_command_measures_a_table(celeba_people: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from kronface.data.sources.celeba import celeba

    records = celeba(celeba_people)
    rng = np.random.default_rng(1)
    owner = np.unique(records.table["identity"].to_numpy(), return_inverse=True)[1]
    vectors = rng.normal(size=(owner.max() + 1, 32))[owner] + 0.4 * rng.normal(size=(len(owner), 32))
    names = [path.split("/")[-1] for path in records.table["path"].to_list()]
    male = records.table["Male"].to_numpy()
    table = pl.DataFrame({"path": names, "embedding": pl.Series(vectors), "Male": np.where(male, 0.9, 0.2)})
    table.sample(fraction=1.0, shuffle=True, seed=3).write_parquet(tmp_path / "mine.parquet")
    words = ["evaluate", "celeba", str(celeba_people), "--features", str(tmp_path / "mine.parquet")]
    out = tmp_path / "result.json"
    assert main([*words, "--json", str(out), "--draws", "3"]) == 0
    result = json.loads(out.read_text())
    assert (result["people"], result["probes"], result["data"]["people"]) == (2 + 16, 6, 2)
    assert result["rank1"] > 0.7
    assert result["attributes"]["Male"]["accuracy"] == 1.0
    assert set(result["attributes"]) == {"Male"}
    assert result["attribute_protocol"]["chosen"]["attributes"]["Male"]["accuracy"] == 1.0
    assert result["attribute_protocol"]["labels"]["Male"]["agreement"] == 1.0
    assert "counts" not in result["attribute_protocol"]
    counts = result["attribute_counts"]["attributes"]["Male"]
    assert counts["chosen_right_negatives"] == counts["right_negatives"] == counts["negatives"]
    labelled = [int(word) for side in ("positives", "negatives") for word in counts[side].split()]
    assert (len(labelled), sum(labelled)) == (2 * 2, result["attributes"]["Male"]["images"])
    assert main(["report", str(out), "--out", str(tmp_path / "page.html")]) == 0
    capfd.readouterr()
    for more, message in (
        (["--attributes", "Bald"], "--attributes names Bald"),
        (["--official"], "not the official CelebA"),
        (["--sizes", "17"], "from 0 to the 16 distractors"),
        (["--by", "Tall"], "--by names Tall"),
        (["--checkpoint", str(tmp_path)], "--checkpoint has no use"),
    ):
        assert main([*words, *more]) == 2
        assert message in capfd.readouterr().err.strip().splitlines()[-1]


def test_error_rates_by_attribute_are_those_of_the_first_draw(celeba_people: Path, tmp_path: Path) -> None:
    """Six test people and 24 validation people: groups by the vote of their labels, made here."""
    import shutil

    root = tmp_path / "celeba"
    shutil.copytree(celeba_people, root, ignore=shutil.ignore_patterns("img_align_celeba"))
    (root / "img_align_celeba").mkdir()
    rng = np.random.default_rng(2)
    owner = np.repeat(np.arange(60), 6)
    images = [f"{number:06d}.jpg" for number in range(1, 361)]
    tall = owner % 2 == 0
    noisy = tall ^ (np.arange(360) % 6 == 0)  # one of six labels of each person is wrong
    header = "360\nMale \n"
    labels = "".join(f"{name} {1 if yes else -1}\n" for name, yes in zip(images, noisy, strict=True))
    (root / "list_attr_celeba.txt").write_text(header + labels)
    (root / "identity_CelebA.txt").write_text("".join(f"{n} {k + 1}\n" for n, k in zip(images, owner, strict=True)))
    (root / "list_eval_partition.txt").write_text(
        "".join(f"{n} {2 if k < 40 else 1}\n" for n, k in zip(images, owner, strict=True))
    )
    (root / "list_landmarks_align_celeba.txt").unlink()
    # Faces of the odd people are found well, those of the even ones badly.
    spread = np.where(tall, 1.6, 0.2)[:, None]
    vectors = rng.normal(size=(60, 24))[owner] + spread * rng.normal(size=(360, 24))
    pl.DataFrame({"path": images, "embedding": pl.Series(vectors)}).write_parquet(tmp_path / "mine.parquet")
    out = tmp_path / "result.json"
    words = ["evaluate", "celeba", str(root), "--features", str(tmp_path / "mine.parquet"), "--by", "Male"]
    assert main([*words, "--json", str(out), "--fpir", "0.1", "--fmr", "0.01", "--draws", "2"]) == 0
    entries = {entry["measure"]: entry for entry in json.loads(out.read_text())["differentials"]}
    assert set(entries) == {"fnmr", "fmr", "fnir", "fpir", "rank1"}
    groups = {group["group"]: group for group in entries["rank1"]["groups"]}
    assert {name: group["people"] for name, group in groups.items()} == {"Male": 20, "not Male": 20}
    assert {name: group["trials"] for name, group in groups.items()} == {"Male": 100, "not Male": 100}
    assert groups["not Male"]["rate"] > groups["Male"]["rate"] + 0.2
    assert {group["trials"] for group in entries["fpir"]["groups"]} == {60}
