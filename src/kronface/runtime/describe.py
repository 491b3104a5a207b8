"""What a results file says of the weights that it measured."""

from pathlib import Path
from typing import Any

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
