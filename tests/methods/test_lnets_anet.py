"""ANet's losses and batches against loops, its stages, and what it learns of people and attributes."""

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from kronface.errors import ConfigError, DataError
from kronface.faces.align import reference_points
from kronface.losses.attributes import attribute_loss
from kronface.losses.identity import identity_loss
from kronface.methods.interface import Faces
from kronface.methods.learning import Budget
from kronface.methods.lnets_anet import AlignedAnet, Anet, in_pairs, similarity_loss
from kronface.methods.untied import UntiedConv2d, initialise_all


def test_similarity_loss_equals_a_double_loop() -> None:
    features = torch.randn((9, 4), generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    people = [2, 0, -1, 2, 1, -1, 0, 2, 5]
    expected = torch.zeros((), dtype=torch.float64)
    for i in range(9):
        for j in range(i + 1, 9):
            if people[i] == people[j] and people[i] >= 0:
                expected = expected + ((features[i] - features[j]) ** 2).sum()
    loss = similarity_loss(features, torch.tensor(people))
    torch.testing.assert_close(loss, expected / 9)
    (given,) = torch.autograd.grad(loss, features)
    (wanted,) = torch.autograd.grad(expected / 9, features)
    torch.testing.assert_close(given, wanted)
    assert float(similarity_loss(features, torch.arange(9)).detach()) == 0


def test_batches_show_two_images_of_a_person() -> None:
    people = np.random.default_rng(1).permutation(np.array([0] * 5 + [1] * 2 + [2] + [3] * 4))
    batches = in_pairs(people, 6, seed=2)
    seen, partners = [], set()
    for _ in range(400):
        rows = next(batches)
        assert len(rows) == 6
        for row, other in zip(rows[:3], rows[3:], strict=True):
            assert people[row] == people[other]
            assert (row == other) == (people[row] == 2)  # the only one whose person has one image
            partners.add((int(row), int(other)))
        seen.extend(rows[:3].tolist())
    for start in range(0, 1200, 12):
        assert sorted(seen[start : start + 12]) == list(range(12))  # all rows, pass by pass
    assert len(partners) == 5 * 4 + 2 + 1 + 4 * 3  # every image meets every other one of its person
    again = in_pairs(people, 6, seed=2)
    assert [next(again)[:3].tolist() for _ in range(4)] == [seen[start : start + 3] for start in range(0, 12, 3)]
    assert len(next(in_pairs(people, 7, seed=2))) == 7


def test_every_parameter_gets_a_gradient() -> None:
    network = Anet(4, 3, width=4, features=8)
    initialise_all(network, 0)
    patches = torch.randn((8, 3, 56, 56), generator=torch.Generator().manual_seed(1))
    found = network.body(patches)
    people = torch.tensor([0, 1, 2, 3, 0, 1, 2, 3])
    loss = identity_loss(network.identity_logits(found), people) + similarity_loss(found, people)
    (loss + attribute_loss(network(patches), torch.tensor([[0.0, 1.0, 1.0]] * 8))).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
    # Filters: shared by the four places of a square in C3, one bank per place in C4.
    assert [len(part.weight) for part in network.body if isinstance(part, UntiedConv2d)] == [49, 25]


def faces(rows: int, seed: int, people: int = 6, colour: float = 22, size: int = 48) -> Faces:
    """Noise in the person's colour, with a mouth that is brighter or darker than what is around it."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, (rows, 1)).astype(np.float32)
    numbers = rng.integers(0, people, rows)
    tints = np.random.default_rng(99).normal(0, colour, (people, 3))
    landmarks = np.tile(reference_points(size).astype(np.float32), (rows, 1, 1))
    y, x = np.mgrid[:size, :size]
    mouth = landmarks[0, 3:].mean(0)
    lips = np.exp(-(((x - mouth[0]) / 7) ** 2) - ((y - mouth[1]) / 3) ** 2)[..., None]
    images = np.empty((rows, size, size, 3), np.uint8)
    for row in range(rows):
        colours = rng.normal(128, 10) + 140 * cv2.GaussianBlur(rng.normal(size=(size, size, 3)), (0, 0), 2)
        images[row] = np.clip(colours + tints[numbers[row]] + (140 * labels[row] - 70) * lips, 0, 255)
    return Faces(images, numbers + 10, ("Mouth",), labels, landmarks)


def anet(**budget: float) -> AlignedAnet:
    passes = Budget(**{"passes": 960, "batch_size": 12, "learning_rate": 0.006} | budget)  # type: ignore[arg-type]
    return AlignedAnet(budget=passes, width=6, features=24)


def share_right(found: NDArray[np.floating], shown: Faces) -> float:
    return float(((found[:, 0] >= 0.5) == (shown.labels[:, 0] > 0.5)).mean())


def test_people_are_learned_first() -> None:
    train, test = faces(150, 0, colour=80), faces(60, 1, colour=80)
    strangers = train.people.copy()
    strangers[::5] = -1
    shares = []
    for method in (anet(passes=0), anet(passes=1440)):
        network = method._pretrained(Faces(train.images, strangers, *others(train)), lambda *_: None).eval()
        assert network.identity_logits.out_features == 6  # the unknown are no person
        method._network = network
        features = method._features(test.images, lambda *_: None).reshape(60, 10, -1).mean(1)
        with torch.no_grad():
            said = network.identity_logits(torch.from_numpy(features)).argmax(1).numpy() + 10
        shares.append((said == test.people).mean())
    assert shares[0] < 0.35, shares
    assert shares[1] > 0.5, shares
    with pytest.raises(DataError, match="at least two must be known"):
        anet().fit(Faces(train.images, strangers * 0, *others(train)), train)


def others(shown: Faces) -> tuple[tuple[str, ...], NDArray[np.float32], NDArray[np.float32]]:
    """What `Faces` has beside images and people."""
    return shown.attributes, shown.labels, shown.landmarks


def test_learns_what_untrained_networks_do_not_show() -> None:
    train, validation, test = faces(300, 2), faces(150, 3, people=9), faces(200, 4, people=9)
    # Two thirds of those who say yes are not asked: taken for no, they would make no the answer for all.
    known = []
    for part in (train, validation):
        rows = len(part)
        asked = np.where((part.labels > 0.5) & (np.arange(rows)[:, None] % 3 > 0), np.nan, part.labels)
        labels = np.concatenate([asked, np.ones((rows, 1)), np.zeros((rows, 1))], 1).astype(np.float32)
        labels[::2, 1:] = np.nan
        known.append(Faces(part.images, part.people, ("Mouth", "All", "None"), labels, part.landmarks))
    untrained = anet(passes=0)
    untrained.fit(*known)
    before = share_right(untrained.predict(test), test)
    method = anet(passes=1920)
    with pytest.raises(ConfigError, match="fit it first"):
        method.predict(test)
    stages: list[tuple[str, int, int]] = []
    method.fit(*known, progress=lambda *call: stages.append(call))
    for stage in ("people", "attributes"):  # half of the passes each
        assert [done for name, done, _ in stages if f"{stage}, loss" in name] == list(range(12, 961, 12))
    found = method.predict(test)
    assert found.dtype == np.float32
    assert ((found >= 0) & (found <= 1)).all()
    assert (found[:, 1] == 1).all()
    assert (found[:, 2] == 0).all()
    after = share_right(found, test)
    assert after > 0.9, after  # taken for no, those who were not asked would leave 0.48
    assert after > before + 0.1, (before, after)


def test_scores_are_means_over_patches_of_machines_or_logits() -> None:
    train, validation, test = faces(60, 5), faces(40, 6), faces(7, 7)
    both = np.concatenate([train.labels, 1 - train.labels], 1)
    # Of the second attribute's negatives nine are known, one too few.
    seen = np.concatenate([validation.labels, 1 - validation.labels], 1)
    seen[np.flatnonzero(seen[:, 1] == 0)[9:], 1] = np.nan
    names = ("Mouth", "Other")
    method = anet(passes=96)
    method.fit(
        Faces(train.images, train.people, names, both, train.landmarks),
        Faces(validation.images, validation.people, names, seen, validation.landmarks),
    )
    network, scores = method._network, method._scores
    assert network is not None
    assert scores is not None
    np.testing.assert_array_equal(scores.weights[:, 1], network.attribute_logits.weight[1].detach().numpy())
    assert np.abs(scores.weights[:, 0] - network.attribute_logits.weight[0].detach().numpy()).max() > 0.01
    expected = np.zeros((7, 2))
    for row in range(7):
        face = cv2.resize(test.images[row], (64, 64), interpolation=cv2.INTER_LINEAR)
        for y, x in ((4, 4), (0, 0), (8, 0), (0, 8), (8, 8)):
            for flipped in (False, True):
                patch = face[y : y + 56, x : x + 56]
                patch = np.ascontiguousarray(patch[:, ::-1] if flipped else patch)
                tensor = torch.from_numpy(patch).permute(2, 0, 1)[None].float() / 127.5 - 1
                with torch.no_grad():
                    features = network.body(tensor)[0].numpy()
                machine = features @ scores.weights[:, 0] + scores.offsets[0]
                with torch.no_grad():
                    logit = float(network(tensor)[0, 1])
                expected[row] += [machine / 10, logit / 10]
    np.testing.assert_allclose(method.predict(test), 1 / (1 + np.exp(-expected)), atol=1e-5)


def test_a_seed_gives_the_same_predictions() -> None:
    train, test = faces(60, 8), faces(12, 9)
    found = []
    for seed in (3, 3, 4):
        torch.rand(1)  # the global state does not matter
        method = anet(passes=96, seed=seed)
        method.fit(train, train)
        found.append(method.predict(test))
    np.testing.assert_array_equal(found[0], found[1])
    assert np.abs(found[0] - found[2]).max() > 1e-4
    hidden = Faces(test.images, test.people * 0, test.attributes, test.labels * np.nan, test.landmarks)
    np.testing.assert_array_equal(method.predict(hidden), found[2])
    assert method.predict(test.take(np.arange(0))).shape == (0, 1)


def test_what_cannot_be_learned_is_refused() -> None:
    train = faces(6, 10)
    nothing = Faces(train.images, train.people, train.attributes, train.labels * np.nan, train.landmarks)
    with pytest.raises(DataError, match="no training image has a label of Mouth"):
        anet().fit(nothing, train)
    with pytest.raises(DataError, match="other attributes"):
        anet().fit(train, Faces(train.images, train.people, ("Nose",), train.labels, train.landmarks))
    with pytest.raises(ConfigError, match="batch_size must be 2 or more"):
        AlignedAnet(budget=Budget(batch_size=1))
    with pytest.raises(ConfigError, match="width and features must be 1 or more"):
        AlignedAnet(budget=Budget(), width=0)
