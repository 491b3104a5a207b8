"""The machine's formulas against sums over all states of a tiny one, contrastive divergence, and what is learned."""

import itertools
import math

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import norm
from torch import Tensor

from kronface.errors import ConfigError, DataError
from kronface.faces.align import reference_points
from kronface.losses.attributes import attribute_loss
from kronface.methods.interface import Faces
from kronface.methods.learning import Budget
from kronface.methods.mt_rbm import MtRbmPca, MultiTaskRbm

NAN = math.nan
DEVIATION = 0.6
PASSES = Budget(passes=8000, batch_size=32, learning_rate=0.01)


def tiny() -> MultiTaskRbm:
    """Three visible, two label and four hidden units, with weights and biases of order 1."""
    machine = MultiTaskRbm(3, 2, 4, deviation=DEVIATION, seed=0).double()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in machine.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return machine


def energy(machine: MultiTaskRbm, v: list[float], y: tuple[float, ...], h: tuple[int, ...], units: list[int]) -> float:
    """E(v, y, h) of the machine that has these label units alone, term by term."""
    w, u = machine.visible_weights.tolist(), machine.label_weights.tolist()
    a, b, c = (part.tolist() for part in (machine.visible_biases, machine.hidden_biases, machine.label_biases))
    total: float = sum((v[i] - a[i]) ** 2 for i in range(3)) / (2 * DEVIATION**2)
    total -= sum(b[j] * h[j] for j in range(4)) + sum(c[t] * y[t] for t in units)
    total -= sum(v[i] / DEVIATION * w[i][j] * h[j] for i in range(3) for j in range(4))
    total -= sum(y[t] * u[t][j] * h[j] for t in units for j in range(4))
    return total


STATES = list(itertools.product((0, 1), repeat=4))
LABELS = [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0), (NAN, 1.0), (1.0, NAN), (NAN, NAN)]
FACE = [0.3, -1.2, 0.8]


@pytest.mark.parametrize("labels", LABELS)
def test_free_energy_and_hidden_units_are_sums_over_all_states(labels: tuple[float, float]) -> None:
    machine = tiny()
    units = [t for t in range(2) if not math.isnan(labels[t])]  # a missing label's unit is not there
    weights = [math.exp(-energy(machine, FACE, labels, state, units)) for state in STATES]
    v, y = torch.tensor([FACE], dtype=torch.float64), torch.tensor([labels], dtype=torch.float64)
    assert float(machine.free_energy(v, y).detach()) == pytest.approx(-math.log(sum(weights)), rel=1e-9)
    expected = [sum(w for w, state in zip(weights, STATES, strict=True) if state[j]) / sum(weights) for j in range(4)]
    np.testing.assert_allclose(machine.hidden_logits(v, y).sigmoid()[0].tolist(), expected, rtol=1e-9)


def test_visible_and_label_units_given_the_hidden_ones() -> None:
    machine = tiny()
    for state in STATES:
        hidden = torch.tensor([state], dtype=torch.float64)
        odds = {y: math.exp(-energy(machine, FACE, y, state, [0, 1])) for y in LABELS[:4]}
        expected = [sum(odd for y, odd in odds.items() if y[t]) / sum(odds.values()) for t in range(2)]
        np.testing.assert_allclose(machine.label_logits(hidden).sigmoid()[0].tolist(), expected, rtol=1e-9)
        # Densities up to their constant: differences of logarithms.
        means = machine.visible_means(hidden)[0].tolist()
        other = [-0.4, 0.1, 2.0]
        logarithms = [norm.logpdf(each, means, DEVIATION).sum() for each in (FACE, other)]
        energies = [energy(machine, each, (1.0, 0.0), state, [0, 1]) for each in (FACE, other)]
        assert logarithms[0] - logarithms[1] == pytest.approx(energies[1] - energies[0], rel=1e-9)


def test_prediction_is_a_sum_over_all_states_of_the_machine_with_one_label() -> None:
    machine = tiny()
    found = machine(torch.tensor([FACE, FACE[::-1]], dtype=torch.float64)).sigmoid()
    assert found.shape == (2, 2)
    for row, face in enumerate((FACE, FACE[::-1])):
        for t in range(2):
            no, yes = (
                sum(math.exp(-energy(machine, face, (answer, answer), state, [t])) for state in STATES)
                for answer in (0.0, 1.0)
            )
            assert float(found[row, t].detach()) == pytest.approx(yes / (no + yes), rel=1e-9)


def test_divergence_has_contrastive_divergences_gradient() -> None:
    machine = tiny()
    v = torch.tensor([FACE, [1.0, 0.5, -0.2], [-2.0, 0.1, 0.4]], dtype=torch.float64)
    y = torch.tensor([[1.0, 0.0], [NAN, 1.0], [0.0, NAN]], dtype=torch.float64)
    machine.divergence(v, y, torch.Generator().manual_seed(3)).backward()
    made, made_y = machine.reconstruct(v, y, torch.Generator().manual_seed(3))
    assert torch.equal(made_y.isnan(), y.isnan())
    with torch.no_grad():
        up, again = (machine.hidden_logits(*each).sigmoid() for each in ((v, y), (made, made_y)))
    zero, zero_made = y.nan_to_num(0), made_y.nan_to_num(0)
    expected = {
        "visible_weights": (made.T @ again - v.T @ up) / DEVIATION / 3,
        "label_weights": (zero_made.T @ again - zero.T @ up) / 3,
        "visible_biases": (made - v).mean(0) / DEVIATION**2,
        "hidden_biases": (again - up).mean(0),
        "label_biases": (zero_made - zero).mean(0),
    }
    parameters = dict(machine.named_parameters())
    assert parameters.keys() == expected.keys()
    for name, parameter in parameters.items():
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad, expected[name], rtol=1e-9, atol=1e-12)
        assert parameter.grad.abs().sum() > 0


def patterns(rows: int) -> tuple[Tensor, Tensor]:
    """Two kinds of faces, of standardised units, and the kind as the label."""
    generator = torch.Generator().manual_seed(4)
    kind = torch.randint(0, 2, (rows, 1), generator=generator).float()
    return (2 * kind - 1) * torch.ones(6) + 0.2 * torch.randn((rows, 6), generator=generator), kind


def error(machine: MultiTaskRbm, v: Tensor, y: Tensor) -> float:
    """Mean squared difference of faces and what becomes of them going up and down without drawing."""
    with torch.no_grad():
        return float((machine.visible_means(machine.hidden_logits(v, y).sigmoid()) - v).square().mean())


def test_steps_down_the_divergence_lower_the_reconstructions_error() -> None:
    v, y = patterns(200)
    machine = MultiTaskRbm(6, 1, 8, deviation=0.5, seed=5)
    optimizer = torch.optim.SGD(machine.parameters(), lr=0.02)
    generator = torch.Generator().manual_seed(6)
    before = error(machine, v, y)
    for _ in range(200):
        optimizer.zero_grad()
        machine.divergence(v, y, generator).backward()
        optimizer.step()
    after = error(machine, v, y)
    assert before > 0.9
    assert after < 0.1, after
    # The label was only ever visible, never predicted, and is known from the face all the same.
    with torch.no_grad():
        assert ((machine(v) > 0) == (y > 0.5)).float().mean() > 0.98


def test_fine_tuning_reaches_all_that_prediction_uses() -> None:
    machine = tiny()
    attribute_loss(machine(torch.tensor([FACE], dtype=torch.float64)), torch.tensor([[1.0, NAN]])).backward()
    assert machine.visible_biases.grad is None  # p(y | v) does not depend on it
    for name in ("visible_weights", "label_weights", "hidden_biases", "label_biases"):
        gradient = getattr(machine, name).grad
        assert gradient.abs().sum() > 0
        if name.startswith("label"):
            assert gradient[1].abs().sum() == 0  # the second label is missing


def faces(rows: int, seed: int, size: int = 48) -> Faces:
    """Noise with a mouth that is brighter or darker than the rest, and one corner of it high or low."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, (rows, 2)).astype(np.float32)
    landmarks = np.tile(reference_points(size).astype(np.float32), (rows, 1, 1)) + rng.normal(0, 0.3, (rows, 5, 2))
    landmarks[:, 3, 1] += np.where(labels[:, 1] > 0.5, -0.7, 0.7)
    y, x = np.mgrid[:size, :size]
    images = np.empty((rows, size, size, 3), np.uint8)
    for row in range(rows):
        grey = rng.normal(128, 15) + 120 * cv2.GaussianBlur(rng.normal(size=(size, size)), (0, 0), 2)
        mouth = landmarks[row, 3:].mean(0)
        grey += (80 * labels[row, 0] - 40) * np.exp(-(((x - mouth[0]) / 8) ** 2) - ((y - mouth[1]) / 4) ** 2)
        images[row] = np.clip(grey, 0, 255)[..., None]
    return Faces(images, np.arange(rows), ("Mouth", "Corner"), labels, landmarks.astype(np.float32))


def right(method: MtRbmPca, shown: Faces) -> NDArray[np.float64]:
    """Share of right answers, per attribute."""
    found: NDArray[np.float64] = ((method.predict(shown) >= 0.5) == (shown.labels > 0.5)).mean(0)
    return found


def test_learns_from_pixels_and_from_landmarks() -> None:
    train, test = faces(400, 0), faces(200, 1)
    # Most who say yes are not asked: taken for no, they would make no the answer for all.
    asked = np.where((train.labels > 0.5) & (np.arange(400)[:, None] % 3 > 0), np.nan, train.labels)
    labels = np.concatenate([asked, np.ones((400, 1)), np.zeros((400, 1))], 1).astype(np.float32)
    labels[::2, 2:] = np.nan
    names = (*train.attributes, "All", "None")
    taught = Faces(train.images, train.people, names, labels, train.landmarks)
    method = MtRbmPca(budget=PASSES, components=40, hidden=32)
    with pytest.raises(ConfigError, match="fit it first"):
        method.predict(test)
    stages: list[tuple[str, int, int]] = []
    method.fit(taught, taught.take(np.arange(5)), progress=lambda *call: stages.append(call))
    assert sum(done == total for stage, done, total in stages if "loss" in stage) == 2  # both stages, in full
    found = method.predict(test)
    assert found.dtype == np.float32
    assert ((found >= 0) & (found <= 1)).all()
    assert (found[:, 2] == 1).all()
    assert (found[:, 3] == 0).all()

    both = MtRbmPca(budget=PASSES, components=40, hidden=32)
    both.fit(train, train)
    untrained = MtRbmPca(budget=Budget(passes=0, batch_size=32), components=40, hidden=32)
    untrained.fit(train, train)
    assert (right(untrained, test) < 0.65).all()
    assert (right(both, test) > 0.9).all(), right(both, test)
    # A missing label would otherwise have been a no.
    known = ((found[:, :2] >= 0.5) == (test.labels > 0.5)).mean(0)
    assert (known > 0.85).all(), known


def test_a_seed_gives_the_same_predictions() -> None:
    train, test = faces(60, 2), faces(20, 3)
    found = []
    for seed in (3, 3, 4):
        torch.rand(1)  # the global state does not matter
        method = MtRbmPca(budget=Budget(passes=256, batch_size=32, learning_rate=0.01, seed=seed), hidden=16)
        method.fit(train, train)
        found.append(method.predict(test))
    np.testing.assert_array_equal(found[0], found[1])
    assert np.abs(found[0] - found[2]).max() > 1e-4
    hidden = Faces(test.images, test.people * 0, test.attributes, test.labels * np.nan, test.landmarks)
    np.testing.assert_array_equal(method.predict(hidden), found[2])
    assert method.predict(test.take(np.arange(0))).shape == (0, 2)


def test_landmarks_may_be_missing_and_images_alike() -> None:
    train = faces(40, 5)
    missing = train.landmarks.copy()
    missing[:3] = np.nan
    doubled = np.repeat(train.images[:4], 10, axis=0)  # three components, and rounding
    method = MtRbmPca(budget=Budget(passes=64, batch_size=32), hidden=8)
    shown = Faces(doubled, train.people, train.attributes, train.labels, missing)
    method.fit(shown, shown)
    assert np.isfinite(method.predict(shown)).all()
    assert method._machine is not None
    assert len(method._machine.visible_biases) == 3 + 10


def test_what_cannot_be_learned_is_refused() -> None:
    train = faces(6, 6)
    method = MtRbmPca(budget=Budget(passes=64))
    nothing = Faces(train.images, train.people, train.attributes, train.labels * np.nan, train.landmarks)
    with pytest.raises(DataError, match="no training image has a label of Mouth"):
        method.fit(nothing, train)
    with pytest.raises(DataError, match="other attributes"):
        method.fit(train, Faces(train.images, train.people, ("Mouth", "Nose"), train.labels, train.landmarks))
    with pytest.raises(DataError, match="two training images"):
        method.fit(train.take(np.arange(1)), train)
    with pytest.raises(ConfigError, match="deviation above 0"):
        MtRbmPca(budget=Budget(), deviation=0)
