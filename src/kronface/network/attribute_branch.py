"""The attribute branch (the first branch of the paper's net@2): from the face vector to attribute logits."""

import torch
from torch import Tensor, nn


class AttributeBranch(nn.Module):
    """FC to a hidden layer, batch normalisation, ReLU, FC to the logits (paper, §2: 4,096 hidden units).

    No batch normalisation on the logits: they enter the fusion as they are ("before performing soft-max", §2).

    Args:
        face_size: length of the face vector u.
        hidden_size: units of the hidden layer.
        attributes: number of predicted attributes T.
        logits_per_attribute: 1 for a sigmoid per attribute; 2 for the two-way soft-max of the paper's eq. (2), where
            the logits are ordered (negative, positive) attribute by attribute.
        batch_norm: whether the hidden layer is batch-normalised.

    Shape:
        u (N, face_size) -> logits v (N, T · logits_per_attribute).
    """

    slope: Tensor
    offset: Tensor

    def __init__(
        self,
        *,
        face_size: int,
        hidden_size: int,
        attributes: int,
        logits_per_attribute: int = 1,
        batch_norm: bool = True,
    ) -> None:
        super().__init__()
        self.hidden = nn.Linear(face_size, hidden_size)
        self.norm = nn.BatchNorm1d(hidden_size) if batch_norm else nn.Identity()
        self.relu = nn.ReLU()
        self.logits = nn.Linear(hidden_size, attributes * logits_per_attribute)
        self.logits_per_attribute = logits_per_attribute
        # What makes probabilities of logits, fitted after training; the fusion goes on seeing the logits as they are.
        self.register_buffer("slope", torch.ones(attributes))
        self.register_buffer("offset", torch.zeros(attributes))

    def forward_hidden(self, face: Tensor) -> Tensor:
        """(N, face_size) -> hidden activations (N, hidden_size), after ReLU."""
        out: Tensor = self.relu(self.norm(self.hidden(face)))
        return out

    def forward(self, face: Tensor) -> Tensor:
        """(N, face_size) -> v (N, T · logits_per_attribute)."""
        out: Tensor = self.logits(self.forward_hidden(face))
        return out

    def probabilities(self, logits: Tensor) -> Tensor:
        """Logits v (N, T · logits_per_attribute) -> probabilities of the positive class (N, T), in [0, 1].

        A two-way soft-max is the sigmoid of the difference of its logits. `slope` and `offset` are 1 and 0 until
        `calibrate` is called.
        """
        if self.logits_per_attribute == 2:
            pairs: Tensor = logits.unflatten(1, (-1, 2))  # (N, T, 2)
            logits = pairs[:, :, 1] - pairs[:, :, 0]
        return (self.slope * logits + self.offset).sigmoid()

    def reset_calibration(self) -> None:
        """Takes back what `calibrate` did: it was fitted to weights that are about to change."""
        self.slope.fill_(1)
        self.offset.zero_()

    @torch.no_grad()
    def calibrate(self, slope: Tensor, offset: Tensor) -> None:
        """Makes probabilities sigmoid(slope · logit + offset), each (T,), on top of what they were."""
        self.offset.mul_(slope).add_(offset)
        self.slope.mul_(slope)
