"""What the MegaFace devkit writes and its readers expect: `cmc_*.json` and `matches_*.json`.

Ranks there count from 0. Only the keys that are known from published files are written.
"""

import json
import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kronface.errors import DataError
from kronface.files import write_json, write_text


@dataclass(frozen=True)
class DevkitCurves:
    """The content of a `cmc_*.json`."""

    name: str
    """Of the file, without `cmc_` and the suffix."""
    ranks: NDArray[np.int64]
    """(K,) rising, from 1."""
    cmc: NDArray[np.float64]
    """(K,) share of pairs that are found within each rank."""
    fpr: NDArray[np.float64]
    """(M,) rising; empty where the file has no such curve."""
    tpr: NDArray[np.float64]
    """(M,)"""


def write_cmc(path: Path, curves: DevkitCurves) -> None:
    """Writes a `cmc_*.json`, atomically."""
    content = {
        "cmc": [(curves.ranks - 1).tolist(), curves.cmc.tolist()],
        "roc": [curves.fpr.tolist(), curves.tpr.tolist()],
    }
    write_json(path, content)


def is_cmc(content: Any) -> bool:  # noqa: ANN401 - whatever a file holds
    """Whether JSON content is meant to be a `cmc_*.json`, and not one of our own files."""
    return isinstance(content, dict) and "format" not in content and "cmc" in content


def read_cmc(path: Path) -> DevkitCurves:
    """Reads a `cmc_*.json`, ours or another system's.

    Raises:
        DataError: it is missing, no JSON, or its curves are none.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not JSON ({error}): bring a cmc file of the MegaFace devkit") from error
    if not is_cmc(content):
        raise DataError(f"{path} is no cmc file of the MegaFace devkit: it has no curve 'cmc'")
    ranks, cmc = _curve(content["cmc"], "cmc", path)
    fpr, tpr = _curve(content["roc"], "roc", path) if content.get("roc") else (np.empty(0), np.empty(0))
    if len(ranks) == 0 or ranks[0] != 0 or (ranks != np.round(ranks)).any():
        raise DataError(f"{path}: the ranks of 'cmc' should be whole numbers that begin with 0")
    return DevkitCurves(path.stem.removeprefix("cmc_"), ranks.astype(np.int64) + 1, cmc, fpr, tpr)


def write_matches(
    path: Path, probe: NDArray[np.integer], mate: NDArray[np.integer], rank: NDArray[np.integer], photographs: int
) -> None:
    """Writes a `matches_*.json`, atomically: for each photograph of the list, as a mate, the probes and their ranks.

    Args:
        path: the file.
        probe: (L,) number of each pair's probe in the list.
        mate: (L,) of its mate.
        rank: (L,) of the mate, from 1.
        photographs: in the list.
    """
    order = np.lexsort((probe, mate))
    starts = np.searchsorted(mate[order], np.arange(photographs + 1))
    items = [
        {"probes": {"idx": probe[part].tolist(), "rank": (rank[part] - 1).tolist()}}
        for part in (order[low:high] for low, high in pairwise(starts))
    ]
    write_text(path, json.dumps(items) + "\n")


def _curve(value: Any, name: str, path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:  # noqa: ANN401
    """Two lists of numbers: rising, and shares."""
    lists: list[Any] = value if isinstance(value, list) and len(value) == 2 else [None, None]
    good = all(isinstance(part, list) and all(_is_number(entry) for entry in part) for part in lists)
    if not good or len(lists[0]) != len(lists[1]):
        raise DataError(f"{path}: '{name}' should be two lists of as many numbers")
    along, shares = (np.array(part, np.float64) for part in lists)
    if (np.diff(along) < 0).any() or (along < 0).any() or (shares < 0).any() or (shares > 1 + 1e-9).any():
        raise DataError(f"{path}: '{name}' should rise from left to right, with shares from 0 to 1")
    return along, shares


def _is_number(entry: Any) -> bool:  # noqa: ANN401
    return isinstance(entry, int | float) and not isinstance(entry, bool) and math.isfinite(entry)
