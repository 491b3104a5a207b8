"""The format of a results file, `kronface-evaluation/1`, written down and checked.

`SHAPE` lists what every file holds; the file of a network that identifies also holds what `IDENTIFICATION` lists, and
`cmc_ranks` where its curve does not give every rank from 1. Any may hold `differentials`, a list of what `DIFFERENTIAL`
lists, and what `PARTS` lists by key. Rates and probabilities lie in [0, 1]; low and high are ends of 95 % intervals
over people; paths are relative to `data.root`. Files may hold more than is listed, such as `settings.seconds`.
"""

from collections.abc import Mapping
from typing import Any

from kronface.errors import DataError
from kronface.evaluation import attribute_counts
from kronface.evaluation.shape import MAYBE, NUMBER, find_fault, find_unequal, present

FORMAT = "kronface-evaluation/1"

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

DET: dict[str, Any] = {
    "points": [
        {
            "target_fpir": NUMBER,
            "threshold": MAYBE,  # null where every score passes
            "fpir": NUMBER,
            "tpir": NUMBER,
            "tpir_low": NUMBER,
            "tpir_high": NUMBER,
        }
    ],
    "unsupported": [NUMBER],
    "fpir": [NUMBER],
    "fnir": [NUMBER],
    "threshold": [NUMBER],
    "mated_searches": int,
    "stranger_searches": int,
}

TAR: list[dict[str, Any]] = [{"far": NUMBER, "tar": NUMBER, "low": MAYBE, "high": MAYBE, "threshold": NUMBER}]

VARIANT: dict[str, Any] = {
    key: IDENTIFICATION[key]
    for key in ("rank1", "rank1_low", "rank1_high", "cmc", "cmc_low", "cmc_high", "probes", "people", "distractors")
} | {"per_identity": IDENTIFICATION["per_identity"], "cmc_ranks": [int], "tar": TAR}
"""What a result says besides of the same embeddings, such as without noisy images."""

CHOSEN: dict[str, Any] = {
    "criterion": str,
    "images": int,
    "attributes": {...: SHAPE["attributes"][...] | {"threshold": NUMBER}},
}
"""Attributes at thresholds that were chosen on `images` validation images."""

AUDIT: dict[str, Any] = {
    "prevalence": NUMBER,
    "agreement": MAYBE,  # null where nobody has two labelled images
    "agreement_low": MAYBE,
    "agreement_high": MAYBE,
    "chance": NUMBER,
    "kappa": MAYBE,
    "kappa_low": MAYBE,
    "kappa_high": MAYBE,
    "pairs": int,
    "people": int,
    "mixed_people": int,
    "images": int,
    "minority_images": int,
}
"""Of one attribute's labels (`kronface.evaluation.label_audit.LabelAudit`)."""

PARTS: dict[str, Any] = {
    "det": DET,
    "tar": TAR,
    "variants": {...: VARIANT},
    "official": {"is_official": bool, "probes": str, "title": str},
    "lists": [{"size": int, "set": int, "distractors": int, "rank1": NUMBER}],
    "attribute_protocol": {"labels": {...: AUDIT}},
    "attribute_counts": attribute_counts.SHAPE,
}
"""What any file may hold besides, or null in its place."""


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
    fault = _find_fault(stored)
    if fault:
        raise DataError(f"{where} {fault}: write it anew by kronface evaluate")


def _find_fault(stored: Mapping[str, Any]) -> str:
    fault = find_fault(stored, SHAPE | (IDENTIFICATION if "rank1" in stored else {}), "")
    for key, part in (("data", SHAPE["data"]), ("checkpoint", CHECKPOINT), ("open_set", OPEN_SET)):
        if not fault and stored[key] is not None:
            fault = find_fault(stored[key], part | present(stored[key], OPTIONAL[key]), key)
    if not fault and "differentials" in stored:
        fault = find_fault(stored["differentials"], [DIFFERENTIAL], "differentials") or _contradicts(stored)
    if not fault:
        for name, table in stored["attributes"].items():
            fault = fault or find_fault(table, present(table, OPTIONAL["attributes"]), f"attributes.{name}")
    for key, part in PARTS.items():
        if not fault and stored.get(key) is not None:
            fault = find_fault(stored[key], part, key)
    return fault or _find_unlike(stored)


def _find_unlike(stored: Mapping[str, Any]) -> str:
    """What does not fit together, of content that has the right shape."""
    if "rank1" in stored:
        fault = _find_uneven(stored, "")
        if fault:
            return fault
    for name, variant in (stored.get("variants") or {}).items():
        fault = _find_uneven(variant, f"variants.{name}.")
        if fault:
            return fault
    if stored.get("det"):
        fault = find_unequal(stored["det"], ("fpir", "fnir", "threshold"), "det") if stored["det"]["fpir"] else ""
        if fault:
            return fault
    chosen = (stored.get("attribute_protocol") or {}).get("chosen")
    if chosen is not None:
        fault = find_fault(chosen, CHOSEN, "attribute_protocol.chosen")
        if fault:
            return fault
    if stored.get("attribute_counts"):
        try:
            attribute_counts.from_table(stored["attribute_counts"])
        except DataError as error:
            return str(error)
    return ""


def _find_uneven(table: Mapping[str, Any], where: str) -> str:
    """Lists of unequal length in what is said of identification."""
    curve: tuple[str, ...] = ("cmc", "cmc_low", "cmc_high")
    fault = ""
    if "cmc_ranks" in table:
        fault = find_fault(table["cmc_ranks"], [int], f"{where}cmc_ranks")
        curve = (*curve, "cmc_ranks")
    fault = fault or find_unequal(table, curve, where.rstrip("."))
    fault = fault or find_unequal(table["distractors"], ("counts", "rank1", "low", "high"), f"{where}distractors")
    return fault or find_unequal(table["per_identity"], ("identities", "hits", "probes"), f"{where}per_identity")


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
