"""What a network learns from another one's embeddings of the same pictures."""

from torch import Tensor
from torch.nn import functional


def teacher_loss(embeddings: Tensor, taught: Tensor, *, pairs: float = 5.0) -> Tensor:
    """1 - cosine to the teacher's embedding, and how far all cosines within the batch are from the teacher's.

    The first part is FitNets' hint (Romero et al., ICLR 2015) on directions, the second relational distillation (Park
    et al., CVPR 2019) on cosines.

    Args:
        embeddings: (N, D), of any length above 0.
        taught: (N, D) the teacher's; NaN in a row marks a picture that it was not shown, which is left out.
        pairs: weight of the mean squared difference between cosines.

    Returns:
        A scalar; 0 if the teacher says nothing.
    """
    known = ~taught.isnan().any(1)
    own, wanted = (functional.normalize(part[known], dim=1) for part in (embeddings, taught))
    count = max(len(own), 1)
    away = (1 - (own * wanted).sum(1)).sum() / count
    return away + pairs * (own @ own.T - wanted @ wanted.T).square().sum() / count**2
