"""The card of an ONNX network: a YAML file that says what must be done to a picture before it goes in."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from kronface.errors import CheckpointError
from kronface.evaluation.embedding_store import EMBEDDING, IDENTITY, PATH, PROBLEM, READABLE, SPLIT
from kronface.faces.align import reference_points

PRESETS = ("adaface", "insightface")
"""Families of networks whose cards come with the package."""

STANDARD = "standard"
"""The reference points that nearly all face networks are trained with, scaled to the network's size."""

LARGEST = 1024
"""Side of a face in pixels."""

LARGEST_NUMBER = 1e9
"""Of those that are subtracted, divide, or place a point."""

TAKEN = (PATH, IDENTITY, SPLIT, READABLE, PROBLEM, EMBEDDING)
"""Columns of an embedding store, which no attribute can be called."""


@dataclass(frozen=True)
class OnnxCard:
    """How an ONNX network is fed, and what comes out of it."""

    model: str
    """The ONNX file, beside the card."""
    size: int = 112
    """Side of the aligned face in pixels."""
    colour: str = "RGB"
    """Order of the channels: RGB or BGR."""
    layout: str = "NCHW"
    """Order of the input's dimensions: NCHW or NHWC."""
    mean: tuple[float, ...] = (127.5, 127.5, 127.5)
    """Subtracted from pixels of [0, 255], per channel in the network's order."""
    scale: tuple[float, ...] = (127.5, 127.5, 127.5)
    """Divides after that."""
    reference_points: str | tuple[tuple[float, ...], ...] = STANDARD
    """'standard', or five times x and y, in the network's pixels: image-left eye, image-right eye, nose tip, image-left
    and image-right mouth corner; pixel centres lie at whole numbers."""
    flip: bool = False
    """Whether the mirrored face's embedding is added."""
    embedding: str = ""
    """Name of the output with the embedding; may be left out where there is only one that can be it."""
    attributes: tuple[str, ...] = ()
    """Names of what the output `probabilities` says, in its order."""
    probabilities: str = ""
    """Name of the output (N, T) with the attributes' probabilities."""
    name: str = ""
    """What the network is called; the card's file name by default."""
    licence: str = "not stated"
    training_data: str = "not stated"
    seen: tuple[str, ...] = ()
    """Layouts of data sets whose people the training saw: it must not be measured on them."""
    sha256: str = ""
    """Of the ONNX file, hexadecimal: another file is refused. May be left out."""

    def points(self) -> NDArray[np.float64] | None:
        """(5, 2) reference points; None for the standard ones."""
        if isinstance(self.reference_points, str):
            return None
        points = np.array(self.reference_points, np.float64)
        return None if np.allclose(points, reference_points(self.size), atol=1e-6) else points


def read_card(path: Path) -> OnnxCard:
    """Reads a card.

    Raises:
        CheckpointError: it is missing, or says something that it cannot mean; the line names the entry.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from error
    except Exception as error:  # at odd tags PyYAML raises whatever comes
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise CheckpointError(f"{path} is no YAML ({reason}): see kronface export, which writes such cards") from error
    return parse_card(content, str(path))


def parse_card(content: object, where: str) -> OnnxCard:
    """A card from what its YAML holds; `where` stands in messages.

    Raises:
        CheckpointError: an entry is unknown, missing, or cannot be.
    """
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{where} is no card of an ONNX network: it needs entries such as 'model: network.onnx'")
    known = {field.name for field in fields(OnnxCard)}
    unknown = [str(key) for key in content if key not in known]
    if unknown:
        raise CheckpointError(f"{where} has an unknown entry '{unknown[0]}': choose from {', '.join(sorted(known))}")
    given: dict[str, Any] = dict(content)
    for name, value in given.items():
        given[name] = _checked(name, value, where)
    if not given.get("model"):
        raise CheckpointError(f"{where} names no 'model': the ONNX file beside it")
    card = OnnxCard(**given)
    if bool(card.attributes) != bool(card.probabilities):
        raise CheckpointError(f"{where}: 'attributes' and 'probabilities' belong together: name both, or neither")
    return card


def write_card(card: OnnxCard) -> str:
    """The YAML of a card, entry by entry with what they mean."""
    content = {key: value for key, value in asdict(card).items() if value not in ("", ())}
    lists = {
        key: [list(row) if isinstance(row, tuple) else row for row in value] if isinstance(value, tuple) else value
        for key, value in content.items()
    }
    return yaml.safe_dump(lists, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120)


def preset_card(name: str, model: Path) -> OnnxCard:
    """The package's card for a family of networks (`PRESETS`), for this file."""
    text = (resources.files("kronface.runtime") / "cards" / f"{name}.yaml").read_text(encoding="utf-8")
    return parse_card({**yaml.safe_load(text), "model": model.name}, f"the card {name}")


def _checked(name: str, value: object, where: str) -> object:
    wrong = CheckpointError(f"{where}: '{name}' is {value!r}, but must be {_WANTED[name]}")
    if name == "size":
        if type(value) is not int or not 16 <= value <= LARGEST:
            raise wrong
        return value
    if name == "flip":
        if type(value) is not bool:
            raise wrong
        return value
    if name in ("mean", "scale"):
        numbers = _numbers([value] * 3 if isinstance(value, int | float) else value, 3)
        if numbers is None or (name == "scale" and min(numbers) <= 0):
            raise wrong
        return numbers
    if name in ("attributes", "seen"):
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            raise wrong
        if len(set(value)) != len(value) or (name == "attributes" and set(value) & set(TAKEN)):
            raise wrong
        return tuple(value)
    if name == "reference_points" and value != STANDARD:
        rows = [_numbers(row, 2) for row in value] if isinstance(value, list) else []
        points = tuple(row for row in rows if row is not None)
        if len(rows) != 5 or len(points) != 5 or np.ptp(np.array(points), axis=0).min() < 1:
            raise wrong
        return points
    if not isinstance(value, str):
        raise wrong
    if (name in _CHOICES and value not in _CHOICES[name]) or (
        name == "model" and (Path(value).name != value or "\0" in value)
    ):
        raise wrong
    if name == "sha256" and (len(value) != 64 or set(value.lower()) - set("0123456789abcdef")):
        raise wrong
    return value


def _numbers(value: object, count: int) -> tuple[float, ...] | None:
    if not isinstance(value, list) or len(value) != count:
        return None
    if not all(isinstance(item, int | float) and not isinstance(item, bool) for item in value):
        return None
    if not all(abs(item) <= LARGEST_NUMBER for item in value):  # nor NaN
        return None
    return tuple(float(item) for item in value)


_CHOICES = {"colour": ("RGB", "BGR"), "layout": ("NCHW", "NHWC")}

_WANTED = {
    "model": "the name of the ONNX file in the card's own folder",
    "size": f"the side of the aligned face in pixels, 16 to {LARGEST}",
    "colour": "RGB or BGR",
    "layout": "NCHW or NHWC",
    "mean": "three numbers, or one for all channels",
    "scale": "three numbers above 0, or one for all channels",
    "reference_points": "'standard', or five pairs of numbers",
    "flip": "true or false",
    "embedding": "the name of an output",
    "attributes": f"a list of names, each once, and none of {', '.join(TAKEN)}",
    "probabilities": "the name of an output",
    "name": "a text",
    "licence": "a text",
    "training_data": "a text",
    "seen": "a list of layouts, each once",
    "sha256": "64 hexadecimal digits",
}
