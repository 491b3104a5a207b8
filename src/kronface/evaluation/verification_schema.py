"""The format of a results file of verification, `kronface-verification/1`, written down and checked.

`SHAPE` lists what every file holds. Figures are those of `kronface.evaluation.verification_result`; `pairs`, where
there, are all scored pairs, one number per pair in each string (`kronface.evaluation.packed`).
"""

from collections.abc import Mapping
from typing import Any

from kronface.errors import DataError
from kronface.evaluation.packed import unpack_counts, unpack_scores
from kronface.evaluation.shape import MAYBE, NUMBER, find_fault, find_unequal, present

FORMAT = "kronface-verification/1"

FIGURE: dict[str, Any] = {"value": NUMBER, "low": MAYBE, "high": MAYBE}

COUNTS = ("pairs", "genuine", "impostors", "genuine_rejected", "impostors_rejected")

SHAPE: dict[str, Any] = {
    "format": str,
    "name": str,
    "protocol": str,
    "official": bool,
    "notes": [str],
    "counts": dict.fromkeys(COUNTS, int) | {...: int},
    "settings": {"resampled": str, "seed": int, "resamples": int},
    "checkpoint": (dict, type(None)),
    "fingerprint": (str, type(None)),
    "processor": str,
    "figures": {"tar": dict, "eer": (dict, type(None))},
    "roc": {"far": [NUMBER], "tar": [NUMBER], "threshold": [MAYBE]},
}

CHECKPOINT: dict[str, Any] = {"path": str, "fingerprint": str, "arm": str, "variant": str}

FIGURES: dict[str, Any] = {
    "eer": FIGURE,
    "accuracy": FIGURE | {"std": NUMBER, "folds": [NUMBER]},
    "validation": {"mean": NUMBER, "std": NUMBER, "far": NUMBER},
}
"""Figures that may be left out, or null."""

GALLERY: dict[str, Any] = {"rank": {...: NUMBER}, "tpir": {...: MAYBE}}
"""Of 1:N among the templates of one gallery set; null where the searches support no such rate."""

PAIRS: dict[str, Any] = {"score": str, "same": str}

PAIRS_OPTIONAL: dict[str, Any] = {"fold": str, "first": str, "second": str}


def is_verification(stored: Any) -> bool:  # noqa: ANN401 - whatever a file holds
    """Whether JSON content is meant to be a results file of verification."""
    return isinstance(stored, Mapping) and str(stored.get("format", "")).startswith(FORMAT.split("/", maxsplit=1)[0])


def check_verification(stored: Any, where: str) -> None:  # noqa: ANN401 - whatever a file holds
    """Checks that this is the content of a whole results file of verification, before anything is made of it.

    Args:
        stored: the content.
        where: how a message calls it.

    Raises:
        DataError: it is of another format, truncated, or contradicts itself.
    """
    if not isinstance(stored, Mapping) or stored.get("format") != FORMAT:
        raise DataError(
            f"{where} is not a results file of the format {FORMAT}: write it by kronface evaluate lfw|bin|ijb --json"
        )
    fault = find_fault(stored, SHAPE, "") or _find_fault(stored)
    if fault:
        raise DataError(f"{where} {fault}: write it anew by kronface evaluate")


def _find_fault(stored: Mapping[str, Any]) -> str:
    """What is wrong in the parts of content that has the right outer shape."""
    figures = stored["figures"]
    fault = ""
    if stored["checkpoint"] is not None:
        fault = find_fault(stored["checkpoint"], CHECKPOINT, "checkpoint")
    for key, shape in FIGURES.items():
        if not fault and figures.get(key) is not None:
            fault = find_fault(figures[key], shape, f"figures.{key}")
    for rate, figure in figures["tar"].items():
        fault = fault or ("" if _is_rate(rate) else f"has no rate at 'figures.tar.{rate}'")
        if not fault and figure is not None:
            fault = find_fault(figure, FIGURE, f"figures.tar.{rate}")
    fault = fault or find_unequal(stored["roc"], ("far", "tar", "threshold"), "roc")
    if not fault and stored.get("identification") is not None:
        fault = find_fault(stored["identification"], {...: GALLERY}, "identification")
    if not fault and stored.get("pairs") is not None:
        fault = _find_fault_of_pairs(stored["pairs"], stored["counts"])
    return fault


def _find_fault_of_pairs(pairs: Any, counts: Mapping[str, Any]) -> str:  # noqa: ANN401 - whatever a file holds
    fault = find_fault(pairs, PAIRS, "pairs") or find_fault(pairs, present(pairs, PAIRS_OPTIONAL), "pairs")
    if fault:
        return fault
    if ("first" in pairs) != ("second" in pairs):
        return "has one person of each pair, and not the other, in 'pairs'"
    for key in (*PAIRS, *present(pairs, PAIRS_OPTIONAL)):
        try:
            values = unpack_scores(pairs[key]) if key == "score" else unpack_counts(pairs[key])
        except DataError as error:
            return f"at 'pairs.{key}' {error}"
        if len(values) != counts["pairs"]:
            return f"has {len(values)} numbers of {counts['pairs']} pairs at 'pairs.{key}'"
        if key == "same" and (values.max(initial=0) > 1 or int(values.sum()) != counts["genuine"]):
            return f"has other than {counts['genuine']} genuine pairs at 'pairs.same'"
    return ""


def _is_rate(text: Any) -> bool:  # noqa: ANN401 - a key of JSON
    try:
        return 0 < float(text) < 1
    except ValueError:
        return False
