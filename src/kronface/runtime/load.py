"""Which network a user means by `--checkpoint`, whatever it comes from."""

from pathlib import Path

from kronface.errors import CheckpointError, ConfigError
from kronface.runtime.embedder import Embedder, NetworkEmbedder
from kronface.runtime.onnx_card import PRESETS

DLIB = "dlib"
CARDS = (".yaml", ".yml")


def load_embedder(source: Path, *, device: str = "auto") -> Embedder:
    """The network that a name stands for.

    Args:
        source: a checkpoint folder; a card (.yaml) of an ONNX network, or the ONNX file with its card beside it;
            'insightface:FILE' or 'adaface:FILE' for an ONNX file of these families; 'dlib' for dlib's network.
        device: auto, cpu, cuda or cuda:N.

    Raises:
        CheckpointError: there is no usable network.
        ConfigError: what runs it is not installed, or there is no such device.
    """
    family, _, file = str(source).partition(":")
    if family in PRESETS and file:
        from kronface.runtime.onnx import OnnxEmbedder

        return OnnxEmbedder.from_preset(family, Path(file).expanduser(), device=device)
    if str(source) == DLIB and not source.exists():
        from kronface.runtime.dlib_network import DlibEmbedder

        return DlibEmbedder(device=device)
    if source.suffix.lower() in (*CARDS, ".onnx") and not source.is_dir():
        from kronface.runtime.onnx import OnnxEmbedder

        return OnnxEmbedder.from_card(source, device=device)
    if source.suffix.lower() in (".pt", ".pth", ".ckpt", ".pkl", ".dat", ".safetensors") and source.is_file():
        raise CheckpointError(
            f"{source} is a file of weights alone: name a checkpoint folder, or an ONNX network with its card"
        )
    return NetworkEmbedder.from_pretrained(source, device=device)


def check_unseen(embedder: Embedder, layout: str, *, allow: bool = False) -> None:
    """Whether a network may be measured on a data set.

    Args:
        embedder: the network.
        layout: of the data set; celeba-csv and celeba-hub are celeba.
        allow: do so all the same.

    Raises:
        ConfigError: its training saw the data set's people.
    """
    if layout.partition("-")[0] in embedder.seen and not allow:
        raise ConfigError(seen_message(embedder.about, layout))


def seen_message(about: str, layout: str) -> str:
    """What a user is told of a network that knows the people it is to be measured on."""
    return (
        f"{about} was trained on people of {layout}, so that figures on it would say too much: take another network, "
        "or --allow-seen true"
    )
