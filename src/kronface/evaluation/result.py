"""A results file: what `kronface evaluate` writes, and what the report and later comparisons read."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kronface.evaluation.attribute_counts import AttributeCounts, to_table
from kronface.evaluation.attributes import AttributeScore
from kronface.evaluation.identification import IdentificationResult, Match
from kronface.evaluation.open_set import OpenSetResult
from kronface.evaluation.schema import FORMAT, check_result
from kronface.evaluation.shape import read_json
from kronface.evaluation.verification_schema import check_verification, is_verification

REMEDY = "write it anew by kronface evaluate"


def assemble(
    *,
    name: str,
    protocol: str,
    data: dict[str, Any],
    settings: dict[str, Any],
    checkpoint: dict[str, Any] | None = None,
    identification: IdentificationResult | None = None,
    attributes: dict[str, AttributeScore] | None = None,
    attribute_counts: AttributeCounts | None = None,
    open_set: OpenSetResult | None = None,
    bad_images: Sequence[dict[str, str]] = (),
    faces_not_found: int = 0,
    paths: Sequence[str] = (),
    samples: Sequence[dict[str, Any]] = (),
    processor: str = "",
    examples: int = 6,
) -> dict[str, Any]:
    """The results as JSON values.

    Args:
        name: of the network or method, as tables show it.
        protocol: what was run, such as folder.
        data: where the pictures lie and how many there are.
        settings: everything that a repetition needs.
        checkpoint: path, fingerprint, arm and variant; None for methods without weights.
        identification: or None where there are no embeddings.
        attributes: or None where none are predicted or labelled.
        attribute_counts: right answers by person, for comparisons; None leaves them out.
        open_set: or None where no threshold was set.
        bad_images: path and reason of each unreadable picture.
        faces_not_found: pictures without a face.
        paths: of all pictures, by row of the embeddings, for the examples.
        samples: pictures with predicted probabilities and labels, for the report.
        processor: its name.
        examples: right and wrong matches that are kept, each.
    """
    result: dict[str, Any] = {
        "format": FORMAT,
        "name": name,
        "protocol": protocol,
        "data": data,
        "settings": settings,
        "checkpoint": checkpoint,
        "processor": processor,
        "faces_not_found": faces_not_found,
        "bad_images": list(bad_images),
        "attributes": {key: asdict(value) for key, value in (attributes or {}).items()},
        "samples": list(samples),
        "open_set": None if open_set is None else asdict(open_set),
    }
    if attribute_counts is not None and attribute_counts.names:
        result["attribute_counts"] = to_table(attribute_counts)
    if identification is None:
        return result
    found = identification
    return result | {
        "rank1": found.rank1,
        "rank1_low": found.rank1_low,
        "rank1_high": found.rank1_high,
        "cmc": rounded(found.cmc),
        "cmc_low": rounded(found.cmc_low),
        "cmc_high": rounded(found.cmc_high),
        "probes": found.probes,
        "people": found.people,
        "distractors": {
            "counts": found.distractors.tolist(),
            "rank1": rounded(found.distractor_rank1),
            "low": rounded(found.distractor_low),
            "high": rounded(found.distractor_high),
        },
        "per_identity": {
            "identities": found.identities.tolist(),
            "hits": found.hits.tolist(),
            "probes": found.probes_of.tolist(),
        },
        "examples": choose_examples(found.matches, paths, examples),
    }


def choose_examples(matches: Sequence[Match], paths: Sequence[str], count: int) -> dict[str, list[dict[str, Any]]]:
    """Right matches from the surest to the narrowest, and the wrong ones that were surest of themselves.

    Each mate is shown once in either list, since one odd picture in the gallery set tends to give many like matches.
    """
    right = sorted((match for match in matches if match.rank == 1), key=lambda match: -match.mate_score)
    wrong = sorted((match for match in matches if match.rank > 1), key=lambda match: -match.found_score)
    if not paths:
        return {"right": [], "wrong": []}
    spread: dict[int, Match] = {}
    for target in np.linspace(0, max(len(right) - 1, 0), count):
        for index in np.argsort(np.abs(np.arange(len(right)) - target), kind="stable"):
            if right[index].mate not in spread:
                spread[right[index].mate] = right[index]
                break
    surest: dict[int, Match] = {}
    for match in wrong:
        surest.setdefault(match.mate, match)

    def described(match: Match) -> dict[str, Any]:
        return {
            "probe": paths[match.probe],
            "found": paths[match.found],
            "found_score": round(match.found_score, 4),
            "mate": paths[match.mate],
            "mate_score": round(match.mate_score, 4),
            "rank": match.rank,
        }

    shown = sorted(spread.values(), key=lambda match: -match.mate_score)
    return {
        "right": [described(match) for match in shown],
        "wrong": [described(match) for match in list(surest.values())[:count]],
    }


def load_result(path: Path) -> dict[str, Any]:
    """Reads a results file.

    Raises:
        DataError: it is missing, damaged, or not one.
    """
    stored = read_json(path, REMEDY)
    check_result(stored, str(path))
    return dict(stored)


def load_any_result(path: Path) -> dict[str, Any]:
    """Reads a results file of identification and attributes, or one of verification: its `format` says which.

    Raises:
        DataError: it is missing, damaged, or neither.
    """
    stored = read_json(path, REMEDY)
    check_any_result(stored, str(path))
    return dict(stored)


def check_any_result(stored: Any, where: str) -> None:  # noqa: ANN401 - whatever a file holds
    """As `check_result`, of either format.

    Args:
        stored: the content.
        where: how a message calls it.

    Raises:
        DataError: it is of neither format, truncated, or contradicts itself.
    """
    if is_verification(stored):
        check_verification(stored, where)
    else:
        check_result(stored, where)


def rounded(values: NDArray[np.floating]) -> list[float]:
    """Rates as a results file keeps them."""
    return [round(float(value), 6) for value in values]
