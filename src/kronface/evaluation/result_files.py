"""A file of results, or a folder of them with other systems' curves beside."""

from pathlib import Path
from typing import Any

from kronface.errors import ConfigError
from kronface.evaluation.devkit import DevkitCurves, read_cmc
from kronface.evaluation.result import load_any_result


def read_results(path: Path) -> tuple[list[dict[str, Any]], list[DevkitCurves]]:
    """Results files, and the MegaFace devkit's `cmc_*.json`, of any system.

    Args:
        path: a file, or a folder of files.

    Returns:
        Both, in the order of the files' names.

    Raises:
        ConfigError: the folder holds none.
        DataError: one of them is damaged, or something else.
    """
    files = [path]
    if path.is_dir():  # the devkit's matches stand beside its curves, and hold nothing to draw
        files = sorted(file for file in path.glob("*.json") if not file.name.startswith("matches_"))
    if not files:
        raise ConfigError(f"{path} holds no results files: write some by kronface evaluate with --json")
    foreign = [file for file in files if file.name.startswith("cmc_")]
    return [load_any_result(file) for file in files if file not in foreign], [read_cmc(file) for file in foreign]
