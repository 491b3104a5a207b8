"""`kronface evaluate megaface` on devkit files of another writer, against a slow reference that shares no code."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kronface.cli.main import main
from tests.evaluation import megaface_reference as reference
from tests.evaluation.megaface_reference import Devkit


def run(devkit: Devkit, out: Path, *more: str) -> dict[str, Any]:
    words = ["evaluate", "megaface", str(devkit.probe_folder), str(devkit.distractor_folder)]
    words += ["--probe-list", str(devkit.probe_list), "--distractor-lists", str(devkit.distractor_list)]
    words += ["--ending", devkit.ending, "--json", str(out / "result.json"), "--out", str(out), "--resamples", "50"]
    assert main([*words, *more]) == 0
    content: dict[str, Any] = json.loads((out / "result.json").read_text())
    return content


def check_list(out: Path, stem: str, devkit: Devkit, clean: list[int], distractors: np.ndarray, metric: str) -> float:
    """Compares one list's files with the reference, of the `clean` probes; returns its rank-1."""
    probes, ids = devkit.probes[clean], [devkit.ids[row] for row in clean]
    ranks = reference.reference_ranks(probes, ids, distractors, metric)  # type: ignore[arg-type]
    at, rates, fpr, tpr = reference.read_official_cmc(out / f"cmc_{stem}.json")
    np.testing.assert_allclose(rates, reference.reference_cmc(ranks, at), atol=1e-12)
    items = reference.read_official_matches(out / f"matches_{stem}.json")
    for (mate, probe), rank in ranks.items():
        last = int((~np.isnan(distractors).any(1)).sum()) + 2
        assert items[clean[mate]][clean[probe]] == (last if math.isinf(rank) else rank)
    assert sum(len(item) for item in items) == len(ranks)
    curve = reference.reference_roc(probes, ids, distractors, metric)  # type: ignore[arg-type]
    for x, y in zip(fpr, tpr, strict=True):
        assert y == pytest.approx(reference.reference_tpr(curve, x, "strict"), abs=1e-12)
    assert max(x for x, _ in curve) == pytest.approx(max(fpr))
    return reference.reference_rank1(ranks)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_every_list_is_scored_as_the_protocol_says(tmp_path: Path, kind: str, tied: bool, metric: str) -> None:
    devkit = reference.write_devkit(
        tmp_path / "devkit", kind=kind, tied=tied, missing_probes=[2], missing_distractors=[9, 10]
    )
    words = ["--sets", "2", "--missing", "miss", "--metric", metric]
    words += ["--probe-noise", str(devkit.probe_noises), "--distractor-noise", str(devkit.distractor_noises)]
    result = run(devkit, tmp_path, *words)
    clean = [row for row in range(len(devkit.ids)) if row not in devkit.noisy_probes]
    rates: dict[str, dict[int, list[float]]] = {"raw": {}, "deletion": {}}
    for (size, number), rows in devkit.samples.items():
        stem = f"facescrub_megaface_features_{size}_{number}"
        pool = devkit.distractors[rows]
        everyone = list(range(len(devkit.ids)))
        rates["raw"].setdefault(size, []).append(check_list(tmp_path, stem, devkit, everyone, pool, metric))
        left = np.delete(pool, devkit.noisy_of(size, number), 0)
        rate = check_list(tmp_path / "deletion", stem, devkit, clean, left, metric)
        rates["deletion"].setdefault(size, []).append(rate)
    for variant, part in {"raw": result, "deletion": result["variants"]["deletion"]}.items():
        expected = [np.mean(rates[variant][size]) for size in sorted(rates[variant])]
        np.testing.assert_allclose(part["distractors"]["rank1"], expected, atol=1e-6)
        spread = [np.std(rates[variant][size], ddof=1) for size in sorted(rates[variant])]
        np.testing.assert_allclose(part["distractors"]["spread"], spread, atol=1e-6)
        assert part["rank1"] == pytest.approx(expected[-1])
    listed = set().union(*devkit.samples.values())
    assert result["noisy"] == {"probes": 2, "distractors": len(listed & set(devkit.noisy_distractors))}
    assert result["faces_not_found"] == 1 + len({9, 10} & listed)
    assert not result["official"]["is_official"]
    assert "not the official lists" in result["data"]["notes"][0]


def test_refined_probes_are_their_people_s_means(tmp_path: Path) -> None:
    devkit = reference.write_devkit(tmp_path / "devkit", spread=1.2, people=6)
    words = ["--probe-noise", str(devkit.probe_noises), "--distractor-noise", str(devkit.distractor_noises)]
    result = run(devkit, tmp_path, *words, "--seed", "3", "--sizes", "25")
    rng = np.random.default_rng(3)
    noise = np.zeros_like(devkit.probes)
    for row in devkit.noisy_probes:
        noise[row] = rng.uniform(-1e-3, 1e-3, devkit.probes.shape[1])
    probes = reference.refine(devkit.probes, devkit.ids, devkit.noisy_probes, noise)  # type: ignore[arg-type]
    pool, never = devkit.distractors[devkit.samples[25, 1]], devkit.noisy_of(25, 1)
    ranks = reference.reference_ranks(probes, devkit.ids, pool, never=never)  # type: ignore[arg-type]
    raw = reference.reference_ranks(devkit.probes, devkit.ids, pool)  # type: ignore[arg-type]
    assert ranks != raw
    refined = result["variants"]["refined"]
    assert refined["rank1"] == pytest.approx(reference.reference_rank1(ranks))
    np.testing.assert_allclose(refined["cmc"], reference.reference_cmc(ranks, refined["cmc_ranks"]), atol=1e-6)
    curve = reference.reference_roc(probes, devkit.ids, pool, never=never)  # type: ignore[arg-type]
    _, _, fpr, tpr = reference.read_official_cmc(tmp_path / "refined" / "cmc_facescrub_megaface_features_25_1.json")
    for x, y in zip(fpr, tpr, strict=True):
        assert y == pytest.approx(reference.reference_tpr(curve, x, "strict"), abs=1e-12)


def test_one_photograph_of_each_other_person_competes(tmp_path: Path) -> None:
    devkit = reference.write_devkit(tmp_path / "devkit", photos=(3,), people=5)
    result = run(devkit, tmp_path, "--one-of-each-other", "--draws", "64", "--sizes", "10")
    pool = devkit.distractors[devkit.samples[10, 1]]
    # All photographs of the others are equally likely: the mean over draws comes near the exact mean over choices.
    rates = []
    for turn in range(3):
        chosen = {
            (g, other): [row for row, owner in enumerate(devkit.ids) if owner == other][turn]
            for g in range(len(devkit.ids))
            for other in set(devkit.ids) - {devkit.ids[g]}
        }
        ranks = reference.reference_ranks_with_others(devkit.probes, devkit.ids, pool, chosen)  # type: ignore[arg-type]
        rates.append(reference.reference_cmc(ranks, result["cmc_ranks"]))
    alone = reference.reference_ranks(devkit.probes, devkit.ids, pool)  # type: ignore[arg-type]
    assert result["rank1"] < reference.reference_rank1(alone)
    np.testing.assert_allclose(result["cmc"], np.mean(rates, 0), atol=0.08)
    assert result["people"] == 1 + 10 + 4


def test_tables_and_text_lists_give_the_same(tmp_path: Path) -> None:
    import polars as pl

    devkit = reference.write_devkit(tmp_path / "devkit", sizes=(25,), sets=1)
    expected = run(devkit, tmp_path, "--resamples", "20")
    names = [devkit.distractor_paths[row] for row in devkit.samples[25, 1]]
    tables = tmp_path / "probes.parquet", tmp_path / "distractors.parquet"
    for path, paths, values in zip(
        tables, (devkit.probe_paths, names), (devkit.probes, devkit.distractors[devkit.samples[25, 1]]), strict=True
    ):
        order = np.arange(len(paths))[::-1]
        pl.DataFrame(
            {"path": [f"somewhere/{paths[row]}" for row in order], "embedding": pl.Series(values[order])}
        ).write_parquet(path)
    (tmp_path / "facescrub_lst").write_text("\n".join(f"/data/facescrub_images/{path}" for path in devkit.probe_paths))
    (tmp_path / "megaface_lst").write_text("\n".join(f"/data/megaface_images/{path}" for path in names))
    words = ["evaluate", "megaface", *map(str, tables), "--probe-list", str(tmp_path / "facescrub_lst")]
    words += ["--distractor-lists", str(tmp_path / "megaface_lst"), "--json", str(tmp_path / "table.json")]
    assert main([*words, "--resamples", "20"]) == 0
    found = json.loads((tmp_path / "table.json").read_text())
    for key in ("rank1", "rank1_low", "rank1_high", "cmc", "per_identity", "distractors"):
        assert found[key] == expected[key]


def test_a_list_may_begin_with_a_mark_and_blanks(tmp_path: Path) -> None:
    devkit = reference.write_devkit(tmp_path / "devkit")
    expected = run(devkit, tmp_path)
    content = devkit.probe_list.read_bytes()
    for begins in (b"\xef\xbb\xbf", b"\n\t " * 50):
        devkit.probe_list.write_bytes(begins + content)
        assert run(devkit, tmp_path)["lists"] == expected["lists"]


def test_mistakes_get_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    devkit = reference.write_devkit(tmp_path / "devkit", missing_distractors=[devkit_row(tmp_path)])
    lists, ending = ["--probe-list", str(devkit.probe_list)], ["--distractor-lists", str(devkit.distractor_list)]
    folders = [str(devkit.probe_folder), str(devkit.distractor_folder)]
    damaged = tmp_path / "damaged.json"
    damaged.write_text('{"path": ["a/b.jpg", "a/b.jpg"], "id": ["a", "a"]}')
    for words, message in (
        ([*folders, *lists, *ending], "--missing miss"),
        ([*folders, *lists, *ending, "--official"], "none of the official lists"),
        ([*folders, *lists], "--distractor-lists"),
        ([*folders, *ending], "--probe-list"),
        ([*folders, *lists, *ending, "--sizes", "77"], "features_list.json_77_1 is missing"),
        ([*folders, *lists, *ending, "--sets", "0"], "sets is 0"),
        ([*folders, "--probe-list", str(damaged), *ending], "twice"),
        ([*folders, *lists, *ending, "--probe-noise", str(tmp_path / "nowhere")], "nowhere cannot be read"),
        ([*folders, *lists, *ending, "--ending", ".feat"], "is missing"),
        ([*folders, *lists, *ending, "--json", str(tmp_path)], "directory"),
    ):
        assert main(["evaluate", "megaface", *words]) == 2, words
        line = capfd.readouterr().err.strip().splitlines()[-1]
        assert line.startswith("kronface: "), line
        assert message in line, line


def devkit_row(tmp_path: Path) -> int:
    """A row that the lists of a devkit of the same seed hold."""
    return reference.write_devkit(tmp_path / "same").samples[10, 1][0]


def test_other_systems_curves_stand_in_the_report(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    devkit = reference.write_devkit(tmp_path / "devkit")
    words = ["--probe-noise", str(devkit.probe_noises)]
    run(devkit, tmp_path / "mine", *words, "--name", "mine")
    results = tmp_path / "results"
    results.mkdir()
    (tmp_path / "mine" / "result.json").rename(results / "mine.json")
    (results / "cmc_theirs.json").write_text('{"cmc": [[0, 9, 24], [0.25, 0.5, 1.0]], "roc": [[1e-6, 1], [0.1, 1]]}')
    matches = next((tmp_path / "mine").rglob("matches_*.json"))
    (results / matches.name).write_bytes(matches.read_bytes())
    assert main(["report", str(results), "--out", str(tmp_path / "page.html")]) == 0
    page = (tmp_path / "page.html").read_text()
    for name in ("mine (raw)", "mine (refined)", "mine (deletion)", "theirs (imported)"):
        assert name in page
    (results / "cmc_theirs.json").write_text('{"cmc": [[0, 1], [0.5, 1.5]]}')
    capfd.readouterr()
    assert main(["report", str(results), "--out", str(tmp_path / "page.html")]) == 2
    assert "cmc_theirs.json: 'cmc' should rise" in capfd.readouterr().err
