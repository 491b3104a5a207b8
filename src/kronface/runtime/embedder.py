"""From aligned faces to embeddings and attribute probabilities, behind one interface."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from kronface.hardware import resolve_device
from kronface.network.checkpoint import fingerprint, read_card
from kronface.network.network import Network

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]


class Embedder(Protocol):
    """What identify, extract and evaluate need of a network."""

    @property
    def fingerprint(self) -> str:
        """Embeddings of two fingerprints are never compared."""
        ...

    @property
    def size(self) -> int:
        """Side of the aligned faces that go in, in pixels."""
        ...

    @property
    def reference(self) -> NDArray[np.float64] | None:
        """(5, 2) where it wants a face's landmarks, in its own pixels; None for the reference points of its size."""
        ...

    @property
    def about(self) -> str:
        """What it is and on which terms: a line for the user."""
        ...

    @property
    def seen(self) -> tuple[str, ...]:
        """Layouts of data sets whose people its training saw: it must not be measured on them."""
        ...

    @property
    def predicted(self) -> tuple[str, ...]:
        """Names of the attributes whose probabilities come out."""
        ...

    def __call__(self, faces: Pixels) -> tuple[Floats | None, Floats | None]:
        """Aligned RGB faces (N, size, size, 3) -> embeddings (N, D) of length 1, probabilities (N, T) in [0, 1].

        Either is None where the network has no such output.
        """
        ...


class NetworkEmbedder:
    """A Kronface network in PyTorch.

    Args:
        network: any arm; put into eval mode.
        device: 'auto', 'cpu', 'cuda' or 'cuda:N'.
        name: what it is called.
        licence: on which terms it may be used.
        seen: layouts of data sets whose people its training saw.

    Raises:
        ConfigError: an unknown device, or a GPU that is not there.
    """

    reference = None

    def __init__(
        self,
        network: Network,
        *,
        device: str = "auto",
        name: str = "a network",
        licence: str = "not stated",
        seen: Sequence[str] = (),
    ) -> None:
        self.fingerprint = fingerprint(network)
        self.about = f"{name}, {self.fingerprint[:16]} (licence: {licence})"
        self.seen = tuple(seen)
        self.size = network.size
        self.predicted = network.predicted
        self._device = resolve_device(device)
        self._network = network.eval().to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    @classmethod
    def from_pretrained(cls, folder: Path, *, device: str = "auto") -> "NetworkEmbedder":
        """The embedder of a checkpoint folder.

        Raises:
            CheckpointError: the folder holds no usable checkpoint.
        """
        network = Network.from_pretrained(folder)
        card = read_card(folder)
        return cls(network, device=device, name=str(folder), licence=card.licence, seen=card.seen)

    def __call__(self, faces: Pixels) -> tuple[Floats | None, Floats | None]:
        """Aligned RGB faces (N, size, size, 3) -> embeddings (N, D) of length 1, probabilities (N, T) in [0, 1]."""
        prediction = self._network.predict(torch.from_numpy(faces).to(self._device))
        embeddings, probabilities = (
            None if part is None else part.cpu().numpy() for part in (prediction.embeddings, prediction.probabilities)
        )
        return embeddings, probabilities


class PixelEmbedder:
    """Raw pixels, the baseline that a network must beat: grey, scaled to mean 0 and length 1, nothing learned.

    Args:
        size: side of the aligned faces, in pixels.
    """

    reference = None

    def __init__(self, *, size: int) -> None:
        self.fingerprint = f"raw grey pixels {size}x{size}"
        self.about = self.fingerprint
        self.seen: tuple[str, ...] = ()
        self.size = size
        self.predicted: tuple[str, ...] = ()

    def __call__(self, faces: Pixels) -> tuple[Floats, None]:
        """Aligned RGB faces (N, size, size, 3) -> (N, size²) of length 1 (a face of one colour: of length 0), None."""
        grey = faces.astype(np.float32).mean(3).reshape(len(faces), -1)
        grey -= grey.mean(1, keepdims=True)
        length = np.linalg.norm(grey, axis=1, keepdims=True)
        return grey / np.where(length > 0, length, 1), None
