"""One training run from a folder of pictures to a checkpoint: what `kronface train` does."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kronface.data.attributes import FUSED, PREDICTED
from kronface.errors import CheckpointError, ConfigError
from kronface.files import Progress, no_progress, write_text

if TYPE_CHECKING:
    from kronface.data.records import Records

CONFIG = "config.yaml"
SUMMARY = "summary.txt"
"""Written last of all: a run that has it is finished, thresholds included."""

LEAST_HELD_OUT = 4
"""People that a threshold needs."""


def train(
    root: Path,
    out: Path,
    *,
    layout: str = "celeba",
    official: bool = False,
    aligned: bool = False,
    held_out: float = 0.1,
    arm: str = "joint",
    variant: str = "vgg19",
    predicted: list[str] = list(PREDICTED),  # noqa: B006 - the command line shows it as the default
    fused: list[str] = list(FUSED),  # noqa: B006
    fusion: str = "kronecker",
    size: int = 112,
    batch_norm: bool = True,
    logits_per_attribute: int = 1,
    embedding_size: int | None = None,
    imagenet: Path | None = None,
    epochs: int = 100,
    batch_size: int = 128,
    learning_rate: float = 1e-3,
    schedule: str = "constant",
    attribute_weight: float = 1.0,
    augment: str = "full",
    checkpoint_steps: int = 500,
    seed: int = 0,
    device: str = "auto",
    precision: str = "auto",
    workers: int = 0,
    max_bad_share: float = 0.01,
    licence: str = "not stated",
    progress: Progress = no_progress,
) -> str:
    """Trains one arm of the network on a data set; the same command goes on where an ended run was.

    The split `train` is trained on; people of the split `validation`, where there are any, choose the best epoch and
    set the threshold for unknown people. Leaves in `out`: `best/` and `last/` (checkpoints), `metrics.csv`,
    `config.yaml` (every option, for `--config`), `last.ckpt` (to resume from), and `summary.txt` (what was said at the
    end; its presence marks the run as finished).

    Args:
        root: the data set's folder.
        out: the run's folder.
        layout: how the data set lies on disk: celeba or folder.
        official: require the official set's counts.
        aligned: the pictures of a folder layout are crops at the reference points already.
        held_out: share of the people of a folder layout, which has no splits, that are kept from training for the
            best epoch and the threshold; with fewer than four such people, all are trained on.
        arm: identity-only, attributes-only or joint.
        variant: vgg19, vgg19-half or vgg19-quarter.
        predicted: attributes that the attribute branch predicts.
        fused: those of them that enter the fusion.
        fusion: kronecker, kronecker-tanh, concatenation or none.
        size: side of the aligned face in pixels; 112 by default, 64 to 224 are common.
        batch_norm: batch normalisation after every convolution and hidden layer.
        logits_per_attribute: 1 for a sigmoid, 2 for the paper's two-way soft-max.
        embedding_size: units of a further layer before the classes; none by default.
        imagenet: torchvision's vgg19 or vgg19_bn state dict to start the trunk from.
        epochs: passes over the training set.
        batch_size: images per step.
        learning_rate: Adam's.
        schedule: constant or cosine.
        attribute_weight: weight of the attribute loss beside the identity loss.
        augment: of the training images: none, mild (flips and small shifts; for short runs) or full (also turns,
            scale, light and colour).
        checkpoint_steps: steps between checkpoints where an epoch is longer.
        seed: of weights, order and augmentation.
        device: auto, cpu, cuda or cuda:N.
        precision: auto, fp32 or bf16.
        workers: processes that load images; 0 loads them in this one.
        max_bad_share: share of unusable images above which the run stops.
        licence: what the model card says of the weights' licence.
        progress: called as the work goes on.

    Returns:
        A sentence that says where the checkpoint lies and what it is worth.

    Raises:
        KronfaceError: what is wrong with the data, the options or the folder, in one line.
    """
    settings = {name: value for name, value in locals().items() if name != "progress"}
    if _is_finished(out, settings):
        return f"{out} holds this run, finished: choose another --out to repeat it"

    from kronface.data.augment import augmentation
    from kronface.data.dataset import FaceDataset
    from kronface.data.sources import read_source
    from kronface.faces.detect import YuFaceDetector
    from kronface.hardware import resolve_device, resolve_precision
    from kronface.network.checkpoint import ModelCard
    from kronface.network.imagenet import load_imagenet
    from kronface.network.variants import build
    from kronface.runtime.calibrate import calibrate_checkpoint
    from kronface.training.fit import check_recipe, fit

    resolve_precision(precision, resolve_device(device))
    augmentation(augment)
    records = read_source(layout, root, official=official, aligned=aligned)
    unknown = [name for name in predicted if name not in records.attributes]
    if arm != "identity-only" and unknown:
        known = ", ".join(records.attributes) or "none"
        raise ConfigError(f"{root} has no labels of the attribute {unknown[0]}: it has {known}")
    if layout == "folder":
        records = _hold_out(records, held_out, seed)
    splits = {name: records.select(split=name) for name in ("train", "validation")}
    if len(splits["train"]) == 0:
        raise ConfigError(f"{root} has no training images: check its partition file")
    identities = splits["train"].identities()
    network = build(
        variant=variant,
        arm=arm,
        predicted=predicted,
        fused=fused,
        identities=len(identities),
        fusion=fusion,
        batch_norm=batch_norm,
        logits_per_attribute=logits_per_attribute,
        embedding_size=embedding_size,
        size=size,
        seed=seed,
    )
    if imagenet is not None:
        load_imagenet(network, imagenet)
    check_recipe(
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        attribute_weight=attribute_weight,
        schedule=schedule,
        checkpoint_steps=checkpoint_steps,
        seed=seed,
        workers=workers,
        images=len(splits["train"]),
    )

    detector = YuFaceDetector()
    datasets = {}
    for name, part in splits.items():
        if len(part) == 0:
            continue
        datasets[name] = FaceDataset.screened(
            part,
            size=size,
            attributes=network.predicted,
            identities=identities if name == "train" else (),
            detector=detector,
            augment=augmentation(augment) if name == "train" else None,
            seed=seed,
            max_bad_share=max_bad_share,
            name=name,
            progress=progress,
        )
    # Not before everything has been looked at: a run that cannot begin leaves nothing behind.
    write_text(out / CONFIG, _as_yaml(settings))
    described = f"{records.name}: {len(identities)} identities, {len(datasets['train'])} images of {root.name}"
    history = fit(
        network,
        train=datasets["train"],
        validation=datasets.get("validation"),
        out=out,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        attribute_weight=attribute_weight,
        schedule=schedule,
        checkpoint_steps=checkpoint_steps,
        seed=seed,
        device=device,
        precision=precision,
        workers=workers,
        card=ModelCard(training_data=described, licence=licence, training={"arm": arm}),
        progress=progress,
    )
    bad = {name: len(dataset.bad) for name, dataset in datasets.items() if dataset.bad}
    remarks = [f"{count} unusable images of {name} were left out" for name, count in bad.items()]
    if "validation" in splits and len(splits["validation"]) and arm != "attributes-only":
        for name in ("best", "last"):
            remarks.append(calibrate_checkpoint(out / name, splits["validation"], device=device, progress=progress))
    figures = ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in history[-1].items())
    said = "\n".join([f"trained: {figures}", *remarks, f"checkpoints: {out / 'best'} and {out / 'last'}"])
    write_text(out / SUMMARY, f"{said}\n")
    return said


def _hold_out(records: "Records", share: float, seed: int) -> "Records":
    """Splits people, never pictures of one person: a share of them, at least four, for validation."""
    import numpy as np
    import polars as pl

    if not 0 <= share < 1:
        raise ConfigError(f"held_out is {share}: it is a share of the people, at least 0 and below 1")
    people = records.identities()
    count = round(share * len(people))
    kept = np.random.default_rng([seed, 13]).choice(people, count if count >= LEAST_HELD_OUT else 0, replace=False)
    split = pl.when(pl.col("identity").is_in(kept.tolist())).then(pl.lit("validation")).otherwise(pl.lit("train"))
    return replace(records, table=records.table.with_columns(split.alias("split")))


def _is_finished(out: Path, settings: dict[str, Any]) -> bool:
    """Whether `out` holds this very run, finished; a run with other settings there is an error."""
    import yaml

    path = out / CONFIG
    if not (out / "last.ckpt").is_file() and not (out / SUMMARY).is_file():
        return False  # ended before there was anything to go on from
    if not path.is_file():
        raise CheckpointError(f"{out} holds a checkpoint but no {CONFIG}: choose another --out")
    try:
        stored = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: choose another --out, or delete {out}") from error
    plain = yaml.safe_load(_as_yaml(settings))
    free = ("out", "workers", "device", "progress")
    for name in plain:
        if name not in free and (not isinstance(stored, dict) or stored.get(name) != plain[name]):
            was = stored.get(name) if isinstance(stored, dict) else None
            raise ConfigError(
                f"{out} holds a run with other options ({name} was {was}, now {plain[name]}): choose another --out"
            )
    return (out / SUMMARY).is_file()


def _as_yaml(settings: dict[str, Any]) -> str:
    import yaml

    plain = {name: str(value) if isinstance(value, Path) else value for name, value in settings.items()}
    return yaml.safe_dump(plain, sort_keys=False)
