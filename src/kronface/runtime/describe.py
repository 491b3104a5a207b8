"""What a results file says of the weights that it measured."""

from pathlib import Path
from typing import Any

from kronface.data.scale import describe_scale
from kronface.network.checkpoint import CONFIG, read_config
from kronface.runtime.embedder import Embedder


def describe_checkpoint(source: Path, embedder: Embedder) -> dict[str, Any]:
    """Path, fingerprint, arm, variant, fusion and training of a checkpoint; of another network what it says of itself.

    Raises:
        CheckpointError: the folder's checkpoint is damaged.
    """
    if not (source / CONFIG).is_file():
        unknown = {"arm": "", "variant": "", "fusion": "", "training": {"data": embedder.about}}
        return {"path": str(source), "fingerprint": embedder.fingerprint, **unknown}
    config = read_config(source)
    architecture = config["architecture"]
    return {
        "path": str(source),
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
