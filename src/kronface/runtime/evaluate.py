"""A network measured on a set of people: extraction, identification, attributes, and the results file's content."""

import time
from dataclasses import asdict
from typing import Any

import numpy as np

from kronface.data.records import Records
from kronface.errors import DataError
from kronface.evaluation.attributes import AttributeScore, score
from kronface.evaluation.identification import check_options, closed_set
from kronface.evaluation.open_set import Calibration, measure
from kronface.evaluation.result import assemble
from kronface.faces.detect import Detector
from kronface.files import Progress, no_progress
from kronface.hardware import processor_name
from kronface.runtime.embedder import Embedder
from kronface.runtime.extract import Extraction, extract

SAMPLES = 12
"""Faces that the results file keeps with their predicted attributes."""


def evaluate(
    records: Records,
    embedder: Embedder,
    *,
    name: str,
    checkpoint: dict[str, Any] | None = None,
    detector: Detector | None = None,
    calibration: Calibration | None = None,
    gallery_images: int = 1,
    draws: int = 10,
    seed: int = 0,
    resamples: int = 1000,
    max_bad_share: float = 0.01,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Runs the folder protocol: rank-1 and CMC among the people of `records`, and attributes where there are labels.

    Args:
        records: people whom training never saw.
        embedder: the network.
        name: how tables call it.
        checkpoint: what the results file says of the weights.
        detector: for pictures without landmarks.
        calibration: thresholds to try on these people; None leaves the open set out.
        gallery_images: enrolled images per person.
        draws: seeded choices of them.
        seed: of the choices and of the bootstrap.
        resamples: of the bootstrap over people.
        max_bad_share: share of unreadable pictures above which it stops.
        progress: called after every picture.

    Returns:
        The content of a results file (`kronface.evaluation.result`).

    Raises:
        ConfigError: an impossible number.
        DataError: too few people or pictures, or too many unreadable ones.
    """
    check_options(gallery_images=gallery_images, draws=draws, seed=seed, resamples=resamples)
    started = time.perf_counter()
    found = extract(
        records,
        embedder,
        detector=detector,
        max_bad_share=max_bad_share,
        stage=f"embedding faces of {name}",
        progress=progress,
    )
    if len(found.records) == 0 or len(found.not_found) == len(found.records):
        raise DataError(f"{records.root}: no face was found on any picture: are they faces, or crops (--aligned)?")
    people = found.records.table["identity"].to_numpy()
    identification = open_set = None
    if found.embeddings is not None:
        identification = closed_set(
            found.embeddings, people, gallery_images=gallery_images, draws=draws, seed=seed, resamples=resamples
        )
        if calibration is not None and len(np.unique(people)) >= 4:
            open_set = measure(found.embeddings, people, calibration, images=gallery_images, seed=seed)
    attributes: dict[str, AttributeScore] = {}
    if found.probabilities is not None:
        labels = found.records.labels(embedder.predicted)
        attributes = score(found.probabilities, labels, people, embedder.predicted, resamples=resamples, seed=seed)
    return assemble(
        name=name,
        protocol="folder",
        data={
            "root": str(records.root),
            "layout": records.name,
            "people": len(np.unique(people)),
            "images": len(found.records),
            "notes": list(records.notes),
        },
        settings={
            "gallery_images": gallery_images,
            "draws": draws,
            "seed": seed,
            "resamples": resamples,
            "size": embedder.size,
            "seconds": round(time.perf_counter() - started, 2),
        },
        checkpoint=checkpoint,
        identification=identification,
        attributes=attributes,
        open_set=open_set,
        bad_images=[asdict(image) for image in found.bad],
        faces_not_found=len(found.not_found),
        paths=found.records.table["path"].to_list(),
        samples=_samples(found, embedder, seed),
        processor=processor_name(),
    )


def _samples(found: Extraction, embedder: Embedder, seed: int) -> list[dict[str, Any]]:
    """A seeded choice of pictures of different people, with what the network says of them and what is true."""
    if found.probabilities is None:
        return []
    rng = np.random.default_rng([seed, 12])
    usable = np.flatnonzero(~np.isnan(found.probabilities).any(1))
    people = found.records.table["identity"].to_numpy()
    chosen: list[int] = []
    for row in rng.permutation(usable):
        if people[row] not in {people[other] for other in chosen}:
            chosen.append(int(row))
        if len(chosen) == SAMPLES:
            break
    labels = found.records.labels(embedder.predicted)
    rows = []
    for row in chosen:
        truth = {n: int(v) for n, v in zip(embedder.predicted, labels[row], strict=True) if not np.isnan(v)}
        chances = dict(zip(embedder.predicted, (round(float(p), 4) for p in found.probabilities[row]), strict=True))
        rows.append({"path": found.records.table["path"][row], "probabilities": chances, "labels": truth})
    return rows
