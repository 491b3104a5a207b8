"""What a results file says of the weights that it measured."""

from pathlib import Path
from typing import Any

from kronface.data.scale import describe_scale
from kronface.network.checkpoint import read_config


def describe_checkpoint(folder: Path) -> dict[str, Any]:
    """Path, fingerprint, arm, variant, fusion and training of a checkpoint.

    Raises:
        CheckpointError: the folder is no checkpoint.
    """
    config = read_config(folder)
    architecture = config["architecture"]
    return {
        "path": str(folder),
        "fingerprint": config["fingerprint"],
        "arm": str(architecture.get("arm", "")),
        "variant": str(architecture.get("variant", "")),
        "fusion": str(architecture.get("fusion", "")),
        "training": dict(config["card"].get("training") or {}) | {"data": config["card"].get("training_data")},
    }


def describe_training_set(checkpoint: dict[str, Any]) -> list[str]:
    """A line on the training set of a described checkpoint and its scale; none where the checkpoint does not say it."""
    training = checkpoint["training"]
    images, people = training.get("images"), training.get("people")
    return [describe_scale(images, people)] if isinstance(images, int) and isinstance(people, int) else []
