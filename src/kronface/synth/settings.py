"""What a set of rendered pictures is drawn from, besides the people themselves: everything can be switched off."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from kronface.errors import ConfigError, MissingExtraError

INGREDIENTS = (
    "expression",
    "gaze",
    "lights",
    "shadows",
    "skin",
    "hair",
    "restyling",
    "beard",
    "make-up",
    "spectacles",
    "hats",
    "occluders",
    "clothes",
    "background",
    "camera",
    "flaws",
)
"""What `Rendering.without` can leave out:

expression (faces at rest) · gaze (eyes straight ahead) · lights (one soft frontal light) · shadows · skin (identity's
spots, moles, pores, wrinkles) · hair (everybody cropped) · restyling (the same hair in all pictures of a person) ·
beard · make-up · spectacles · hats · occluders (hands, scarves, masks) · clothes (grey) · background (grey) · camera
(one distance and frame) · flaws (blur, noise, compression, grey pictures, wrong exposure).
"""

WORLDS = ("usual", "shifted")

LABEL_NOISE = ("none", "flips", "appearance")

USUAL_PITCH_RAD = 0.11
"""Standard deviation of a head's nod."""


@dataclass(frozen=True)
class Rendering:
    """How pictures are drawn; the same for all pictures of a set.

    Args:
        max_yaw_rad: largest turn of the head to either side, in radians.
        pitch_rad: standard deviation of its nod, in radians; nobody nods by more than 0.5.
        redrawn: hair, spectacles, clothes and background are drawn anew in every picture, so that shape and skin alone
            carry the person.
        without: names in `INGREDIENTS` that are left out.
        label_noise: of the identity attributes, at CelebA's same-person agreement: none, flips (independent of the
            picture) or appearance (judged on the picture's expression, pose and light).
        world: usual, or shifted: poses, expressions, lights, cameras, backgrounds and damage that the usual one never
            has (`synth.shifted`), for tests of how a network bears change.
        device: where the kernels run: cpu, cuda or cuda:N. The last bits of a picture differ between devices.

    Raises:
        ConfigError: an unknown name, an impossible angle, or a GPU that is not there.
    """

    max_yaw_rad: float = 1.309
    pitch_rad: float = USUAL_PITCH_RAD
    redrawn: bool = False
    without: tuple[str, ...] = ()
    label_noise: str = "none"
    world: str = "usual"
    device: str = "cpu"

    def __post_init__(self) -> None:
        """Validates."""
        if not 0 <= self.max_yaw_rad <= 1.571:
            raise ConfigError(f"max_yaw_rad is {self.max_yaw_rad}: it must lie between 0 and 1.571 (a quarter turn)")
        if not 0 <= self.pitch_rad <= 0.5:
            raise ConfigError(f"pitch_rad is {self.pitch_rad}: it must lie between 0 and 0.5")
        unknown = sorted(set(self.without) - set(INGREDIENTS))
        if unknown:
            raise ConfigError(f"without: unknown ingredient '{unknown[0]}': choose from {', '.join(INGREDIENTS)}")
        if self.label_noise not in LABEL_NOISE:
            raise ConfigError(f"unknown label noise '{self.label_noise}': choose one of {', '.join(LABEL_NOISE)}")
        if self.world not in WORLDS:
            raise ConfigError(f"unknown world '{self.world}': choose one of {', '.join(WORLDS)}")
        if self.device != "cpu":
            _check_gpu(self.device)

    def has(self, ingredient: str) -> bool:
        """Whether an ingredient is drawn."""
        return ingredient not in self.without


def ingredients(words: Sequence[str] | str) -> tuple[str, ...]:
    """What is left out, as a user writes it: names in a list, or in one text with commas; sorted, each once."""
    listed = words.split(",") if isinstance(words, str) else words
    return tuple(sorted({word.strip() for word in listed} - {""}))


def _check_gpu(device: str) -> None:
    if not re.fullmatch(r"cuda(:\d+)?", device):
        raise ConfigError(f"unknown device '{device}': people are rendered on cpu, cuda or cuda:N")
    try:
        import warp as wp
    except ImportError as error:
        raise MissingExtraError("synth", "rendering people") from error
    from kronface.synth.silence import silenced

    wp.config.log_level = wp.LOG_ERROR  # no banner
    with silenced():
        wp.init()
        count = wp.get_cuda_device_count()
    if int(device.partition(":")[2] or 0) >= count:
        raise ConfigError(f"device '{device}' was asked for, but Warp sees {count} CUDA devices: use --device cpu")
