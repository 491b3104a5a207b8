"""Trains any arm of the network: one function of plain arguments, resumable at any moment."""

import logging
import math
import signal
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch
from lightning.pytorch import Trainer
from torch import Tensor

from kronface.data.dataset import FaceDataset
from kronface.errors import ConfigError
from kronface.files import Progress, no_progress
from kronface.hardware import processor_name, resolve_device, resolve_precision
from kronface.losses.attributes import balanced_weights
from kronface.network.checkpoint import ModelCard
from kronface.network.network import Network
from kronface.network.parts import check_parts, parts_of
from kronface.training.checkpoints import AtomicCheckpointIO
from kronface.training.journal import LAST, Journal
from kronface.training.loaders import TrainingData
from kronface.training.module import SCHEDULES, TrainingModule
from kronface.training.validation import validate


def fit(
    network: Network,
    *,
    train: FaceDataset,
    validation: FaceDataset | None = None,
    out: Path,
    epochs: int = 100,
    batch_size: int = 128,
    learning_rate: float = 1e-3,
    attribute_weight: float = 1.0,
    balance_labels: bool = False,
    schedule: str = "constant",
    checkpoint_steps: int = 500,
    seed: int = 0,
    device: str = "auto",
    precision: str = "auto",
    workers: int = 0,
    freeze: Sequence[str] = (),
    replay: FaceDataset | None = None,
    replay_share: float = 0.25,
    card: ModelCard | None = None,
    progress: Progress = no_progress,
) -> list[dict[str, float]]:
    """Trains `network` in place, and leaves its best and last weights in `out/best` and `out/last`.

    A run that was ended in the middle, by whatever means, goes on from `out/last.ckpt` when the same call is made
    again. On a CPU the result is then bit for bit that of a run that was never ended.

    Args:
        network: any arm; its preprocessing and attribute lists are used.
        train: the training set.
        validation: people who are not in it; None leaves validation out, and the lowest loss is the best.
        out: the run's folder.
        epochs: passes over the training set (paper, §5: 100).
        batch_size: images per step (paper, §5: 128).
        learning_rate: Adam's (paper, §4: 0.001).
        attribute_weight: λ of the attribute loss beside the identity loss.
        balance_labels: positive and negative labels of an attribute count alike in all, however rare one of them is.
        schedule: 'constant' (the paper's) or 'cosine'.
        checkpoint_steps: a checkpoint is written at every epoch's end, and after this many steps in longer epochs.
        seed: of the order of the images.
        device: 'auto', 'cpu', 'cuda' or 'cuda:N'.
        precision: 'auto', 'fp32' or 'bf16'.
        workers: processes that load images; 0 loads them in this process.
        freeze: parts of the network (`kronface.network.parts.PARTS`) that stay as they are.
        replay: faces of another set that are mixed into each batch, for their attribute labels; its people should have
            no class numbers.
        replay_share: share of each batch that is replayed.
        card: what the model card is to say; figures of the training are added.
        progress: called after every step.

    Returns:
        The history: one row per epoch, as in `out/metrics.csv`.

    Raises:
        ConfigError: an impossible number, an unknown name, a GPU that is not there, or a loss that is no number.
        CheckpointError: `out/last.ckpt` is damaged or belongs to another network.
    """
    where = resolve_device(device)
    how = resolve_precision(precision, where)
    check_recipe(
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        attribute_weight=attribute_weight,
        schedule=schedule,
        checkpoint_steps=checkpoint_steps,
        seed=seed,
        workers=workers,
        images=len(train),
        replay_share=None if replay is None else replay_share,
    )
    check_freeze(network, freeze)
    if network.attribute_branch is not None and "attribute_branch" not in freeze:
        network.attribute_branch.reset_calibration()
    data = TrainingData(
        train,
        batch_size=batch_size,
        seed=seed,
        steps_per_round=checkpoint_steps,
        workers=workers,
        replay=replay,
        replayed=0 if replay is None else replayed_images(batch_size, replay_share),
    )
    module = TrainingModule(
        network.to(memory_format=torch.channels_last),  # type: ignore[call-overload]
        learning_rate=learning_rate,
        attribute_weight=attribute_weight,
        label_weights=_label_weights(network, train, replay) if balance_labels else None,
        schedule=schedule,
        total_steps=epochs * data.steps_per_epoch,
        frozen=[parts_of(network)[name] for name in freeze],
    )
    basis = card or ModelCard()
    described = replace(
        basis,
        training=basis.training
        | {
            "epochs": epochs,
            "batch_size": batch_size,
            "learning_rate": learning_rate,
            "schedule": schedule,
            "attribute_weight": attribute_weight,
            "balance_labels": balance_labels,
            "seed": seed,
            "precision": how,
            "processor": processor_name(),
        }
        | ({"frozen": ", ".join(freeze)} if freeze else {})
        | ({"replay_share": replay_share} if replay is not None else {}),
    )
    journal = Journal(
        out=out,
        steps_per_epoch=data.steps_per_epoch,
        epochs=epochs,
        batch_size=batch_size,
        monitor="validation_rank1" if network.identity_branch is not None else "validation_balanced_accuracy",
        validate=lambda: {} if validation is None else validate(network, validation, device=where, workers=workers),
        save_best=lambda: _save(network, out / "best", described),
        progress=progress,
    )
    with _quiet_lightning():
        trainer = Trainer(
            accelerator="gpu" if where.type == "cuda" else "cpu",
            devices=[where.index or 0] if where.type == "cuda" else 1,
            precision="bf16-mixed" if how == "bf16" else "32-true",
            max_epochs=epochs * data.rounds_per_epoch,
            reload_dataloaders_every_n_epochs=1,
            callbacks=[journal],
            plugins=[AtomicCheckpointIO(module.state_dict())],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            default_root_dir=out,
        )
        resume = out / LAST
        network.train()
        with _interrupts_as_such():
            trainer.fit(module, datamodule=data, ckpt_path=resume if resume.is_file() else None, weights_only=True)
    network.to(torch.device("cpu")).eval()
    _save(network, out / "last", described)
    return journal.history


def check_recipe(
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    attribute_weight: float,
    schedule: str,
    checkpoint_steps: int,
    seed: int,
    workers: int,
    images: int,
    replay_share: float | None = None,
) -> None:
    """Whether `fit` can begin with these of its arguments and so many training images; no share: nothing is replayed.

    Raises:
        ConfigError: an impossible number or an unknown name.
    """
    numbers = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "checkpoint_steps": checkpoint_steps,
    }
    for name, value in numbers.items():
        if not 0 < value < math.inf:
            raise ConfigError(f"{name} is {value}: it must be above 0")
    for name, value in {"attribute_weight": attribute_weight, "seed": seed, "workers": workers}.items():
        if not 0 <= value < math.inf:
            raise ConfigError(f"{name} is {value}: it must be at least 0")
    if schedule not in SCHEDULES:
        raise ConfigError(f"unknown schedule '{schedule}': choose one of {', '.join(SCHEDULES)}")
    if batch_size < 2:
        raise ConfigError(f"batch_size is {batch_size}: batch normalisation needs at least 2 images per batch")
    own = batch_size
    if replay_share is not None:
        if not 0 < replay_share < 1:
            raise ConfigError(f"replay_share is {replay_share}: it is a share of each batch, above 0 and below 1")
        own -= replayed_images(batch_size, replay_share)
        if not 0 < own < batch_size:
            raise ConfigError(
                f"replay_share is {replay_share} of a batch of {batch_size}: at least one image must be replayed, and "
                "one not"
            )
    if images < own:
        raise ConfigError(f"batch_size is {batch_size}, but there are {images} training images: lower it")


def check_freeze(network: Network, freeze: Sequence[str]) -> None:
    """Whether these parts can stay as they are.

    Raises:
        ConfigError: an unknown part, one that the network does not have, or nothing is left to train.
    """
    check_parts(freeze, "freeze")
    there = parts_of(network)
    absent = [name for name in freeze if name not in there]
    if absent:
        raise ConfigError(f"--freeze names {absent[0]}, which this arm does not have: leave it out")
    if not any(list(part.parameters()) for name, part in there.items() if name not in freeze):
        raise ConfigError(f"--freeze names {', '.join(freeze)}: nothing is left to train")


def replayed_images(batch_size: int, replay_share: float) -> int:
    """How many images of a batch are replayed."""
    return round(batch_size * replay_share)


def _label_weights(network: Network, train: FaceDataset, replay: FaceDataset | None) -> Tensor:
    sets = [train] if replay is None else [train, replay]
    return balanced_weights(torch.cat([torch.from_numpy(part.records.labels(network.predicted)) for part in sets]))


def _save(network: Network, folder: Path, card: ModelCard) -> None:
    network.save_pretrained(folder, card=card)


@contextmanager
def _interrupts_as_such() -> Iterator[None]:
    # On Ctrl-C Lightning tidies up, leaves the signal ignored, and ends the process by itself, with exit code 1.
    in_main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from error
        raise
    finally:
        if in_main and handler is not None:
            signal.signal(signal.SIGINT, handler)


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    # Lightning announces its devices and gives advice on loaders; what matters of it, the progress and errors say.
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"lightning\..*")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
