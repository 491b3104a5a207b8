"""The Lightning module that trains any arm of the network."""

import math
from collections.abc import Sequence

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn

from kronface.losses.attributes import attribute_loss
from kronface.losses.identity import identity_loss
from kronface.losses.margin import MARGINS
from kronface.network.network import Network

SCHEDULES = ("constant", "cosine")


class TrainingModule(LightningModule):
    """Both losses on one network; which of them apply follows from the branches that the network has.

    Args:
        network: any arm; preprocessing is the network's own.
        learning_rate: Adam's (paper, §4: 0.001).
        attribute_weight: λ in L₂ + λ·L₁; the paper gives none, so 1.
        label_weights: (T, 2) how much negative and positive labels of each attribute count; None counts all alike.
        schedule: a name in `SCHEDULES`: 'constant', as in the paper, or 'cosine', falling to 0 at the last step.
        total_steps: optimiser steps of the whole run, which 'cosine' needs.
        frozen: parts of the network that stay as they are, batch normalisation's statistics included; gradients pass
            through them.
    """

    def __init__(
        self,
        network: Network,
        *,
        learning_rate: float = 1e-3,
        attribute_weight: float = 1.0,
        label_weights: Tensor | None = None,
        schedule: str = "constant",
        total_steps: int = 1,
        frozen: Sequence[nn.Module] = (),
    ) -> None:
        super().__init__()
        self.network = network
        self.learning_rate = learning_rate
        self.attribute_weight = attribute_weight
        self.label_weights = label_weights
        self.schedule = schedule
        self.total_steps = total_steps
        branch = network.identity_branch
        self.margin = None if branch is None or branch.margin == "none" else MARGINS[branch.margin]()
        self._frozen = tuple(frozen)  # a tuple: their weights must not stand in the state dict twice
        for part in network.children():  # each knows what of it is never learned
            part.requires_grad_(True)
        for part in self._frozen:
            part.requires_grad_(False)

    def on_train_batch_start(self, batch: dict[str, Tensor], batch_idx: int) -> None:  # noqa: ARG002 - Lightning's
        """Keeps frozen parts from learning statistics, whatever mode validation has left the network in."""
        for part in self._frozen:
            part.eval()

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> dict[str, Tensor]:  # noqa: ARG002 - Lightning's
        """One batch of a FaceDataset -> the loss to minimise, and both parts where they apply."""
        output = self.network(self.network.preprocess(batch["image"]), batch.get("given"))
        parts: dict[str, Tensor] = {}
        if output.attribute_logits is not None:
            parts["attribute_loss"] = attribute_loss(
                output.attribute_logits.float(),
                batch["attributes"],
                None if self.label_weights is None else self.label_weights.to(batch["attributes"].device),
            )
        centres = None if self.margin is None else self.network.centres
        if self.margin is not None and output.hidden is not None and centres is not None:
            parts["identity_loss"] = self.margin(output.hidden.float(), centres.float(), batch["identity"])
        elif output.identity_logits is not None:
            parts["identity_loss"] = identity_loss(output.identity_logits.float(), batch["identity"])
        weights = {"attribute_loss": self.attribute_weight if "identity_loss" in parts else 1.0, "identity_loss": 1.0}
        loss = torch.stack([weights[name] * part for name, part in parts.items()]).sum()
        return {"loss": loss} | {name: part.detach() for name, part in parts.items()}

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Adam with its authors' values (paper, §4)."""
        learning = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        optimizer = torch.optim.Adam(learning, lr=self.learning_rate)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, self._factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def _factor(self, step: int) -> float:
        if self.schedule == "constant":
            return 1.0
        return 0.5 * (1 + math.cos(math.pi * min(step / self.total_steps, 1.0)))
