"""Training checkpoints that are never half-written and never unpickle anything but tensors and plain values."""

import io
import pickle
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO

from kronface.errors import CheckpointError
from kronface.files import write_bytes


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes to a temporary file, flushes it to disk and renames it; reads with `weights_only`."""

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
            CheckpointError: the file cannot be read.
        """
        try:
            loaded: dict[str, Any] = torch.load(path, map_location=map_location, weights_only=True)
        except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
            reason = str(error).splitlines()[0]
            raise CheckpointError(f"{path} cannot be read ({reason}): delete it to start this training anew") from error
        return loaded
