"""The ablation's arms: what each trains, on which labels, from which weights; and the whole of it, tiny."""

import json
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from kronface.cli.ablate import ablate
from kronface.data.attributes import FUSED, PREDICTED
from kronface.errors import ConfigError, DataError
from kronface.files import no_progress
from kronface.studies import ablation_people
from kronface.studies.ablation import AblationOutcome, run_ablation, run_folder
from kronface.studies.ablation_arms import ARMS, QUICK, arrange, reference_of
from kronface.studies.ablation_people import People, photographed_people
from kronface.studies.ablation_run import Recipe, given_attributes, measure, network_of, signature, training_labels
from kronface.training.validation import predict

TINY = Recipe(passes=24, size=16, batch_size=12)
NOISY = [name for name, arm in ARMS.items() if arm.noise]


def run(out: Path, root: Path | None, **options: Any) -> AblationOutcome:  # noqa: ANN401 - any option
    plain: dict[str, Any] = {"arms": NOISY, "seeds": 2, "recipe": TINY, "root": root}
    return run_ablation(out, **(plain | options))


@pytest.fixture(scope="module")
def people(celeba_people: Path) -> People:
    counts = dict.fromkeys(("train", "validation", "test"))
    found = photographed_people(celeba_people, people=counts, seed=1, size=16, progress=no_progress)
    rng = np.random.default_rng(2)
    true = found.labels["annotated"]
    turned = {split: np.abs(labels - (rng.random(labels.shape) < 0.2)) for split, labels in true.items()}
    return replace(found, labels={"annotated": turned, "true": true})


@pytest.fixture(scope="module")
def finished(celeba_people: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, AblationOutcome]:
    out = tmp_path_factory.mktemp("ablation")
    return out, run(out, celeba_people)


def test_there_are_fourteen_arms_and_the_quick_ones_are_among_them() -> None:
    assert len(ARMS) == 14
    assert len(NOISY) == 11
    assert set(QUICK) < set(ARMS)
    assert {name: reference_of(name) for name in ("joint", "concat", "joint-clean", "voted-clean")} == {
        "joint": None,
        "concat": "joint",
        "joint-clean": "joint",
        "voted-clean": "joint-clean",
    }


def test_all_arms_of_a_seed_start_from_the_same_weights_where_shapes_agree(people: People) -> None:
    joint = network_of(ARMS["joint"], people, TINY, 3).state_dict()
    for name, arm in ARMS.items():
        shared = 0
        for key, tensor in network_of(arm, people, TINY, 3).state_dict().items():
            if key in joint and tensor.shape == joint[key].shape:
                assert torch.equal(tensor, joint[key]), (name, key)
                shared += 1
        assert shared > 80, name
    assert not torch.equal(
        network_of(ARMS["joint"], people, TINY, 4).state_dict()["trunk.features.0.weight"],
        joint["trunk.features.0.weight"],
    )


@pytest.mark.parametrize(
    ("name", "fused"),
    [("identity-only", 128), ("no-fusion", 128), ("concat", 138), ("joint", 1280), ("joint-tanh1", 1408)]
    + [(name, 1280) for name in ("joint-detach", "oracle", "shuffled-images", "shuffled-people", "voted")],
)
def test_parameters_by_hand(people: People, name: str, fused: int) -> None:
    channels = [3, 16, 16, 32, 32, *[64] * 4, *[128] * 8]
    trunk = sum(9 * a * b + b + 2 * b for a, b in pairwise(channels))
    identity = fused * 1024 + 1024 + 2 * 1024 + 1024 * 6 + 6
    attributes = 0 if name == "identity-only" else 128 * 1024 + 1024 + 2 * 1024 + 1024 * 11 + 11
    network = network_of(ARMS[name], people, TINY, 1)
    assert sum(parameter.numel() for parameter in network.parameters()) == trunk + identity + attributes


def test_the_identity_loss_stops_before_the_attribute_branch_in_joint_detach(people: People) -> None:
    for name, reached in (("joint", True), ("joint-detach", False)):
        network = network_of(ARMS[name], people, TINY, 1).train()
        images = network.preprocess(torch.stack([people.faces["train"][row]["image"] for row in range(4)]))
        network(images).identity_logits[:, 0].sum().backward()
        assert network.attribute_branch is not None
        assert (network.attribute_branch.logits.weight.grad is not None) == reached, name


def test_the_oracle_is_given_the_true_labels_and_nothing_else(people: People) -> None:
    network = network_of(ARMS["oracle"], people, TINY, 1).eval()
    given = 2 * people.labels["true"]["test"][:, [PREDICTED.index(name) for name in FUSED]] - 1
    assert set(np.unique(given)) == {-1.0, 1.0}
    assert np.array_equal(given_attributes(ARMS["oracle"], people, "test"), given)  # type: ignore[arg-type]
    assert given_attributes(ARMS["joint"], people, "test") is None
    photographed = replace(people, labels={"annotated": people.labels["annotated"]})
    assert not np.array_equal(given_attributes(ARMS["oracle"], photographed, "test"), given)  # type: ignore[arg-type]
    labels = people.labels["annotated"]["test"]
    right, wrong = (people.faces["test"].relabelled(labels, given=values) for values in (given, -given))
    assert people.faces["test"].relabelled(labels)[0].keys() == right[0].keys() - {"given"}
    with torch.inference_mode():
        face = network.forward_trunk(network.preprocess(right[0]["image"][None]))
        fused = np.kron(face[0].numpy(), given[0])
        assert network.identity_branch is not None
        hidden = network.identity_branch.forward_hidden(torch.from_numpy(fused[None].astype(np.float32)))
        expected = network.identity_branch.embed(hidden)
    found = predict(network, right, device=torch.device("cpu"))[0]
    assert found is not None
    np.testing.assert_allclose(found[0], expected[0], atol=1e-5)
    turned = predict(network, wrong, device=torch.device("cpu"))[0]
    assert turned is not None
    assert np.abs(found - turned).max() > 0.01
    joint = measure(ARMS["joint"], network, people, TINY)
    assert measure(ARMS["oracle"], network, people, TINY)["attributes"] == joint["attributes"]


def test_labels_of_the_arms() -> None:
    who = np.array(["a", "a", "a", "b", "b", "c", "c", "c", "c"])
    labels = np.array([[1, 0], [1, 0], [0, 0], [0, 1], [1, 1], [0, 0], [0, np.nan], [1, 0], [1, 1]], np.float32)
    assert arrange("own", labels, who, 1) is labels
    voted = arrange("voted", labels, who, 1)
    assert voted[:, 0].tolist() == [1, 1, 1, 1, 1, 1, 1, 1, 1]  # ties are a yes
    assert voted[:, 1].tolist() == [0, 0, 0, 1, 1, 0, 0, 0, 0]
    images = arrange("shuffled-images", labels, who, 1)
    assert sorted(map(str, images.tolist())) == sorted(map(str, labels.tolist()))
    assert not np.array_equal(images, labels, equal_nan=True)
    for seed in range(5):
        people = arrange("shuffled-people", labels, who, seed)
        takers = []
        for name in "abc":
            own = people[who == name]
            givers = [
                other
                for other in "abc"
                if np.array_equal(own, labels[who == other][np.arange(len(own)) % (who == other).sum()], equal_nan=True)
            ]
            assert len(givers) == 1
            assert givers != [name]
            takers += givers
        assert sorted(takers) == ["a", "b", "c"]
    assert np.array_equal(arrange("shuffled-people", labels, who, 3), arrange("shuffled-people", labels, who, 3), True)


def test_arms_that_train_the_same_are_one_run(people: People) -> None:
    own = {name: signature(arm, people, 1) for name, arm in ARMS.items()}
    assert own["identity-only"] == own["identity-only-clean"]
    assert own["joint"] != own["joint-clean"]
    assert own["voted-clean"] == own["joint-clean"]  # the true labels of a person's pictures are all the same
    assert len(set(own.values())) == 12
    assert own["joint"] != signature(ARMS["joint"], people, 2)


def test_attributes_of_clean_arms_are_told_the_true_labels(people: People) -> None:
    for name, truth in (("joint-clean", "true"), ("joint", "annotated"), ("concat", "annotated")):
        assert training_labels(ARMS[name], people, 1) is people.labels[truth]["train"]
    assert (people.labels["true"]["train"] != people.labels["annotated"]["train"]).any()


def test_every_arm_runs_and_has_its_figures(finished: tuple[Path, AblationOutcome]) -> None:
    out, outcome = finished
    rows = {row["name"]: row for row in outcome.content["arms"]}
    assert list(rows) == NOISY
    for name, row in rows.items():
        assert (row["figures"]["rank1"] is None) == (name == "attributes-only")
        assert (row["figures"]["accuracy"] is None) == (name == "identity-only")
        assert (row["differences"]["accuracy"] is None) == (name in ("identity-only", "joint"))
    assert outcome.content["seeds"] == [1, 2]
    assert outcome.content["data"]["passes"] == 24
    assert sorted(path.name for path in run_folder(out, "joint", 2).iterdir()) == [
        "last",
        "metrics.csv",
        "result.json",
    ]
    assert "Over 2 seeds and 2 people" in "\n".join(outcome.lines())
    assert "<svg" in outcome.report.read_text()


def test_the_same_seeds_give_the_same_table_and_a_killed_ablation_goes_on(
    finished: tuple[Path, AblationOutcome], celeba_people: Path, tmp_path: Path
) -> None:
    class StoppedError(Exception):
        pass

    def stop(stage: str, done: int, total: int) -> None:
        if "joint with seed 2" in stage:
            raise StoppedError

    arms = ["identity-only", "attributes-only", "joint"]
    with pytest.raises(StoppedError):
        run(tmp_path, celeba_people, arms=arms, progress=stop)
    partial = json.loads((tmp_path / "results.json").read_text())
    assert partial["seeds"] == [1]  # what is finished is kept as it comes
    kept = (run_folder(tmp_path, "joint", 1) / "result.json").stat().st_mtime_ns
    again = run(tmp_path, celeba_people, arms=arms)
    assert (run_folder(tmp_path, "joint", 1) / "result.json").stat().st_mtime_ns == kept
    rows = {row["name"]: row for row in finished[1].content["arms"]}
    for row in again.content["arms"]:
        assert row == rows[row["name"]]
    # Nothing is trained again, and further arms join what is there.
    shutil.rmtree(tmp_path / "runs" / "identity-only")
    seen: list[str] = []
    run(tmp_path, celeba_people, arms=[*arms, "concat"], progress=lambda stage, *_: seen.append(stage))
    started = {stage.split(", ")[1] for stage in seen if stage.startswith("ablation")}
    assert started == {f"{name} with seed {seed}" for name in ("identity-only", "concat") for seed in (1, 2)}
    with pytest.raises(ConfigError, match="passes was 24, now 48"):
        run(tmp_path, celeba_people, recipe=replace(TINY, passes=48))


def test_photographs_have_no_true_labels(celeba_people: Path, tmp_path: Path) -> None:
    outcome = run(tmp_path, celeba_people, arms=["joint", "joint-clean"], seeds=1)
    assert [row["name"] for row in outcome.content["arms"]] == ["joint"]
    assert "nobody knows the true labels of photographs: joint-clean" in "\n".join(outcome.lines())
    with pytest.raises(ConfigError, match="joint-clean"):
        run(tmp_path / "none", celeba_people, arms=["joint-clean"])


def test_rendered_people_have_both_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ablation_people, "JUDGED", 400)
    options: dict[str, Any] = {
        "arms": ["joint", "joint-clean", "voted-clean"],
        "people": {"train": 4, "validation": 2, "test": 3},
        "images": 3,
        "seeds": 1,
    }
    outcome = run(tmp_path, None, **options)
    rows = {row["name"]: row for row in outcome.content["arms"]}
    assert [rows[name]["truth"] for name in rows] == ["annotated", "true", "true"]
    assert rows["voted-clean"]["same_run_as"] == "joint-clean"
    assert "one run serves both" in rows["voted-clean"]["sentence"]
    assert not (tmp_path / "runs" / "voted-clean" / "seed-1" / "last").exists()
    assert rows["joint-clean"]["differences"]["accuracy"] is not None
    annotated = (tmp_path / "annotated.csv").read_text().splitlines()
    assert annotated[0] == ",".join(["picture", *PREDICTED])
    assert len(annotated) == 1 + 9 * 3
    shutil.rmtree(tmp_path / "people")  # all is finished: nobody is needed any more
    assert run(tmp_path, None, **options).content == outcome.content


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({}, "--quick"),
        ({"quick": True, "full": True}, "--quick"),
        ({"arms": ["joint", "both"]}, "unknown arm 'both'"),
        ({"arms": ["joint"], "seeds": 0}, "seeds is 0"),
        ({"arms": ["joint"], "identities": 0}, "train is 0"),
        ({"arms": ["joint"], "passes": 0}, "passes is 0"),
        ({"arms": ["joint"], "far": 2.0}, "far is 2.0"),
        ({"arms": ["joint"], "variant": "vgg16"}, "vgg16"),
        ({"arms": ["joint"], "identities": 2, "batch_size": 60}, "batch_size is 60"),
        ({"arms": ["joint"], "attribute_weight": -1.0}, "attribute_weight"),
    ],
)
def test_options_that_do_not_fit(tmp_path: Path, options: dict[str, Any], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        ablate(out=tmp_path / "ablation", **options)
    assert not (tmp_path / "ablation").exists()


def test_more_people_than_there_are(celeba_people: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="6 people in the train split: 7"):
        run(tmp_path, celeba_people, people={"train": 7})
    chosen = photographed_people(
        celeba_people, people={"train": 3, "validation": 2, "test": 2}, seed=1, size=16, progress=no_progress
    )
    assert (len(chosen.faces["train"].identities), len(chosen.faces["train"])) == (3, 12)


def test_a_damaged_result_is_named(finished: tuple[Path, AblationOutcome], celeba_people: Path, tmp_path: Path) -> None:
    folder = run_folder(tmp_path, "joint", 1)
    folder.mkdir(parents=True)
    (folder / "result.json").write_text("{")
    with pytest.raises(DataError, match=r"seed-1/result.json cannot be read"):
        run(tmp_path, celeba_people, arms=["joint"])
