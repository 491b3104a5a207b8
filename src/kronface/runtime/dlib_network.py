"""dlib's face network in PyTorch, with the weights that the package `face-recognition-models` brings (CC0).

The extra `dlib`. Its weights were trained on about three million photographs, half of them of the people of FaceScrub
and VGG-Face (dlib.net, 2017). In batches it embeds some ten times as many faces per second as dlib's own call.
"""

import hashlib
import importlib.util
import math
import re
import struct
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from kronface.errors import CheckpointError, ConfigError
from kronface.hardware import resolve_device
from kronface.runtime.embedder import Floats, Pixels

CHIP = 150
"""Side of the crop that the network takes."""

POINTS = np.array([[46.2, 45.0], [101.8, 45.0], [74.2, 76.6], [50.9, 100.5], [97.4, 100.5]])
"""(5, 2) where the detector's landmarks come to lie in dlib's own crops, which it places by five other points: medians
over rendered and photographed faces. Crops that are placed by these points serve as well as dlib's own."""

MEAN = (122.782, 117.001, 104.298)
"""What the network subtracts from red, green and blue before it divides by 256."""

LEVELS = ((32, 3, False), (64, 4, True), (128, 3, True), (256, 3, True), (256, 1, True))
"""Filters, residual blocks, and whether the first of them halves the size (dlib's dnn_face_recognition_ex)."""

WEIGHTS = "dlib_face_recognition_resnet_model_v1.dat"
SHA256 = "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30"
AT_A_TIME = 8
"""Faces in a pass on a processor: the maps of more do not stay in its caches, and take half as long again."""

SEEN = ("facescrub", "megaface")
"""Layouts of data sets whose people the weights were trained on; MegaFace's probes are FaceScrub's people."""

ABOUT = "dlib's face network (licence: CC0; trained on about 3 million photographs, many of FaceScrub and VGG-Face)"


class DlibEmbedder:
    """dlib's network behind the common interface.

    Its descriptors are scaled to length 1 and compared by their cosine. (dlib itself compares them as they are, by
    their distance.)

    Args:
        device: 'auto', 'cpu', 'cuda' or 'cuda:N'.

    Raises:
        ConfigError: the weights' package is not installed, or there is no such device.
        CheckpointError: the weights are not those that are known.
    """

    def __init__(self, *, device: str = "auto") -> None:
        self.fingerprint = hashlib.sha256(f"dlib:{SHA256}:{POINTS.tolist()}".encode()).hexdigest()
        self.size = CHIP
        self.reference = POINTS
        self.predicted: tuple[str, ...] = ()
        self.seen = SEEN
        self.about = ABOUT
        self._device = resolve_device(device)
        network = DlibNetwork(model_path(WEIGHTS)).eval()
        self._network = network.to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.inference_mode()
    def __call__(self, faces: Pixels) -> tuple[Floats, None]:
        """Aligned RGB faces (N, 150, 150, 3) -> embeddings (N, 128) of length 1, None."""
        pixels = torch.from_numpy(faces).to(self._device).permute(0, 3, 1, 2)  # channels last in memory
        step = AT_A_TIME if self._device.type == "cpu" else max(len(faces), 1)
        parts = [self._network(pixels[start : start + step].float()) for start in range(0, len(faces), step)]
        found = functional.normalize(torch.cat(parts)) if parts else torch.empty((0, 128))
        return found.cpu().numpy(), None


def model_path(name: str) -> Path:
    """A file of the package `face-recognition-models`, which cannot be imported (it wants pkg_resources).

    Raises:
        ConfigError: it is not installed.
    """
    found = importlib.util.find_spec("face_recognition_models")
    if found is None or found.origin is None:
        raise ConfigError("dlib's weights are not installed: pip install 'kronface[dlib]'")
    return Path(found.origin).parent / "models" / name


class _Block(nn.Module):
    """Two convolutions with fixed scales and shifts, added to their input; zeros stand where sizes differ."""

    def __init__(self, tensors: list[Tensor], channels: int, filters: int, *, halves: bool) -> None:
        super().__init__()
        self.first = _Convolution(tensors, channels, filters, 3, stride=2 if halves else 1)
        self.second = _Convolution(tensors, filters, filters, 3, stride=1)
        self.halves = halves

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(functional.relu_(self.first(x)))
        if self.halves:
            x = functional.avg_pool2d(x, 2, 2)
        rows, columns = max(x.shape[2], y.shape[2]), max(x.shape[3], y.shape[3])
        channels = max(x.shape[1], y.shape[1])
        return functional.relu_(_padded(x, channels, rows, columns) + _padded(y, channels, rows, columns))


def _padded(x: Tensor, channels: int, rows: int, columns: int) -> Tensor:
    missing = (0, columns - x.shape[3], 0, rows - x.shape[2], 0, channels - x.shape[1])
    return functional.pad(x, missing) if any(missing) else x


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
    """dlib's 29-layer residual network: (N, 3, 150, 150) RGB in [0, 255] -> (N, 128).

    Args:
        path: of dlib's file.

    Raises:
        CheckpointError: it is missing, or not the one that is known.
    """

    mean: Tensor

    def __init__(self, path: Path) -> None:
        super().__init__()
        try:
            data = path.read_bytes()
        except OSError as error:
            raise CheckpointError(f"{path} cannot be read: install face-recognition-models again") from error
        if hashlib.sha256(data).hexdigest() != SHA256:
            raise CheckpointError(f"{path} is not the file of version 0.3: install face-recognition-models again")
        tensors = _read_tensors(data)
        self.stem = _Convolution(tensors, 3, 32, 7, stride=2)
        blocks = []
        channels = 32
        for filters, count, halves in LEVELS:
            for number in range(count):
                blocks.append(_Block(tensors, channels, filters, halves=halves and number == 0))
                channels = filters
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Parameter(tensors.pop(0).reshape(256, 128), requires_grad=False)
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        """Descriptors whose Euclidean distance dlib compares with 0.6."""
        x = (x - self.mean) / 256
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
