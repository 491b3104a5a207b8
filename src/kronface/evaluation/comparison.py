"""Two results files side by side."""

from collections.abc import Mapping
from typing import Any

from kronface.evaluation.identification import paired_rank1_difference


def rank1_difference(
    first: Mapping[str, Any], second: Mapping[str, Any], *, resamples: int = 1000, seed: int = 0
) -> tuple[float, float, float]:
    """Rank-1 of one result minus that of another, with the 95 % interval over people drawn for both at once.

    Raises:
        DataError: they are of different people.
    """
    a, b = first["per_identity"], second["per_identity"]
    return paired_rank1_difference(
        a["identities"],
        a["hits"],
        a["probes"],
        b["identities"],
        b["hits"],
        b["probes"],
        resamples=resamples,
        seed=seed,
    )


def verdict(low: float, high: float) -> str:
    """What an interval of a difference supports: gains, loses, or undecided where it holds zero."""
    if low > 0:
        return "gains"
    return "loses" if high < 0 else "undecided"
