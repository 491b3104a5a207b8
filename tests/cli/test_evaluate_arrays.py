"""`kronface evaluate arrays` as a user meets it: files of every form, figures as slow loops give them, mistakes."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import save_file

from kronface.cli.main import main
from kronface.evaluation.features import Features, write_features
from kronface.evaluation.result import load_result
from tests.evaluation import arrays_reference as reference
from tests.evaluation.arrays_reference import Images

from .test_evaluate_pairs import complaint

SIZE = 8


class Files:
    """Fifty people with two probes and two gallery images, fifty strangers with four probes, and 9 distractors."""

    def __init__(self, root: Path, *, tied: bool = False) -> None:
        rng = np.random.default_rng(4)
        centres = rng.normal(size=(110, SIZE))

        def images(people: np.ndarray) -> np.ndarray:
            rows = centres[people] + 0.6 * rng.normal(size=(len(people), SIZE))
            return (np.where(rows > 0, 1, -1) if tied else rows).astype(np.float32)

        self.root = root
        probe_people = rng.permutation(np.concatenate([np.repeat(np.arange(50), 2), np.repeat(np.arange(50, 100), 4)]))
        gallery_people = rng.permutation(np.repeat(np.arange(50), 2))
        self.people = [f"p {person}" for person in probe_people]
        self.probes, self.gallery, self.crowd = (
            images(probe_people),
            images(gallery_people),
            images(np.concatenate([np.arange(100, 108), probe_people[:1]])),
        )
        self.gallery_people = [f"p {person}" for person in gallery_people]
        self.crowd_people = [*(f"x{k}" for k in range(8)), self.people[0]]
        self.probes[[3, 50]] = np.nan
        self.gallery[7] = np.nan
        self.crowd[2] = np.nan
        np.save(root / "probes.npy", self.probes)
        (root / "people.txt").write_text("\n".join(self.people) + "\n")
        write_features(root / "gallery.parquet", Features(self.gallery, "g", np.array(self.gallery_people)))
        save_file({"embeddings": self.crowd}, root / "crowd.safetensors")
        np.save(root / "crowd-people.npy", np.array(self.crowd_people))

    def words(self, *more: str) -> list[str]:
        return ["evaluate", "arrays", str(self.root / "probes.npy"), "--labels", str(self.root / "people.txt"), *more]

    def option(self, name: str, file: str) -> list[str]:
        return [name, str(self.root / file)]

    def slow(self, gallery: bool, crowd: bool, labelled: bool, mates: str, metric: str) -> reference.Searches:
        return reference.identify(
            Images(self.probes.tolist(), self.people),
            Images(self.gallery.tolist(), self.gallery_people) if gallery else None,
            Images(self.crowd.tolist(), self.crowd_people if labelled else None) if crowd else None,
            mates=mates,
            metric=metric,
        )


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("case", ["gallery", "each", "both", "both, labelled", "crowd", "crowd, labelled"])
@pytest.mark.parametrize("ties", ["against", "for"])
def test_the_results_file_equals_plain_loops(tmp_path: Path, case: str, metric: str, ties: str) -> None:
    files = Files(tmp_path, tied=ties == "for")
    gallery, crowd = case in ("gallery", "each") or "both" in case, "crowd" in case or "both" in case
    labelled, mates = "labelled" in case, "each" if case == "each" else "template"
    words = files.words("--metric", metric, "--ties", ties, "--json", str(tmp_path / "r.json"), "--resamples", "20")
    words += files.option("--gallery", "gallery.parquet") if gallery else []
    words += ["--mates", "each"] if mates == "each" else []
    words += [*files.option("--distractors", "crowd.safetensors"), "--sizes", "[2,8]"] if crowd else []
    words += files.option("--distractor-labels", "crowd-people.npy") if labelled else []
    assert main(words) == 0
    stored = load_result(tmp_path / "r.json")
    slow = files.slow(gallery, crowd, labelled, mates, metric)
    assert (
        stored["probes"]
        == len(slow.trials)
        == {True: 100, False: 50 * 2 + 50 * 12}[gallery] * (2 if mates == "each" else 1)
    )
    assert stored["rank1"] == pytest.approx(slow.cmc(1, ties))
    for k, rate in zip(stored["cmc_ranks"], stored["cmc"], strict=True):
        assert rate == pytest.approx(slow.cmc(k, ties), abs=1e-6)
    if crowd:
        assert stored["distractors"]["counts"] == [2, 8]
        for count, rate in zip([2, 8], stored["distractors"]["rank1"], strict=True):
            assert rate == pytest.approx(slow.among(count, ties), abs=2e-6)
        assert stored["distractors"]["rank1"][-1] == pytest.approx(stored["rank1"], abs=1e-6)
    assert (stored["protocol"], stored["name"], stored["data"]["root"]) == ("arrays", "probes", str(tmp_path))
    assert stored["faces_not_found"] == 2 + gallery + crowd
    assert stored["settings"]["metric"] == metric
    if gallery:
        assert stored["det"]["stranger_searches"] == len(slow.strangers) == 200
        (point,) = stored["det"]["points"]
        strange = sorted((reference.shown(score, metric) for _, score in slow.strangers), reverse=True)
        hits = [
            trial
            for trial in slow.trials
            if trial.mate is not None
            and trial.before([*trial.fixed, *trial.pool], ties) == 0
            and reference.shown(trial.mate, metric) > strange[20] + 1e-9
        ]
        assert point["tpir"] == pytest.approx(len(hits) / len(slow.trials))
    else:
        assert stored["det"] is None


def test_what_the_terminal_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = Files(tmp_path, tied=True)
    words = files.words(
        *files.option("--gallery", "gallery.parquet"), *files.option("--distractors", "crowd.safetensors")
    )
    assert main([*words, "--resamples", "20", "--json", str(tmp_path / "r.json"), "--name", "mine"]) == 0
    text = capsys.readouterr().out
    for part in (
        "rank-1 0.",
        "among 57 others, 100 trials of 50 people",
        "rank-k: 5: ",
        "rank-1 by distractors: 1: 0.",
        "others of the mate's own score: with ties for the mate, rank-1 is 0.",
        "strangers: 200 searches",
        "at FPIR 0.1 (threshold ",
        "for 200 searches for strangers support no such rates: FPIR 0.001, 0.003, 0.01, 0.03",
        "faces not found: 2 probes, 1 gallery images, 1 distractors",
        f"results: {tmp_path / 'r.json'}",
    ):
        assert part in text, part
    assert json.loads((tmp_path / "r.json").read_text())["name"] == "mine"
    assert main(["report", str(tmp_path / "r.json"), "--out", str(tmp_path / "page.html")]) == 0
    assert "mine" in (tmp_path / "page.html").read_text()


def test_a_run_is_repeated_exactly(tmp_path: Path) -> None:
    files = Files(tmp_path)
    words = files.words(*files.option("--gallery", "gallery.parquet"), "--resamples", "50", "--json")
    stored = []
    for name, more in (("a", []), ("b", ["--threads", "1"]), ("c", ["--seed", "1"])):
        assert main([*words, str(tmp_path / name), *more]) == 0
        content = json.loads((tmp_path / name).read_text())
        content["settings"].pop("seconds")
        stored.append(content)
    assert stored[0] == stored[1]
    assert stored[0]["rank1"] == stored[2]["rank1"]
    assert stored[0]["rank1_low"] != stored[2]["rank1_low"]


def test_mistakes_in_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = Files(tmp_path)
    crowd = files.option("--distractors", "crowd.safetensors")
    probes = str(tmp_path / "probes.npy")
    plain = ["evaluate", "arrays", probes]
    assert "nowhere.npy is no file of embeddings" in complaint(capsys, "evaluate", "arrays", "nowhere.npy", *crowd)
    assert "probes.npy says nothing of its people" in complaint(capsys, *plain, *crowd)
    assert "neither a gallery set nor distractors" in complaint(capsys, *files.words())
    assert "nowhere.txt is not a file" in complaint(capsys, *plain, *crowd, "--labels", "nowhere.txt")
    (tmp_path / "few.txt").write_text("a\nb\n")
    assert "few.txt has 2 labels for 300" in complaint(capsys, *plain, *crowd, *files.option("--labels", "few.txt"))
    assert "300 labels for 9 embeddings" in complaint(
        capsys, *files.words(*crowd, *files.option("--distractor-labels", "people.txt"))
    )
    assert "would find itself" in complaint(
        capsys, *files.words("--gallery", probes, *files.option("--gallery-labels", "people.txt"))
    )
    (tmp_path / "strange.txt").write_text("\n".join(f"q{k}" for k in range(300)))
    assert "do the labels of both mean the same people?" in complaint(
        capsys, *plain, *files.option("--labels", "strange.txt"), *files.option("--gallery", "gallery.parquet")
    )
    np.save(tmp_path / "short.npy", np.ones((4, 3)))
    assert "of length 8" in complaint(capsys, *files.words(*files.option("--distractors", "short.npy")))
    infinite = files.crowd.copy()
    infinite[0, 0] = np.inf
    np.save(tmp_path / "infinite.npy", infinite)
    assert "infinite.npy: row 0 holds" in complaint(
        capsys, *files.words(*files.option("--distractors", "infinite.npy"))
    )
    np.save(tmp_path / "objects.npy", np.array([[object()]]), allow_pickle=True)
    assert "objects.npy is no plain array" in complaint(
        capsys, *files.words(*files.option("--distractors", "objects.npy"))
    )
    for name, print_ in (("one", "a" * 64), ("two", "b" * 64)):
        table = pl.DataFrame({"embedding": files.gallery.tolist(), "identity": files.gallery_people})
        table.write_parquet(tmp_path / f"{name}.parquet", metadata={"kronface.fingerprint": print_})
    mixed = complaint(
        capsys,
        *files.words(*files.option("--gallery", "one.parquet"), *files.option("--distractors", "two.parquet")),
    )
    assert "different networks" in mixed


def test_mistakes_in_the_options_are_said_before_the_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = Files(tmp_path)
    words = files.words(*files.option("--distractors", "crowd.safetensors"))
    cases = {
        "resamples is 0": [*words, "--resamples", "0"],
        "seed is -1": [*words, "--seed", "-1"],
        "sizes are -1": [*words, "--sizes", "[-1]"],
        "sizes are none": [*words, "--sizes", "[]"],
        "sizes are 2, 10: give numbers of distractors, up to the 9": [*words, "--sizes", "[2,10]"],
        "--sizes has no use without --distractors": files.words(
            *files.option("--gallery", "gallery.parquet"), "--sizes", "[1]"
        ),
        "--gallery-labels has no use without --gallery": [*words, *files.option("--gallery-labels", "people.txt")],
        "--mates has no use without --gallery": [*words, "--mates", "each"],
        "--distractor-labels has no use without --distractors": files.words(
            *files.option("--gallery", "gallery.parquet"), *files.option("--distractor-labels", "crowd-people.npy")
        ),
        f"{tmp_path}: ": [*words, "--json", str(tmp_path)],
        "--metric is manhattan: it must be cosine or euclidean": [*words, "--metric", "manhattan"],
        "--ties is both: it must be against or for": [*words, "--ties", "both"],
    }
    for expected, given in cases.items():
        assert main(given) == 2
        error = capsys.readouterr().err
        assert expected in error
        assert len(error.strip().splitlines()) == 1, error  # no progress: nothing was compared
    # One of nine shows no face, which only a look at all of them can tell.
    assert "up to the 8 that show a face" in complaint(capsys, *words, "--sizes", "[2,9]")
    assert "threads is 0" in complaint(capsys, *words, "--threads", "0")
