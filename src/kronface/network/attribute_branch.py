"""The attribute branch (the first branch of the paper's net@2): from the face vector to attribute logits."""

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

    def forward_hidden(self, face: Tensor) -> Tensor:
        """(N, face_size) -> hidden activations (N, hidden_size), after ReLU."""
        out: Tensor = self.relu(self.norm(self.hidden(face)))
        return out

    def forward(self, face: Tensor) -> Tensor:
        """(N, face_size) -> v (N, T · logits_per_attribute)."""
        out: Tensor = self.logits(self.forward_hidden(face))
        return out

    def probabilities(self, logits: Tensor) -> Tensor:
        """Logits v (N, T · logits_per_attribute) -> probabilities of the positive class (N, T), in [0, 1]."""
        if self.logits_per_attribute == 1:
            return logits.sigmoid()
        pairs: Tensor = logits.unflatten(1, (-1, 2))  # (N, T, 2)
        return pairs.softmax(2)[:, :, 1]
