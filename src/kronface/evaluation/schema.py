"""The format of a results file, `kronface-evaluation/1`, written down and checked.

`SHAPE` lists what every file holds; the file of a network that identifies also holds what `IDENTIFICATION` lists, and
`cmc_ranks` where its curve does not give every rank from 1. Any may hold `differentials`, a list of what `DIFFERENTIAL`
lists. Rates and probabilities lie in [0, 1]; low and high are ends of 95 % intervals over people; paths are relative to
`data.root`. Files may hold more than is listed, such as `settings.seconds`.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from kronface.errors import DataError

FORMAT = "kronface-evaluation/1"

NUMBER = (int, float)
MAYBE = (int, float, type(None))

SHAPE: dict[str, Any] = {
    "format": str,
    "name": str,
    "protocol": str,
    "data": {"root": str, "people": int, "images": int},
    "settings": dict,
    "checkpoint": (dict, type(None)),
    "processor": str,
    "faces_not_found": int,
    "bad_images": [{"path": str, "reason": str}],
    "attributes": {
        ...: {
            "accuracy": NUMBER,
            "accuracy_low": NUMBER,
            "accuracy_high": NUMBER,
            "balanced_accuracy": MAYBE,  # null where a class is absent
            "balanced_accuracy_low": MAYBE,
            "balanced_accuracy_high": MAYBE,
            "majority": NUMBER,
            "positives": int,
            "people": int,
            "images": int,
        }
    },
    "samples": [{"path": str, "probabilities": {...: NUMBER}, "labels": {...: NUMBER}}],
    "open_set": (dict, type(None)),
}
"""Types by key; `...` stands for any key, a list for any number of like entries."""

CHECKPOINT: dict[str, Any] = {"path": str, "fingerprint": str, "arm": str, "variant": str}

OPTIONAL: dict[str, dict[str, Any]] = {
    "data": {"layout": str, "notes": [str]},
    "checkpoint": {"fusion": str, "training": dict},
    "open_set": {"target_fpir": NUMBER, "extrapolated": bool, "calibrated_on": int},
    "attributes": {
        "average_precision": MAYBE,  # null where a class is absent
        "average_precision_low": MAYBE,
        "average_precision_high": MAYBE,
        "ece": MAYBE,  # null where no face was found
        "threshold": NUMBER,
    },
}
"""What these tables may hold besides; `attributes` stands for the table of each attribute."""

OPEN_SET: dict[str, Any] = {
    "threshold": NUMBER,
    "people": int,
    "fpir": NUMBER,
    "fnir": NUMBER,
    "non_mated_searches": int,
    "mated_searches": int,
}

DIFFERENTIAL: dict[str, Any] = {
    "by": str,
    "measure": str,
    "target": MAYBE,
    "threshold": MAYBE,
    "overall": MAYBE,
    "groups": [
        {
            "group": str,
            "rate": MAYBE,  # null where the trials do not support it; `reason` says why
            "low": MAYBE,
            "high": MAYBE,  # null too where no pair of people erred
            "trials": int,
            "people": int,
            "errors": NUMBER,
            "supported": bool,
            "reason": str,
        }
    ],
    "worst": str,
    "best": str,
    "worst_to_best": MAYBE,
    "worst_to_best_low": MAYBE,
    "worst_to_best_high": MAYBE,
    "worst_to_mean": MAYBE,
    "images_without_group": int,
    "reason": str,
}
"""One measure by one column."""

EXAMPLE: dict[str, Any] = {
    "probe": str,
    "found": str,
    "found_score": NUMBER,
    "mate": str,
    "mate_score": NUMBER,
    "rank": int,
}

IDENTIFICATION: dict[str, Any] = {
    "rank1": NUMBER,
    "rank1_low": NUMBER,
    "rank1_high": NUMBER,
    "cmc": [NUMBER],
    "cmc_low": [NUMBER],
    "cmc_high": [NUMBER],
    "probes": int,
    "people": int,
    "distractors": {"counts": [int], "rank1": [NUMBER], "low": [NUMBER], "high": [NUMBER]},
    "per_identity": {"identities": [str], "hits": [NUMBER], "probes": [int]},
    "examples": {"right": [EXAMPLE], "wrong": [EXAMPLE]},
}


def check_result(stored: Any, where: str) -> None:  # noqa: ANN401 - whatever a file holds
    """Checks that this is the content of a whole results file, before anything is made of it.

    Args:
        stored: the content.
        where: how a message calls it.

    Raises:
        DataError: it is of another format, truncated, or contradicts itself.
    """
    if not isinstance(stored, Mapping) or stored.get("format") != FORMAT:
        raise DataError(f"{where} is not a results file of the format {FORMAT}: write it by kronface evaluate --json")
    shape = SHAPE | (IDENTIFICATION if "rank1" in stored else {})
    fault = _fault(stored, shape, "")
    for key, part in (("data", SHAPE["data"]), ("checkpoint", CHECKPOINT), ("open_set", OPEN_SET)):
        if not fault and stored[key] is not None:
            fault = _fault(stored[key], part | _present(stored[key], OPTIONAL[key]), key)
    if not fault and "differentials" in stored:
        fault = _fault(stored["differentials"], [DIFFERENTIAL], "differentials") or _contradicts(stored)
    if not fault:
        for name, table in stored["attributes"].items():
            fault = fault or _fault(table, _present(table, OPTIONAL["attributes"]), f"attributes.{name}")
    if not fault and "rank1" in stored:
        curve: tuple[str, ...] = ("cmc", "cmc_low", "cmc_high")
        if "cmc_ranks" in stored:
            fault = _fault(stored["cmc_ranks"], [int], "cmc_ranks")
            curve = (*curve, "cmc_ranks")
        fault = fault or _unequal(stored, curve, "")
        fault = fault or _unequal(stored["distractors"], ("counts", "rank1", "low", "high"), "distractors")
        fault = fault or _unequal(stored["per_identity"], ("identities", "hits", "probes"), "per_identity")
    if fault:
        raise DataError(f"{where} {fault}: write it anew by kronface evaluate")


def _fault(value: Any, shape: Any, where: str) -> str:  # noqa: ANN401 - whatever a file holds
    """What of `value` is not as `shape` says, in words; empty where all is well."""
    if isinstance(shape, list):
        if not isinstance(value, list):
            return f"has no list at '{where}'"
        faults = (_fault(entry, shape[0], f"{where}[{index}]") for index, entry in enumerate(value))
        return next((fault for fault in faults if fault), "")
    if isinstance(shape, dict):
        if not isinstance(value, Mapping):
            return f"has no table at '{where}'"
        inner = dict.fromkeys(value, shape[...]) if ... in shape else shape
        for key, part in inner.items():
            path = f"{where}.{key}" if where else str(key)
            fault = _fault(value[key], part, path) if key in value else f"has no '{path}'"
            if fault:
                return fault
        return ""
    if isinstance(value, float) and not math.isfinite(value):
        return f"has no finite number at '{where}'"
    return (
        ""
        if isinstance(value, shape) and (shape is bool or not isinstance(value, bool))
        else f"has a wrong value at '{where}'"
    )


def _contradicts(stored: Mapping[str, Any]) -> str:
    """What is said of groups that are not there, or have no rate, in words; empty where all is well."""
    for index, entry in enumerate(stored["differentials"]):
        where = f"at 'differentials[{index}]'"
        if entry["measure"] not in ("fnmr", "fmr", "fnir", "fpir", "rank1"):
            return f"has an unknown measure {where}"
        if any(group["supported"] != (group["rate"] is not None) for group in entry["groups"]):
            return f"has a supported group without a rate, or the reverse, {where}"
        if not {entry["worst"], entry["best"]} <= {"", *(g["group"] for g in entry["groups"] if g["supported"])}:
            return f"has a worst or best group without a rate {where}"
    return ""


def _present(table: Mapping[str, Any], shape: dict[str, Any]) -> dict[str, Any]:
    return {key: kind for key, kind in shape.items() if key in table}


def _unequal(table: Mapping[str, Any], keys: Sequence[str], where: str) -> str:
    if len({len(table[key]) for key in keys}) == 1 and table[keys[0]]:
        return ""
    return f"has lists of unequal length{' in ' + repr(where) if where else ''} ({', '.join(keys)}), or empty ones"
