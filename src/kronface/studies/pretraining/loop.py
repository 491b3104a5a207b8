"""The training itself: rounds over the newest shards, resumable after each of them."""

import csv
import io
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from kronface.data.augment import wild
from kronface.errors import CheckpointError, ConfigError
from kronface.evaluation.attributes import score
from kronface.evaluation.identification import closed_set
from kronface.files import Progress, no_progress, write_bytes, write_text
from kronface.hardware import processor_name, resolve_device, resolve_precision
from kronface.losses.attributes import attribute_loss, balanced_weights
from kronface.losses.margin import cosine_margin_loss
from kronface.losses.teacher import levelling, teacher_loss
from kronface.network.checkpoint import ModelCard, read_config
from kronface.network.network import Network
from kronface.network.parts import grow_fusion, parts_of, take_over
from kronface.studies.pretraining.filling import Filling
from kronface.studies.pretraining.mixing import altered
from kronface.studies.pretraining.recipe import PretrainingRecipe
from kronface.studies.pretraining.shards import MARGIN, Shard, check_teacher, make_shard, read_shard
from kronface.training.mix_style import mixed_styles

STATE, METRICS, SHARDS, LAST = "state.pt", "metrics.csv", "shards", "last"

HELD_OUT = 99_999
"""Number of the shard that is never trained on: its people come after all that can be reached otherwise."""


@dataclass
class _Batch:
    images: Tensor
    """(B, S, S, 3) uint8."""
    classes: Tensor
    """(B - M,) rows of the centres; the last M faces are between people."""
    labels: Tensor
    """(B, T), NaN for a face between people."""
    taught: Tensor


def pretrain(
    out: Path,
    recipe: PretrainingRecipe,
    *,
    card: ModelCard,
    start: Path | None = None,
    device: str = "auto",
    precision: str = "auto",
    workers: int = 1,
    pool: Path | None = None,
    progress: Progress = no_progress,
) -> list[dict[str, float]]:
    """Trains a network, and leaves the running mean of its weights in `out/last` after every round.

    The same call goes on after the last round that was finished, whatever ended it; shards are drawn again where they
    are gone, so that on a CPU the result does not depend on interruptions.

    Args:
        out: the run's folder.
        recipe: what is trained, and how.
        card: what the model card is to say; the recipe and the figures are added.
        start: a checkpoint whose weights it begins from.
        device: auto, cpu, cuda or cuda:N.
        precision: auto, fp32 or bf16.
        workers: processes that render meanwhile; 0 where another run renders the same people into the pool.
        pool: a folder of faces that several runs share, in which all are kept; None for the run's own folder.
        progress: called after every step, with the faces of all rounds.

    Returns:
        The history: one row per round, as in `out/metrics.csv`.

    Raises:
        ConfigError: an impossible recipe, or a teacher that is not installed.
        CheckpointError: the start is no checkpoint of this kind, or the state is damaged, or another recipe's.
    """
    recipe.check()
    if workers < (0 if pool else 1):
        raise ConfigError(f"workers is {workers}: at least 1 process must render, or another run into the same --pool")
    check_teacher(recipe.shards())
    where = resolve_device(device)
    trainer = _Trainer(out, recipe, where, resolve_precision(precision, where), card)
    trainer.restore(start)
    if trainer.done < recipe.rounds:
        faces = pool or out
        held_out = _held_out(faces / "held-out", recipe, progress)
        first = max(0, recipe.newest(trainer.done) - recipe.window + 1)
        plan = recipe.shards()
        last = recipe.newest(recipe.rounds - 1)
        with Filling(faces / SHARDS, plan, first=first, last=last, workers=workers, keep=pool is not None) as filling:
            for number in range(trainer.done, recipe.rounds):
                trainer.run(filling.window(recipe.newest(number), recipe.window, progress), held_out, progress)
    return trainer.history


def _held_out(root: Path, recipe: PretrainingRecipe, progress: Progress) -> Shard:
    """Faces of people whom training never sees."""
    progress("rendering held-out people", 0, 1)
    plan = recipe.shards()
    make_shard(root, HELD_OUT, plan)
    progress("rendering held-out people", 1, 1)
    return read_shard(root, HELD_OUT, plan)


class _Trainer:
    """Network, centres, optimiser and books."""

    def __init__(
        self, out: Path, recipe: PretrainingRecipe, device: torch.device, precision: str, card: ModelCard
    ) -> None:
        self.out, self.recipe, self.device, self.precision, self.card = out, recipe, device, precision, card
        self.network = recipe.network().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.pools = [layer for layer in self.network.trunk.modules() if isinstance(layer, nn.MaxPool2d)][:2]
        if recipe.mixed_styles and not self.pools:
            raise ConfigError(f"mixed_styles: {recipe.variant} has no max-pools, after which styles are mixed")
        size = recipe.embedding_size
        generator = torch.Generator().manual_seed(recipe.seed)
        centres = torch.randn((recipe.window * recipe.people, size), generator=generator)
        self.centres = nn.Parameter(centres.to(device))
        self.mean = AveragedModel(self.network, multi_avg_fn=running_mean(recipe.average), use_buffers=True)
        decayed = [parameter for parameter in self.network.parameters() if parameter.ndim > 1]
        others = [parameter for parameter in self.network.parameters() if parameter.ndim <= 1]
        self.optimizer = torch.optim.AdamW(
            [
                {"params": decayed, "weight_decay": recipe.weight_decay},
                {"params": [*others, self.centres], "weight_decay": 0.0},
            ],
            lr=recipe.learning_rate,
        )
        self.done = self.steps = 0
        self.history: list[dict[str, float]] = []
        self.total = sum(recipe.passes(number) for number in range(recipe.rounds))
        self.passes = 0
        self.usual = torch.zeros(0)
        """(D,) the teacher's mean embedding."""
        self.levels: Tensor | None = None
        """(D, D) what raises its directions."""

    def restore(self, start: Path | None) -> None:
        """Takes up what the last round left; where there is none, the weights of another checkpoint."""
        path = self.out / STATE
        if not path.is_file():
            if start is not None:
                if self.network.fusion is not None and read_config(start)["architecture"]["fusion"] == "none":
                    grow_fusion(self.network, start)
                else:
                    take_over(self.network, start, tuple(parts_of(self.network)))
                assert self.network.attribute_branch is not None
                self.network.attribute_branch.reset_calibration()
                self._averaged().load_state_dict(self.network.state_dict())
            return
        try:
            state: dict[str, Any] = torch.load(path, map_location=self.device, weights_only=True)
        except Exception as error:  # unpickling a damaged file may raise anything
            raise CheckpointError(f"{path} cannot be read: delete it to start this training anew") from error
        if not isinstance(state, dict) or state.get("recipe") != asdict(self.recipe):
            raise CheckpointError(f"{path} is of another recipe: choose another --out")
        if state.get("card") != asdict(self.card):
            raise CheckpointError(f"{path} was begun from another checkpoint: give the same --start, or another --out")
        self.network.load_state_dict(state["network"])
        self.mean.load_state_dict(state["mean"])
        self.optimizer.load_state_dict(state["optimizer"])
        with torch.no_grad():
            self.centres.copy_(state["centres"])
        self.done, self.steps, self.passes = state["done"], state["steps"], state["passes"]
        self.history = state["history"]

    def run(self, window: Sequence[Shard], held_out: Shard, progress: Progress) -> None:
        """One round."""
        recipe = self.recipe
        for shard in window if self.done == 0 else window[-1:]:
            self._welcome(shard)
        if recipe.averaged:
            window = [shard.averaged() for shard in window]
        # A teacher's embeddings of renderings lie close together: what they differ in is what is to be learned.
        usual = torch.from_numpy(np.asarray(held_out.taught, np.float32))
        self.usual = usual.mean(0).to(self.device)
        if recipe.levelled:
            self.levels = levelling(usual, recipe.levelled).to(self.device)
        weights = balanced_weights(torch.from_numpy(np.concatenate([shard.labels for shard in window]))).to(self.device)
        self.network.train()
        sums: dict[str, float] = {}
        start, before = time.perf_counter(), self.passes
        drawn = np.random.default_rng([recipe.seed, self.done, 5])
        with ThreadPoolExecutor(1) as thread, mixed_styles(self.pools, recipe.mixed_styles, drawn):
            for batch in self._batches(window, thread):
                share = self.passes / self.total
                for group in self.optimizer.param_groups:
                    group["lr"] = recipe.rate(share, self.steps)
                parts = self._losses(batch, weights, recipe.margin_at(share))
                loss = sum(parts.values(), torch.zeros((), device=self.device))
                if not torch.isfinite(loss):
                    raise ConfigError("the loss is no number any more: lower --learning-rate")
                self.optimizer.zero_grad(set_to_none=True)
                loss.backward()
                self.optimizer.step()
                self.mean.update_parameters(self.network)
                self.steps += 1
                self.passes += recipe.batch_size
                for name, part in parts.items():
                    sums[name] = sums.get(name, 0.0) + float(part.detach()) * recipe.batch_size
                speed = (self.passes - before) / (time.perf_counter() - start)
                progress(
                    f"pretraining: round {self.done + 1} of {recipe.rounds}, loss {float(loss.detach()):.3f}, "
                    f"{speed:.0f} faces/s",
                    self.passes,
                    self.total,
                )
        seconds = time.perf_counter() - start
        count = self.passes - before
        row: dict[str, float] = {"round": self.done + 1, "passes": self.passes}
        row |= {f"{name}_loss": value / count for name, value in sums.items()}
        row |= self._validate(held_out) | {"faces_per_second": round(count / seconds, 1)}
        self.history.append(row)
        self.done += 1
        self._save()

    def _batches(self, window: Sequence[Shard], thread: ThreadPoolExecutor) -> Iterator[_Batch]:
        """The round's batches, each made while the one before is trained on."""
        recipe = self.recipe
        rows = recipe.people * recipe.images
        drawn = recipe.batch_size - recipe.mixed_faces
        rng = np.random.default_rng([recipe.seed, self.done])
        order = np.concatenate([rng.permutation(len(window) * rows) for _ in range(recipe.repeats)])
        count = recipe.passes(self.done) // recipe.batch_size

        def make(step: int) -> _Batch:
            chosen = order[step * drawn : (step + 1) * drawn]
            share = (self_passes + step * recipe.batch_size) / self.total
            return _batch(window, chosen, recipe, recipe.strength_at(share), [recipe.seed, self_done, step])

        self_passes, self_done = self.passes, self.done
        waiting = [thread.submit(make, step) for step in range(min(2, count))]
        for step in range(count):
            batch = waiting.pop(0).result()
            if step + 2 < count:
                waiting.append(thread.submit(make, step + 2))
            yield batch

    def _losses(self, batch: _Batch, weights: Tensor, margin: float) -> dict[str, Tensor]:
        recipe, device = self.recipe, self.device
        with torch.autocast(device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            logits, hidden = self._forward(batch.images.to(device))
        parts: dict[str, Tensor] = {}
        hidden = hidden.float()
        labels = batch.labels.to(device)
        parts["attribute"] = recipe.attribute_weight * attribute_loss(logits.float(), labels, weights)
        if batch.taught.shape[1]:
            taught = batch.taught.to(device).float() - self.usual
            if self.levels is not None:
                taught = taught @ self.levels
            parts["teacher"] = recipe.teacher_weight * teacher_loss(hidden, taught)
        classes = batch.classes.to(device)
        identity = cosine_margin_loss(hidden[: len(classes)], self.centres, classes, scale=recipe.scale, margin=margin)
        parts["identity"] = recipe.identity_weight * identity
        return parts

    def _forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Faces -> attribute logits, and the identity branch's hidden layer, which is told some things wrong."""
        network, recipe = self.network, self.recipe
        face = network.forward_trunk(network.preprocess(images))
        logits = network.forward_attributes(face)
        assert logits is not None
        assert network.identity_branch is not None
        given = logits[:, network.fused_columns]
        rng = np.random.default_rng([recipe.seed, self.steps, 6])
        if recipe.attribute_errors:
            others = torch.from_numpy(rng.permutation(len(given))).to(given.device)
            wrong = torch.from_numpy(rng.random(tuple(given.shape)) < recipe.attribute_errors).to(given.device)
            given = torch.where(wrong, given[others].detach(), given)
        if recipe.face_dropout:
            kept = torch.from_numpy(rng.random(tuple(face.shape)) >= recipe.face_dropout).to(face.device)
            face = face * kept / (1 - recipe.face_dropout)
        return logits, network.identity_branch.forward_hidden(network.forward_fusion(face, logits, given))

    @torch.no_grad()
    def _welcome(self, shard: Shard) -> None:
        """New people take the rows of those who have left: each begins as the mean of two of the own embeddings."""
        recipe = self.recipe
        first = shard.number % recipe.window * recipe.people
        rows = np.arange(recipe.people)[:, None] * recipe.images + np.arange(min(2, recipe.images))
        embeddings = _embed(self.network, _centre_crops(shard.faces[rows.ravel()], recipe), self.device)[0]
        means = torch.from_numpy(embeddings.reshape(*rows.shape, -1).mean(1)).to(self.device)
        self.centres[first : first + recipe.people] = means
        state = self.optimizer.state.get(self.centres, {})
        for name in ("exp_avg", "exp_avg_sq"):
            if name in state:
                state[name][first : first + recipe.people] = 0

    def _validate(self, shard: Shard) -> dict[str, float]:
        """Rank-1 among people whom training never sees, and the mean balanced accuracy of their attributes."""
        network = self._averaged()
        faces = _centre_crops(shard.faces, self.recipe)
        embeddings, probabilities = _embed(network, faces, self.device)
        people = np.asarray(shard.people).astype(np.str_)
        rank1 = float(closed_set(embeddings, people, draws=1, resamples=2).rank1)
        scores = score(probabilities, np.asarray(shard.labels), people, network.predicted, resamples=2)
        balanced = [entry.balanced_accuracy for entry in scores.values() if entry.balanced_accuracy is not None]
        return {"rank1": rank1, "balanced_accuracy": float(np.mean(balanced))}

    def _averaged(self) -> Network:
        network = self.mean.module
        assert isinstance(network, Network)
        return network

    def _save(self) -> None:
        training = asdict(self.recipe) | self.history[-1]
        training["passes_altogether"] = self.passes + self.card.training.get("passes_before", 0)
        training |= {"precision": self.precision, "processor": processor_name()}
        card = ModelCard(self.card.training_data, self.card.licence, self.card.training | training, self.card.seen)
        self._averaged().save_pretrained(self.out / LAST, card=card)
        names = list(dict.fromkeys(name for row in self.history for name in row))
        table = io.StringIO()
        writer = csv.DictWriter(table, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.history)
        write_text(self.out / METRICS, table.getvalue())
        state = {
            "recipe": asdict(self.recipe),
            "card": asdict(self.card),
            "network": self.network.state_dict(),
            "mean": self.mean.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "centres": self.centres.detach(),
            "done": self.done,
            "steps": self.steps,
            "passes": self.passes,
            "history": self.history,
        }
        content = io.BytesIO()
        torch.save(state, content)
        write_bytes(self.out / STATE, content.getvalue())


def running_mean(decay: float) -> Callable[[Sequence[Tensor], Sequence[Tensor], Tensor | int], None]:
    """Moves a mean of weights towards the newest ones, faster at first, so that the random first weights soon leave it.

    Args:
        decay: what is kept of the mean at each step, once that many steps have been taken that (1 + n) / (10 + n) is
            larger.
    """

    @torch.no_grad()
    def update(mean: Sequence[Tensor], newest: Sequence[Tensor], steps: Tensor | int) -> None:
        kept = min(decay, (1 + int(steps)) / (10 + int(steps)))
        for own, other in zip(mean, newest, strict=True):
            if own.is_floating_point():
                own.lerp_(other.to(own.dtype), 1 - kept)
            else:
                own.copy_(other)

    return update


def _batch(
    window: Sequence[Shard], chosen: NDArray[np.int64], recipe: PretrainingRecipe, strength: float, seed: list[int]
) -> _Batch:
    rng = np.random.default_rng(seed)
    augment = wild(strength, edge=recipe.edge)
    places = [divmod(int(index), recipe.people * recipe.images) for index in chosen]
    faces = [np.asarray(window[shard].faces[row]) for shard, row in places]
    if recipe.altered:
        faces = [altered(face, rng) if rng.random() < recipe.altered else face for face in faces]
    labels = [window[shard].labels[row] for shard, row in places]
    taught = [window[shard].taught[row] for shard, row in places]
    for _ in range(recipe.mixed_faces):
        part = window[int(rng.integers(len(window)))]
        row = int(rng.integers(len(part.mixed)))
        faces.append(np.asarray(part.mixed[row]))
        labels.append(np.full_like(labels[0], np.nan))
        taught.append(part.mixed_taught[row])
    images = [augment(face, rng, size=recipe.size, margin=MARGIN) for face in faces]
    classes = [
        window[shard].number % recipe.window * recipe.people + int(window[shard].people[row]) for shard, row in places
    ]
    return _Batch(
        torch.from_numpy(np.stack(images)),
        torch.tensor(classes),
        torch.from_numpy(np.stack(labels)),
        torch.from_numpy(np.stack(taught)),
    )


def _centre_crops(faces: NDArray[np.uint8], recipe: PretrainingRecipe) -> NDArray[np.uint8]:
    """(N, side, side, 3) stored faces -> (N, size, size, 3), as the network sees them without any change."""
    edge = (faces.shape[1] - recipe.size) // 2
    return np.ascontiguousarray(faces[:, edge : edge + recipe.size, edge : edge + recipe.size])


def _embed(
    network: Network, faces: NDArray[np.uint8], device: torch.device, batch_size: int = 128
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    was_training = network.training
    network.eval()
    embeddings, probabilities = [], []
    for start in range(0, len(faces), batch_size):
        found = network.predict(torch.from_numpy(faces[start : start + batch_size]).to(device))
        assert found.embeddings is not None
        assert found.probabilities is not None
        embeddings.append(found.embeddings.cpu().numpy())
        probabilities.append(found.probabilities.cpu().numpy())
    network.train(was_training)
    return np.concatenate(embeddings), np.concatenate(probabilities)
