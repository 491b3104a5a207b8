"""Where PANDA's parts are cut, its networks' layers, its linear machines, and what it learns."""

import math

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import nn

from kronface.errors import ConfigError, DataError
from kronface.faces.align import REFERENCE_POINTS, reference_points
from kronface.methods.interface import Faces, Floats, Pixels
from kronface.methods.learning import Budget
from kronface.methods.linear import LinearScores, constant_scores, linear_svm
from kronface.methods.panda import (
    PARTS,
    LocalNorm,
    Panda,
    PandaNetworks,
    PartNetwork,
    WholeNetwork,
    cut,
    mirrored,
    power_normalised,
)
from kronface.methods.untied import initialise_all

Points = NDArray[np.float64]


def moved(points: Points, angle: float, scale: float, shift: tuple[float, float]) -> Points:
    """Reference coordinates of a face -> an image's."""
    turn = scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    found: Points = points @ turn.T + shift
    return found


def spot(place: Points, size: int = 200) -> Pixels:
    """A bright spot on black."""
    y, x = np.mgrid[:size, :size]
    bright = 255 * np.exp(-((x - place[0]) ** 2 + (y - place[1]) ** 2) / (2 * 2.0**2))
    return np.repeat(bright.astype(np.uint8)[..., None], 3, 2)


def centroid(patch: Pixels) -> Points:
    """x and y of a patch's brightness; what lies beyond the image is grey and not counted."""
    bright = np.where(patch[..., 0] == 127, 0.0, patch[..., 0])
    y, x = np.mgrid[: len(patch), : len(patch)]
    found: Points = np.array([(x * bright).sum(), (y * bright).sum()]) / bright.sum()
    return found


@pytest.mark.parametrize(
    ("angle", "scale", "shift"), [(0.0, 1.0, (40, 35)), (0.3, 1.3, (45, 0)), (-0.5, 0.8, (20, 95))]
)
@pytest.mark.parametrize("name", PARTS)
def test_parts_are_cut_where_the_landmarks_are(name: str, angle: float, scale: float, shift: tuple[int, int]) -> None:
    part = PARTS[name]
    landmarks = moved(REFERENCE_POINTS, angle, scale, shift)
    for beside in ((0.0, 0.0), (6.0, 0.0), (-3.0, 5.0)):
        anchor = REFERENCE_POINTS[list(part.landmarks)].mean(0)
        image = spot(moved(anchor + beside, angle, scale, shift))
        expected = 31.5 + (np.array(beside) - [0, part.down]) * 64 / part.side
        np.testing.assert_allclose(centroid(cut(image, landmarks, [part])[0]), expected, atol=0.25)
    stayed = cut(image, landmarks + np.array([0, 20]), [part])[0]  # another place's pixels
    assert np.abs(centroid(stayed) - expected).max() > 3


def test_each_part_goes_with_its_own_landmarks() -> None:
    landmarks = moved(REFERENCE_POINTS, 0.1, 1.2, (30, 30))
    landmarks[3:] += [9, 4]  # the mouth alone
    patch = cut(spot(landmarks[3:].mean(0)), landmarks, [PARTS["mouth"]])[0]
    np.testing.assert_allclose(centroid(patch), [31.5, 31.5], atol=0.25)


def noise(size: int, seed: int) -> Pixels:
    drawn = np.random.default_rng(seed).normal(128, 900, (size, size, 3))
    return np.clip(cv2.GaussianBlur(drawn, (0, 0), 4), 0, 255).astype(np.uint8)


def test_a_mirrored_face_has_mirrored_parts() -> None:
    image, landmarks = noise(112, 0), reference_points(112).astype(np.float32)
    turned, points = mirrored(image, landmarks)
    np.testing.assert_array_equal(turned[:, ::-1], image)
    np.testing.assert_allclose(points[:, 0], 111 - landmarks[[1, 0, 2, 4, 3], 0])
    names = ["left eye", "right eye", "mouth"]
    plain, other = (
        cut(*each, [PARTS[name] for name in names]).astype(int) for each in ((image, landmarks), (turned, points))
    )
    for mine, its in ((0, 1), (1, 0), (2, 2)):
        # The reference points themselves are no mirror image to the last tenth of a pixel.
        assert np.abs(plain[mine] - other[its, :, ::-1]).mean() < 4
        assert np.abs(plain[mine] - other[its]).mean() > 15
    back, same = mirrored(turned, points)
    np.testing.assert_array_equal(back, image)
    np.testing.assert_array_equal(same, landmarks)


def test_unknown_landmarks_are_the_reference_points_and_impossible_ones_are_refused() -> None:
    image, landmarks = noise(112, 1), reference_points(112)
    parts = list(PARTS.values())
    np.testing.assert_array_equal(cut(image, np.full((5, 2), np.nan), parts), cut(image, landmarks, parts))
    for wrong in (np.full((5, 2), 30.0), np.where(landmarks > 90, np.inf, landmarks)):
        with pytest.raises(DataError, match="not finite or all at one place"):
            cut(image, wrong, parts)


def test_part_networks_have_the_authors_layers() -> None:
    network = PartNetwork(3, 64)
    maps = torch.zeros(2, 3, 56, 56)
    sides = []
    for layer in network.maps:
        maps = layer(maps)
        sides.append(maps.shape[-1])
    assert list(dict.fromkeys(sides)) == [56, 28, 24, 12, 6, 3]
    assert network.features(torch.zeros(2, 3, 56, 56)).shape == (2, 576)
    convolutions = (75 * 64 + 64) + (1600 * 64 + 64) + 2 * (576 * 64 + 64)
    local, logits = 9 * (576 * 64 + 64), 576 * 3 + 3
    assert sum(parameter.numel() for parameter in network.parameters()) == convolutions + local + logits
    assert WholeNetwork(3, 16).features(torch.zeros(2, 3, 112, 112)).shape == (2, 256)


@pytest.mark.parametrize(("channels", "around", "alpha"), [(16, 9, 1e-3), (4, 9, 0.7), (24, 5, 0.3)])
def test_normalisation_equals_pytorchs(channels: int, around: int, alpha: float) -> None:
    maps = 3 * torch.randn((2, channels, 5, 5), generator=torch.Generator().manual_seed(0))
    expected = nn.LocalResponseNorm(around, alpha, 0.75)(maps)
    torch.testing.assert_close(LocalNorm(channels, around, alpha)(maps), expected)


def test_every_parameter_gets_a_gradient() -> None:
    networks = PandaNetworks(2, 3, 8)
    initialise_all(networks, 0)
    generator = torch.Generator().manual_seed(1)
    patches, wholes = (torch.randn(shape, generator=generator) for shape in ((6, 2, 3, 64, 64), (6, 3, 128, 128)))
    logits = networks(patches, wholes, np.random.default_rng(2))
    assert [each.shape for each in logits] == [(6, 3)] * 3
    torch.stack(logits).square().sum().backward()
    for name, parameter in networks.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
    features = networks.features(patches, wholes)
    assert features.shape == (6, networks.features_size)
    # In the order that is promised: parts one after another, each from the middle of its own patch.
    part = networks.of_parts[1]
    assert isinstance(part, PartNetwork)
    torch.testing.assert_close(features[:, 72:144], part.features(patches[:, 1, :, 4:60, 4:60]))


def test_power_normalisation_by_hand() -> None:
    given = np.array([[0.0, 1.0, -1.0], [1024.0, -1024.0, 0.001]], np.float32)
    np.testing.assert_allclose(power_normalised(given), np.array([[0, 1, -1], [8, -8, 0.1258925]]), rtol=1e-5)


def dual(features: Floats, answers: NDArray[np.bool_], costs: NDArray[np.float64]) -> NDArray[np.float64]:
    """(D + 1,) weights of the machine whose bias is a feature of 1, from its dual, solved by a general solver."""
    rows = np.hstack([features, np.ones((len(features), 1))]) * np.where(answers, 1, -1)[:, None]
    gram = rows @ rows.T
    found = minimize(
        lambda a: (a @ gram @ a / 2 - a.sum(), gram @ a - 1),
        np.zeros(len(rows)),
        jac=True,
        bounds=[(0, cost) for cost in costs],
        options={"maxiter": 5000, "ftol": 1e-14, "gtol": 1e-10},
    )
    weights: NDArray[np.float64] = rows.T @ found.x
    return weights


@pytest.mark.parametrize("weigh", [True, False])
def test_machines_equal_their_dual(weigh: bool) -> None:
    rng = np.random.default_rng(3)
    features = (rng.normal(size=(120, 4)) * [1, 2, 0.5, 1]).astype(np.float32)
    answers = features @ [1, -0.5, 1, 0] + rng.normal(0, 0.7, 120) > 1.2
    assert 15 < answers.sum() < 40
    labels = answers.astype(np.float32)
    labels[100:] = np.nan
    scores = linear_svm(features, labels, weigh_positives=weigh, seed=0)
    seen, known = features[:100].astype(np.float64), answers[:100]
    scale = 1 / np.sqrt((seen**2).sum(1).mean())
    costs = np.where(known & weigh, (~known).sum() / known.sum(), 1.0)
    weights = dual((seen * scale).astype(np.float32), known, costs)
    expected = features * scale @ weights[:4] + weights[4]
    # The solver stops at a tolerance of 0.1 in the dual's gradient.
    np.testing.assert_allclose(scores.of(features)[:, 0], expected, atol=0.2)
    other = dual((seen * scale).astype(np.float32), known, np.where(known & ~np.bool_(weigh), 3.5, 1.0))
    assert np.abs(features * scale @ other[:4] + other[4] - expected).max() > 0.5  # weights matter here


def test_scores_stand_side_by_side() -> None:
    features = np.array([[1.0, 2.0], [3.0, -1.0]], np.float32)
    one = LinearScores(np.array([[1.0], [10.0]], np.float32), np.array([0.5], np.float32))
    joined = LinearScores.joined([constant_scores(2, 0.0), one, constant_scores(2, 1.0)])
    np.testing.assert_array_equal(joined.of(features), [[-np.inf, 21.5, np.inf], [-np.inf, -6.5, np.inf]])


def faces(rows: int, seed: int, size: int = 48) -> Faces:
    """Noise with a mouth that is a little brighter or darker than what is around it, wherever the face is."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, (rows, 1)).astype(np.float32)
    y, x = np.mgrid[:size, :size]
    images = np.empty((rows, size, size, 3), np.uint8)
    landmarks = np.empty((rows, 5, 2), np.float32)
    for row in range(rows):
        landmarks[row] = reference_points(size) + rng.normal(0, 3, 2) + rng.normal(0, 0.3, (5, 2))
        colours = rng.normal(128, 25) + 160 * cv2.GaussianBlur(rng.normal(size=(size, size, 3)), (0, 0), 2)
        mouth = landmarks[row, 3:].mean(0)
        lips = (90 * labels[row] - 45) * np.exp(-(((x - mouth[0]) / 7) ** 2) - ((y - mouth[1]) / 3) ** 2)[..., None]
        images[row] = np.clip(colours + lips, 0, 255)
    return Faces(images, np.arange(rows), ("Mouth",), labels, landmarks)


def right(scores: NDArray[np.floating], shown: Faces) -> float:
    """Share of right answers to the first attribute, of scores that are 0 or more for yes."""
    return float(((scores[:, 0] >= 0) == (shown.labels[:, 0] > 0.5)).mean())


def panda(**budget: float) -> Panda:
    passes = Budget(**{"passes": 960, "batch_size": 16, "learning_rate": 0.006} | budget)  # type: ignore[arg-type]
    return Panda(budget=passes, width=6, parts=("mouth",))


def logits(method: Panda, shown: Faces) -> Floats:
    """(N, T) mean of the networks' own answers, before the machines."""
    assert method._networks is not None
    with torch.inference_mode():
        found = method._networks(*method._patches(shown, np.arange(len(shown))))
    means: Floats = torch.stack(found).mean(0).numpy()
    return means


def test_learns_what_untrained_networks_do_not_know() -> None:
    train, test = faces(200, 0), faces(200, 1)
    train.labels[::4] = np.nan
    untrained = panda(passes=0, seed=1)
    untrained.fit(train, train)
    method = panda(seed=1)
    with pytest.raises(ConfigError, match="fit it first"):
        method.predict(test)
    stages: list[tuple[str, int, int]] = []
    method.fit(train, train.take(np.arange(5)), progress=lambda *call: stages.append(call))
    assert [done for stage, done, _ in stages if "loss" in stage] == list(range(16, 961, 16))  # over all networks
    assert right(logits(untrained, test), test) < 0.65
    assert right(logits(method, test), test) > 0.85
    found = method.predict(test)
    assert found.dtype == np.float32
    assert ((found >= 0) & (found <= 1)).all()
    # Machines on untrained features know something too, as the mouth is always at the same place of its patch.
    before, after = right(untrained.predict(test) - 0.5, test), right(found - 0.5, test)
    assert after > 0.9, after
    assert after > before + 0.1, (before, after)


def test_one_answer_alone_is_always_given() -> None:
    train = faces(24, 5)
    labels = np.concatenate([np.ones((24, 1)), train.labels, np.zeros((24, 1))], 1).astype(np.float32)
    labels[::2, [0, 2]] = np.nan
    taught = Faces(train.images, train.people, ("All", "Mouth", "None"), labels, train.landmarks)
    method = panda(passes=16)
    method.fit(taught, taught)
    found = method.predict(faces(6, 6))
    assert (found[:, 0] == 1).all()
    assert (found[:, 2] == 0).all()
    assert ((found[:, 1] > 0) & (found[:, 1] < 1)).all()
    # What the networks see has the mean 0 over the training faces, at every pixel.
    assert method._networks is not None
    for seen in method._networks._inputs(*method._patches(train, np.arange(24)), None):
        assert seen.std() > 0.1
        assert seen.mean(0).abs().max() < 1e-5


def test_a_seed_gives_the_same_predictions() -> None:
    train, test = faces(40, 2), faces(12, 3)
    found = []
    for seed in (3, 3, 4):
        torch.rand(1)  # the global state does not matter
        method = panda(passes=48, seed=seed)
        method.fit(train, train)
        found.append(method.predict(test))
    np.testing.assert_array_equal(found[0], found[1])
    assert np.abs(found[0] - found[2]).max() > 1e-4
    hidden = Faces(test.images, test.people * 0, test.attributes, test.labels * np.nan, test.landmarks)
    np.testing.assert_array_equal(method.predict(hidden), found[2])
    np.testing.assert_allclose(method.predict(test.take(np.arange(3, 5))), found[2][3:5], atol=1e-4)
    assert method.predict(test.take(np.arange(0))).shape == (0, 1)


def test_what_cannot_be_learned_is_refused() -> None:
    train = faces(4, 4)
    nothing = Faces(train.images, train.people, train.attributes, train.labels * np.nan, train.landmarks)
    with pytest.raises(DataError, match="no training image has a label of Mouth"):
        panda().fit(nothing, train)
    with pytest.raises(DataError, match="other attributes"):
        panda().fit(train, Faces(train.images, train.people, ("Nose",), train.labels, train.landmarks))
    with pytest.raises(ConfigError, match=r"parts must be some of eyes, .*, not ears"):
        Panda(budget=Budget(), parts=("nose", "ears"))
    with pytest.raises(ConfigError, match="not none"):
        Panda(budget=Budget(), parts=())
    with pytest.raises(ConfigError, match="width must be 1 or more"):
        Panda(budget=Budget(), width=0)
