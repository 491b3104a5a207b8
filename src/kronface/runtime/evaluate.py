"""A network measured on a set of people: extraction, identification, attributes, and the results file's content."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kronface.data.records import Records
from kronface.errors import DataError
from kronface.evaluation.attribute_counts import count_by_person
from kronface.evaluation.attributes import AttributeScore, score
from kronface.evaluation.groups import Grouping, GroupTable, groupings
from kronface.evaluation.identification import check_options, closed_set
from kronface.evaluation.open_set import Calibration, measure
from kronface.evaluation.protocols.differentials import check_targets, folder_differentials
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
    groups: GroupTable | None = None,
    by: Sequence[str] = (),
    fmr: float = 1e-3,
    fpir: float = 0.05,
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
        groups: of these people or pictures, for differentials; with `by` alone, the records' own columns.
        by: columns to group by; without `groups` and `by` there are no differentials.
        fmr: at whose threshold FNMR and FMR of the groups are given.
        fpir: and FNIR and FPIR.
        progress: called after every picture.

    Returns:
        The content of a results file (`kronface.evaluation.result`).

    Raises:
        ConfigError: an impossible number, or a column that there is not.
        DataError: too few people or pictures, too many unreadable ones, or groups of others.
    """
    check_options(gallery_images=gallery_images, draws=draws, seed=seed, resamples=resamples)
    check_targets(fmr=fmr, fpir=fpir)
    grouped = _groupings(records, groups, by)  # before the long work
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
    counts = None
    if found.probabilities is not None:
        labels = found.records.labels(embedder.predicted)
        attributes = score(found.probabilities, labels, people, embedder.predicted, resamples=resamples, seed=seed)
        counts = count_by_person(found.probabilities, labels, people, embedder.predicted)
    result = assemble(
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
        attribute_counts=counts,
        open_set=open_set,
        bad_images=[asdict(image) for image in found.bad],
        faces_not_found=len(found.not_found),
        paths=found.records.table["path"].to_list(),
        samples=_samples(found, embedder, seed),
        processor=processor_name(),
    )
    if grouped and identification is not None and found.embeddings is not None:
        result["settings"] |= {"by": [grouping.by for grouping in grouped], "fmr": fmr, "fpir": fpir}
        result["differentials"] = folder_differentials(
            found.embeddings,
            people,
            identification,
            _groupings(found.records, groups, by),
            fmr=fmr,
            fpir=fpir,
            gallery_images=gallery_images,
            seed=seed,
            resamples=resamples,
            progress=progress,
        )
    return result


def _groupings(records: Records, groups: GroupTable | None, by: Sequence[str]) -> list[Grouping]:
    if groups is None and not by:
        return []
    table = records.table
    if groups is None:
        groups = GroupTable.of_columns(str(records.root), {name: table[name].to_numpy() for name in records.attributes})
    return groupings([groups], by, identities=_text(table["identity"]), paths=_text(table["path"]))


def _text(column: pl.Series) -> NDArray[np.str_]:
    return np.array(column.to_list(), np.str_)


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
