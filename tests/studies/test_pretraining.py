"""The training on endless rendered people: exact after any interruption, and true to what it draws."""

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from kronface.cli.main import main
from kronface.data.augment import wild
from kronface.errors import CheckpointError, ConfigError, DataError
from kronface.faces.align import align, reference_points
from kronface.faces.detect import YuFaceDetector, largest_face
from kronface.files import no_progress
from kronface.losses.teacher import levelling
from kronface.network.checkpoint import ModelCard, read_card
from kronface.network.network import Network
from kronface.runtime.dlib_network import CHIP, POINTS, DlibEmbedder
from kronface.runtime.verify import MirroredEmbedder
from kronface.studies.pretraining import shards
from kronface.studies.pretraining.filling import Filling
from kronface.studies.pretraining.loop import HELD_OUT, LAST, METRICS, SHARDS, pretrain, running_mean
from kronface.studies.pretraining.mixing import altered, bent, mixed_face, mixture
from kronface.studies.pretraining.recipe import PretrainingRecipe
from kronface.studies.pretraining.shards import MARGIN, _teachers_points, make_shard, read_shard, shard_folder
from kronface.synth.code import face_code
from kronface.synth.head import load_head
from kronface.synth.person import make_person
from kronface.synth.picture import take_picture

RECIPE = PretrainingRecipe(
    rounds=3, window=2, people=4, images=2, batch_size=4, size=32, embedding_size=16, warm_up=2, seed=3
)
TAUGHT = replace(RECIPE, teacher="renderer", embedding_size=128)
WITHHELD = replace(
    replace(TAUGHT, mixed=0.5, mixtures=2, averaged=True, redrawn_people=0.5, pitch_rad=0.2, repeats=2, head_start=1),
    altered=0.5,
    edge=0.4,
    mixed_styles=0.5,
    attribute_errors=0.5,
    face_dropout=0.2,
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training that nothing interrupted."""
    out = tmp_path_factory.mktemp("whole")
    pretrain(out, RECIPE, card=ModelCard())
    return out


def weights(out: Path) -> bytes:
    return (out / LAST / "model.safetensors").read_bytes()


def test_all_that_is_drawn_by_lot_is_drawn_again(tmp_path: Path) -> None:
    def interrupt(stage: str, done: int, total: int) -> None:
        if "round 3" in stage:
            raise KeyboardInterrupt

    pretrain(tmp_path / "whole", WITHHELD, card=ModelCard(), pool=tmp_path / "pool")
    with pytest.raises(KeyboardInterrupt):
        pretrain(tmp_path / "parts", WITHHELD, card=ModelCard(), pool=tmp_path / "pool", progress=interrupt)
    pretrain(tmp_path / "parts", WITHHELD, card=ModelCard(), pool=tmp_path / "pool")
    assert weights(tmp_path / "parts") == weights(tmp_path / "whole")
    assert [WITHHELD.passes(number) for number in range(3)] == [64, 64, 64]  # every second face lies between two people
    assert len(list((tmp_path / "pool" / SHARDS).iterdir())) == 4


@pytest.mark.parametrize("wrong", [0.0, 1.0])
def test_attributes_of_others_teach_nothing(tmp_path: Path, wrong: float) -> None:
    recipe = replace(RECIPE, attribute_weight=0.0, weight_decay=0.0, attribute_errors=wrong, average=0.0)
    pretrain(tmp_path, recipe, card=ModelCard())
    name = "attribute_branch.logits.weight"
    before, after = recipe.network().state_dict()[name], Network.from_pretrained(tmp_path / LAST).state_dict()[name]
    assert torch.equal(before, after) == bool(wrong)


def test_an_interrupted_training_ends_the_same(whole: Path, tmp_path: Path) -> None:
    def interrupt(stage: str, done: int, total: int) -> None:
        if "round 3" in stage:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrain(tmp_path, RECIPE, card=ModelCard(), progress=interrupt)
    assert len((tmp_path / METRICS).read_text().splitlines()) == 3
    for folder in (tmp_path / SHARDS).iterdir():  # whatever else is lost is drawn again
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
    history = pretrain(tmp_path, RECIPE, card=ModelCard())
    assert weights(tmp_path) == weights(whole)
    assert [row["passes"] for row in history] == [8, 24, 40]
    assert sorted(path.name for path in (tmp_path / SHARDS).iterdir()) == ["shard-00001", "shard-00002"]
    assert pretrain(tmp_path, RECIPE, card=ModelCard()) == history  # nothing is left to do
    with pytest.raises(CheckpointError, match="begun from another checkpoint"):
        pretrain(tmp_path, RECIPE, card=ModelCard("others"))
    with pytest.raises(CheckpointError, match="another recipe"):
        pretrain(tmp_path, PretrainingRecipe(rounds=3, people=4, images=2, batch_size=4), card=ModelCard())


def test_the_network_learns_and_its_class_layer_is_left_out(whole: Path) -> None:
    network = Network.from_pretrained(whole / LAST)
    assert network.identity_branch is not None
    assert network.identity_branch.logits is None
    assert network(network.preprocess(torch.zeros((2, 32, 32, 3), dtype=torch.uint8))).identity_logits is None
    assert read_card(whole / LAST).training["passes_altogether"] == 40
    assert not torch.equal(
        network.state_dict()["trunk.features.0.weight"], RECIPE.network().state_dict()["trunk.features.0.weight"]
    )


def test_going_on_from_a_checkpoint(whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = "--rounds 1 --window 1 --people 4 --images 2 --batch_size 4 --size 32 --embedding_size 16 --seed 4"
    command = ["pretrain", *options.replace("_", "-").split(), "--learning-rate", "1e-12", "--average", "0"]
    assert main([*command, "--out", str(tmp_path / "a"), "--start", str(whole / LAST)]) == 0
    card = read_card(tmp_path / "a" / LAST)
    assert card.training["passes_altogether"] == 48
    assert "seed 4" in card.training_data
    before, after = (Network.from_pretrained(out / LAST).state_dict() for out in (whole, tmp_path / "a"))
    for name, tensor in before.items():
        if "running" not in name and "batches" not in name:
            torch.testing.assert_close(after[name], tensor, atol=1e-6, rtol=0)
    assert main([*command, "--out", str(tmp_path / "a"), "--start", str(tmp_path / "a" / LAST)]) == 2
    assert "begun from another checkpoint" in capsys.readouterr().err
    assert read_card(tmp_path / "a" / LAST) == card
    other = [*command, "--fusion", "kronecker", "--out", str(tmp_path / "b"), "--start", str(whole / LAST)]
    assert main(other) == 2
    assert "has the fusion kronecker-tanh" in capsys.readouterr().err
    command[command.index("16")] = "24"
    assert main([*command, "--out", str(tmp_path / "b"), "--start", str(whole / LAST)]) == 2
    assert "another architecture" in capsys.readouterr().err


def test_a_fusion_grows_on_a_network_without_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = replace(TAUGHT, fusion="none", rounds=1)
    pretrain(tmp_path / "plain", plain, card=ModelCard())
    start = tmp_path / "plain" / LAST
    before = Network.from_pretrained(start)
    assert before.fusion is None
    grown = replace(TAUGHT, learning_rate=1e-12, weight_decay=0.0, seed=4, rounds=1)
    pretrain(tmp_path / "same", grown, card=ModelCard(), start=start)
    faces = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8))
    same = Network.from_pretrained(tmp_path / "same" / LAST)
    for part in ("identity_branch.hidden.weight", "identity_branch.reduction.0.weight"):
        assert same.state_dict()[part].shape[0] == before.state_dict()[part].shape[0]
    wide = same.state_dict()["identity_branch.hidden.weight"].unflatten(1, (-1, 1 + len(same.fused)))
    torch.testing.assert_close(wide[:, :, 0], before.state_dict()["identity_branch.hidden.weight"], atol=1e-6, rtol=0)
    assert wide[:, :, 1:].abs().max() < 1e-6
    with torch.no_grad():  # the statistics of batches have moved, and nothing else
        state = same.state_dict()
        state |= {key: value for key, value in before.state_dict().items() if "running" in key}
        same.load_state_dict(state)
        found, expected = same.predict(faces), before.predict(faces)
    assert found.embeddings is not None
    assert expected.embeddings is not None
    torch.testing.assert_close(found.embeddings, expected.embeddings, atol=1e-5, rtol=0)
    pretrain(tmp_path / "learned", replace(grown, learning_rate=1e-3), card=ModelCard(), start=start)
    learned = Network.from_pretrained(tmp_path / "learned" / LAST).state_dict()["identity_branch.hidden.weight"]
    assert learned.unflatten(1, (-1, 1 + len(same.fused)))[:, :, 1:].abs().max() > 1e-4
    words = ["pretrain", "--out", str(tmp_path / "x"), "--start", str(start), "--size", "32", "--people", "4"]
    words += ["--images", "2", "--batch_size", "4", "--rounds", "1", "--fusion", "concatenation"]
    assert main(words) == 2
    assert "choose kronecker-tanh" in capsys.readouterr().err
    assert not (tmp_path / "x" / LAST).exists()


def test_a_shard_holds_what_is_drawn_and_what_the_teacher_says(tmp_path: Path) -> None:
    plan = PretrainingRecipe(people=2, images=2, size=64, teacher="dlib", seed=5).shards()
    make_shard(tmp_path, 1, plan)
    shard = read_shard(tmp_path, 1, plan)
    assert shard.faces.shape == (4, 80, 80, 3)
    picture = take_picture(5, 3, 1, framing="celeba", rendering=plan.rendering())  # the second of the last person
    assert shard.people[3] == 1
    known = [picture.attributes[name] for name in plan.attributes]
    np.testing.assert_array_equal(shard.labels[3], known)
    # The teacher's crop is about the one that the detector's landmarks give.
    detected = largest_face(picture.image, YuFaceDetector())
    assert detected is not None
    near = align(picture.image, detected.landmarks, CHIP, POINTS)
    chip = align(picture.image, picture.landmarks, CHIP, _teachers_points())
    exact = align(picture.image, picture.landmarks, CHIP, POINTS)
    assert np.abs(chip.astype(int) - near).mean() < np.abs(exact.astype(int) - near).mean()
    both, _ = DlibEmbedder(device="cpu")(np.stack([chip, chip[:, ::-1]]))
    expected = both.sum(0) / np.linalg.norm(both.sum(0))
    np.testing.assert_allclose(shard.taught[3].astype(np.float32), expected, atol=1e-3)
    # What the network is shown, but for the landmarks' errors, is the aligned face.
    crop = wild(0)(np.ascontiguousarray(shard.faces[3]), np.random.default_rng(2), size=64, margin=MARGIN)
    straight = align(picture.image, picture.landmarks, 64)
    away = min(np.abs(crop.astype(int) - view).mean() for view in (straight, straight[:, ::-1]))
    assert away < 12
    # A training without that teacher, or taught by the renderer, can use the same faces; one of other people cannot.
    alone = read_shard(tmp_path, 1, replace(plan, teacher="none"))
    np.testing.assert_array_equal(alone.faces, shard.faces)
    assert alone.taught.shape == (4, 0)
    codes = read_shard(tmp_path, 1, replace(plan, teacher="renderer")).taught
    np.testing.assert_array_equal(codes[2:], np.tile(face_code(make_person(load_head(), 3, 5)), (2, 1)))
    with pytest.raises(DataError, match="another run"):
        read_shard(tmp_path, 1, replace(plan, seed=6))
    make_shard(tmp_path / "untaught", 1, replace(plan, teacher="none"))
    for teacher in ("renderer", "dlib"):
        with pytest.raises(DataError, match="another run"):
            read_shard(tmp_path / "untaught", 1, replace(plan, teacher=teacher))
    (shard_folder(tmp_path, 1) / "faces.npy").write_bytes(b"x")
    with pytest.raises(DataError, match="damaged"):
        read_shard(tmp_path, 1, plan)
    assert json.loads((shard_folder(tmp_path, 1) / "about.json").read_text())["number"] == 1
    assert not shard_folder(tmp_path, 2).exists()


def test_a_shard_holds_faces_between_its_people(tmp_path: Path) -> None:
    recipe = PretrainingRecipe(
        people=4, images=2, batch_size=4, size=64, teacher="dlib", seed=5, mixed=0.25, mixtures=2
    )
    plan = recipe.shards()
    assert (recipe.mixed_faces, plan.mixed) == (1, 16)
    make_shard(tmp_path, 0, plan)
    taught = read_shard(tmp_path, 0, plan)
    assert taught.mixed.shape == (16, *taught.faces.shape[1:])
    # Each is told by the teacher from what is seen of it.
    expected = MirroredEmbedder(DlibEmbedder(device="cpu"))(
        np.stack([align(face, (reference_points(64) + 0.5) + 8 - 0.5, CHIP, POINTS) for face in taught.mixed])
    )[0]
    assert expected is not None
    np.testing.assert_allclose(taught.mixed_taught, expected, atol=2e-3)
    known = read_shard(tmp_path, 0, replace(plan, teacher="renderer"))
    codes = known.taught[::2]
    counts = set()
    for between in known.mixed_taught:  # in the triangle of three codes
        shares, rest, *_ = np.linalg.lstsq(codes.T.astype(np.float64), between, rcond=None)
        assert rest == pytest.approx(0, abs=1e-10)
        assert sorted(shares)[0] == pytest.approx(0, abs=1e-5)
        assert shares.sum() == pytest.approx(1, abs=1e-5)
        counts.add(int((shares > 1e-4).sum()))
    assert counts == {1, 2, 3}
    assert read_shard(tmp_path, 0, replace(plan, teacher="none")).mixed_taught.shape == (16, 0)
    assert not len(read_shard(tmp_path, 0, replace(plan, mixed=0)).mixed)
    with pytest.raises(DataError, match="of another run"):
        read_shard(tmp_path, 0, replace(plan, mixed=5))


def test_a_face_between_two_people() -> None:
    dark, light = np.full((40, 40, 3), 40, np.uint8), np.full((40, 40, 3), 200, np.uint8)
    for seed in range(200):
        face, share = mixed_face(dark, light, np.random.default_rng(seed))
        again, _ = mixed_face(dark, light, np.random.default_rng(seed))
        np.testing.assert_array_equal(face, again)
        assert 0 < share < 1
        if face.std() == 0 and face[0, 0, 0] > 41:  # blended evenly, and not masked in one light
            assert face[0, 0, 0] == pytest.approx(share * 40 + (1 - share) * 200, abs=1)
    # A mask that gives the first the face's middle gives it most of the face.
    seen = [mixed_face(dark, light, np.random.default_rng(seed)) for seed in range(200)]
    middle = np.array([1 - (face[15:30, 14:26].mean() - 40) / 160 for face, _ in seen])
    shares = np.array([share for _, share in seen])
    masked = np.array([face.std() > 5 for face, _ in seen])
    assert masked.sum() > 20
    assert np.corrcoef(middle[masked], shares[masked])[0, 1] > 0.9


def test_mixtures_are_of_one_two_or_three_people() -> None:
    colours = [np.zeros((40, 40, 3), np.uint8) for _ in range(3)]
    for place, colour in enumerate(colours):
        colour[..., place] = 200
    found = [mixture(colours, np.random.default_rng(seed))[1] for seed in range(300)]
    counts = np.bincount([int((shares > 0).sum()) for shares in found], minlength=4) / 300
    np.testing.assert_allclose(counts, [0, 0.3, 0.45, 0.25], atol=0.08)
    np.testing.assert_allclose(np.sum(found, 1), 1)


def test_what_is_altered_and_what_is_bent() -> None:
    taken = take_picture(0, 3, 0, framing="celeba")
    face = align(taken.image, taken.landmarks, 80)
    looks, shapes = [], []
    for seed in range(60):
        other = altered(face, np.random.default_rng(seed))
        np.testing.assert_array_equal(other, altered(face, np.random.default_rng(seed)))
        looks.append(other.astype(float))
        shapes.append(bent(face, np.random.default_rng(seed)).astype(float))
    usual = face.astype(float)
    # Light moves nothing: edges stay where they are, however bright they become; a bend moves them.
    edges = [np.abs(np.diff(picture.mean(2), axis=1)).ravel() for picture in (usual, *looks, *shapes)]
    alike = [np.corrcoef(edges[0], other)[0, 1] for other in edges[1:]]
    assert np.median(alike[:60]) > 0.8
    assert np.median(alike[60:]) < 0.6
    assert np.std([picture.mean() for picture in looks]) > 10
    assert np.std([picture.mean() for picture in shapes]) < 3
    assert np.mean([np.ptp(picture, axis=2).max() <= 2 for picture in looks]) == pytest.approx(0.3, abs=0.15)  # grey


def test_only_some_peoples_habits_are_drawn_anew() -> None:
    plan = PretrainingRecipe(redrawn_people=0.3, pitch_rad=0.2).shards()
    renderings = [plan.rendering(identity) for identity in range(2000)]
    assert np.mean([rendering.redrawn for rendering in renderings]) == pytest.approx(0.3, abs=0.04)
    assert {rendering.pitch_rad for rendering in renderings} == {0.2}
    assert not any(PretrainingRecipe().shards().rendering(identity).redrawn for identity in range(100))


def test_two_trainings_share_a_pool(tmp_path: Path) -> None:
    recipe = replace(RECIPE, embedding_size=128, repeats=2)
    taught = replace(recipe, teacher="renderer")
    history = pretrain(tmp_path / "a", taught, card=ModelCard(), pool=tmp_path / "pool")
    assert [row["passes"] for row in history] == [16, 48, 80]
    assert history[-1]["teacher_loss"] > 0
    drawn = sorted(path.name for path in (tmp_path / "pool" / SHARDS).iterdir())
    assert drawn == ["shard-00000", "shard-00001", "shard-00002"]  # nothing is thrown away
    assert not (tmp_path / "a" / SHARDS).exists()
    pretrain(tmp_path / "b", recipe, card=ModelCard(), pool=tmp_path / "pool", workers=0)  # draws nothing itself
    pretrain(tmp_path / "c", recipe, card=ModelCard())
    assert weights(tmp_path / "b") == weights(tmp_path / "c") != weights(tmp_path / "a")
    with pytest.raises(ConfigError, match="--pool"):
        pretrain(tmp_path / "d", recipe, card=ModelCard(), workers=0)
    # A teacher's means over people are taken when faces are shown: what lies there serves both.
    plan = taught.shards()
    said = read_shard(tmp_path / "pool" / SHARDS, 0, plan)
    for images, means in zip(said.taught.reshape(4, 2, -1), said.averaged().taught.reshape(4, 2, -1), strict=True):
        np.testing.assert_array_equal(means[0], means[1])
        wanted = images.mean(0) / np.linalg.norm(images.mean(0))
        np.testing.assert_allclose(means[0], wanted, atol=1e-6)


def test_what_all_of_a_teachers_embeddings_share_is_not_learned(tmp_path: Path) -> None:
    recipe = replace(RECIPE, embedding_size=128, teacher="renderer", rounds=1)
    losses = []
    for name, shared in (("a", 0.0), ("b", 3.0)):
        pretrain(tmp_path / name / "drawn", recipe, card=ModelCard(), pool=tmp_path / name)
        for file in (tmp_path / name).rglob("codes.npy"):
            np.save(file, np.load(file) + np.float32(shared))
        history = pretrain(tmp_path / name / "run", recipe, card=ModelCard(), pool=tmp_path / name, workers=0)
        losses.append(history[0]["teacher_loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_directions_in_which_renderings_differ_little_are_raised_if_told(tmp_path: Path) -> None:
    recipe = replace(RECIPE, embedding_size=128, teacher="renderer", rounds=1)
    pretrain(tmp_path / "drawn", recipe, card=ModelCard(), pool=tmp_path / "pool")
    raised = replace(recipe, levelled=0.4)
    history = pretrain(tmp_path / "told", raised, card=ModelCard(), pool=tmp_path / "pool", workers=0)
    shard = read_shard(tmp_path / "pool" / "held-out", HELD_OUT, recipe.shards())
    matrix = levelling(torch.from_numpy(shard.taught), 0.4).numpy()
    for file in (tmp_path / "pool").rglob("codes.npy"):
        np.save(file, np.load(file) @ matrix)
    by_hand = pretrain(tmp_path / "by-hand", recipe, card=ModelCard(), pool=tmp_path / "pool", workers=0)
    assert by_hand[0]["teacher_loss"] == pytest.approx(history[0]["teacher_loss"], rel=1e-4)
    plain = pretrain(tmp_path / "drawn", recipe, card=ModelCard(), pool=tmp_path / "pool")
    assert plain[0]["teacher_loss"] != pytest.approx(history[0]["teacher_loss"], rel=1e-3)
    with pytest.raises(ConfigError, match="levelled: there is nothing that a teacher says"):
        replace(RECIPE, levelled=0.2).check()
    with pytest.raises(ConfigError, match=r"levelled is 0\.6: it must lie between 0 and 0.5"):
        replace(raised, levelled=0.6).check()


def test_styles_are_mixed_after_max_pools_alone_and_nothing_is_drawn_before_that_is_said(tmp_path: Path) -> None:
    recipe = replace(RECIPE, variant="residual-quarter", mixed_styles=0.5)
    with pytest.raises(ConfigError, match="residual-quarter has no max-pools"):
        pretrain(tmp_path / "out", recipe, card=ModelCard())
    assert list(tmp_path.iterdir()) == []


def test_calibrated_probabilities_do_not_outlive_their_weights(whole: Path, tmp_path: Path) -> None:
    network = Network.from_pretrained(whole / LAST)
    assert network.attribute_branch is not None
    slope = torch.full_like(network.attribute_branch.slope, 2.0)
    network.attribute_branch.calibrate(slope, slope)
    network.save_pretrained(tmp_path / "calibrated", card=ModelCard())
    recipe = replace(RECIPE, rounds=1, seed=6)
    pretrain(tmp_path / "on", recipe, card=ModelCard(), start=tmp_path / "calibrated")
    branch = Network.from_pretrained(tmp_path / "on" / LAST).attribute_branch
    assert branch is not None
    assert branch.slope.unique().tolist() == [1.0]
    assert branch.offset.unique().tolist() == [0.0]


def test_a_teacher_that_is_missing_is_told_before_anything_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shards._teacher.cache_clear()
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"kronface\[dlib\]"):
        pretrain(tmp_path / "x", replace(RECIPE, teacher="dlib", embedding_size=128), card=ModelCard())
    assert not (tmp_path / "x").exists()


def test_what_stops_a_process_that_draws_is_handed_on(tmp_path: Path) -> None:
    plan = RECIPE.shards()
    (tmp_path / "shards").write_text("no folder")
    with (
        pytest.raises(DataError, match="shards"),
        Filling(tmp_path / "shards", plan, first=0, last=1, workers=1) as filling,
    ):
        filling.window(0, 1, no_progress)


ORPHANS = """
import sys
from pathlib import Path
from kronface.network.checkpoint import ModelCard
from kronface.studies.pretraining.loop import pretrain
from kronface.studies.pretraining.recipe import PretrainingRecipe

if __name__ == "__main__":
    recipe = PretrainingRecipe(rounds=50, window=2, people=4, images=2, batch_size=4, size=32, embedding_size=16)
    pretrain(Path(sys.argv[1]), recipe, card=ModelCard(), progress=lambda stage, *_: print(stage, flush=True))
"""


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="children are found there")
def test_what_renders_ends_with_a_training_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "orphans.py"
    script.write_text(ORPHANS)
    training = subprocess.Popen([sys.executable, str(script), str(tmp_path / "out")], stdout=subprocess.PIPE, text=True)
    assert training.stdout is not None
    next(line for line in training.stdout if line.startswith(("rendering people", "pretraining")))
    children = Path(f"/proc/{training.pid}/task/{training.pid}/children").read_text().split()
    training.kill()
    training.wait()
    assert children
    until = time.monotonic() + 60
    while any(Path(f"/proc/{child}").is_dir() for child in children) and time.monotonic() < until:
        time.sleep(0.1)
    assert not [child for child in children if Path(f"/proc/{child}").is_dir()]


def test_how_rates_margins_and_changes_move() -> None:
    recipe = PretrainingRecipe(learning_rate=1.0, warm_up=10, decay=0.5, margin=0.4, margin_from=0.2, margin_to=0.6)
    assert recipe.rate(0.0, 0) == pytest.approx(0.1)
    assert recipe.rate(0.5, 100) == 1
    assert recipe.rate(0.75, 100) == pytest.approx(0.5)
    assert recipe.rate(1.0, 100) == pytest.approx(0)
    assert [recipe.margin_at(share) for share in (0, 0.2, 0.4, 1)] == pytest.approx([0, 0, 0.2, 0.4])
    assert [recipe.strength_at(share) for share in (0, 0.15, 1)] == pytest.approx([0.3, 0.65, 1])
    assert [recipe.passes(number) for number in (0, 7, 20)] == [3968, 32_000, 32_000]


def test_the_running_mean_forgets_the_first_weights() -> None:
    update, mean = running_mean(0.999), [torch.tensor([100.0]), torch.tensor(0)]
    by_hand = 100.0
    for step in range(1, 60):
        update(mean, [torch.tensor([float(step)]), torch.tensor(step)], torch.tensor(step))
        kept = min(0.999, (1 + step) / (10 + step))
        by_hand = kept * by_hand + (1 - kept) * step
    assert float(mean[0]) == pytest.approx(by_hand, rel=1e-4)
    assert float(mean[0]) < 60  # 97 with a mean that keeps 0.999 from the start
    assert int(mean[1]) == 59
    update, mean = running_mean(0.0), [torch.tensor([3.0])]
    update(mean, [torch.tensor([5.0])], 1)
    assert float(mean[0]) == 5


@pytest.mark.parametrize(
    "options",
    [
        {"teacher": "arcface"},
        {"rounds": 0},
        {"people": 1},
        {"batch_size": 100_000},
        {"decay": 1.5},
        {"seed": -1},
        {"without": ("hat",)},
        {"embedding_size": 64, "teacher": "dlib"},
        {"mixed": 0.5},  # and nobody who knows
        {"mixed": 1.0, "teacher": "renderer"},
        {"redrawn_people": 2.0},
        {"pitch_rad": 0.6},
    ],
)
def test_impossible_recipes(options: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        pretrain(tmp_path / "x", PretrainingRecipe(**options), card=ModelCard())  # type: ignore[arg-type]
    assert next(iter(options)) in str(caught.value)
    assert not (tmp_path / "x").exists()
