"""A trained network as an ONNX file with its card, for other programs and for `OnnxEmbedder` (the extra `runtime`)."""

import hashlib
import logging
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from kronface.errors import CheckpointError, ConfigError
from kronface.files import check_writable, write_bytes, write_text
from kronface.network.checkpoint import CALIBRATION, ModelCard, read_card
from kronface.network.network import Network
from kronface.runtime.calibrate import load_calibration, save_calibration
from kronface.runtime.embedder import NetworkEmbedder
from kronface.runtime.onnx import OnnxEmbedder
from kronface.runtime.onnx_card import OnnxCard, write_card

INPUT, EMBEDDING, PROBABILITIES = "image", "embedding", "probabilities"

MOST_DIFFERENCE = 1e-4
"""Between any number of an embedding or a probability here and there; more is a defect."""


@dataclass(frozen=True)
class Exported:
    """What `export_onnx` left."""

    model: Path
    card: Path
    fingerprint: str
    difference: float
    """The largest, of any number that comes out, over random pictures."""


class _Outputs(nn.Module):
    """Preprocessed pictures (N, 3, size, size) -> what `Network.predict` gives of the faces themselves, as a tuple."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        network = self.network
        face = network.forward_trunk(images)
        logits = network.forward_attributes(face)
        found: list[Tensor] = []
        if network.identity_branch is not None:
            hidden = network.identity_branch.forward_hidden(network.forward_fusion(face, logits))
            found.append(network.identity_branch.embed(hidden))
        if network.attribute_branch is not None and logits is not None:
            found.append(network.attribute_branch.probabilities(logits))
        return tuple(found)


def export_onnx(checkpoint: Path, out: Path) -> Exported:
    """Writes a checkpoint's network as ONNX, with a card beside it (.yaml), and its thresholds, where it has any.

    The graph takes float pictures (N, 3, size, size), prepared as the card says, N as many as one likes, and gives
    embeddings (N, D) of length 1 and probabilities (N, T). The file is run by ONNX Runtime and compared with PyTorch.

    Args:
        checkpoint: the folder.
        out: the ONNX file.

    Raises:
        CheckpointError: no usable checkpoint, or none with an embedding.
        ConfigError: the extra is not installed, or the file's name does not end in .onnx.
        OSError: one of the three files cannot be written.
    """
    if out.suffix.lower() != ".onnx":
        raise ConfigError(f"{out} does not end in .onnx: name the ONNX file by --out")
    card_path, moved = out.with_suffix(".yaml"), out.with_suffix(f".{CALIBRATION}")
    for file in (out, card_path, moved):
        check_writable(file)
    network = Network.from_pretrained(checkpoint)
    if network.identity_branch is None:
        raise CheckpointError(f"{checkpoint} has no identity branch, and so no embedding: choose another checkpoint")
    named = read_card(checkpoint)
    data = _serialise(network)
    card = _card(network, named, out, hashlib.sha256(data).hexdigest())
    ours = NetworkEmbedder(network, device="cpu")
    with tempfile.TemporaryDirectory() as folder:  # what is no good never stands at `out`
        trial = Path(folder) / out.name
        write_bytes(trial, data)
        theirs = OnnxEmbedder(trial, card, device="cpu")
    difference = _compare(ours, theirs)
    if not difference <= MOST_DIFFERENCE:
        raise CheckpointError(f"{checkpoint} as ONNX differs from itself by {difference:.1e}: nothing was written")
    thresholds = (
        load_calibration(checkpoint / CALIBRATION, ours.fingerprint) if (checkpoint / CALIBRATION).is_file() else None
    )
    moved.unlink(missing_ok=True)  # thresholds of another network must not stay
    write_bytes(out, data)
    write_text(card_path, f"# Written by kronface export: how pictures are prepared for {out.name}\n{write_card(card)}")
    if thresholds is not None:
        save_calibration(thresholds, moved, theirs.fingerprint)
    return Exported(out, card_path, theirs.fingerprint, difference)


def _serialise(network: Network) -> bytes:
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ModuleNotFoundError as error:
        raise ConfigError("an ONNX file needs two packages more: pip install 'kronface[runtime]'") from error
    outputs = [EMBEDDING, *([PROBABILITIES] if network.attribute_branch is not None else [])]
    example = torch.zeros((2, 3, network.size, network.size))
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the exporter's own parts
            program = torch.onnx.export(
                _Outputs(network).eval(),
                (example,),
                input_names=[INPUT],
                output_names=outputs,
                dynamic_shapes=({0: torch.export.Dim("faces")},),
                dynamo=True,
                verbose=False,
            )
    finally:
        logger.setLevel(level)
    if program is None:
        raise CheckpointError("PyTorch did not export this network")
    return bytes(program.model_proto.SerializeToString(deterministic=True))


def _card(network: Network, named: ModelCard, out: Path, sha256: str) -> OnnxCard:
    preprocessing = network.preprocessing
    return OnnxCard(
        model=out.name,
        size=network.size,
        mean=tuple(preprocessing["mean"]),
        scale=tuple(preprocessing["std"]),
        flip=network.flip,
        embedding=EMBEDDING,
        attributes=network.predicted,
        probabilities=PROBABILITIES if network.predicted else "",
        name=out.stem,
        licence=named.licence,
        training_data=named.training_data,
        seen=named.seen,
        sha256=sha256,
    )


def _compare(ours: NetworkEmbedder, theirs: OnnxEmbedder) -> float:
    faces = np.random.default_rng(0).integers(0, 256, (5, ours.size, ours.size, 3), np.uint8)
    pairs = zip(ours(faces), theirs(faces), strict=True)
    return max(float(np.abs(a - b).max()) for a, b in pairs if a is not None and b is not None)
