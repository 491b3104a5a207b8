"""Random changes of training images: geometry in one warp, then light and colour, then what a camera and a file do."""

import cv2
import numpy as np

from kronface.errors import ConfigError
from kronface.faces.image import Image, compressed

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in the brightness (ITU-R BT.601)."""


class Augment:
    """Flip, shift, turn, scale, relight, grey, blur, shrink, compress and cover an aligned face.

    Args:
        flip: probability of a mirror image.
        shift: largest shift in each direction, as a share of the side.
        rotation_rad: largest rotation either way, in radians.
        scale: largest change of size either way, as a share.
        brightness: largest change either way, as a share of the full range.
        contrast: largest change of contrast either way, as a share.
        saturation: largest change of saturation either way, as a share.
        grey: probability of a grey picture.
        gamma: largest exponent of the tone curve, either way as a share: 0.5 reaches from 1/1.5 to 1.5.
        tint: largest gain of a single channel either way, as a share.
        blur: probability of a blurred picture, by up to 1/50 of the side.
        coarse: probability of a picture that was smaller once, by up to a third.
        noise: largest standard deviation of added noise, as a share of the full range.
        jpeg: probability of a picture that was compressed, at a quality of 20 to 90.
        cover: probability of a rectangle of one colour over up to a third of each side.
        edge: probability that the photograph ends within the face's crop, on one to three sides, by up to a quarter of
            the crop: beyond it is black, as where an alignment reaches out of a picture, or one grey.

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
        gamma: float = 0.0,
        tint: float = 0.0,
        blur: float = 0.0,
        coarse: float = 0.0,
        noise: float = 0.0,
        jpeg: float = 0.0,
        cover: float = 0.0,
        edge: float = 0.0,
    ) -> None:
        shares = {"flip": flip, "shift": shift, "scale": scale, "brightness": brightness, "contrast": contrast}
        shares |= {"saturation": saturation, "grey": grey, "gamma": gamma, "tint": tint, "blur": blur}
        shares |= {"coarse": coarse, "noise": noise, "jpeg": jpeg, "cover": cover, "edge": edge}
        for name, value in shares.items():
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
        self.gamma = gamma
        self.tint = tint
        self.blur = blur
        self.coarse = coarse
        self.noise = noise
        self.jpeg = jpeg
        self.cover = cover
        self.edge = edge

    def __call__(
        self, image: Image, rng: np.random.Generator, *, size: int | None = None, margin: float = 0.0
    ) -> Image:
        """(S, S, 3) uint8 RGB -> another picture; all randomness comes from `rng`.

        Args:
            image: the face.
            rng: what is drawn from.
            size: side of the result; None for that of the picture.
            margin: how far the picture reaches beyond the result on each side, as a share of the result's side.
        """
        side = size or image.shape[0]
        centre, middle = (side - 1) / 2, (image.shape[0] - 1) / 2
        angle = rng.uniform(-self.rotation_rad, self.rotation_rad)
        factor = (1 + rng.uniform(-self.scale, self.scale)) * side * (1 + 2 * margin) / image.shape[0]
        dx, dy = rng.uniform(-self.shift, self.shift, 2) * side
        mirror = -1.0 if rng.random() < self.flip else 1.0
        cosine, sine = factor * np.cos(angle), factor * np.sin(angle)
        linear = np.array([[cosine * mirror, -sine], [sine * mirror, cosine]])
        offset = np.array([centre + dx, centre + dy]) - linear @ (middle, middle)
        matrix = np.hstack([linear, offset[:, None]])
        if self.edge and rng.random() < self.edge:
            image = _ended(image, rng, margin)
        warped = cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

        gain = 1 + rng.uniform(-self.contrast, self.contrast)
        lift = rng.uniform(-self.brightness, self.brightness) * 255
        saturation = 0.0 if rng.random() < self.grey else 1 + rng.uniform(-self.saturation, self.saturation)
        # Saturation blends with the luma, contrast stretches about mid-grey: together one affine map of the colours.
        colours = gain * (saturation * np.eye(3) + (1 - saturation) * np.tile(LUMA, (3, 1)))
        if self.tint:
            colours = colours * (1 + rng.uniform(-self.tint, self.tint, 3))  # of the light: a grey picture stays grey
        out = cv2.transform(warped, np.hstack([colours, np.full((3, 1), 127.5 * (1 - gain) + lift)])).astype(np.uint8)
        return self._degrade(out, rng)

    def _degrade(self, image: Image, rng: np.random.Generator) -> Image:
        """What light, cameras and files do beyond what one matrix can; draws nothing where all of it is 0."""
        side = image.shape[0]
        if self.gamma:
            exponent = (1 + self.gamma) ** rng.uniform(-1, 1)
            image = cv2.LUT(image, (255 * (np.arange(256) / 255) ** exponent + 0.5).astype(np.uint8)).astype(np.uint8)
        if self.cover and rng.random() < self.cover:
            height, width = rng.integers(side // 10, side // 3 + 1, 2)
            top, left = rng.integers(0, side - height + 1), rng.integers(0, side - width + 1)
            image[top : top + height, left : left + width] = rng.integers(0, 256, 3)
        if self.blur and rng.random() < self.blur:
            image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.2, 1) * side / 50).astype(np.uint8)
        if self.coarse and rng.random() < self.coarse:
            small = round(side * rng.uniform(1 / 3, 0.9))
            shrunk = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)
            image = cv2.resize(shrunk, (side, side), interpolation=cv2.INTER_LINEAR).astype(np.uint8)
        if self.noise:
            deviation = 255 * self.noise * rng.random() ** 2
            grain = rng.normal(0, 1, image.shape).astype(np.float32)
            image = np.clip(image + deviation * grain + 0.5, 0, 255).astype(np.uint8)
        if self.jpeg and rng.random() < self.jpeg:
            image = compressed(image, int(rng.integers(20, 91)))
        return image


def _ended(image: Image, rng: np.random.Generator, margin: float) -> Image:
    """The picture, of which nothing is known beyond some of its sides."""
    side = image.shape[0]
    crop = side / (1 + 2 * margin)
    beyond = 0 if rng.random() < 0.7 else int(rng.integers(0, 256))
    image = image.copy()
    for turn in rng.permutation(4)[: rng.integers(1, 4)]:
        width = round(margin * crop + rng.uniform(0, 0.25) * crop)
        np.rot90(image, turn)[:width] = beyond
    return image


def wild(strength: float = 1.0, *, edge: float = 0.0) -> Augment:
    """What photographs go through that renderings do not: for networks that are trained on the latter alone.

    Args:
        strength: 0 (flips alone) to 1.
        edge: probability that the photograph ends within the crop.
    """
    return Augment(
        shift=0.05 * strength,
        rotation_rad=0.15 * strength,
        scale=0.12 * strength,
        brightness=0.15 * strength,
        contrast=0.35 * strength,
        saturation=0.5 * strength,
        grey=0.4 * strength,
        gamma=0.6 * strength,
        tint=0.15 * strength,
        blur=0.25 * strength,
        coarse=0.25 * strength,
        noise=0.06 * strength,
        jpeg=0.25 * strength,
        cover=0.15 * strength,
        edge=edge,
    )


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
