"""Which methods stand in which table, in the paper's order, and which published row each repeats."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from kronface.data.attributes import FUSED, PREDICTED
from kronface.methods.center_loss import CenterLossNetwork
from kronface.methods.face_tracer import FaceTracer
from kronface.methods.facenet import FaceNet
from kronface.methods.interface import AttributeMethod, Floats, IdentificationMethod, Pixels, cosines
from kronface.methods.joint_bayes import JointBayesChen, JointBayesDevkit
from kronface.methods.lbp import LbpAhonen, LbpDevkit
from kronface.methods.learning import Budget
from kronface.methods.lightened_cnn import LightenedCnn
from kronface.methods.lnets_anet import AlignedAnet
from kronface.methods.margins import MarginNetwork
from kronface.methods.mt_rbm import MtRbmPca
from kronface.methods.panda import Panda
from kronface.methods.paper import Paper
from kronface.methods.wang import Wang


class Chance:
    """Features that say nothing of the face: what is left of a protocol without a method."""

    name = "random features"

    def fit(self, *_: object, **__: object) -> None:
        """Learns nothing."""

    def embed(self, images: Pixels) -> Floats:
        """(N, S, S, 3) -> (N, 16), drawn from each picture's own bytes."""
        return np.stack([np.random.default_rng(np.asarray(image).ravel()).normal(size=16) for image in images]).astype(
            np.float32
        )

    def similarity(self, probes: Floats, gallery: Floats) -> Floats:
        """Cosines."""
        return cosines(probes, gallery)


@dataclass(frozen=True)
class IdentificationRow:
    """A method of table 2."""

    make: Callable[[Budget], IdentificationMethod]
    published: str = ""
    """The row of `published.RANK1_METHODS` that it repeats; empty where the paper has none."""
    learned: bool = True
    """Whether it learns by passes, so that it is measured untrained too."""
    attributes: bool = False
    """Whether it learns attributes too, so that the training people must have labels."""


@dataclass(frozen=True)
class AttributeRow:
    """A method of table 1."""

    make: Callable[[Budget], AttributeMethod]
    published: str = ""
    """In `published.ATTRIBUTE_METHODS`."""
    learned: bool = True


TABLE_2: Mapping[str, IdentificationRow] = MappingProxyType(
    {
        "facenet": IdentificationRow(lambda budget: FaceNet(budget=budget)),
        "lightened-cnn": IdentificationRow(lambda budget: LightenedCnn(budget=budget, model="B"), "Lightened CNN"),
        "lightened-cnn-a": IdentificationRow(lambda budget: LightenedCnn(budget=budget, model="A")),
        "center-loss": IdentificationRow(lambda budget: CenterLossNetwork(budget=budget), "Center Loss"),
        "lbp": IdentificationRow(lambda _: LbpDevkit(), "LBP", learned=False),
        "lbp-ahonen": IdentificationRow(lambda _: LbpAhonen(exact_up_to=0), learned=False),  # one measure for all
        "joint-bayes": IdentificationRow(lambda _: JointBayesDevkit(), "Joint Bayes", learned=False),
        "joint-bayes-chen": IdentificationRow(lambda _: JointBayesChen(), learned=False),
        "wang": IdentificationRow(
            lambda budget: Wang(budget=budget, predicted=PREDICTED), "Wang et al.", attributes=True
        ),
        "separately": IdentificationRow(
            lambda budget: Paper("PM-Separately", budget=budget, arm="identity-only"), "paper, separately"
        ),
        "jointly": IdentificationRow(
            lambda budget: Paper("PM-Jointly", budget=budget, arm="joint", predicted=PREDICTED, fused=FUSED),
            "paper, jointly",
            attributes=True,
        ),
        "cosface": IdentificationRow(lambda budget: MarginNetwork("cosface", budget=budget)),
        "arcface": IdentificationRow(lambda budget: MarginNetwork("arcface", budget=budget)),
        "adaface": IdentificationRow(lambda budget: MarginNetwork("adaface", budget=budget)),
        "arcface-fused": IdentificationRow(
            lambda budget: MarginNetwork(
                "arcface", budget=budget, predicted=PREDICTED, fused=FUSED, fusion="kronecker-tanh"
            ),
            attributes=True,
        ),
        "chance": IdentificationRow(lambda _: Chance(), learned=False),
    }
)
"""By name; those that the paper has are in its order, others stand beside their like or at the end."""

TABLE_1: Mapping[str, AttributeRow] = MappingProxyType(
    {
        "facetracer": AttributeRow(lambda _: FaceTracer(), "FaceTracer", learned=False),
        "panda": AttributeRow(lambda budget: Panda(budget=budget), "PANDA-l"),
        "lnets-anet": AttributeRow(lambda budget: AlignedAnet(budget=budget), "LNets+ANet"),
        "mt-rbm-pca": AttributeRow(lambda budget: MtRbmPca(budget=budget), "MT-RBM-PCA"),
        "separately": AttributeRow(
            lambda budget: Paper("Ours-S", budget=budget, arm="attributes-only", predicted=PREDICTED),
            "paper, separately",
        ),
        "jointly": AttributeRow(
            lambda budget: Paper("Ours-J", budget=budget, arm="joint", predicted=PREDICTED, fused=FUSED),
            "paper, jointly",
        ),
    }
)
"""By name, in the paper's order."""
