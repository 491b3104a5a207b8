"""JSON content held against a written shape: what is wrong of it, in words.

A shape is a type or several (`int`, `NUMBER`), a list of one shape (any number of such entries), or a table of shapes
by key, in which `...` stands for every other key. Keys that a shape does not name are passed over.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kronface.errors import DataError

NUMBER = (int, float)
MAYBE = (int, float, type(None))


def find_fault(value: Any, shape: Any, where: str) -> str:  # noqa: ANN401 - whatever a file holds
    """What of `value` is not as `shape` says, in words; empty where all is well.

    Args:
        value: any JSON value.
        shape: see above.
        where: the path to the value, which the words name.
    """
    if isinstance(shape, list):
        if not isinstance(value, list):
            return f"has no list at '{where}'"
        faults = (find_fault(entry, shape[0], f"{where}[{index}]") for index, entry in enumerate(value))
        return next((fault for fault in faults if fault), "")
    if isinstance(shape, dict):
        if not isinstance(value, Mapping):
            return f"has no table at '{where}'"
        named = {key: part for key, part in shape.items() if key is not ...}
        inner = (dict.fromkeys(value, shape[...]) if ... in shape else {}) | named
        for key, part in inner.items():
            path = f"{where}.{key}" if where else str(key)
            fault = find_fault(value[key], part, path) if key in value else f"has no '{path}'"
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


def present(table: Mapping[str, Any], shape: dict[str, Any]) -> dict[str, Any]:
    """The part of a table's shape that is there: for what may be left out."""
    return {key: kind for key, kind in shape.items() if key in table}


def find_unequal(table: Mapping[str, Any], keys: Sequence[str], where: str) -> str:
    """Whether lists that run along one another are of one length, and not empty; in words where they are not."""
    if len({len(table[key]) for key in keys}) == 1 and table[keys[0]]:
        return ""
    return f"has lists of unequal length{' in ' + repr(where) if where else ''} ({', '.join(keys)}), or empty ones"


def read_json(path: Path, remedy: str) -> Any:  # noqa: ANN401 - whatever a file holds
    """A file's JSON content; NaN and infinity, which are no JSON, are refused.

    Args:
        path: the file.
        remedy: ends the message of what is no JSON.

    Raises:
        DataError: the file cannot be read, or is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not JSON ({error}): {remedy}") from error


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")
