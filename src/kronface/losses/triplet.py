"""FaceNet's loss over triplets that the batch itself offers."""

import torch
from torch import Tensor
from torch.nn import functional


def semi_hard_triplets(distances: Tensor, identities: Tensor, *, margin: float = 0.2) -> Tensor:
    """(M, 3) rows of anchor, positive and negative: every positive pair with its nearest semi-hard negative.

    A negative is semi-hard if it is further from the anchor than the positive, but by less than the margin
    (Schroff et al., CVPR 2015, §3.2). A pair for which there is none makes no triplet. The paper does not say which of
    several is taken; here it is the nearest.

    Args:
        distances: (N, N) squared Euclidean distances.
        identities: (N,) class numbers; -1 marks an unknown identity, which takes no part.
        margin: in squared distances.
    """
    known = identities >= 0
    same = (identities[:, None] == identities[None]) & known[:, None] & known[None]
    different = (identities[:, None] != identities[None]) & known[:, None] & known[None]
    others = ~torch.eye(len(identities), dtype=torch.bool, device=identities.device)
    anchor, positive = (same & others).nonzero(as_tuple=True)
    near = distances[anchor, positive][:, None]  # (P, 1)
    rows = distances[anchor]  # (P, N)
    band = different[anchor] & (rows > near) & (rows < near + margin)
    nearest = rows.masked_fill(~band, torch.inf).argmin(1)
    kept = band.any(1)
    return torch.stack([anchor[kept], positive[kept], nearest[kept]], 1)


def triplet_loss(embeddings: Tensor, identities: Tensor, *, margin: float = 0.2) -> Tensor:
    """Mean of `[|a - p|² - |a - n|² + margin]₊` (eq. 3) over the batch's semi-hard triplets, of embeddings of length 1.

    Args:
        embeddings: (N, D), of any length above 0.
        identities: (N,) class numbers; -1 marks an unknown identity.
        margin: in squared distances.

    Returns:
        A scalar; 0 where the batch holds no such triplet.
    """
    units = functional.normalize(embeddings, dim=1)
    distances = (2 - 2 * units @ units.T).clamp(min=0)
    triplets = semi_hard_triplets(distances.detach(), identities, margin=margin)
    anchor, positive, negative = triplets.unbind(1)
    losses = (distances[anchor, positive] - distances[anchor, negative] + margin).clamp(min=0)
    return losses.sum() / max(len(losses), 1)
