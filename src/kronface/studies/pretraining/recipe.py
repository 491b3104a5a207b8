"""What a pretraining is made of."""

import math
from dataclasses import dataclass

from kronface.data.attributes import FUSED, PREDICTED
from kronface.errors import ConfigError
from kronface.network.network import Network
from kronface.network.variants import build
from kronface.studies.pretraining.shards import TEACHERS, ShardPlan
from kronface.synth.settings import USUAL_PITCH_RAD

TAUGHT_SIZE = 128
"""Numbers in any teacher's embedding."""
VISIBLE = ("Eyeglasses", "Smiling", "No_Beard", "Gray_Hair", "Wearing_Hat")
"""Attributes of the picture rather than the person, predicted beside the paper's: never fused."""


@dataclass(frozen=True)
class PretrainingRecipe:
    """Sizes, weights of the losses, and how all of it changes over the rounds.

    A round draws one new shard, and shows every face of the newest `window` shards `repeats` times; so a face is used
    `window` x `repeats` times, each time under other changes, and then thrown away.
    """

    rounds: int = 60
    window: int = 8
    repeats: int = 1
    head_start: int = 0
    """Shards that are drawn before the first round."""
    people: int = 400
    images: int = 10
    teacher: str = "none"
    variant: str = "vgg19-quarter"
    size: int = 64
    fusion: str = "kronecker-tanh"
    embedding_size: int = 128
    batch_size: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 0.02
    warm_up: int = 500
    """Steps in which the learning rate rises."""
    decay: float = 0.25
    """Share of the rounds, at the end, over which the learning rate falls to 0 along a cosine."""
    average: float = 0.999
    """Decay of the running mean of the weights, which is what is kept."""
    teacher_weight: float = 1.0
    identity_weight: float = 0.05
    attribute_weight: float = 1.0
    scale: float = 30.0
    margin: float = 0.3
    margin_from: float = 0.1
    """Share of the rounds from which the margin rises from 0."""
    margin_to: float = 0.4
    """Share of the rounds at which it has risen."""
    strength: float = 1.0
    """Of the augmentation (`data.augment.wild`) once it has grown."""
    strength_at_first: float = 0.3
    strength_to: float = 0.3
    """Share of the rounds at which it has grown."""
    edge: float = 0.0
    """Probability that a photograph ends within the face's crop."""
    mixed_styles: float = 0.0
    """Probability that a batch's maps take on each other's styles, after each of the first two max-pools."""
    attribute_errors: float = 0.0
    """Probability that a fused attribute's logit is another face's: on photographs many are wrong, and an identity
    branch that trusts them too much tells two pictures of one person apart."""
    face_dropout: float = 0.0
    """Probability that an entry of the face vector is 0 for the identity branch of a face."""
    averaged: bool = False
    """Whether the teacher says of each face what it says of the person's faces on average: spectacles, poses and
    expressions, which change it, are none of the person."""
    levelled: float = 0.0
    """How far the directions in which the teacher's embeddings of held-out renderings, one by one, differ little are
    raised in what is learned, up to 0.5 (`losses.teacher.levelling`)."""
    mixed: float = 0.0
    """Share of a batch that are faces between people, of whom the teacher alone speaks (`mixing.mixture`)."""
    mixtures: int = 1
    """How many of them are made, as a multiple of the faces that are drawn."""
    altered: float = 0.0
    """Probability that a face is seen in other light, by another camera (`mixing.altered`); those between people are
    already."""
    max_yaw_rad: float = 0.9
    pitch_rad: float = USUAL_PITCH_RAD
    redrawn_people: float = 0.0
    """Share of the people whose hair, spectacles, clothes and background are drawn anew in every picture."""
    without: tuple[str, ...] = ()
    """Ingredients of rendering that are left out (`synth.settings.INGREDIENTS`)."""
    seed: int = 1

    def check(self) -> None:
        """Whether a training can begin.

        Raises:
            ConfigError: an unknown name or an impossible number.
        """
        if self.teacher not in TEACHERS:
            raise ConfigError(f"unknown teacher '{self.teacher}': choose from {', '.join(TEACHERS)}")
        for name in (
            "rounds",
            "window",
            "repeats",
            "people",
            "images",
            "batch_size",
            "learning_rate",
            "scale",
            "warm_up",
            "mixtures",
        ):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(f"{name} is {getattr(self, name)}: it must be above 0")
        shares = (
            "decay",
            "average",
            "margin",
            "margin_from",
            "margin_to",
            "strength",
            "strength_at_first",
            "strength_to",
            "edge",
            "mixed_styles",
            "attribute_errors",
            "face_dropout",
            "mixed",
            "altered",
            "redrawn_people",
        )
        for name in shares:
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} is {getattr(self, name)}: it must lie between 0 and 1")
        if not 0 <= self.levelled <= 0.5:
            raise ConfigError(f"levelled is {self.levelled}: it must lie between 0 and 0.5, which whitens")
        for name in ("head_start", "weight_decay", "teacher_weight", "identity_weight", "attribute_weight", "seed"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigError(f"{name} is {getattr(self, name)}: it must be at least 0")
        if self.face_dropout == 1:
            raise ConfigError("face_dropout is 1: something of the face must be left")
        if self.mixed_faces == self.batch_size:
            raise ConfigError(f"mixed is {self.mixed}: a batch must hold people too")
        if self.mixed and self.teacher == "none":
            raise ConfigError("mixed: only a teacher knows what a face between people is: choose --teacher")
        for name in ("averaged", "levelled"):
            if getattr(self, name) and self.teacher == "none":
                raise ConfigError(f"{name}: there is nothing that a teacher says: choose --teacher")
        self.shards().rendering()
        if self.people < 2 or self.images < 2:
            raise ConfigError("people and images must be at least 2: identities are told apart, each by several faces")
        if not 2 <= self.batch_size <= self.people * self.images:
            raise ConfigError(f"batch_size is {self.batch_size}: choose from 2 to the faces of a shard")
        if self.teacher != "none" and self.embedding_size != TAUGHT_SIZE:
            raise ConfigError(f"embedding_size is {self.embedding_size}: the teacher's embeddings have {TAUGHT_SIZE}")

    def predicted(self) -> tuple[str, ...]:
        """Attributes that the network predicts."""
        return (*PREDICTED, *VISIBLE)

    def network(self) -> Network:
        """The network as it starts."""
        return build(
            variant=self.variant,
            predicted=self.predicted(),
            fused=FUSED,
            fusion=self.fusion,
            embedding_size=self.embedding_size,
            size=self.size,
            seed=self.seed,
        )

    def shards(self) -> ShardPlan:
        """What is drawn for it."""
        return ShardPlan(
            people=self.people,
            images=self.images,
            size=self.size,
            seed=self.seed,
            attributes=self.predicted(),
            teacher=self.teacher,
            max_yaw_rad=self.max_yaw_rad,
            without=self.without,
            mixed=self.people * self.images * self.mixtures if self.mixed_faces else 0,
            redrawn_people=self.redrawn_people,
            pitch_rad=self.pitch_rad,
        )

    @property
    def mixed_faces(self) -> int:
        """Faces of a batch that are between two people."""
        return round(self.mixed * self.batch_size)

    def newest(self, number: int) -> int:
        """Number of the newest shard that a round shows."""
        return number + self.head_start

    def passes(self, number: int) -> int:
        """Faces that a round shows: whole batches, of the newest shards and between their people."""
        faces = min(self.newest(number) + 1, self.window) * self.people * self.images * self.repeats
        return faces // (self.batch_size - self.mixed_faces) * self.batch_size

    def rate(self, share: float, steps: int) -> float:
        """The learning rate after a share of all passes and so many steps."""
        rising = min((steps + 1) / self.warm_up, 1.0)
        falling = 1.0
        if self.decay and share > 1 - self.decay:
            falling = 0.5 * (1 + math.cos(math.pi * (share - 1 + self.decay) / self.decay))
        return self.learning_rate * rising * falling

    def margin_at(self, share: float) -> float:
        """The margin after a share of all passes."""
        span = max(self.margin_to - self.margin_from, 1e-9)
        return self.margin * min(max((share - self.margin_from) / span, 0.0), 1.0)

    def strength_at(self, share: float) -> float:
        """The augmentation's strength after a share of all passes."""
        grown = min(share / self.strength_to, 1.0) if self.strength_to else 1.0
        return self.strength_at_first + (self.strength - self.strength_at_first) * grown
