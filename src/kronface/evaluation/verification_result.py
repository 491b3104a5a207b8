"""A results file of verification, `kronface-verification/1`: what `kronface evaluate lfw|bin|ijb --json` writes.

Rates lie in [0, 1]; low and high are ends of 95 % intervals over what `settings.resampled` names; null stands for a
rate that the impostor pairs cannot support, or an interval that was not drawn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kronface.evaluation.packed import pack
from kronface.evaluation.pair_bootstrap import People
from kronface.evaluation.verification import Figure, Roc, VerificationResult
from kronface.evaluation.verification_schema import FORMAT

POINTS = 400
"""Of the curve that a file keeps."""

MOST_PAIRS = 20_000
"""Up to so many, a file keeps the score of every pair, so that it can be compared with another's in pairs."""


def assemble(
    found: VerificationResult,
    *,
    name: str,
    protocol: str,
    official: bool,
    notes: Sequence[str],
    counts: Mapping[str, int],
    settings: Mapping[str, Any],
    checkpoint: dict[str, Any] | None,
    fingerprint: str | None,
    processor: str,
    pairs: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The results as JSON values.

    Args:
        found: what was measured.
        name: of the network or method, as tables show it.
        protocol: lfw, bin or ijb.
        official: whether the lists are the official ones.
        notes: what a reader should know of them.
        counts: what there is besides pairs, such as images.
        settings: everything that a repetition needs.
        checkpoint: of the weights; None where embeddings came from a file.
        fingerprint: of the network; None where nobody says.
        processor: its name.
        pairs: what `keep_pairs` gives; None leaves them out.
    """
    figures: dict[str, Any] = {
        "tar": {
            f"{rate:g}": None if figure is None else asdict(figure) | {"threshold": found.tar_thresholds[rate]}
            for rate, figure in found.tar.items()
        },
        "eer": _plain(found.eer),
    }
    if found.accuracy is not None:
        figures["accuracy"] = asdict(found.accuracy) | {
            "std": found.accuracy_std,
            "folds": found.accuracy_folds.tolist(),
            # A fold that does best by accepting nobody has an infinite threshold.
            "thresholds": [float(value) if np.isfinite(value) else None for value in found.accuracy_thresholds],
        }
    if found.validation is not None:
        figures["validation"] = asdict(found.validation)
    return {
        "format": FORMAT,
        "name": name,
        "protocol": protocol,
        "official": official,
        "notes": list(notes),
        "counts": {
            "pairs": found.genuine + found.impostors,
            "genuine": found.genuine,
            "impostors": found.impostors,
            "genuine_rejected": found.genuine_rejected,
            "impostors_rejected": found.impostors_rejected,
        }
        | dict(counts),
        "settings": dict(settings) | {"resampled": found.resampled},
        "checkpoint": checkpoint,
        "fingerprint": fingerprint,
        "processor": processor,
        "figures": figures,
        "roc": sampled_curve(found.curve),
        "pairs": None if pairs is None else dict(pairs),
    }


def keep_pairs(
    scores: ArrayLike, same: ArrayLike, *, folds: ArrayLike | None = None, people: People | None = None
) -> dict[str, str] | None:
    """All pairs as a results file keeps them, from which `verify` gives the same figures again.

    Args:
        scores: (N,) NaN or -inf where a face was not found.
        same: (N,) whether a pair is of one person.
        folds: (N,) number of each pair's fold; None where they are ten equal stretches, or none at all.
        people: of each pair; kept where they are people, not templates.

    Returns:
        None of more than `MOST_PAIRS`.
    """
    values = np.asarray(scores, np.float64)
    if len(values) > MOST_PAIRS:
        return None
    kept = {"score": pack(np.where(np.isinf(values), np.nan, values)), "same": pack(np.asarray(same, np.int64))}
    if folds is not None:
        kept["fold"] = pack(np.unique(np.asarray(folds), return_inverse=True)[1])
    if people is not None and people.unit == "identities":
        kept |= {"first": pack(people.first), "second": pack(people.second)}
    return kept


def sampled_curve(curve: Roc, points: int = POINTS) -> dict[str, list[float | None]]:
    """FAR, TAR and threshold at up to `points` places: half evenly in TAR, half evenly in the logarithm of FAR."""
    last = len(curve.thresholds) - 1
    wanted = np.geomspace(1, curve.impostors, points // 2)
    by_far = np.searchsorted(curve.impostors_accepted, wanted, "right") - 1
    by_tar = np.searchsorted(curve.genuine_accepted, np.linspace(0, curve.genuine, points // 2), "left")
    kept = np.unique(np.clip(np.r_[0, by_far, by_tar, last], 0, last))
    return {
        "far": [float(value) for value in curve.far[kept]],
        "tar": [float(value) for value in curve.tar[kept]],
        "threshold": [float(value) if np.isfinite(value) else None for value in curve.thresholds[kept]],
    }


def describe(result: Mapping[str, Any]) -> list[str]:
    """The figures of a results file's content in a few lines."""
    counts, figures = result["counts"], result["figures"]
    unit = result["settings"]["resampled"]
    lines = []
    if "accuracy" in figures:
        accuracy = figures["accuracy"]
        lines.append(
            f"accuracy {_text(accuracy)}, std {accuracy['std']:.4f} over {len(accuracy['folds'])} folds "
            f"({result['settings'].get('thresholds', 'exact')} thresholds)"
        )
    if "validation" in figures:
        validation = figures["validation"]
        lines.append(
            f"VAL@FAR 1e-3 by InsightFace's rule {validation['mean']:.4f}, std {validation['std']:.4f}, "
            f"at FAR {validation['far']:.5f}"
        )
    for rate, figure in figures["tar"].items():
        shown = (
            f"not given: fewer than ten of {counts['impostors']} impostor pairs" if figure is None else _text(figure)
        )
        lines.append(f"TAR at FAR {rate}: {shown}")
    lines.append(f"EER {'not reached' if figures['eer'] is None else _text(figures['eer'])}")
    lines.append(
        f"{counts['genuine']} genuine and {counts['impostors']} impostor pairs; 95 % intervals over {unit}; with a "
        f"missing face: {counts['genuine_rejected']} genuine (misses), {counts['impostors_rejected']} impostor"
    )
    return lines


def _text(figure: Mapping[str, Any]) -> str:
    if figure["low"] is None:
        return f"{figure['value']:.4f}"
    return f"{figure['value']:.4f} [{figure['low']:.4f}, {figure['high']:.4f}]"


def _plain(figure: Figure | None) -> dict[str, Any] | None:
    return None if figure is None else asdict(figure)
