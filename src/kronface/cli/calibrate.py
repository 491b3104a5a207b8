"""`kronface calibrate`: from which score on a network may give a name."""

from pathlib import Path

from kronface.cli.checkpoints import choose_checkpoint
from kronface.files import Progress, check_writable, no_progress


def calibrate(
    root: Path,
    *,
    layout: str = "folder",
    checkpoint: Path | None = None,
    split: str | None = None,
    fpir: float = 0.05,
    out: Path | None = None,
    allow_seen: bool = False,
    device: str = "auto",
    progress: Progress = no_progress,
) -> str:
    """Measures a network's thresholds for unknown people, and keeps them beside it: kronface identify reads them.

    The pictures must show people whom training never saw, several of each, as alike to those to come as can be.
    Checkpoints that kronface train makes have thresholds already, if there were validation people.

    Args:
        root: the data set's folder.
        layout: of the data set; kronface data layouts shows all.
        checkpoint: a checkpoint folder, rendered, distilled, an ONNX network's card (.yaml), insightface:FILE,
            adaface:FILE or dlib; by default the package's own, or where it has none the demo's joint network.
        split: train, validation or test; all by default.
        fpir: share of searches for strangers that may return somebody.
        out: file of the thresholds, where they shall not lie beside the network; dlib's and the package's own have no
            place for them.
        allow_seen: measure a network also on people whom its training saw.
        device: auto, cpu, cuda or cuda:N.
        progress: called after every picture.
    """
    from kronface.data.sources import read_source
    from kronface.errors import ConfigError
    from kronface.runtime.calibrate import calibrate_embedder, calibration_file, save_calibration
    from kronface.runtime.load import WEIGHTS, check_unseen, load_embedder

    if not 0 < fpir < 1:
        raise ConfigError(f"fpir is {fpir}: it must lie between 0 and 1, such as 0.05")
    chosen = choose_checkpoint(checkpoint)
    file = out or (None if chosen.parent == WEIGHTS else calibration_file(chosen))
    if file is None:
        raise ConfigError(f"where shall the thresholds of {chosen} lie? name a file by --out")
    check_writable(file)
    embedder = load_embedder(chosen, device=device)
    records = read_source(layout, root, split=split)
    check_unseen(embedder.seen, records.name, about=embedder.about, allow=allow_seen)
    found = calibrate_embedder(embedder, records, fpir=fpir, progress=progress)
    save_calibration(found, file, embedder.fingerprint)
    lines = [f"network: {embedder.about}", f"measured on {found.calibrated_on} people; FPIR {fpir}"]
    for images in found.images:
        score = found.threshold_for(found.people[-1], images).score
        pictures = "picture" if images == 1 else "pictures"
        lines.append(f"threshold {score:.4f} with {found.people[-1]} people enrolled, {images} {pictures} each")
    return "\n".join([*lines, f"thresholds: {file}"])
