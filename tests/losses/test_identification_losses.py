"""Margins, triplets and centres against the formulas written out."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from kronface.losses.center import CenterLoss
from kronface.losses.margin import MARGINS, AdaptiveMargin, angular_margin_loss, cosine_margin_loss
from kronface.losses.triplet import semi_hard_triplets, triplet_loss

IDENTITIES = torch.tensor([0, 3, 1, -1, 3, 2])


def drawn(seed: int, *, images: int = 6, classes: int = 4, size: int = 7) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    embeddings = torch.randn((images, size), generator=generator, dtype=torch.float64) * 9
    centres = torch.randn((classes, size), generator=generator, dtype=torch.float64)
    return embeddings.requires_grad_(), centres.requires_grad_()


def written_arcface(embeddings: Tensor, centres: Tensor, *, angle_has_gradient: bool = True) -> Tensor:
    """-log of exp(s cos(θ + m)) over the sum, image by image; as common code does, the angle may lack a gradient."""
    total = torch.zeros((), dtype=torch.float64)
    for row, identity in zip(embeddings, IDENTITIES.tolist(), strict=True):
        if identity < 0:
            continue
        terms = []
        for place, centre in enumerate(centres):
            cosine = row @ centre / row.norm() / centre.norm()
            if place == identity:
                angle = cosine.acos() if angle_has_gradient else cosine.detach().acos() + (cosine - cosine.detach())
                terms.append(64 * (angle + 0.5).cos())
            else:
                terms.append(64 * cosine)
        total = total + torch.logsumexp(torch.stack(terms), 0) - terms[identity]
    return total / 5


def test_arcface_has_the_gradient_of_the_written_formula() -> None:
    for seed in range(5):
        gradients = []
        for loss in (
            lambda e, c: angular_margin_loss(e, c, IDENTITIES),
            written_arcface,
            lambda e, c: written_arcface(e, c, angle_has_gradient=False),
        ):
            embeddings, centres = drawn(seed)
            value = loss(embeddings, centres)
            value.backward()
            assert embeddings.grad is not None
            assert centres.grad is not None
            gradients.append((value.detach(), embeddings.grad, centres.grad))
        for ours, written in zip(gradients[0], gradients[1], strict=True):
            torch.testing.assert_close(ours, written, rtol=1e-9, atol=1e-12)
        assert (gradients[0][1] - gradients[2][1]).abs().max() > 1e-3  # the margin's part is there


def test_arcface_beyond_half_a_turn_and_at_the_ends() -> None:
    centres = torch.eye(2, dtype=torch.float64)
    for cosine in (-1.0, -0.95, 1.0):
        other = math.sqrt(1 - cosine**2)
        row = torch.tensor([[cosine, other]], dtype=torch.float64, requires_grad=True)
        loss = angular_margin_loss(row, centres, torch.tensor([0]), scale=2)
        own = cosine - 0.5 * math.sin(0.5) if cosine < 0 else math.cos(0.5)
        expected = math.log(math.exp(2 * own) + math.exp(2 * other)) - 2 * own
        assert float(loss.detach()) == pytest.approx(expected, abs=3e-3)
        loss.backward()
        assert row.grad is not None
        assert row.grad.isfinite().all()


def test_cosface_by_hand() -> None:
    embeddings, centres = drawn(3)
    found = cosine_margin_loss(embeddings, centres, IDENTITIES, scale=64, margin=0.4)
    cosines = (functional.normalize(embeddings) @ functional.normalize(centres).T).detach()
    losses = []
    for row, identity in zip(cosines, IDENTITIES.tolist(), strict=True):
        if identity >= 0:
            logits = [64 * (float(c) - 0.4 * (place == identity)) for place, c in enumerate(row)]
            top = max(logits)
            losses.append(top + math.log(sum(math.exp(value - top) for value in logits)) - logits[identity])
    assert float(found.detach()) == pytest.approx(np.mean(losses), rel=1e-9)


def test_adaface_by_hand() -> None:
    embeddings, centres = drawn(4)
    margin = AdaptiveMargin()
    mean, deviation = 20.0, 100.0
    for _ in range(3):  # the statistics move on with every batch
        found = margin(embeddings, centres, IDENTITIES)
        lengths = embeddings.detach().norm(dim=1)
        mean = 0.99 * mean + 0.01 * float(lengths.mean())
        deviation = 0.99 * deviation + 0.01 * float(lengths.std())
        losses = []
        for row, length, identity in zip(embeddings, lengths.tolist(), IDENTITIES.tolist(), strict=True):
            if identity < 0:
                continue
            quality = min(max(0.333 * (length - mean) / (deviation + 1e-3), -1), 1)
            logits = []
            for place, centre in enumerate(centres):
                cosine = float((row @ centre / row.norm() / centre.norm()).detach())
                if place == identity:
                    angle = min(max(math.acos(cosine) - 0.4 * quality, 1e-3), math.pi - 1e-3)
                    cosine = math.cos(angle) - (0.4 + 0.4 * quality)
                logits.append(64 * cosine)
            top = max(logits)
            losses.append(top + math.log(sum(math.exp(value - top) for value in logits)) - logits[identity])
        assert float(found.detach()) == pytest.approx(np.mean(losses), rel=1e-5)
    margin.eval()
    before = margin.mean.clone()
    margin(embeddings, centres, IDENTITIES)
    assert margin.mean == before


@pytest.mark.parametrize("name", MARGINS)
def test_every_margin(name: str) -> None:
    embeddings, centres = drawn(5)
    made = MARGINS[name]()
    loss = made(embeddings, centres, IDENTITIES)
    loss.backward()
    for part in (embeddings, centres):
        assert part.grad is not None
        assert part.grad.isfinite().all()
    assert embeddings.grad is not None
    assert (embeddings.grad[3] == 0).all()  # whose identity is unknown
    # The gradient lies across an embedding: only directions are compared.
    along = (embeddings.grad * embeddings.detach()).sum(1)
    torch.testing.assert_close(along, torch.zeros_like(along), atol=1e-9, rtol=0)
    nobody = made(embeddings.detach().requires_grad_(), centres, torch.full((6,), -1))
    assert float(nobody.detach()) == 0
    single = embeddings.detach()[:1].float()
    assert made(single, centres.float(), torch.tensor([2])).isfinite()


def test_semi_hard_triplets_by_brute_force() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        points = rng.normal(size=(12, 3))
        points /= np.linalg.norm(points, axis=1, keepdims=True)
        identities = rng.integers(-1, 4, 12)
        distances = ((points[:, None] - points[None]) ** 2).sum(-1)
        expected = []
        for a in range(12):
            for p in range(12):
                if a == p or identities[a] < 0 or identities[a] != identities[p]:
                    continue
                band = [
                    (distances[a, n], n)
                    for n in range(12)
                    if identities[n] >= 0
                    and identities[n] != identities[a]
                    and distances[a, p] < distances[a, n] < distances[a, p] + 0.2
                ]
                if band:
                    expected.append((a, p, min(band)[1]))
        found = semi_hard_triplets(torch.from_numpy(distances), torch.from_numpy(identities))
        assert found.tolist() == [list(triplet) for triplet in expected]
        loss = triplet_loss(torch.from_numpy(points) * 3, torch.from_numpy(identities))
        sizes = [max(distances[a, p] - distances[a, n] + 0.2, 0) for a, p, n in expected]
        assert float(loss) == pytest.approx(np.mean(sizes) if sizes else 0, abs=1e-9)


def test_no_triplet_is_no_loss() -> None:
    rows = torch.randn(4, 3, requires_grad=True)
    loss = triplet_loss(rows, torch.tensor([0, 1, 2, 3]))
    loss.backward()
    assert float(loss.detach()) == 0
    assert rows.grad is not None
    assert (rows.grad == 0).all()


def test_centres_move_as_written() -> None:
    rng = np.random.default_rng(1)
    loss = CenterLoss(3, 2, rate=0.4).double()
    centres = np.zeros((3, 2))
    for _ in range(4):
        points, identities = rng.normal(size=(5, 2)), np.array([0, 0, 2, -1, 0])
        rows = torch.from_numpy(points).requires_grad_()
        found = loss(rows, torch.from_numpy(identities))
        found.backward()
        known = identities >= 0
        away = points - centres[np.maximum(identities, 0)]
        assert float(found.detach()) == pytest.approx((away[known] ** 2).sum() / 2 / 4)
        assert rows.grad is not None
        np.testing.assert_allclose(rows.grad.numpy(), np.where(known[:, None], away / 4, 0), atol=1e-12)
        for identity in range(3):
            own = identities == identity
            centres[identity] -= 0.4 * (centres[identity] - points[own]).sum(0) / (1 + own.sum())
        np.testing.assert_allclose(loss.centres.numpy(), centres, atol=1e-12)
    assert (loss.centres[1] == 0).all()
    loss.eval()
    loss(torch.ones(1, 2, dtype=torch.float64), torch.tensor([0]))
    np.testing.assert_allclose(loss.centres.numpy(), centres, atol=1e-12)
