"""Random changes of training images: geometry in one warp, then light and colour."""

import cv2
import numpy as np

from kronface.faces.image import Image


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

        pixels = warped.astype(np.float32)
        gain = 1 + rng.uniform(-self.contrast, self.contrast)
        lift = rng.uniform(-self.brightness, self.brightness) * 255
        saturation = 0.0 if rng.random() < self.grey else 1 + rng.uniform(-self.saturation, self.saturation)
        luma = pixels @ np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
        pixels = luma[:, :, None] + saturation * (pixels - luma[:, :, None])
        pixels = (pixels - 127.5) * gain + 127.5 + lift
        return np.clip(pixels, 0, 255).astype(np.uint8)
