"""A results file: what `kronface evaluate` writes, and what the report and later comparisons read."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from kronface.errors import DataError
from kronface.evaluation.attributes import AttributeScore
from kronface.evaluation.identification import IdentificationResult, Match
from kronface.evaluation.open_set import OpenSetResult

FORMAT = "kronface-evaluation/1"


def assemble(
    *,
    name: str,
    protocol: str,
    data: dict[str, Any],
    settings: dict[str, Any],
    checkpoint: dict[str, Any] | None = None,
    identification: IdentificationResult | None = None,
    attributes: dict[str, AttributeScore] | None = None,
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
    if identification is None:
        return result
    found = identification
    return result | {
        "rank1": found.rank1,
        "rank1_low": found.rank1_low,
        "rank1_high": found.rank1_high,
        "cmc": _rounded(found.cmc),
        "cmc_low": _rounded(found.cmc_low),
        "cmc_high": _rounded(found.cmc_high),
        "probes": found.probes,
        "people": found.people,
        "distractors": {
            "counts": found.distractors.tolist(),
            "rank1": _rounded(found.distractor_rank1),
            "low": _rounded(found.distractor_low),
            "high": _rounded(found.distractor_high),
        },
        "per_identity": {
            "identities": found.identities.tolist(),
            "hits": found.hits.tolist(),
            "probes": found.probes_of.tolist(),
        },
        "examples": choose_examples(found.matches, paths, examples),
    }


def choose_examples(matches: Sequence[Match], paths: Sequence[str], count: int) -> dict[str, list[dict[str, Any]]]:
    """Right matches from the surest to the narrowest, and the wrong ones that were surest of themselves."""
    right = sorted((match for match in matches if match.rank == 1), key=lambda match: -match.mate_score)
    wrong = sorted((match for match in matches if match.rank > 1), key=lambda match: -match.found_score)
    spread = [right[round(k)] for k in np.linspace(0, len(right) - 1, min(count, len(right)))]

    def described(match: Match) -> dict[str, Any]:
        return {
            "probe": paths[match.probe],
            "found": paths[match.found],
            "found_score": round(match.found_score, 4),
            "mate": paths[match.mate],
            "mate_score": round(match.mate_score, 4),
            "rank": match.rank,
        }

    return {"right": [described(match) for match in spread], "wrong": [described(match) for match in wrong[:count]]}


def load_result(path: Path) -> dict[str, Any]:
    """Reads a results file.

    Raises:
        DataError: it is missing, damaged, or not one.
    """
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not JSON ({error}): write it anew by kronface evaluate") from error
    if not isinstance(stored, dict) or stored.get("format") != FORMAT:
        raise DataError(f"{path} is not a results file of the format {FORMAT}: write it by kronface evaluate --json")
    missing = [key for key in ("name", "protocol", "data", "settings", "attributes") if key not in stored]
    if missing:
        raise DataError(f"{path} has no '{missing[0]}': write it anew by kronface evaluate")
    return stored


def _rounded(values: Any) -> list[float]:  # noqa: ANN401 - any array
    return [round(float(value), 6) for value in values]
