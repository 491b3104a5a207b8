"""`kronface compare`: results files on the same data, and what one gains beside another."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kronface.errors import ConfigError
from kronface.files import check_writable, write_json

if TYPE_CHECKING:
    from kronface.evaluation.comparison import Comparison

FORMAT = "kronface-comparison/1"


def compare(results: list[Path], *, json: Path | None = None, seed: int = 0, resamples: int = 1000) -> str:
    """Compares results on the same data: each result's figures minus those of the first, with paired 95 % intervals.

    People are drawn anew for both results at once (bootstrap), so what is hard for both does not widen the interval.
    Paired are rank-1, accuracy and balanced accuracy of each attribute and on average, and accuracy, TAR at FAR and EER
    of pairs; what the files cannot support is said.

    Args:
        results: two files or more that kronface evaluate wrote with --json, by one protocol; the first is the one that
            the others are compared with.
        json: file for the differences.
        seed: of the bootstrap.
        resamples: of the bootstrap.
    """
    from dataclasses import asdict

    from kronface.evaluation.comparison import compare as compare_results
    from kronface.evaluation.result import load_any_result

    if len(results) < 2:
        raise ConfigError(f"{results[0]} alone has nothing to be compared with: name two results files or more")
    if resamples < 1 or seed < 0:
        raise ConfigError(f"resamples is {resamples} and seed is {seed}: from 1, and from 0")
    if json is not None:
        check_writable(json)
    contents = [load_any_result(path) for path in results]
    found = [compare_results(contents[0], other, resamples=resamples, seed=seed) for other in contents[1:]]
    lines: list[str] = []
    for path, other, comparison in zip(results[1:], contents[1:], found, strict=True):
        lines += [f"{other['name']} ({path}) minus {contents[0]['name']} ({results[0]}):"]
        lines += [*_rows(comparison), *(f"note: {note}" for note in comparison.notes), ""]
    lines.append(f"differences in points of per cent, 95 % intervals over {resamples} resamples")
    if json is not None:
        content: dict[str, Any] = {
            "format": FORMAT,
            "first": {"file": str(results[0]), "name": contents[0]["name"], "protocol": contents[0]["protocol"]},
            "settings": {"seed": seed, "resamples": resamples},
            "comparisons": [
                {"file": str(path), "name": other["name"], **asdict(comparison)}
                for path, other, comparison in zip(results[1:], contents[1:], found, strict=True)
            ],
        }
        write_json(json, content)
        lines.append(f"differences: {json}")
    return "\n".join(lines)


def _rows(comparison: "Comparison") -> list[str]:
    labels = [
        " ".join(part for part in (each.measure, each.of.replace("_", " ")) if part) for each in comparison.differences
    ]
    width = max(len(label) for label in labels)
    rows = []
    for label, each in zip(labels, comparison.differences, strict=True):
        span = "" if each.low is None or each.high is None else f"  [{100 * each.low:+.2f}, {100 * each.high:+.2f}]"
        word = f"  {each.verdict}" if each.verdict else ""
        rates = f"{100 * each.first:6.2f} -> {100 * each.second:6.2f}"
        rows.append(f"  {label:{width}}  {rates}  {100 * each.difference:+6.2f}{span}{word}")
    return rows
