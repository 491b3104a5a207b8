"""Learned identification methods: their core steps by hand, and that each learns to tell people apart."""

import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from kronface.errors import ConfigError, DataError
from kronface.methods.center_loss import CenterLossNetwork
from kronface.methods.facenet import FaceNet, people_batches
from kronface.methods.interface import AttributeMethod, Faces, IdentificationMethod, cosines, nearness
from kronface.methods.learning import Budget, shuffled, smaller, varied
from kronface.methods.lightened_cnn import Lightened, LightenedCnn, MaxFeatureMap
from kronface.methods.margins import MarginNetwork
from kronface.methods.network_method import chosen_labels, number
from kronface.methods.paper import Paper
from kronface.methods.wang import Wang

NAMES = ("Male", "Big_Nose")


def made_up(people: int, images: int, seed: int, *, size: int = 32) -> Faces:
    """Squares of each person's own colours under noise; one attribute is a bright edge, one is a bright spot."""
    rng = np.random.default_rng(seed)
    own = rng.integers(20, 200, (people, 4, 4, 3))
    labels = np.stack([np.arange(people) % 2, (np.arange(people) // 2) % 2], 1).astype(np.float32)
    faces = np.kron(own, np.ones((1, size // 4, size // 4, 1)))
    faces[labels[:, 0] == 1, :3] = 255
    faces[labels[:, 1] == 1, size // 2 - 3 : size // 2 + 3, size // 2 - 3 : size // 2 + 3] = 255
    faces = np.repeat(faces, images, 0)
    pixels = np.clip(faces + rng.normal(0, 25, faces.shape), 0, 255).astype(np.uint8)
    marks = np.zeros((len(pixels), 5, 2), np.float32)
    return Faces(pixels, np.repeat(np.arange(people), images), NAMES, np.repeat(labels, images, 0), marks)


def rank1(method: IdentificationMethod, faces: Faces) -> float:
    """One gallery image each."""
    features = method.embed(faces.images)
    gallery = np.unique(faces.people, return_index=True)[1]
    probes = np.setdiff1d(np.arange(len(faces)), gallery)
    scores = method.similarity(features[probes], features[gallery])
    assert scores.shape == (len(probes), len(gallery))
    return float((faces.people[gallery][scores.argmax(1)] == faces.people[probes]).mean())


IDENTIFIERS: dict[str, Callable[[Budget], IdentificationMethod]] = {
    "lightened-a": lambda budget: LightenedCnn(budget=budget, model="A", size=64, width=0.25),
    "lightened-b": lambda budget: LightenedCnn(budget=budget, model="B", size=32, width=0.25),
    "center": lambda budget: CenterLossNetwork(budget=budget, size=32),
    "facenet": lambda budget: FaceNet(budget=budget, size=32),
    "wang": lambda budget: Wang(budget=budget, predicted=NAMES, size=32),
    "separately": lambda budget: Paper("PM-Separately", budget=budget, arm="identity-only", size=32),
    "jointly": lambda budget: Paper("PM-Jointly", budget=budget, arm="joint", predicted=NAMES, fused=NAMES, size=32),
    "arcface": lambda budget: MarginNetwork("arcface", budget=budget, size=32),
    "cosface": lambda budget: MarginNetwork("cosface", budget=budget, size=32),
    "adaface": lambda budget: MarginNetwork("adaface", budget=budget, size=32),
    "arcface-fused": lambda budget: MarginNetwork(
        "arcface", budget=budget, size=32, predicted=NAMES, fused=NAMES, fusion="kronecker-tanh"
    ),
}


@pytest.mark.parametrize("kind", IDENTIFIERS)
def test_every_learned_method_learns_and_repeats_itself(kind: str) -> None:
    known, others = made_up(24, 6, 0), made_up(12, 4, 1)
    known.people[:3] = -1  # of whom nobody knows who they are
    results = []
    for passes in (0, 96, 96, 1280):
        method = IDENTIFIERS[kind](Budget(passes, batch_size=32, learning_rate=2e-3, seed=5))
        stages: list[tuple[int, int]] = []

        def keep(_stage: str, done: int, total: int, stages: list[tuple[int, int]] = stages) -> None:
            stages.append((done, total))

        method.fit(known, progress=keep)
        assert all(done <= total for done, total in stages)
        assert bool(stages) == (passes > 0)
        results.append(method.embed(others.images))
        assert "compact" in method.name
    assert all(np.isfinite(features).all() for features in results)
    assert not np.array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[1], results[2])
    assert rank1(method, others) > 0.5  # of twelve people whom it has never seen


def test_attributes_that_nobody_labelled_are_not_learned() -> None:
    faces = replace(made_up(4, 2, 0), attributes=(), labels=np.empty((8, 0), np.float32))
    for kind in ("jointly", "wang", "arcface-fused"):
        with pytest.raises(DataError, match="no label of Male"):
            IDENTIFIERS[kind](Budget(64, 8)).fit(faces)


@pytest.mark.parametrize("arm", ["attributes-only", "joint"])
def test_the_papers_network_reads_attributes(arm: str) -> None:
    method: AttributeMethod = Paper(
        "Ours", budget=Budget(1536, 32, 2e-3), arm=arm, predicted=NAMES, fused=NAMES, size=32
    )
    method.fit(made_up(24, 6, 0), made_up(4, 2, 7))
    others = made_up(12, 4, 1)
    said = method.predict(others) >= 0.5
    assert said.shape == (48, 2)
    assert ((said == others.labels).mean(0) > 0.9).all()


def test_the_larger_of_two_halves() -> None:
    x = torch.arange(24.0).reshape(2, 6, 2, 1) * torch.tensor([1.0, -1.0, 1.0, 1.0, -1.0, 1.0])[None, :, None, None]
    found = MaxFeatureMap()(x)
    for image, channel, row in itertools.product(range(2), range(3), range(2)):
        assert found[image, channel, row, 0] == max(x[image, channel, row, 0], x[image, channel + 3, row, 0])


@pytest.mark.parametrize(
    ("model", "convolutions", "numbers"),
    [
        ("A", [(1, 96, 9), (48, 192, 5), (96, 256, 5), (128, 384, 4)], 192 * 9 * 9),
        (
            "B",
            [
                (1, 96, 5), (48, 96, 1), (48, 192, 3), (96, 192, 1), (96, 384, 3),
                (192, 384, 1), (192, 256, 3), (128, 256, 1), (128, 256, 3),
            ],
            128 * 8 * 8,
        ),
    ],
)  # fmt: skip
def test_lightened_models_are_the_published_ones(
    model: str, convolutions: list[tuple[int, int, int]], numbers: int
) -> None:
    network = Lightened(model=model, size=128)
    layers = [layer for layer in network.layers if isinstance(layer, torch.nn.Conv2d)]
    assert [(c.in_channels, c.out_channels, c.kernel_size[0]) for c in layers] == convolutions
    assert network.fc.in_features == numbers
    assert network(torch.zeros(2, 1, 128, 128)).shape == (2, 256)
    with pytest.raises(ConfigError, match="A or B"):
        Lightened(model="C", size=128)


def test_batches_of_people() -> None:
    classes = np.array([0, 0, 0, 0, 0, 1, 1, 2, 3, 3, 3, 3, -1, -1])
    batches = list(itertools.islice(people_batches(classes, 8, 4, 0), 40))
    for batch in batches:
        people, counts = np.unique(classes[batch], return_counts=True)
        assert len(set(batch.tolist())) == len(batch)
        assert len(people) == 2
        assert set(people) <= {0, 1, 3}  # two has one image, -1 nobody
        assert all(count == (2 if person == 1 else 4) for person, count in zip(people, counts, strict=True))
    assert {row for batch in batches for row in batch.tolist()} == {0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11}
    with pytest.raises(DataError, match="triplets need"):
        people_batches(np.array([0, 0, 1, 2]), 8, 4, 0)


def test_the_common_loops_parts() -> None:
    rows = list(itertools.islice(shuffled(10, 4, 3), 5))
    assert sorted(np.concatenate(rows).tolist()) == sorted([*range(10), *range(10)])
    faces = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    assert smaller(faces, 32) is faces
    halved = smaller(faces, 16)
    np.testing.assert_allclose(halved, faces.reshape(3, 16, 2, 16, 2, 3).mean((2, 4)), atol=1)
    changed = varied(faces, np.random.default_rng(1))
    for before, after in zip(faces, changed, strict=True):
        views = [
            view[down : down + 32, across : across + 32]
            for edges in [np.pad(before, ((2, 2), (2, 2), (0, 0)), mode="edge")]
            for down, across in itertools.product(range(5), range(5))
            for view in [edges]
        ]
        assert any(np.array_equal(after, view) or np.array_equal(after, view[:, ::-1]) for view in views)
    classes, people = number(np.array([7, -1, 3, 7]))
    assert (classes.tolist(), people) == ([1, -1, 0, 1], 2)
    labels = chosen_labels(made_up(2, 1, 0), ["Big_Nose", "Young"])
    assert labels[:, 0].tolist() == [0, 0]
    assert np.isnan(labels[:, 1]).all()


def test_similarities_by_hand() -> None:
    one, other = np.array([[3.0, 4.0], [0.0, 0.0]], np.float32), np.array([[1.0, 0.0]], np.float32)
    np.testing.assert_allclose(cosines(one, other).ravel(), [0.6, 0.0], atol=1e-6)
    np.testing.assert_allclose(nearness(one, other).ravel(), [-20.0, -1.0], atol=1e-6)
    units = functional.normalize(torch.randn(5, 3), dim=1).numpy()
    np.testing.assert_array_equal(cosines(units, units).argsort(1), nearness(units, units).argsort(1))
