"""A trained network on disk: safetensors, a JSON configuration, a model card, and the fingerprint over them."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as serialise
from torch import Tensor

from kronface.errors import CheckpointError, ConfigError
from kronface.files import write_bytes, write_json, write_text

if TYPE_CHECKING:
    from kronface.network.network import Network

FORMAT = "kronface-network/2"
WEIGHTS = "model.safetensors"
CONFIG = "config.json"
CALIBRATION = "calibration.json"

ENTRIES: dict[str, type] = {
    "fingerprint": str,
    "architecture": dict,
    "preprocessing": dict,
    "predicted": list,
    "fused": list,
    "card": dict,
}
"""What `config.json` holds besides its format."""


@dataclass(frozen=True)
class ModelCard:
    """What a user must know of a checkpoint and the weights do not say."""

    training_data: str = "not stated"
    licence: str = "not stated"
    training: dict[str, Any] = field(default_factory=dict)
    """Seed, passes, recipe and figures of the training run, as JSON values."""
    seen: tuple[str, ...] = ()
    """Layouts of data sets whose people the training saw, directly or by a teacher: never to be measured on them."""
    figures: dict[str, Any] = field(default_factory=dict)
    """What it was measured to be worth after training, as JSON values."""
    notes: str = ""
    """Further sections of the card, in Markdown."""


def fingerprint(network: "Network") -> str:
    """SHA-256 (hexadecimal) over the weights' bytes, the architecture, the preprocessing and the attribute lists.

    Embeddings of two fingerprints are never compared. The first 16 digits are what people are shown.
    """
    digest = hashlib.sha256()
    described = {
        "architecture": network.architecture,
        "preprocessing": network.preprocessing,
        "predicted": network.predicted,
        "fused": network.fused,
    }
    digest.update(json.dumps(described, sort_keys=True).encode())
    for name, tensor in sorted(_weights(network).items()):
        digest.update(f"{name}:{tensor.dtype}:{tuple(tensor.shape)}".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().tobytes() if tensor.numel() else b"")
    return digest.hexdigest()


def save(network: "Network", folder: Path, *, card: ModelCard | None = None, half: bool = False) -> str:
    """Writes `model.safetensors`, `config.json` and `README.md` (the model card) to `folder`; returns the fingerprint.

    Args:
        network: made by `variants.build`.
        folder: is made.
        card: what the model card says.
        half: store matrices and convolutions in half precision, which the network itself is rounded to first, so that
            it stays the one that is loaded again.

    Raises:
        CheckpointError: the network was composed by hand, so that nothing says how to build it again.
    """
    if network.architecture is None:
        raise CheckpointError("this network was composed by hand: only one made by variants.build can be saved")
    card = card or ModelCard()
    if half:
        _round(network)
    mark = fingerprint(network)
    config = {
        "format": FORMAT,
        "fingerprint": mark,
        "architecture": network.architecture,
        "preprocessing": network.preprocessing,
        "predicted": network.predicted,
        "fused": network.fused,
        "card": asdict(card),
    }
    # One entry of metadata: the order of several is drawn by lot, and the same weights should be the same bytes.
    weights = {name: _shortened(tensor) if half else tensor for name, tensor in _weights(network).items()}
    write_bytes(folder / WEIGHTS, serialise(weights, metadata={"format": "pt"}))
    write_text(folder / "README.md", _card_text(network, card, mark))
    (folder / CALIBRATION).unlink(missing_ok=True)  # thresholds of other weights must not outlive them
    write_json(folder / CONFIG, config)
    return mark


def load(folder: Path) -> "Network":
    """Reads what `save` wrote; the weights are checked against the fingerprint.

    Raises:
        CheckpointError: the folder is missing, incomplete or damaged, or its weights belong to another network.
    """
    from kronface.network.variants import build

    config = read_config(folder)
    try:
        preprocessing = config["preprocessing"]
        network = build(
            **config["architecture"],
            predicted=config["predicted"],
            fused=config["fused"],
            size=preprocessing["size"],
            mean=preprocessing["mean"],
            std=preprocessing["std"],
        )
        network.flip = bool(preprocessing.get("flip", False))
    except (KeyError, TypeError, ValueError, ConfigError, RuntimeError, MemoryError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise CheckpointError(f"{folder / CONFIG} does not describe a network of this version: {reason}") from error
    try:
        weights = load_file(folder / WEIGHTS)
    except FileNotFoundError as error:
        raise CheckpointError(f"{folder / WEIGHTS} is missing: copy the whole checkpoint folder") from error
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{folder / WEIGHTS} cannot be read ({error}): copy the checkpoint again") from error
    check_shapes(network.state_dict(), weights, folder / WEIGHTS)
    network.load_state_dict(weights)  # into single precision, whatever the file holds
    if fingerprint(network) != config["fingerprint"]:
        raise CheckpointError(f"{folder}: weights and configuration do not belong together: copy the checkpoint again")
    return network.eval()


def read_config(folder: Path) -> dict[str, Any]:
    """The checkpoint's `config.json`.

    Raises:
        CheckpointError: there is none, or it is of another format.
    """
    path = folder / CONFIG
    if not path.is_file():
        inner = [name for name in ("best", "last") if (folder / name / CONFIG).is_file()]
        hint = f"did you mean {folder / inner[0]}?" if inner else f"a checkpoint folder holds {CONFIG} and {WEIGHTS}"
        raise CheckpointError(f"{folder} is not a checkpoint: {hint}")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError, OSError) as error:
        raise CheckpointError(f"{path} cannot be read ({error}): copy the checkpoint again") from error
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        raise CheckpointError(f"{path} is not of the format {FORMAT}: it was written by another program or version")
    for key, kind in ENTRIES.items():
        if not isinstance(config.get(key), kind):
            raise CheckpointError(f"{path} has no '{key}', or an odd one: copy the checkpoint again")
    return config


def read_card(folder: Path) -> ModelCard:
    """The model card of a checkpoint.

    Raises:
        CheckpointError: there is no checkpoint.
    """
    stored = read_config(folder)["card"]
    training, seen, figures = (stored.get(name) for name in ("training", "seen", "figures"))
    return ModelCard(
        training_data=str(stored.get("training_data", "not stated")),
        licence=str(stored.get("licence", "not stated")),
        training=training if isinstance(training, dict) else {},
        seen=tuple(str(name) for name in seen) if isinstance(seen, list) else (),
        figures=figures if isinstance(figures, dict) else {},
        notes=str(stored.get("notes", "")),
    )


def check_shapes(expected: dict[str, Tensor], found: dict[str, Tensor], path: Path) -> None:
    """Compares names and shapes of two state dicts.

    Raises:
        CheckpointError: naming the first tensor that is missing, left over, or of another shape.
    """
    for name, tensor in expected.items():
        if name not in found:
            raise CheckpointError(f"{path} belongs to another architecture: it has no {name}")
        if found[name].shape != tensor.shape:
            shapes = f"{tuple(found[name].shape)}, where {tuple(tensor.shape)} is needed"
            raise CheckpointError(f"{path} belongs to another architecture or attribute list: {name} is {shapes}")
    surplus = sorted(set(found) - set(expected))
    if surplus:
        raise CheckpointError(f"{path} belongs to another architecture: it also has {surplus[0]}")


def _shortened(tensor: Tensor) -> Tensor:
    """Matrices and convolutions in half precision; what is added, or scales a channel, stays as it is."""
    return tensor.half() if tensor.is_floating_point() and tensor.ndim > 1 else tensor


@torch.no_grad()
def _round(network: "Network") -> None:
    """Rounds a network to what `_shortened` keeps of it.

    Raises:
        CheckpointError: a weight is too large for half precision.
    """
    for name, tensor in network.state_dict().items():
        rounded = _shortened(tensor)
        if not torch.isfinite(rounded).all():
            raise CheckpointError(f"{name} is too large for half precision: save the network in full")
        tensor.copy_(rounded)


def _weights(network: "Network") -> dict[str, Tensor]:
    # Channels-last convolutions are stored in the ordinary order: the bytes must not depend on the memory format.
    return {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}


def _card_text(network: "Network", card: ModelCard, mark: str) -> str:
    architecture = network.architecture or {}
    rows = "\n".join(f"| {key.replace('_', ' ')} | {value} |" for key, value in architecture.items())
    training = "\n".join(f"| {key.replace('_', ' ')} | {value} |" for key, value in card.training.items())
    notes = f"\n{card.notes.strip()}\n" if card.notes.strip() else ""
    parameters = sum(parameter.numel() for parameter in network.parameters())
    preprocessing = network.preprocessing
    return f"""---
library_name: kronface
license: {card.licence}
---

# Kronface network {mark[:16]}

Fingerprint: `{mark}`

| architecture | |
| --- | --- |
{rows}
| parameters | {parameters:,} |

Predicted attributes: {", ".join(network.predicted) or "none"}.
Fused attributes: {", ".join(network.fused) or "none"}.

## Preprocessing

{preprocessing["alignment"]}; side {preprocessing["size"]} pixels, {preprocessing["colour"]}, from each pixel of
[0, 255] the mean {preprocessing["mean"]} is subtracted, and the result divided by {preprocessing["std"]}.

## Training

Data: {card.training_data}

| training | |
| --- | --- |
{training or "| | not stated |"}
{notes}
## Use and limits

Embeddings are compared by cosine, and only with embeddings of the same fingerprint. The network has no check whether
a face is live, and a score is no decision: let a person decide about persons. Embeddings are biometric data, which
the law protects (in the European Union by the GDPR and the AI Act).
"""
