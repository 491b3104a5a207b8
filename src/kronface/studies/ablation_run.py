"""One run of the ablation: an arm trained under one seed, measured, and kept as counts per person."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kronface.data.attributes import FUSED, PREDICTED
from kronface.data.augment import augmentation
from kronface.data.dataset import FaceDataset
from kronface.errors import ConfigError, DataError
from kronface.evaluation.ablation_content import RUN_FORMAT
from kronface.evaluation.ablation_measures import count_attributes, count_identities
from kronface.files import Progress, write_text
from kronface.hardware import processor_name, resolve_device
from kronface.network.checkpoint import ModelCard, fingerprint
from kronface.network.network import Network
from kronface.network.variants import build
from kronface.studies.ablation_arms import ARMS, Arm, arrange
from kronface.studies.ablation_people import People
from kronface.training.fit import check_recipe, fit
from kronface.training.validation import predict

RESULT = "result.json"

CURVES = ("attribute_loss", "identity_loss", "validation_rank1", "validation_balanced_accuracy")


@dataclass(frozen=True)
class Recipe:
    """How every arm is trained and measured: one recipe for all."""

    passes: int = 45_000
    """Images that are shown; rounded to whole epochs, at least one."""
    variant: str = "vgg19-quarter"
    size: int = 64
    batch_size: int = 60
    learning_rate: float = 1e-3
    schedule: str = "cosine"
    attribute_weight: float = float(len(PREDICTED))
    """λ: the paper's eq. (2) is a sum over attributes, the loss here a mean; so this is the paper's balance."""
    balance_labels: bool = True
    augment: str = "mild"
    far: float = 1e-3
    precision: str = "fp32"

    def check(self, images: int | None) -> None:
        """Whether runs can begin, before people are rendered for them.

        Args:
            images: training images, where their number is known.

        Raises:
            ConfigError: an impossible number or an unknown name.
        """
        if self.passes < 1:
            raise ConfigError(f"passes is {self.passes}: it must be at least 1")
        if not 0 < self.far < 1:
            raise ConfigError(f"far is {self.far}: it must lie between 0 and 1, such as 0.001")
        augmentation(self.augment)
        build(variant=self.variant, size=self.size, predicted=PREDICTED, fused=FUSED, identities=2)
        check_recipe(
            epochs=1,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            attribute_weight=self.attribute_weight,
            schedule=self.schedule,
            checkpoint_steps=1,
            seed=0,
            workers=0,
            images=self.batch_size if images is None else images,
        )

    def epochs(self, images: int) -> int:
        """Passes over so many training images."""
        return max(round(self.passes / self.passes_per_epoch(images)), 1)

    def passes_per_epoch(self, images: int) -> int:
        """Images that one epoch shows: what does not fill a batch is dropped."""
        return max(images // self.batch_size, 1) * self.batch_size


def network_of(arm: Arm, people: People, recipe: Recipe, seed: int) -> Network:
    """The untrained network of an arm."""
    return build(
        variant=recipe.variant,
        arm=arm.network,
        fusion=arm.fusion,
        predicted=PREDICTED,
        fused=FUSED,
        identities=len(people.faces["train"].identities),
        size=recipe.size,
        seed=seed,
    )


def training_labels(arm: Arm, people: People, seed: int) -> NDArray[np.floating]:
    """(n, T) what an arm is told of the training images."""
    return arrange(arm.labels, people.labels[arm.truth]["train"], people.identities("train"), seed)


def signature(arm: Arm, people: People, seed: int) -> str:
    """Equal for two arms that train the same network on the same labels, and so are one run."""
    shape = (arm.network, arm.fusion if arm.network == "joint" else "", arm.oracle, seed)
    digest = hashlib.sha256(repr(shape).encode())
    if arm.network != "identity-only":
        digest.update(np.ascontiguousarray(training_labels(arm, people, seed), np.float32).tobytes())
    return digest.hexdigest()


def run_arm(
    name: str,
    seed: int,
    people: People,
    recipe: Recipe,
    folder: Path,
    *,
    device: str = "auto",
    progress: Progress,
) -> dict[str, Any]:
    """Trains and measures one arm, or goes on where it was ended; leaves `result.json` and the last weights.

    Args:
        name: of the arm.
        seed: of weights, order, augmentation and what is shuffled.
        people: whom it trains on, and whom it is measured on.
        recipe: of the training.
        folder: of the run.
        device: auto, cpu, cuda or cuda:N.
        progress: called after every step.

    Returns:
        The content of `result.json`.
    """
    arm = ARMS[name]
    network = network_of(arm, people, recipe, seed)
    content: dict[str, Any] = {
        "format": RUN_FORMAT,
        "arm": name,
        "seed": seed,
        "recipe": asdict(recipe),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "people": sorted(set(people.identities("test").tolist())),
        "images": len(people.faces["test"]),
        "attributes": list(PREDICTED),
        "far": recipe.far,
        "untrained": measure(arm, network, people, recipe, device),
    }
    history = _train(arm, network, seed, people, recipe, folder, device, progress)
    content |= {
        "trained": measure(arm, network, people, recipe, device),
        "history": history,
        "fingerprint": fingerprint(network),
        "processor": processor_name(),
    }
    write_result(folder, content)
    # What a run is resumed from, and the best epoch's weights, which nothing reads: 50 MB and more per run.
    (folder / "last.ckpt").unlink(missing_ok=True)
    shutil.rmtree(folder / "best", ignore_errors=True)
    return content


def _train(
    arm: Arm,
    network: Network,
    seed: int,
    people: People,
    recipe: Recipe,
    folder: Path,
    device: str,
    progress: Progress,
) -> list[dict[str, float]]:
    train, validation = people.faces["train"], people.faces["validation"]
    epochs = recipe.epochs(len(train))
    history = fit(
        network,
        train=train.relabelled(
            training_labels(arm, people, seed),
            augment=augmentation(recipe.augment),
            seed=seed,
            given=given_attributes(arm, people, "train"),
        ),
        validation=validation.relabelled(
            people.labels[arm.truth]["validation"], given=given_attributes(arm, people, "validation")
        ),
        out=folder,
        epochs=epochs,
        batch_size=recipe.batch_size,
        learning_rate=recipe.learning_rate,
        attribute_weight=recipe.attribute_weight,
        balance_labels=recipe.balance_labels,
        schedule=recipe.schedule,
        seed=seed,
        device=device,
        precision=recipe.precision,
        card=ModelCard(training_data=people.source, training={"arm of the ablation": arm.about}),
        progress=progress,
    )
    return [
        {"passes": int(row["step"]) * recipe.batch_size} | {name: row[name] for name in CURVES if name in row}
        for row in history
    ]


def measure(arm: Arm, network: Network, people: People, recipe: Recipe, device: str = "auto") -> dict[str, Any]:
    """What a network is worth on the test people: counts per person, of identities and of attributes."""
    where = resolve_device(device)
    network.to(where)
    found = {split: predict(network, _measured(arm, people, split), device=where) for split in ("validation", "test")}
    embeddings, probabilities = found["test"]
    who = people.identities("test")
    content: dict[str, Any] = {"identities": None, "attributes": None}
    if embeddings is not None:
        content["identities"] = count_identities(embeddings, who, far=recipe.far)
    chances = found["validation"][1]
    if probabilities is not None and chances is not None:
        content["attributes"] = {
            truth: count_attributes(
                probabilities, labels["test"], who, PREDICTED, validation=(chances, labels["validation"])
            )
            for truth, labels in people.labels.items()
        }
    return content


def _measured(arm: Arm, people: People, split: str) -> FaceDataset:
    return people.faces[split].relabelled(people.labels["annotated"][split], given=given_attributes(arm, people, split))


def given_attributes(arm: Arm, people: People, split: str) -> NDArray[np.float32] | None:
    """(n, F) what the oracle is given: 1 and -1, and 0 where nobody knows."""
    if not arm.oracle:
        return None
    labels = people.labels.get("true", people.labels["annotated"])[split]
    return np.nan_to_num(2 * labels[:, [PREDICTED.index(name) for name in FUSED]] - 1)


def write_result(folder: Path, content: Mapping[str, Any]) -> None:
    """Writes a run's `result.json`, in one line: it is long, and for programs."""
    write_text(folder / RESULT, json.dumps(content, allow_nan=False, ensure_ascii=False) + "\n")


def read_result(folder: Path) -> dict[str, Any] | None:
    """The content of a finished run's `result.json`; None where there is none.

    Raises:
        DataError: it cannot be read, or is no such file.
    """
    path = folder / RESULT
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: delete it to run this arm again") from error
    if not isinstance(content, dict) or content.get("format") != RUN_FORMAT:
        raise DataError(f"{path} is not of the format {RUN_FORMAT}: delete it to run this arm again")
    return content
