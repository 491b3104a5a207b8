"""The main job on people who do not exist: render, train separately and jointly, evaluate, report."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kronface.data.attributes import FUSED, PREDICTED
from kronface.files import Progress, no_progress, write_json

ARMS = ("identity-only", "attributes-only", "joint")
ATTRIBUTE_WEIGHT = 20.0
"""λ. The loss is a mean over attributes where the paper's eq. (2) is a sum: λ = 11 would be the paper's balance here;
in so few passes the identity loss, which starts at log 540, drowns a smaller one."""

LEFT_OUT = ("restyling", "hats", "occluders", "flaws")
LARGEST_YAW_RAD = 0.5
"""The demo's pictures are plainer than those of `kronface synth write`: it has minutes to learn from them."""

LEAST_MALE = 0.8
LEAST_OTHERS = 3


@dataclass(frozen=True)
class DemoOutcome:
    """Where the demo's results lie, and whether the networks have learned."""

    metrics: Mapping[str, Any]
    report: Path
    photo: Path
    people: Path
    checkpoint: Path
    failures: tuple[str, ...]
    """What was not learned; empty if all is well."""


def run_demo(
    out: Path,
    *,
    identities: int = 540,
    held_out: int = 100,
    validation: int = 50,
    images: int = 5,
    epochs: int = 8,
    seed: int = 1,
    workers: int = 2,
    progress: Progress = no_progress,
) -> DemoOutcome:
    """Runs what is not there yet, and reads what is.

    Args:
        out: folder of the demo.
        identities: people to train on.
        held_out: people to evaluate on, never trained on.
        validation: further people for the best epoch and the threshold.
        images: pictures of each.
        epochs: passes over the training pictures, per arm.
        seed: of people, weights, order and draws.
        workers: processes that render.
        progress: called as the work goes on.
    """
    from kronface.data.sources.celeba import celeba
    from kronface.evaluation.report.page import build
    from kronface.faces.image import read_image
    from kronface.studies.training_run import train
    from kronface.synth.export import write_celeba
    from kronface.synth.settings import Rendering

    root = out / "people"
    write_celeba(
        root,
        identities=identities + validation + held_out,
        images=images,
        seed=seed,
        validation=validation,
        test=held_out,
        rendering=Rendering(max_yaw_rad=LARGEST_YAW_RAD, without=LEFT_OUT),
        workers=workers,
        progress=progress,
    )
    for arm in ARMS:

        def named(stage: str, done: int, total: int, arm: str = arm) -> None:
            progress(f"{arm} {stage}", done, total)

        train(
            root=root,
            out=out / arm,
            arm=arm,
            variant="vgg19-quarter",
            size=64,
            epochs=epochs,
            batch_size=64,
            schedule="cosine",
            attribute_weight=ATTRIBUTE_WEIGHT,
            balance_labels=True,
            augment="mild",
            seed=seed,
            licence="apache-2.0",
            progress=named,
        )
    records = celeba(root).select(split="test")
    results = _evaluate_all(out, records, seed, progress)
    metrics = _metrics(results)
    write_json(out / "metrics.json", metrics)
    build(
        list(results.values()), title="Kronface demo: people who do not exist", out=out / "report.html", read=read_image
    )
    photo, people = _photograph(out, identities + validation, seed)
    return DemoOutcome(metrics, out / "report.html", photo, people, out / "joint" / "last", tuple(_failures(results)))


def _evaluate_all(out: Path, records: Any, seed: int, progress: Progress) -> dict[str, dict[str, Any]]:  # noqa: ANN401
    """Results of every arm, of the same networks untrained, and of raw pixels; files that are there are read."""
    from kronface import Network
    from kronface.evaluation.result import load_result
    from kronface.network.checkpoint import CALIBRATION, read_config
    from kronface.network.variants import build
    from kronface.runtime.calibrate import load_calibration
    from kronface.runtime.describe import describe_checkpoint
    from kronface.runtime.embedder import Embedder, NetworkEmbedder, PixelEmbedder
    from kronface.runtime.evaluate import evaluate

    results: dict[str, dict[str, Any]] = {}

    def measured(name: str, embedder: Embedder, folder: Path | None) -> None:
        path = out / "results" / f"{name}.json"
        if path.is_file():
            stored = load_result(path)
            if stored["settings"].get("fingerprint") == embedder.fingerprint:
                results[name] = stored
                return
        calibrated = folder is not None and (folder / CALIBRATION).is_file()
        result = evaluate(
            records,
            embedder,
            name=name,
            checkpoint=None if folder is None else describe_checkpoint(folder, embedder),
            calibration=load_calibration(folder / CALIBRATION, embedder.fingerprint) if calibrated and folder else None,
            seed=seed,
            progress=progress,
        )
        result["settings"]["fingerprint"] = embedder.fingerprint
        write_json(path, result)
        results[name] = result

    for arm in ARMS:
        folder = out / arm / "last"
        measured(arm, NetworkEmbedder(Network.from_pretrained(folder)), folder)
        if arm == "attributes-only":  # it has no embedding to compare
            continue
        config = read_config(folder)
        untrained = build(**config["architecture"], predicted=PREDICTED, fused=FUSED, size=64, seed=seed)
        measured(f"{arm}-untrained", NetworkEmbedder(untrained), None)
    measured("pixels", PixelEmbedder(size=64), None)
    return results


def _metrics(results: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    kept = ("accuracy", "balanced_accuracy", "majority", "positives")
    arms = {}
    for arm in ARMS:
        result = results[arm]
        untrained = results.get(f"{arm}-untrained", {})
        arms[arm] = {
            "rank1": result.get("rank1"),
            "rank1_low": result.get("rank1_low"),
            "rank1_high": result.get("rank1_high"),
            "rank1_untrained": untrained.get("rank1"),
            "rank1_pixels": results["pixels"]["rank1"] if "rank1" in result else None,
            "attributes": {name: {key: values[key] for key in kept} for name, values in result["attributes"].items()},
        }
    return {"arms": arms}


def _failures(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What a trained network must do better than an untrained one, and does not."""
    from kronface.evaluation.comparison import rank1_difference

    failures = []
    for arm in ("identity-only", "joint"):
        for other in (f"{arm}-untrained", "pixels"):
            difference, low, high = rank1_difference(results[arm], results[other])
            if low <= 0:
                failures.append(f"rank-1 of {arm} is not above {other}: {difference:+.3f} [{low:+.3f}, {high:+.3f}]")
    for arm in ("attributes-only", "joint"):
        scores = results[arm]["attributes"]
        male = scores["Male"]["balanced_accuracy"]
        if male is None or male < LEAST_MALE:
            failures.append(f"{arm}: Male has a balanced accuracy of {male}, below {LEAST_MALE}")
        learned = [
            name for name in FUSED if name != "Male" and (scores.get(name, {}).get("balanced_accuracy_low") or 0) > 0.5
        ]
        if len(learned) < LEAST_OTHERS:
            failures.append(f"{arm}: only {len(learned)} fused attributes besides Male lie above chance: {learned}")
    return failures


def _photograph(out: Path, first: int, seed: int) -> tuple[Path, Path]:
    """A group of four held-out people, and a folder of people to look for: three of them and five others."""
    from kronface.faces.image import write_image
    from kronface.synth.group import take_group_photo
    from kronface.synth.picture import take_picture
    from kronface.synth.settings import Rendering

    plain = Rendering(max_yaw_rad=LARGEST_YAW_RAD, without=LEFT_OUT)
    photo, people = out / "photo.jpg", out / "enrolled"
    group = [first, first + 1, first + 2, first + 3]
    if not photo.is_file():
        write_image(photo, take_group_photo(group, seed=seed).image)
    for number in [*group[:3], *range(first + 4, first + 9)]:
        for image in range(4):
            path = people / f"person-{number + 1:05d}" / f"{image + 1}.jpg"
            if not path.is_file():
                write_image(
                    path, np.asarray(take_picture(seed, number, image, framing="portrait", rendering=plain).image)
                )
    return photo, people
