import math

import numpy as np
import torch

from kronface.losses.margin import cosine_margin_loss
from kronface.losses.teacher import FLOOR, levelling, teacher_loss


def test_margin_by_hand() -> None:
    embeddings = torch.tensor([[3.0, 0.0], [0.0, 2.0], [5.0, 5.0]])
    centres = torch.tensor([[1.0, 0.0], [0.0, 4.0]])
    # Cosines 1 and 0, the own one less 0.2, times 10; the third face's identity is unknown.
    own = math.log(math.exp(8) / (math.exp(8) + math.exp(0)))
    other = math.log(math.exp(-2) / (math.exp(-2) + math.exp(10)))
    loss = cosine_margin_loss(embeddings, centres, torch.tensor([0, 0, -1]), scale=10, margin=0.2)
    np.testing.assert_allclose(float(loss), -(own + other) / 2, rtol=1e-6)
    assert float(cosine_margin_loss(embeddings, centres, torch.tensor([-1, -1, -1]))) == 0


def test_margin_has_the_written_formulas_gradient() -> None:
    generator = torch.Generator().manual_seed(0)
    embeddings = torch.randn((5, 7), generator=generator, dtype=torch.float64, requires_grad=True)
    centres = torch.randn((4, 7), generator=generator, dtype=torch.float64, requires_grad=True)
    identities = torch.tensor([0, 3, 1, -1, 3])
    assert torch.autograd.gradcheck(lambda e, c: cosine_margin_loss(e, c, identities), (embeddings, centres))


def test_what_the_teacher_says_by_hand() -> None:
    taught = torch.tensor([[1.0, 0.0], [0.0, 1.0], [math.nan, 0.0]])
    assert abs(float(teacher_loss(taught[[0, 1, 0]] * 7, taught))) < 1e-6
    turned = torch.tensor([[0.0, 1.0], [0.0, 1.0], [9.0, 9.0]])
    # Cosines to the teacher 0 and 1; both pictures are alike (cosine 1) where the teacher has 0: twice in four pairs.
    np.testing.assert_allclose(float(teacher_loss(turned, taught, pairs=5)), 0.5 + 5 * 2 / 4, rtol=1e-6)
    assert float(teacher_loss(taught, torch.full((3, 2), math.nan))) == 0


def test_levelling_divides_each_axis_by_its_variance_to_a_power_but_noise_is_not_raised_further() -> None:
    turn = torch.linalg.qr(torch.randn((3, 3), generator=torch.Generator().manual_seed(0), dtype=torch.float64))[0]
    along = torch.tensor([[4.0, 2.0, 0.01]], dtype=torch.float64) * torch.cat([torch.eye(3), -torch.eye(3)])
    variances = along.square().sum(0) / 5
    raised = variances.clamp(min=FLOOR * variances.mean())
    assert (raised > variances).tolist() == [False, False, True]
    taught = along @ turn.T + torch.tensor([9.0, -3.0, 1.0])  # what all share changes nothing
    for power in (0.0, 0.25, 0.5):
        wanted = (turn * raised**-power) @ turn.T
        np.testing.assert_allclose(levelling(taught.float(), power).double(), wanted, rtol=1e-4, atol=1e-4)
