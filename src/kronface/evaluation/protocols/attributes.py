"""Attributes by splits: thresholds are chosen on validation people, and measured on test people."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kronface.errors import DataError
from kronface.evaluation.attribute_counts import count_by_person, to_table
from kronface.evaluation.attribute_thresholds import Criterion, choose_thresholds
from kronface.evaluation.attributes import MEANS, mean_scores, score
from kronface.evaluation.label_audit import audit_labels


def measure_attributes(
    probabilities: ArrayLike,
    labels: ArrayLike,
    identities: Sequence[str] | NDArray[np.str_],
    names: Sequence[str],
    *,
    validation: tuple[ArrayLike, ArrayLike] | None = None,
    criterion: Criterion = "accuracy",
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """Scores of test images at 0.5 and at thresholds chosen on others, their means, and an audit of the labels.

    Args:
        probabilities: (N, T) of the test images, in [0, 1]; NaN (no face was found) is a wrong answer.
        labels: (N, T) of 1 and 0; NaN marks a missing label, which is not scored.
        identities: (N,) person of each image.
        names: (T,) of the attributes: all of CelebA's 40, or any.
        validation: (M, T) probabilities and (M, T) labels of validation images, whose people must not be in the test;
            None leaves the chosen thresholds out.
        criterion: what the thresholds maximise on validation.
        resamples: of the bootstrap over people.
        seed: of the bootstrap.

    Returns:
        JSON values: `attributes` (an `AttributeScore` by name, at 0.5: what a results file holds under this key) and
        `mean` (`mean_scores` of them); `chosen`, None or a table of `criterion`, `images` (of the validation),
        `attributes` and `mean` likewise; `labels` (a `LabelAudit` by name); `counts` (`attribute_counts.to_table`).

    Raises:
        ConfigError: an unknown criterion.
        DataError: arrays that do not fit together.
    """

    def scored(threshold: ArrayLike) -> dict[str, Any]:
        found = score(probabilities, labels, identities, names, threshold=threshold, resamples=resamples, seed=seed)
        table = {name: asdict(entry) for name, entry in found.items()}
        return {"attributes": table, "mean": mean_scores(table)}

    chosen = thresholds = None
    if validation is not None:
        chances, truth = np.asarray(validation[0], np.float64), np.asarray(validation[1], np.float64)
        if truth.ndim != 2 or truth.shape[1] != len(names):
            raise DataError(f"validation labels of shape {truth.shape} do not fit {len(names)} names")
        thresholds = choose_thresholds(chances, truth, criterion=criterion)
        chosen = {"criterion": criterion, "images": len(truth), **scored(thresholds)}
    audit = audit_labels(labels, identities, names, resamples=resamples, seed=seed)
    counts = count_by_person(probabilities, labels, identities, names, chosen=thresholds)
    return scored(0.5) | {
        "chosen": chosen,
        "labels": {name: asdict(entry) for name, entry in audit.items()},
        "counts": to_table(counts),
    }


def describe_attributes(measured: Mapping[str, Any]) -> list[str]:
    """Lines for the terminal: the means of what `measure_attributes` gave, at 0.5 and at the chosen thresholds."""
    count = len(measured["attributes"])
    if count == 0:
        return ["attributes: no labels"]
    lines = [f"{count} attributes at 0.5, mean: {_means(measured['mean'], MEANS)}"]
    if measured["chosen"] is not None:
        chosen = measured["chosen"]
        criterion, means = chosen["criterion"].replace("_", " "), chosen["mean"]
        lines.append(
            f"at thresholds chosen for {criterion} on {chosen['images']} validation images: "
            f"{_means(means, ('accuracy', 'balanced_accuracy'))}"
        )
    return lines


def _means(means: Mapping[str, float | None], keys: Sequence[str]) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {means[key]:.4f}" for key in keys if means[key] is not None)
