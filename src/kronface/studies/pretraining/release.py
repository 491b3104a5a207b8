"""From a pretrained network to one that is handed out: halved, calibrated, measured, with a card that says all of it.

Rendered people whom training never saw come as three folders (`kronface synth write --layout folder`): on the first the
attributes' probabilities and the thresholds are set, on the second and third, the other world's, all is measured.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from kronface.data.attributes import CELEBA
from kronface.data.reading import load_faces
from kronface.data.records import Records
from kronface.errors import CheckpointError, DataError
from kronface.evaluation.groups import read_groups
from kronface.evaluation.identification import closed_set
from kronface.evaluation.open_set import Calibration, calibrate
from kronface.evaluation.platt import platt
from kronface.evaluation.protocols.differentials import describe
from kronface.faces.detect import YuFaceDetector
from kronface.files import Progress, no_progress, write_json
from kronface.network.checkpoint import CALIBRATION, ModelCard, read_card
from kronface.network.network import Network
from kronface.runtime.calibrate import FPIR, save_calibration
from kronface.runtime.embedder import Embedder, Floats, NetworkEmbedder, Pixels
from kronface.runtime.evaluate import evaluate
from kronface.studies.pretraining.provenance import each_once

GROUPS = ("sex", "age", "tone", "ancestry")
TRUTH = "truth.csv"
MEASURED = "measured.json"
BATCH = 128


@dataclass(frozen=True)
class OnPhotographs:
    """How a network does on photographs, and what is to be changed in it so that it is as careful there."""

    figures: Mapping[str, Any]
    """By name, `rank1` among them."""
    thresholds: Calibration
    """Those that hold there too."""
    temperature: float = 1.0
    """By which all attributes' logits are to be multiplied (`evaluation.platt.temperature`)."""


Development = Callable[[Embedder, Calibration], OnPhotographs]
"""Measures a network, of these thresholds, on photographs."""


@dataclass(frozen=True)
class HeldOut:
    """Folders of rendered people whom training never saw; nobody is in two of them."""

    calibration: Path
    test: Path
    shifted: Path


def release(
    checkpoint: Path,
    out: Path,
    *,
    name: str,
    people: HeldOut,
    development: Development | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Writes the network that is handed out to `out`, and all figures of its card to `out/measured.json`.

    It adds the embeddings of mirrored faces to those of the faces (`Network.flip`).

    Args:
        checkpoint: a pretraining's `last`.
        out: folder of the network: weights in half precision, configuration, card, thresholds.
        name: what it is called.
        people: to calibrate and to measure with.
        development: measures it on photographs.
        progress: called after every picture.

    Raises:
        CheckpointError: no usable checkpoint, or one without a fusion.
        DataError: the people are missing or too few.
    """
    network, card = Network.from_pretrained(checkpoint), read_card(checkpoint)
    card = replace(card, training_data=each_once(card.training_data))
    if network.fusion is None or network.attribute_branch is None or network.identity_branch is None:
        raise CheckpointError(f"{checkpoint} is no joint network with a fusion: release one that is")
    known = rendered_people(people.calibration)
    faces, rows = _faces(known, network.size, progress)
    logits = _logits(network, faces)
    labels = known.labels(network.predicted)[rows]
    network.attribute_branch.reset_calibration()
    slopes, offsets = zip(*(platt(logits[:, k], labels[:, k]) for k in range(labels.shape[1])), strict=True)
    network.attribute_branch.calibrate(torch.tensor(slopes), torch.tensor(offsets))
    network.flip = True
    # What is there already stays until the new one is whole.
    made = out.with_name(f".{out.name}")
    shutil.rmtree(made, ignore_errors=True)
    embedder = _halved(network, made, name, card)
    owners = known.table["identity"].to_numpy()[rows]
    thresholds = calibrate(_embeddings(network, faces), owners, fpir=FPIR)
    developed: dict[str, Any] = {}
    if development is not None:
        found = development(embedder, thresholds)
        developed, thresholds = {**found.figures, "temperature": round(found.temperature, 3)}, found.thresholds
        factor = torch.full((len(slopes),), developed["temperature"])
        network.attribute_branch.calibrate(factor, torch.zeros_like(factor))
        embedder = _halved(network, made, name, card)
    measured = _measure(network, embedder, thresholds, people, _logits(network, faces).mean(0), progress)
    if developed:
        measured["development"] = developed
    figures = {key: measured[key] for key in ("rank1", "rank1_without_fusion", "rank1_shifted")}
    figures |= {f"development_{key}": value for key, value in measured.get("development", {}).items()}
    notes = card_notes(name, card, measured, thresholds)
    network.save_pretrained(made, card=replace(card, figures=figures, notes=notes), half=True)
    save_calibration(thresholds, made / CALIBRATION, embedder.fingerprint)
    write_json(made / MEASURED, measured)
    shutil.rmtree(out, ignore_errors=True)
    made.rename(out)
    return measured


def _halved(network: Network, made: Path, name: str, card: ModelCard) -> NetworkEmbedder:
    """Writes the network, which from there on is the one that is handed out, and reads it back."""
    network.save_pretrained(made, card=card, half=True)
    return NetworkEmbedder(Network.from_pretrained(made), device="cpu", name=name, licence=card.licence)


def rendered_people(root: Path) -> Records:
    """Rendered people in one folder each, with their true labels and no landmarks: as photographs come.

    Raises:
        DataError: there is no `truth.csv`.
    """
    if not (root / TRUTH).is_file():
        raise DataError(f"{root / TRUTH} is missing: render people by kronface synth write {root} --layout folder")
    table = pl.read_csv(root / TRUTH, schema_overrides={"identity": pl.String})
    names = [name for name in CELEBA if name in table.columns]
    labels = table.select("path", "identity", *names)
    return Records.from_columns(root, labels, name="synth", attributes=names)


def _measure(
    network: Network,
    embedder: NetworkEmbedder,
    thresholds: Calibration,
    people: HeldOut,
    usual: Floats,
    progress: Progress,
) -> dict[str, Any]:
    test, detector = rendered_people(people.test), YuFaceDetector()
    found = evaluate(
        test,
        embedder,
        name="held-out people",
        detector=detector,
        calibration=thresholds,
        groups=read_groups(people.test / TRUTH),
        by=GROUPS,
        progress=progress,
    )
    shifted = evaluate(
        rendered_people(people.shifted), embedder, name="the shifted world", detector=detector, progress=progress
    )
    faces, rows = _faces(test, network.size, progress)
    found_rows = _embeddings(network, faces, given=usual)
    embeddings = np.full((len(test), found_rows.shape[1]), np.nan, np.float32)
    embeddings[rows] = found_rows
    without = closed_set(embeddings, test.table["identity"].to_numpy())
    return {
        "people": found["people"],
        "images": found["data"]["images"],
        "faces_not_found": found["faces_not_found"],
        "rank1": found["rank1"],
        "rank1_interval": [found["rank1_low"], found["rank1_high"]],
        "rank1_without_fusion": float(without.rank1),
        "rank1_shifted": shifted["rank1"],
        "rank1_shifted_interval": [shifted["rank1_low"], shifted["rank1_high"]],
        "open_set": found["open_set"],
        "attributes": {
            key: {part: value[part] for part in ("balanced_accuracy", "ece", "positives", "people")}
            for key, value in found["attributes"].items()
        },
        "differentials": describe(found["differentials"]),
    }


def _faces(records: Records, size: int, progress: Progress) -> tuple[Pixels, NDArray[np.int64]]:
    """(N, size, size, 3) the faces that the detector finds, and their rows."""
    found = [
        (row, face)
        for row, face, _ in load_faces(
            records, size=size, detector=YuFaceDetector(), stage="finding held-out faces", progress=progress
        )
        if face is not None
    ]
    if not found:
        raise DataError(f"{records.root}: no face was found on any picture")
    rows, faces = zip(*found, strict=True)
    return np.stack(faces), np.array(rows)


@torch.inference_mode()
def _logits(network: Network, faces: Pixels) -> Floats:
    """(N, T) one per attribute, uncalibrated."""
    parts = []
    for part in torch.from_numpy(faces).split(BATCH):
        found = network.forward_attributes(network.forward_trunk(network.preprocess(part)))
        assert found is not None
        parts.append(found.numpy())
    return np.concatenate(parts)


def _embeddings(network: Network, faces: Pixels, *, given: Floats | None = None) -> Floats:
    """(N, D); `given` (T,) are attribute logits that enter the fusion for everybody."""
    columns = list(network.fused_columns)
    parts = []
    for part in torch.from_numpy(faces).split(BATCH):
        same = None if given is None else torch.from_numpy(given[columns]).expand(len(part), -1)
        found = network.predict(part, same).embeddings
        assert found is not None
        parts.append(found.numpy())
    return np.concatenate(parts)


def card_notes(name: str, card: ModelCard, measured: Mapping[str, Any], thresholds: Calibration) -> str:
    """The card's sections on what the network is for, what it is worth, and for whom less."""
    low, high = measured["rank1_interval"]
    lines = [
        f"## What '{name}' is for",
        "",
        "Naming people who are enrolled with their consent, calling others unknown, and reading attributes, on one's "
        "own machine and pictures; and research. Not for naming people who have not agreed, not for watching crowds, "
        "and not as the only ground of any decision about a person.",
        "",
        "## What it is worth",
        "",
        f"Measured on {measured['people']} rendered people whom training never saw ({measured['images']} pictures, "
        f"{measured['faces_not_found']} faces not found, each a miss), one gallery picture each.",
        "",
        "| figure | |",
        "| --- | --- |",
        f"| rank-1 | {measured['rank1']:.3f} [{low:.3f}, {high:.3f}] |",
        "| rank-1 with the fusion removed (everybody's mean attributes enter it) | "
        f"{measured['rank1_without_fusion']:.3f} |",
        "| rank-1 in the shifted world (lights, cameras and damage that training never drew, and rare poses) | "
        f"{measured['rank1_shifted']:.3f} |",
    ]
    if measured.get("development"):
        lines += ["", *_photographs(measured["development"])]
    lines += ["", "### Unknown people", "", *_unknown(measured, thresholds)]
    lines += ["", "### Attributes", "", *_attributes(measured)]
    lines += ["", "### Groups of people", "", *(f"- {line.strip()}" for line in measured["differentials"])]
    lines += ["", *_limits(card)]
    return "\n".join(lines)


def _photographs(found: Mapping[str, Any]) -> list[str]:
    return [
        "On photographs (people 1 to 20 of the AT&T Laboratories Cambridge faces, ten grey pictures each, which "
        "training never saw, but by which its recipe was chosen, so that others may be harder):",
        "",
        "| figure | |",
        "| --- | --- |",
        *(f"| {key.replace('_', ' ')} | {value} |" for key, value in found.items()),
    ]


def _unknown(measured: Mapping[str, Any], thresholds: Calibration) -> list[str]:
    found = measured["open_set"]
    said = [
        f"The thresholds were set on {thresholds.calibrated_on} rendered people so that a share of {thresholds.fpir} "
        "of the searches for strangers returns somebody (FPIR), for galleries of each size."
    ]
    developed = measured.get("development", {})
    if "fpir" in developed:
        where = f"On photographs, with {developed['enrolled']} people enrolled, FPIR was"
        if developed["tightened"] < 1:
            said.append(
                f"{where} {developed['fpir_untightened']} by these thresholds: strangers look more alike there. So "
                f"each threshold's distance from 1 was scaled by {developed['tightened']}, after which FPIR on the "
                f"same photographs is {developed['fpir']} and FNIR {developed['fnir']}."
            )
        else:
            said.append(f"{where} {developed['fpir']} and FNIR {developed['fnir']}.")
        said.append("On other photographs it may differ: measure your own by `kronface calibrate` where it matters.")
    if found:
        said.append(
            f"On other rendered people, {found['people']} of them enrolled, FPIR is {found['fpir']:.3f} and FNIR "
            f"{found['fnir']:.3f}."
        )
    return [" ".join(said)]


def _attributes(measured: Mapping[str, Any]) -> list[str]:
    found: Mapping[str, Mapping[str, Any]] = measured["attributes"]
    factor = measured.get("development", {}).get("temperature", 1)
    rows = []
    for key, value in found.items():
        shares = ["none" if value[part] is None else f"{value[part]:.3f}" for part in ("balanced_accuracy", "ece")]
        rows.append(f"| {key} | {' | '.join(shares)} | {value['positives']} of {value['people']} |")
    head = ["| attribute | balanced accuracy | calibration error | people who have it |", "| --- | --- | --- | --- |"]
    said = (
        "Probabilities were calibrated on rendered people. On photographs they were too sure, so all logits were then "
        f"multiplied by {factor}, which fits the photographs above best; so on rendered people they are less sure than "
        "they could be, which the calibration errors here include."
    )
    return [*([said, ""] if factor < 1 else []), *head, *rows]


def _limits(card: ModelCard) -> Sequence[str]:
    lines = [
        "## Limits",
        "",
        "- It has never seen a photograph in training"
        + (", only what another network says of renderings." if card.seen else ", so photographs are new to it."),
        "- It does not tell a living face from a picture of one.",
        "- Attributes are what renderings call so; what is shown as `not sure` is.",
    ]
    if card.seen:
        lines.append(
            f"- Its teacher has seen the people of {', '.join(card.seen)}: it must not be measured on them, and "
            "Kronface refuses to unless told otherwise."
        )
    return lines
