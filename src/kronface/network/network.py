"""The whole network: trunk, attribute branch, fusion and identity branch, composed from built parts."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from kronface.errors import ConfigError
from kronface.network.attribute_branch import AttributeBranch
from kronface.network.fusion import Fusion
from kronface.network.identity_branch import IdentityBranch
from kronface.network.iresnet import IResNet
from kronface.network.trunk import Trunk

if TYPE_CHECKING:
    from kronface.network.checkpoint import ModelCard

SYMMETRIC = (127.5, 127.5, 127.5)
"""Mean and deviation of the default preprocessing, (x - 127.5) / 127.5: pixels of [0, 255] to [-1, 1]."""


class Output(NamedTuple):
    """What one forward pass computes; None where the network has no such branch."""

    face: Tensor
    """u (N, U), of the trunk's `output_size`."""
    attribute_logits: Tensor | None
    """v (N, T · logits per attribute)."""
    hidden: Tensor | None
    """The identity branch's last hidden layer before ReLU (N, D); its direction is the embedding."""
    identity_logits: Tensor | None
    """(N, C); also None without a class layer."""


class Prediction(NamedTuple):
    """What a trained network says of aligned faces; None where the network has no such branch."""

    embeddings: Tensor | None
    """(N, D) float32, rows of length 1."""
    probabilities: Tensor | None
    """(N, T) float32 in [0, 1], in the order of `predicted`."""


class Network(nn.Module):
    """The paper's network (Fig. 1), or the parts of it that an arm keeps.

    Args:
        trunk: images to the face vector u.
        attribute_branch: u to attribute logits v; None leaves attributes out (`identity-only`).
        fusion: u and the fused attributes' logits to the fused vector; None feeds u alone to the identity branch.
        identity_branch: fused vector to embedding and identity logits; None leaves identities out (`attributes-only`).
        predicted: names of the attributes that the attribute branch outputs, in its order.
        fused: names of those of them that enter the fusion, in the order in which they enter.
        size: side of the aligned face that the network expects, in pixels.
        mean: per channel (RGB), subtracted from pixels of [0, 255].
        std: per channel (RGB), divides after that.
        architecture: the plain arguments from which `variants.build` made this network; a network without them runs
            and trains, but cannot be saved by `save_pretrained`.

    Raises:
        ConfigError: a fused attribute is not among the predicted ones, or a fusion lacks its attribute branch.
    """

    mean: Tensor
    std: Tensor
    fused_columns: Tensor

    def __init__(
        self,
        *,
        trunk: Trunk | IResNet,
        attribute_branch: AttributeBranch | None = None,
        fusion: Fusion | None = None,
        identity_branch: IdentityBranch | None = None,
        predicted: Sequence[str] = (),
        fused: Sequence[str] = (),
        size: int = 112,
        mean: Sequence[float] = SYMMETRIC,
        std: Sequence[float] = SYMMETRIC,
        architecture: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if fusion is not None and attribute_branch is None:
            raise ConfigError("a fusion needs an attribute branch: add one, or leave the fusion out")
        missing = [name for name in fused if name not in predicted]
        if missing:
            raise ConfigError(f"fused attribute {missing[0]} is not predicted: add it to the predicted attributes")
        self.trunk = trunk
        self.attribute_branch = attribute_branch
        self.fusion = fusion
        self.identity_branch = identity_branch
        self.predicted = tuple(predicted)
        self.fused = tuple(fused)
        self.size = size
        self.flip = False
        """Whether `predict` adds the mirrored face's embedding."""
        self.architecture = None if architecture is None else dict(architecture)
        per = 1 if attribute_branch is None else attribute_branch.logits_per_attribute
        columns = [self.predicted.index(name) * per + k for name in fused for k in range(per)]
        # Not weights: they belong to the preprocessing and the attribute lists, which a checkpoint stores as such.
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32), persistent=False)
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32), persistent=False)
        self.register_buffer("fused_columns", torch.tensor(columns, dtype=torch.long), persistent=False)

    def preprocess(self, images: Tensor) -> Tensor:
        """Aligned RGB pixels (N, H, W, 3) uint8 -> (N, 3, H, W) float32, channels last in memory."""
        return ((images.float() - self.mean) / self.std).permute(0, 3, 1, 2)

    def forward_trunk(self, images: Tensor) -> Tensor:
        """Preprocessed images (N, 3, H, W) -> u (N, U)."""
        out: Tensor = self.trunk(images)
        return out

    def forward_attributes(self, face: Tensor) -> Tensor | None:
        """u (N, U) -> v (N, T · logits per attribute), or None without an attribute branch."""
        if self.attribute_branch is None:
            return None
        out: Tensor = self.attribute_branch(face)
        return out

    def forward_fusion(self, face: Tensor, attribute_logits: Tensor | None, given: Tensor | None = None) -> Tensor:
        """u, v -> the fused vector; u itself where the network has no fusion.

        Args:
            face: u (N, U).
            attribute_logits: v (N, T · logits per attribute).
            given: (N, F · logits per attribute) what enters in place of the fused attributes' logits.
        """
        if self.fusion is None or attribute_logits is None:
            return face
        out: Tensor = self.fusion(face, attribute_logits[:, self.fused_columns] if given is None else given)
        return out

    def forward(self, images: Tensor, given: Tensor | None = None) -> Output:
        """Preprocessed images (N, 3, H, W) -> every output of the network; `given` as in `forward_fusion`."""
        face = self.forward_trunk(images)
        attribute_logits = self.forward_attributes(face)
        if self.identity_branch is None:
            return Output(face, attribute_logits, None, None)
        hidden = self.identity_branch.forward_hidden(self.forward_fusion(face, attribute_logits, given))
        return Output(face, attribute_logits, hidden, self.identity_branch.forward_logits(hidden))

    @property
    def centres(self) -> Tensor | None:
        """(C, D) one for each training identity, where a margin has put them; None without a class layer."""
        branch = self.identity_branch
        return None if branch is None or branch.logits is None else branch.logits.weight

    @torch.inference_mode()
    def predict(self, images: Tensor, given: Tensor | None = None) -> Prediction:
        """Aligned RGB pixels (N, size, size, 3) uint8 -> embeddings and attribute probabilities.

        Uses the network as it stands: call `eval()` first, or batch normalisation sees this batch's statistics.
        `given` is as in `forward_fusion`. Where `flip` is set, an embedding is the sum of those of the face and of its
        mirror image, scaled to length 1; probabilities are those of the face itself.
        """
        found = self._predict(images, given)
        if not self.flip or found.embeddings is None:
            return found
        mirrored = self._predict(images.flip(2), given).embeddings
        assert mirrored is not None
        return Prediction(functional.normalize(found.embeddings + mirrored), found.probabilities)

    def _predict(self, images: Tensor, given: Tensor | None) -> Prediction:
        face = self.forward_trunk(self.preprocess(images))
        logits = self.forward_attributes(face)
        probabilities = None
        if self.attribute_branch is not None and logits is not None:
            probabilities = self.attribute_branch.probabilities(logits.float())
        if self.identity_branch is None:
            return Prediction(None, probabilities)
        hidden = self.identity_branch.forward_hidden(self.forward_fusion(face, logits, given))
        return Prediction(self.identity_branch.embed(hidden.float()), probabilities)

    @property
    def preprocessing(self) -> dict[str, Any]:
        """What a picture must go through before `forward`, as a checkpoint stores it."""
        prepared = {
            "size": self.size,
            "colour": "RGB",
            "mean": [float(value) for value in self.mean],
            "std": [float(value) for value in self.std],
            "alignment": "similarity transform of five landmarks to the 112x112 reference points, scaled to the size",
        }
        return prepared | ({"flip": True} if self.flip else {})

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> "Network":
        """The network that `save_pretrained` wrote to `folder`, on the CPU and in eval mode.

        Raises:
            CheckpointError: the folder is missing, incomplete or damaged, or its weights belong to another network.
        """
        from kronface.network.checkpoint import load

        return load(Path(folder))

    def save_pretrained(self, folder: str | Path, *, card: "ModelCard | None" = None, half: bool = False) -> str:
        """Writes weights (safetensors), configuration and model card to `folder`; returns the fingerprint.

        With `half` in half precision, to which the network itself is rounded first.
        """
        from kronface.network.checkpoint import save

        return save(self, Path(folder), card=card, half=half)
