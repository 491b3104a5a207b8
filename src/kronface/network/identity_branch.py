"""The identity branch (the second branch of the paper's net@2): from the fused vector to embedding and classes."""

from torch import Tensor, nn
from torch.nn import functional


class IdentityBranch(nn.Module):
    """FC to a hidden layer, batch normalisation, ReLU, FC to the identity logits (paper, §2: 4,096 hidden units).

    The embedding is the last hidden layer after batch normalisation and before ReLU, L2-normalised; the paper does
    not say which layer it compares.

    With a margin, the class layer holds one centre per identity, which embeddings are compared with by their cosines.

    Args:
        input_size: length of the fused vector.
        hidden_size: units of the hidden layer; 0 leaves it out, so that the fused vector is the embedding.
        identities: number of training identities C; 0 leaves the class layer out: it gives embeddings alone.
        embedding_size: None, or the units of a further hidden layer between the first one and the classes.
        batch_norm: whether hidden layers are batch-normalised.
        margin: 'none', or the name of the loss that its class layer is trained by (`losses.margin.MARGINS`).

    Shape:
        fused vector (N, input_size) -> identity logits (N, C).
    """

    def __init__(
        self,
        *,
        input_size: int,
        hidden_size: int,
        identities: int,
        embedding_size: int | None = None,
        batch_norm: bool = True,
        margin: str = "none",
    ) -> None:
        super().__init__()
        self.hidden = nn.Linear(input_size, hidden_size) if hidden_size else nn.Identity()
        self.norm = nn.BatchNorm1d(hidden_size) if batch_norm and hidden_size else nn.Identity()
        self.relu = nn.ReLU()
        self.reduction: nn.Module | None = None
        self.output_size = hidden_size or input_size
        self.margin = margin
        if embedding_size is not None:
            norm = nn.BatchNorm1d(embedding_size) if batch_norm else nn.Identity()
            self.reduction = nn.Sequential(nn.Linear(self.output_size, embedding_size), norm)
            self.output_size = embedding_size
        self.logits = nn.Linear(self.output_size, identities, bias=margin == "none") if identities else None

    def forward_hidden(self, fused: Tensor) -> Tensor:
        """(N, input_size) -> the last hidden layer before ReLU (N, output_size), not yet normalised to length 1."""
        hidden: Tensor = self.norm(self.hidden(fused))
        if self.reduction is not None:
            hidden = self.reduction(self.relu(hidden))
        return hidden

    def embed(self, hidden: Tensor) -> Tensor:
        """Last hidden layer (N, output_size) -> embeddings of length 1 (N, output_size)."""
        return functional.normalize(hidden, dim=1)

    def forward_logits(self, hidden: Tensor) -> Tensor | None:
        """Last hidden layer (N, output_size) -> identity logits (N, C); None without a class layer.

        With a margin they are cosines to the centres.
        """
        if self.logits is None:
            return None
        if self.margin != "none":
            return functional.linear(
                functional.normalize(hidden, dim=1), functional.normalize(self.logits.weight, dim=1)
            )
        out: Tensor = self.logits(self.relu(hidden))
        return out

    def forward(self, fused: Tensor) -> Tensor | None:
        """(N, input_size) -> identity logits (N, C); None without a class layer."""
        return self.forward_logits(self.forward_hidden(fused))
