"""`kronface identify`: who is on a photograph, and what do they look like?"""

from pathlib import Path

from kronface.cli.checkpoints import choose_checkpoint
from kronface.files import Progress, check_writable, no_progress

SURE = 0.8
"""Probability from which an attribute counts as seen, or, of its absence, as not there; between, nobody is sure."""


def identify(
    photo: Path,
    *,
    people: Path,
    checkpoint: Path | None = None,
    threshold: float | None = None,
    calibration: Path | None = None,
    save: Path | None = None,
    device: str = "auto",
    max_bad_share: float = 0.01,
    progress: Progress = no_progress,
) -> str:
    """Names every face on a photograph, or calls it unknown, and prints its attributes with their probabilities.

    An attribute whose probability is neither at least 0.8 nor at most 0.2 is marked as not sure.

    Nothing is kept: the people are enrolled in memory, from their pictures, for this one call. A name is given from a
    score at which a share of 0.05 of the searches for strangers would return somebody (FPIR), as measured on people
    whom training never saw.

    Args:
        photo: the photograph.
        people: one folder per person; pictures with several faces of like size are left out.
        checkpoint: a checkpoint folder, rendered, distilled, an ONNX network's card (.yaml), insightface:FILE,
            adaface:FILE or dlib; by default the package's own, or where it has none the demo's joint network.
        threshold: least score for a name, in place of the checkpoint's own.
        calibration: file of the thresholds that kronface calibrate has measured; the one beside the network by default.
        save: file for the photograph with boxes and names drawn on it.
        device: auto, cpu, cuda or cuda:N.
        max_bad_share: share of unreadable pictures of the people above which it stops.
        progress: called after every picture of the people.
    """
    import numpy as np

    from kronface.data.sources.folder import folder
    from kronface.errors import CheckpointError, ConfigError, DataError, ImageError
    from kronface.faces.detect import YuFaceDetector
    from kronface.faces.image import check_image_path, read_image, write_image
    from kronface.gallery.memory import MemoryGallery
    from kronface.runtime.calibrate import calibration_file, load_calibration
    from kronface.runtime.drawing import draw_faces
    from kronface.runtime.extract import extract
    from kronface.runtime.load import load_embedder
    from kronface.runtime.pipeline import Pipeline

    if threshold is not None and calibration is not None:
        raise ConfigError("--threshold takes the place of the thresholds in --calibration: leave one of them out")
    # What can fail at the end is looked at first: enrolling many people takes long.
    if save is not None:
        check_image_path(save)
        check_writable(save)
    image = read_image(photo)
    chosen = choose_checkpoint(checkpoint)
    embedder = load_embedder(chosen, device=device)
    detector = YuFaceDetector()
    faces = Pipeline(detector, embedder).analyse(image)
    if not faces:
        raise ImageError(f"{photo} shows no face that the detector finds: bring a larger or a sharper picture")
    if faces[0].embedding is None:
        raise CheckpointError(f"{chosen} has no identity branch, so it cannot identify: choose another checkpoint")
    thresholds = None
    if threshold is None:
        thresholds = load_calibration(calibration or calibration_file(chosen), embedder.fingerprint)
    records = folder(people)
    found = extract(
        records,
        embedder,
        detector=detector,
        single=True,
        max_bad_share=max_bad_share,
        stage="enrolling",
        progress=progress,
    )
    if found.embeddings is None:
        raise DataError(f"{people}: no face was found on any picture: nobody can be enrolled")
    gallery = MemoryGallery(embedder.fingerprint)
    names = found.records.table["identity"].to_numpy()
    shown = ~np.isnan(found.embeddings).any(1)
    for name in sorted(set(names[shown])):
        gallery.enrol(name, found.embeddings[shown & (names == name)], fingerprint=embedder.fingerprint)
    if len(gallery) == 0:
        raise DataError(f"{people}: no face was found on any picture: nobody can be enrolled")

    lines = [f"network: {embedder.about}"]
    lines.append(f"{len(faces)} faces on {photo}; {len(gallery)} people enrolled from {int(shown.sum())} pictures")
    lines += [f"left out: {problem.reason}" for problem in (*found.bad, *found.not_found)]
    lines += [f"note: {note}" for note in records.notes]
    if thresholds is not None:
        images = int(np.median([gallery.images(name) for name in gallery.names()]))
        limit = thresholds.threshold_for(len(gallery), images)
        least = limit.score
        beyond = ", extrapolated: more people than it was measured with" if limit.extrapolated else ""
        lines.append(f"threshold {least:.4f} (FPIR {limit.fpir} with {len(gallery)} people{beyond})")
    else:
        least = threshold or 0.0
        lines.append(f"threshold {least:.4f} (given)")
    labels = []
    for number, face in enumerate(faces, 1):
        if face.embedding is None:
            continue
        best = gallery.identify(face.embedding, fingerprint=embedder.fingerprint, top=1)[0]
        known = best.score >= least
        labels.append(f"{number}: {best.name if known else 'unknown'}")
        nearest = "" if known else f", nearest {best.name}"
        x, y, w, h = (round(float(value)) for value in face.face.box)
        lines.append(f"{labels[-1]} (score {best.score:.4f}{nearest}) at x {x}, y {y}, {w}x{h}")
        if face.attributes:
            said = (f"{key} {value:.2f}{hedge(value)}" for key, value in face.attributes.items())
            lines.append("   " + ", ".join(said))
    if save is not None:
        write_image(save, draw_faces(image, [face.face for face in faces], labels))
        lines.append(f"drawn: {save}")
    return "\n".join(lines)


def hedge(probability: float) -> str:
    """What follows a probability that leaves both answers open."""
    return " (not sure)" if round(1 - SURE, 6) < probability < SURE else ""
