"""Both losses against the formulas written out with plain loops."""

import math

import pytest
import torch

from kronface.losses.attributes import MOST_WEIGHT, attribute_loss, balanced_weights
from kronface.losses.identity import identity_loss

NAN = float("nan")


def test_attribute_loss_is_the_mean_cross_entropy_of_the_labels_that_are_there() -> None:
    logits = torch.tensor([[0.3, -2.0, 5.0], [1.5, 0.0, -80.0]], requires_grad=True)
    labels = [[1.0, 0.0, NAN], [NAN, 1.0, 0.0]]
    total, count = 0.0, 0
    for row, targets in zip(logits.tolist(), labels, strict=True):
        for logit, target in zip(row, targets, strict=True):
            if not math.isnan(target):
                probability = 1 / (1 + math.exp(-logit))
                total -= target * math.log(probability) + (1 - target) * math.log(1 - probability)
                count += 1
    loss = attribute_loss(logits, torch.tensor(labels))
    assert loss.item() == pytest.approx(total / count, rel=1e-6)
    loss.backward()
    assert logits.grad is not None
    assert logits.grad[0, 2] == 0
    assert logits.grad[1, 0] == 0
    assert torch.isfinite(logits.grad).all()


def test_two_logits_are_the_reparameterised_single_one() -> None:
    pairs = torch.randn(5, 6)
    labels = torch.tensor([[1, 0, NAN], [0, 0, 1], [1, 1, 1], [NAN, NAN, NAN], [0, 1, 0]])
    single = pairs[:, 1::2] - pairs[:, 0::2]
    assert attribute_loss(pairs, labels).item() == pytest.approx(attribute_loss(single, labels).item(), rel=1e-5)


def test_a_false_positive_is_punished_unlike_by_the_equation_as_printed() -> None:
    wrong, right = torch.tensor([[4.0]]), torch.tensor([[-4.0]])
    assert attribute_loss(wrong, torch.tensor([[0.0]])) > attribute_loss(right, torch.tensor([[0.0]]))


def test_no_labels_at_all_give_zero_and_no_gradient() -> None:
    logits = torch.randn(2, 3, requires_grad=True)
    loss = attribute_loss(logits, torch.full((2, 3), NAN))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_identity_loss_is_the_mean_over_known_identities() -> None:
    logits = torch.tensor([[1.0, 2.0, 3.0], [0.0, -1.0, 7.0], [9.0, 9.0, 9.0]], requires_grad=True)
    expected = 0.0
    for row, target in zip(logits.tolist()[:2], (2, 1), strict=True):
        expected -= math.log(math.exp(row[target]) / sum(math.exp(value) for value in row))
    loss = identity_loss(logits, torch.tensor([2, 1, -1]))
    assert loss.item() == pytest.approx(expected / 2, rel=1e-6)
    loss.backward()
    assert logits.grad is not None
    assert not logits.grad[2].any()
    assert identity_loss(logits, torch.tensor([-1, -1, -1])).item() == 0


def test_balanced_labels_count_alike_whatever_their_share() -> None:
    labels = torch.tensor([[1.0, 0.0, float("nan"), 0.0], [0.0, 0.0, float("nan"), 1.0]] * 2 + [[0.0, 0.0, 1.0, 1.0]])
    weights = balanced_weights(labels)
    # Shares of positives: 2 of 5, none, all of one, 3 of 5.
    expected = torch.tensor([[0.5 / 0.6, 0.5 / 0.4], [0.5, MOST_WEIGHT], [MOST_WEIGHT, 0.5], [0.5 / 0.4, 0.5 / 0.6]])
    torch.testing.assert_close(weights, expected)
    torch.testing.assert_close(balanced_weights(torch.full((3, 1), float("nan"))), torch.ones(1, 2))
    logits = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    total, count = 0.0, 0
    for row in range(5):
        for column in range(4):
            truth = float(labels[row, column])
            if truth != truth:
                continue
            chance = 1 / (1 + math.exp(-float(logits[row, column])))
            loss = -math.log(chance if truth == 1 else 1 - chance)
            total, count = total + loss * float(weights[column, int(truth)]), count + 1
    assert float(attribute_loss(logits, labels, weights)) == pytest.approx(total / count, rel=1e-5)
