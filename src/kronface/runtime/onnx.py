"""Any face network in ONNX's format, run by ONNX Runtime (the extra `runtime`)."""

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from kronface.errors import CheckpointError, ConfigError
from kronface.runtime.embedder import Floats, Pixels
from kronface.runtime.onnx_card import PRESETS, OnnxCard, preset_card, read_card

FLOATS = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}
TERMS = ("name", "licence", "training_data", "seen", "sha256", "model")
"""Entries of a card that change no embedding."""
ROUNDING = 1e-3
"""How far from [0, 1] a probability may lie: half precision rounds."""
MOST_BYTES = 2 << 30
"""The format's own limit."""


class OnnxEmbedder:
    """An ONNX network, fed as its card says.

    Args:
        model: the ONNX file, with its weights inside.
        card: how it is fed.
        device: auto, cpu, cuda or cuda:N; a GPU needs ONNX Runtime's package for it.

    Raises:
        CheckpointError: the file is missing, damaged, not the card's, or no network that gives embeddings.
        ConfigError: ONNX Runtime is not installed, or has no such device.
    """

    def __init__(self, model: Path, card: OnnxCard, *, device: str = "auto") -> None:
        runtime = _runtime()
        data = _read(model)
        digest = hashlib.sha256(data).hexdigest()
        if card.sha256 and card.sha256.lower() != digest:
            raise CheckpointError(f"{model} is not the file that its card names by sha256: copy it again")
        _check_whole(data, model)
        providers = _providers(runtime, device)
        options = runtime.SessionOptions()
        options.log_severity_level = 4  # what is wrong comes as an exception, too
        try:
            self._session = runtime.InferenceSession(data, options, providers=providers)
        except Exception as error:  # ONNX Runtime's errors have no common class
            raise CheckpointError(f"{model} is no ONNX network that runs here: {_reason(error)}") from error
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or inputs[0].type not in FLOATS or len(inputs[0].shape) != 4:
            raise CheckpointError(f"{model} takes {len(inputs)} inputs or other things than pictures: it is not used")
        if device.startswith("cuda") and self._session.get_providers()[0] == "CPUExecutionProvider":
            raise ConfigError(f"device is {device}, but ONNX Runtime cannot use it: see its log, or choose cpu")
        self._card = card
        self._model = model
        self._input = inputs[0].name
        self._dtype = FLOATS[inputs[0].type]
        # Some networks are exported for a fixed number of faces.
        fixed = inputs[0].shape[0]
        self._batch = fixed if isinstance(fixed, int) and fixed > 0 else None
        fed = {key: value for key, value in asdict(card).items() if key not in TERMS}
        self.fingerprint = hashlib.sha256(f"onnx:{digest}:{json.dumps(fed, sort_keys=True)}".encode()).hexdigest()
        self.size = card.size
        self.reference = card.points()
        self.predicted = card.attributes
        self.seen = card.seen
        self.about = f"{card.name or model.stem}, {self.fingerprint[:16]} (licence: {card.licence})"
        self._mean, self._scale = (np.array(part, np.float32) for part in (card.mean, card.scale))
        self._outputs, self._columns = self._choose_outputs(model)
        self(np.random.default_rng(1).integers(0, 256, (8, card.size, card.size, 3), np.uint8))

    @classmethod
    def from_card(cls, path: Path, *, device: str = "auto") -> "OnnxEmbedder":
        """The network of a card (.yaml), or of an ONNX file with its card beside it: `net.onnx` and `net.yaml`.

        Raises:
            CheckpointError: card or network are missing, or cannot be used.
            ConfigError: ONNX Runtime is not installed, or has no such device.
        """
        if path.suffix.lower() == ".onnx":
            card_path = path.with_suffix(".yaml")
            if not card_path.is_file():
                families = " or ".join(f"{name}:{path}" for name in PRESETS)
                raise CheckpointError(
                    f"{card_path} is missing: a card must say how {path.name} is fed; for a known family, "
                    f"--checkpoint {families}"
                )
            return cls(path, read_card(card_path), device=device)
        card = read_card(path)
        return cls(path.parent / card.model, replace(card, name=card.name or path.stem), device=device)

    @classmethod
    def from_preset(cls, name: str, model: Path, *, device: str = "auto") -> "OnnxEmbedder":
        """An ONNX file of a known family (`PRESETS`)."""
        card = preset_card(name, model)
        return cls(model, replace(card, name=f"{name}:{model.name}"), device=device)

    def __call__(self, faces: Pixels) -> tuple[Floats | None, Floats | None]:
        """Aligned RGB faces (N, size, size, 3) -> embeddings (N, D) of length 1, probabilities (N, T) in [0, 1].

        Raises:
            CheckpointError: the network fails, or what should be probabilities does not lie in [0, 1].
        """
        vectors, chances = self._run(faces)
        if self._card.flip:
            vectors = vectors + self._run(np.ascontiguousarray(faces[:, :, ::-1]))[0]
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors / np.maximum(lengths, np.finfo(np.float32).tiny), chances

    def _run(self, faces: Pixels) -> tuple[Floats, Floats | None]:
        blocks = [[np.empty((0, columns), np.float32) for columns in self._columns]]
        step = self._batch or max(len(faces), 1)
        for start in range(0, len(faces), step):
            part = faces[start : start + step]
            missing = 0 if self._batch is None else step - len(part)
            filled = np.concatenate([part, np.repeat(part[-1:], missing, 0)]) if missing else part
            try:
                found = self._session.run(list(self._outputs), {self._input: self._fed(filled)})
            except Exception as error:  # ONNX Runtime's errors have no common class
                raise CheckpointError(f"{self._model} fails at {len(filled)} faces: {_reason(error)}") from error
            blocks.append([np.asarray(output, np.float32).reshape(len(filled), -1)[: len(part)] for output in found])
        parts = [np.concatenate(column) for column in zip(*blocks, strict=True)]
        if not self.predicted:
            return parts[0], None
        if not (np.abs(parts[1] - 0.5) <= 0.5 + ROUNDING).all():
            raise CheckpointError(
                f"{self._model}: the output '{self._card.probabilities}' does not lie between 0 and 1: export the "
                "network with a sigmoid behind it"
            )
        return parts[0], np.clip(parts[1], 0, 1)

    def _fed(self, faces: Pixels) -> Any:  # noqa: ANN401 - one of three types of float
        pixels = faces[:, :, :, ::-1] if self._card.colour == "BGR" else faces
        values = (pixels.astype(np.float32) - self._mean) / self._scale
        if self._card.layout == "NCHW":
            values = values.transpose(0, 3, 1, 2)
        return np.ascontiguousarray(values, self._dtype)

    def _choose_outputs(self, model: Path) -> tuple[tuple[str, ...], tuple[int, ...]]:
        """Names of the outputs that are read, and their columns; two faces go through to see what comes out."""
        names = [output.name for output in self._session.get_outputs() if output.type in FLOATS]
        for wanted in (self._card.embedding, self._card.probabilities):
            if wanted and wanted not in names:
                known = ", ".join(names) or "none, since no output is of floats"
                raise CheckpointError(f"{model} has no output '{wanted}': its card may name {known}")
        noise = np.random.default_rng(0).integers(0, 256, (self._batch or 2, self.size, self.size, 3), np.uint8)
        try:
            found = dict(zip(names, self._session.run(names, {self._input: self._fed(noise)}), strict=True))
        except Exception as error:  # ONNX Runtime's errors have no common class
            raise CheckpointError(f"{model} does not take faces as its card says: {_reason(error)}") from error
        rows = {
            name: np.size(value) // len(noise) for name, value in found.items() if np.shape(value)[:1] == (len(noise),)
        }
        usable = [name for name, columns in rows.items() if columns > 1 and name != self._card.probabilities]
        if self._card.embedding and self._card.embedding not in usable:
            raise CheckpointError(f"{model}: the output '{self._card.embedding}' is no row of numbers per face")
        if not self._card.embedding and len(usable) != 1:
            raise CheckpointError(
                f"{model} has {len(usable)} outputs that could be embeddings: name one by 'embedding' in its card "
                f"({', '.join(names)})"
            )
        embedding = self._card.embedding or usable[0]
        if not np.isfinite(np.asarray(found[embedding], np.float64)).all():
            raise CheckpointError(f"{model} gives embeddings that are no numbers: it is damaged, or fed wrongly")
        if self._card.probabilities:
            count = rows.get(self._card.probabilities)
            if count != len(self.predicted):
                raise CheckpointError(f"{model} gives {count} attributes, its card names {len(self.predicted)}")
            return (embedding, self._card.probabilities), (rows[embedding], count)
        return (embedding,), (rows[embedding],)


def _runtime() -> Any:  # noqa: ANN401 - a module
    try:
        import onnx  # noqa: F401 - looks into the file
        import onnxruntime
    except ModuleNotFoundError as error:
        raise ConfigError("ONNX networks need ONNX Runtime: pip install 'kronface[runtime]'") from error
    return onnxruntime


def _providers(runtime: Any, device: str) -> list[Any]:  # noqa: ANN401 - a module
    kind, _, number = device.partition(":")
    there = runtime.get_available_providers()
    if device == "cpu" or (device == "auto" and "CUDAExecutionProvider" not in there):
        return ["CPUExecutionProvider"]
    if device == "auto":
        kind = "cuda"
    if kind != "cuda" or (number and not number.isdigit()):
        raise ConfigError(f"unknown device '{device}': choose auto, cpu, cuda or cuda:N")
    if "CUDAExecutionProvider" not in there:
        raise ConfigError(f"device is {device}, but this ONNX Runtime has no GPU: choose cpu, or onnxruntime-gpu")
    return [("CUDAExecutionProvider", {"device_id": int(number or 0)}), "CPUExecutionProvider"]


def _read(model: Path) -> bytes:
    try:
        if model.stat().st_size > MOST_BYTES:
            raise CheckpointError(f"{model} is larger than an ONNX network can be: name another file")
        return model.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{model} cannot be read: {error.strerror}") from error


def _check_whole(data: bytes, model: Path) -> None:
    """Weights in other files would be read from wherever the command was called, and stand in no fingerprint."""
    import onnx

    try:
        graphs = [onnx.load_model_from_string(data).graph]
    except Exception as error:  # protobuf's errors differ by its version
        raise CheckpointError(f"{model} is no ONNX network, or is damaged: copy it again") from error
    while graphs:
        graph = graphs.pop()
        attributes = [attribute for node in graph.node for attribute in node.attribute]
        graphs += [attribute.g for attribute in attributes if attribute.HasField("g")]
        graphs += [inner for attribute in attributes for inner in attribute.graphs]
        tensors = [*graph.initializer, *(attribute.t for attribute in attributes if attribute.HasField("t"))]
        if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in tensors):
            raise CheckpointError(f"{model} keeps weights in other files: save it as one file")


def _reason(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
