"""dlib's face network (`dlib-bin` and `face-recognition-models`, weights CC0) as an outside judge of faces.

The weights are read from dlib's own file into PyTorch, which embeds some ten times as many faces per second in batches
as dlib's own call; `check_agreement` compares both in every run.
"""

import importlib.util
import math
import re
import struct
from functools import cache
from pathlib import Path

import dlib
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from kronface.faces.detect import Face
from kronface.faces.image import Image

CHIP = 150
"""Side of the crop that the network takes."""

MEAN = (122.782, 117.001, 104.298)
"""What the network subtracts from red, green and blue before it divides by 256."""

LEVELS = ((32, 3, False), (64, 4, True), (128, 3, True), (256, 3, True), (256, 1, True))
"""Filters, residual blocks, and whether the first of them halves the size (dlib's dnn_face_recognition_ex)."""


def model_path(name: str) -> Path:
    """A file of the package `face-recognition-models`, which cannot be imported (it wants pkg_resources)."""
    found = importlib.util.find_spec("face_recognition_models")
    if found is None or found.origin is None:
        raise SystemExit("the judges are missing: pip install '.[judges]'")
    return Path(found.origin).parent / "models" / name


class _Block(nn.Module):
    """Two convolutions with fixed scales and shifts, added to their input; zeros stand where sizes differ."""

    def __init__(self, tensors: list[Tensor], channels: int, filters: int, *, halves: bool) -> None:
        super().__init__()
        self.first = _Convolution(tensors, channels, filters, 3, stride=2 if halves else 1)
        self.second = _Convolution(tensors, filters, filters, 3, stride=1)
        self.halves = halves

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(functional.relu(self.first(x)))
        if self.halves:
            x = functional.avg_pool2d(x, 2, 2)
        rows, columns = max(x.shape[2], y.shape[2]), max(x.shape[3], y.shape[3])
        channels = max(x.shape[1], y.shape[1])
        return functional.relu(_padded(x, channels, rows, columns) + _padded(y, channels, rows, columns))


def _padded(x: Tensor, channels: int, rows: int, columns: int) -> Tensor:
    return functional.pad(x, (0, columns - x.shape[3], 0, rows - x.shape[2], 0, channels - x.shape[1]))


class _Convolution(nn.Module):
    def __init__(self, tensors: list[Tensor], channels: int, filters: int, side: int, *, stride: int) -> None:
        super().__init__()
        weights, affine = tensors.pop(0), tensors.pop(0)
        count = filters * channels * side * side
        scale, shift = affine[:filters], affine[filters:]
        kernel = weights[:count].reshape(filters, channels, side, side)
        self.weight = nn.Parameter(kernel * scale[:, None, None, None], requires_grad=False)
        self.bias = nn.Parameter(weights[count:] * scale + shift, requires_grad=False)
        self.stride = stride
        self.padding = side // 2 if stride == 1 else 0

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.weight, self.bias, self.stride, self.padding)


class DlibNetwork(nn.Module):
    """dlib's 29-layer residual network: (N, 3, 150, 150) RGB in [0, 255] -> (N, 128)."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        tensors = _read_tensors(path.read_bytes())
        self.stem = _Convolution(tensors, 3, 32, 7, stride=2)
        blocks = []
        channels = 32
        for filters, count, halves in LEVELS:
            for number in range(count):
                blocks.append(_Block(tensors, channels, filters, halves=halves and number == 0))
                channels = filters
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Parameter(tensors.pop(0).reshape(256, 128), requires_grad=False)
        if tensors:
            raise ValueError(f"{path} holds {len(tensors)} tensors too many")

    def forward(self, x: Tensor) -> Tensor:
        """Descriptors whose Euclidean distance dlib compares with 0.6."""
        x = (x - torch.tensor(MEAN)[:, None, None]) / 256
        x = functional.max_pool2d(functional.relu(self.stem(x)), 3, 2)
        pooled: Tensor = self.blocks(x).mean((2, 3))
        return pooled @ self.head


def _read_tensors(data: bytes) -> list[Tensor]:
    """The parameters of dlib's layers in the order of the forward pass: per layer a count and raw float32."""
    tensors = []
    for match in re.finditer(rb"con_4|affine_|fc_2", data):
        position = match.end()
        # Version, samples, channels, rows, columns; in front of them, for the last layer, its outputs and inputs.
        numbers = []
        for _ in range(7 if match[0] == b"fc_2" else 5):
            length = data[position] & 0x0F
            numbers.append(int.from_bytes(data[position + 1 : position + 1 + length], "little"))
            position += 1 + length
        count = math.prod(numbers[-4:])
        tensors.append(torch.tensor(struct.unpack_from(f"<{count}f", data, position)))
    return tensors


@cache
def network() -> DlibNetwork:
    """The network, in eval mode."""
    return DlibNetwork(model_path("dlib_face_recognition_resnet_model_v1.dat")).eval()


@cache
def _shape_predictor() -> dlib.shape_predictor:
    return dlib.shape_predictor(str(model_path("shape_predictor_5_face_landmarks.dat")))


def chip(image: Image, face: Face) -> Image:
    """(150, 150, 3): the face as dlib crops it, by its own landmarks inside the detector's box."""
    x, y, width, height = (float(value) for value in face.box)
    # dlib's boxes are squares from the brows to the chin.
    side = 0.5 * (width + height)
    left, top = x + 0.5 * (width - side), y + height - side
    box = dlib.rectangle(round(left), round(top), round(left + side), round(top + side))
    crop = dlib.get_face_chip(image, _shape_predictor()(image, box), size=CHIP, padding=0.25)
    return np.asarray(crop, np.uint8)


def embed(chips: list[Image], *, batch: int = 32) -> NDArray[np.float32]:
    """(N, 128) descriptors."""
    parts = []
    with torch.inference_mode():
        for start in range(0, len(chips), batch):
            pixels = torch.from_numpy(np.stack(chips[start : start + batch])).permute(0, 3, 1, 2).float()
            parts.append(network()(pixels.contiguous(memory_format=torch.channels_last)).numpy())
    return np.concatenate(parts)


def check_agreement(chips: list[Image]) -> float:
    """The largest difference of any number from what dlib's own call gives."""
    own = dlib.face_recognition_model_v1(str(model_path("dlib_face_recognition_resnet_model_v1.dat")))
    theirs = np.array([own.compute_face_descriptor(np.ascontiguousarray(face)) for face in chips])
    return float(np.abs(theirs - embed(chips)).max())
