"""The threshold for unknown people, measured on held-out people and kept beside a checkpoint."""

import json
from pathlib import Path

from kronface.data.reading import FaceReader
from kronface.data.records import Records
from kronface.errors import CheckpointError, DataError
from kronface.evaluation.open_set import Calibration, calibrate
from kronface.faces.detect import YuFaceDetector
from kronface.files import Progress, no_progress, write_json
from kronface.network.checkpoint import CALIBRATION, read_config
from kronface.runtime.embedder import NetworkEmbedder
from kronface.runtime.extract import extract

FPIR = 0.05
"""Share of strangers who may be given a name."""


def calibrate_checkpoint(
    folder: Path,
    records: Records,
    *,
    reader: FaceReader | None = None,
    fpir: float = FPIR,
    device: str = "auto",
    progress: Progress = no_progress,
) -> str:
    """Measures thresholds on `records`, people whom training never saw, and writes `calibration.json`.

    Faces are found by the detector, even where landmarks are known: that is how photographs will come. A `reader`,
    where the faces do not come from files, should do the same.

    Returns:
        A sentence for the user.

    Raises:
        CheckpointError: no usable checkpoint.
    """
    embedder = NetworkEmbedder.from_pretrained(folder, device=device)
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
        return f"{folder}: no threshold, since this network has no identity branch"
    try:
        calibration = calibrate(found.embeddings, found.records.table["identity"].to_numpy(), fpir=fpir)
    except DataError as error:
        return f"{folder}: no threshold for unknown people ({error})"
    write_json(folder / CALIBRATION, calibration.to_dict() | {"fingerprint": embedder.fingerprint})
    return f"{folder}: threshold for unknown people set on {calibration.calibrated_on} held-out people"


def load_calibration(folder: Path) -> Calibration:
    """The thresholds beside a checkpoint.

    Raises:
        CheckpointError: there are none, or they belong to other weights.
    """
    path = folder / CALIBRATION
    if not path.is_file():
        raise CheckpointError(f"{path} is missing: train with a validation split, or give --threshold")
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path} cannot be read: calibrate the checkpoint again") from error
    if not isinstance(stored, dict) or stored.get("fingerprint") != read_config(folder)["fingerprint"]:
        raise CheckpointError(f"{path} belongs to other weights: calibrate the checkpoint again")
    return Calibration.from_dict(stored)
