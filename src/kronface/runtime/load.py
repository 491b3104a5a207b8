"""Which network a user means by `--checkpoint`, whatever it comes from."""

from collections.abc import Sequence
from pathlib import Path

from kronface.errors import CheckpointError, ConfigError
from kronface.network.checkpoint import CONFIG, ModelCard, read_card
from kronface.network.network import Network
from kronface.network.published import SUFFIXES, load_published
from kronface.runtime.embedder import Embedder, NetworkEmbedder
from kronface.runtime.onnx_card import PRESETS, preset_card

DLIB = "dlib"
WEIGHTS = Path(__file__).parent.parent / "weights"
"""Networks that come with the package, a checkpoint folder each."""
SHIPPED_NAMES = ("rendered", "distilled")
CARDS = (".yaml", ".yml")


def family_of(source: Path) -> tuple[str, Path] | None:
    """The family and the file that 'insightface:FILE' or 'adaface:FILE' means; None for anything else.

    Raises:
        CheckpointError: the file lies in the home folder of nobody.
    """
    family, _, file = str(source).partition(":")
    if family not in PRESETS or not file:
        return None
    try:
        return family, Path(file).expanduser()
    except RuntimeError as error:
        raise CheckpointError(f"{file} begins with a home folder that does not exist: write the whole path") from error


def is_dlib(source: Path) -> bool:
    """Whether dlib's network is meant, not a folder of that name."""
    return str(source) == DLIB and not source.exists()


def shipped() -> dict[str, Path]:
    """The networks that come with the package, by name, the best on photographs first."""
    there = {name: WEIGHTS / name for name in SHIPPED_NAMES if (WEIGHTS / name / CONFIG).is_file()}
    worth = {name: float(read_card(path).figures.get("development_rank1", 0)) for name, path in there.items()}
    return {name: there[name] for name in sorted(there, key=lambda name: -worth[name])}


def load_embedder(source: Path, *, device: str = "auto") -> Embedder:
    """The network that a name stands for.

    Args:
        source: a checkpoint folder; a card (.yaml) of an ONNX network, or the ONNX file with its card beside it;
            'insightface:FILE' or 'adaface:FILE' for an ONNX or a PyTorch file of these families; 'dlib' for dlib's
            network.
        device: auto, cpu, cuda or cuda:N.

    Raises:
        CheckpointError: there is no usable network.
        ConfigError: what runs it is not installed, or there is no such device.
    """
    family = family_of(source)
    if family is not None and family[1].suffix.lower() in SUFFIXES:
        network, card = published(*family)
        name = f"{family[0]}:{family[1].name}"
        return NetworkEmbedder(network, device=device, name=name, licence=card.licence, seen=card.seen)
    if family is not None:
        from kronface.runtime.onnx import OnnxEmbedder

        return OnnxEmbedder.from_preset(*family, device=device)
    if is_dlib(source):
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


def published(family: str, file: Path) -> tuple[Network, ModelCard]:
    """A family's published PyTorch weights as a network, and what its card is to say of them.

    Raises:
        CheckpointError: the file cannot be read, or holds something else.
    """
    card = preset_card(family, file)
    return load_published(file, family), ModelCard(
        card.training_data, card.licence, {"published": file.name}, card.seen
    )


def check_unseen(seen: Sequence[str], *layouts: str, about: str, allow: bool = False) -> None:
    """Whether a network may be measured on a data set.

    Args:
        seen: layouts of data sets whose people its training saw.
        layouts: of what it is measured on; celeba-csv and celeba-hub are celeba.
        about: what the message calls the network.
        allow: do so all the same.

    Raises:
        ConfigError: its training saw the people of one of them.
    """
    sets = {_data_set(name) for name in seen}
    known = [layout for layout in layouts if _data_set(layout) in sets]
    if known and not allow:
        raise ConfigError(
            f"{about} was trained on people of {known[0]}, so that figures on it would say too much: take another "
            "network, or --allow-seen true"
        )


def _data_set(layout: str) -> str:
    return layout.casefold().partition("-")[0]
