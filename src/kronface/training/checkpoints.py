"""Training checkpoints that are never half-written and never unpickle anything but tensors and plain values."""

import io
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO
from torch import Tensor

from kronface.errors import CheckpointError
from kronface.files import write_bytes
from kronface.network.checkpoint import check_shapes


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes to a temporary file, flushes it to disk and renames it; reads with `weights_only`.

    Args:
        expected: tensors of the module in training, with which those of a file that is read must agree by name and
            shape.
    """

    def __init__(self, expected: dict[str, Tensor]) -> None:
        self.expected = expected

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None) -> None:  # noqa: ANN401, ARG002 - Lightning's signature
        """Writes `checkpoint` to `path` atomically."""
        # By way of memory: on a full disk PyTorch's own file writer raises an error that does not say so.
        content = io.BytesIO()
        torch.save(checkpoint, content)
        write_bytes(Path(path), content.getvalue())

    def load_checkpoint(
        self,
        path: str | Path,
        map_location: Any | None = None,  # noqa: ANN401 - Lightning's signature
        weights_only: bool | None = None,  # noqa: ARG002 - never anything but True
    ) -> dict[str, Any]:
        """Reads what `save_checkpoint` wrote.

        Raises:
            CheckpointError: the file cannot be read, or belongs to another network.
        """
        try:
            loaded: dict[str, Any] = torch.load(path, map_location=map_location, weights_only=True)
        except Exception as error:  # unpickling a damaged file may raise anything
            raise CheckpointError(f"{path} cannot be read: delete it to start this training anew") from error
        if not isinstance(loaded, dict) or "state_dict" not in loaded:
            raise CheckpointError(f"{path} is no training checkpoint: delete it to start this training anew")
        check_shapes(self.expected, loaded["state_dict"], Path(path))
        return loaded
