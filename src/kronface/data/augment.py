"""Random changes of training images: geometry in one warp, then light and colour."""

import cv2
import numpy as np

from kronface.errors import ConfigError
from kronface.faces.image import Image

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in the brightness (ITU-R BT.601)."""


class Augment:
    """Flip, shift, turn, scale, relight and grey an aligned face.

    Args:
        flip: probability of a mirror image.
        shift: largest shift in each direction, as a share of the side.
        rotation_rad: largest rotation either way, in radians.
        scale: largest change of size either way, as a share.
        brightness: largest change either way, as a share of the full range.
        contrast: largest change of contrast either way, as a share.
        saturation: largest change of saturation either way, as a share.
        grey: probability of a grey picture.

    Raises:
        ConfigError: a probability or share outside of [0, 1].
    """

    def __init__(
        self,
        *,
        flip: float = 0.5,
        shift: float = 0.04,
        rotation_rad: float = 0.1,
        scale: float = 0.1,
        brightness: float = 0.1,
        contrast: float = 0.15,
        saturation: float = 0.2,
        grey: float = 0.1,
    ) -> None:
        shares = {"flip": flip, "shift": shift, "scale": scale, "brightness": brightness, "contrast": contrast}
        for name, value in (shares | {"saturation": saturation, "grey": grey}).items():
            if not 0 <= value <= 1:
                raise ConfigError(f"augmentation: {name} is {value}, it must lie between 0 and 1")
        self.flip = flip
        self.shift = shift
        self.rotation_rad = rotation_rad
        self.scale = scale
        self.brightness = brightness
        self.contrast = contrast
        self.saturation = saturation
        self.grey = grey

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """(S, S, 3) uint8 RGB -> another picture of the same shape; all randomness comes from `rng`."""
        side = image.shape[0]
        centre = (side - 1) / 2
        angle = rng.uniform(-self.rotation_rad, self.rotation_rad)
        factor = 1 + rng.uniform(-self.scale, self.scale)
        dx, dy = rng.uniform(-self.shift, self.shift, 2) * side
        mirror = -1.0 if rng.random() < self.flip else 1.0
        cosine, sine = factor * np.cos(angle), factor * np.sin(angle)
        linear = np.array([[cosine * mirror, -sine], [sine * mirror, cosine]])
        offset = np.array([centre + dx, centre + dy]) - linear @ (centre, centre)
        matrix = np.hstack([linear, offset[:, None]])
        warped = cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

        gain = 1 + rng.uniform(-self.contrast, self.contrast)
        lift = rng.uniform(-self.brightness, self.brightness) * 255
        saturation = 0.0 if rng.random() < self.grey else 1 + rng.uniform(-self.saturation, self.saturation)
        # Saturation blends with the luma, contrast stretches about mid-grey: together one affine map of the colours.
        colours = gain * (saturation * np.eye(3) + (1 - saturation) * np.tile(LUMA, (3, 1)))
        return cv2.transform(warped, np.hstack([colours, np.full((3, 1), 127.5 * (1 - gain) + lift)])).astype(np.uint8)


def augmentation(name: str) -> Augment | None:
    """The named strengths: 'none', 'mild' (flips and small shifts, for short runs) and 'full'.

    Raises:
        ConfigError: an unknown name.
    """
    if name == "none":
        return None
    if name == "mild":
        return Augment(rotation_rad=0.0, scale=0.0, brightness=0.0, contrast=0.0, saturation=0.0, grey=0.0)
    if name == "full":
        return Augment()
    raise ConfigError(f"unknown augmentation '{name}': choose none, mild or full")
