"""The threshold for unknown people, measured on held-out people and kept beside a checkpoint."""

import json
from pathlib import Path

from kronface.data.reading import FaceReader
from kronface.data.records import Records
from kronface.errors import CheckpointError, DataError
from kronface.evaluation.open_set import Calibration, calibrate
from kronface.faces.detect import YuFaceDetector
from kronface.files import Progress, no_progress, write_json
from kronface.network.checkpoint import CALIBRATION
from kronface.runtime.embedder import Embedder, NetworkEmbedder
from kronface.runtime.extract import extract
from kronface.runtime.load import family_of, is_dlib

FPIR = 0.05
"""Share of strangers who may be given a name."""


def calibration_file(source: Path) -> Path | None:
    """Where the thresholds of a network lie: in a checkpoint's folder, or beside an ONNX file or its card.

    None for dlib's network, which has no place of the user's own.
    """
    if is_dlib(source):
        return None
    _, source = family_of(source) or ("", source)
    if source.is_dir() or not source.suffix:
        return source / CALIBRATION
    return source.with_suffix(f".{CALIBRATION}")


def calibrate_checkpoint(
    folder: Path,
    records: Records,
    *,
    reader: FaceReader | None = None,
    device: str = "auto",
    progress: Progress = no_progress,
) -> str:
    """Measures thresholds of a checkpoint as `calibrate_embedder` does, and writes `calibration.json`.

    Returns:
        A sentence for the user, also where there can be no threshold.

    Raises:
        CheckpointError: no usable checkpoint.
    """
    embedder = NetworkEmbedder.from_pretrained(folder, device=device)
    try:
        calibration = calibrate_embedder(embedder, records, reader=reader, progress=progress)
    except DataError as error:
        return f"{folder}: no threshold for unknown people ({error})"
    save_calibration(calibration, folder / CALIBRATION, embedder.fingerprint)
    return f"{folder}: threshold for unknown people set on {calibration.calibrated_on} held-out people"


def calibrate_embedder(
    embedder: Embedder,
    records: Records,
    *,
    reader: FaceReader | None = None,
    fpir: float = FPIR,
    progress: Progress = no_progress,
) -> Calibration:
    """Measures thresholds on `records`, people whom training never saw.

    Faces are found by the detector, even where landmarks are known: that is how photographs will come. A `reader`,
    where the faces do not come from files, should do the same.

    Args:
        embedder: the network.
        records: pictures of people.
        reader: where the faces come from, if not from the records' files.
        fpir: share of strangers who may be given a name.
        progress: called after every picture.

    Raises:
        ConfigError: an impossible share.
        DataError: the network has no embedding, or there are too few people with a face.
    """
    found = extract(
        records,
        embedder,
        detector=YuFaceDetector(),
        detect=True,
        reader=reader,
        stage="setting the threshold",
        progress=progress,
    )
    if found.embeddings is None:
        raise DataError(f"no face was found on any picture of {records.root}, or the network has no identity branch")
    return calibrate(found.embeddings, found.records.table["identity"].to_numpy(), fpir=fpir)


def save_calibration(calibration: Calibration, path: Path, fingerprint: str) -> None:
    """Writes thresholds, and whose they are."""
    write_json(path, calibration.to_dict() | {"fingerprint": fingerprint})


def load_calibration(path: Path | None, fingerprint: str) -> Calibration:
    """The thresholds of a network.

    Args:
        path: of the file, as `calibration_file` says.
        fingerprint: of the network that they must belong to.

    Raises:
        CheckpointError: there are none, or they belong to other weights.
    """
    if path is None or not path.is_file():
        what = "the network has no thresholds" if path is None else f"{path} is missing"
        raise CheckpointError(f"{what}: measure them by kronface calibrate, or give --threshold")
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path} cannot be read: calibrate the checkpoint again") from error
    if not isinstance(stored, dict) or stored.get("fingerprint") != fingerprint:
        raise CheckpointError(f"{path} belongs to other weights: calibrate the checkpoint again")
    return Calibration.from_dict(stored)
