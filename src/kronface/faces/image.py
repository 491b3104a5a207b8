"""Safe decoding of pictures to RGB, and atomic writing."""

import stat
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from kronface.errors import ImageError
from kronface.faces.header import read_header, without_profile
from kronface.files import write_bytes

Image = NDArray[np.uint8]
"""A picture: (H, W, 3) uint8, RGB."""

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".pgm", ".ppm", ".pnm")
"""Endings of file names that are taken for pictures, in lower case."""

MAX_PIXELS = 100_000_000
"""Larger pictures are refused before anything is decoded: a small file can describe an image that fills the memory."""

BYTES_PER_PIXEL = 8
"""Of the largest sensible file: RGB and alpha with 16 bits each, uncompressed."""


def read_image(path: Path, *, max_pixels: int = MAX_PIXELS) -> Image:
    """Reads one picture as RGB: EXIF orientation applied, grey spread, alpha laid on white, 16 bits scaled to 8.

    Raises:
        ImageError: the file is missing, no picture, cut short, or has more than `max_pixels` pixels.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ImageError(f"{path} is not a file: name a picture")
        if status.st_size > max_pixels * BYTES_PER_PIXEL + (1 << 20):
            raise ImageError(f"{path} is larger than any picture of {max_pixels} pixels: shrink it")
        data = path.read_bytes()
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {error.strerror}") from error
    return decode_image(data, str(path), max_pixels=max_pixels)


def decode_image(data: bytes, name: str, *, max_pixels: int = MAX_PIXELS) -> Image:
    """Decodes a picture's bytes as `read_image` does; `name` stands in the error message.

    Of several pictures in a file the first is taken. Damage inside of a JPEG's compressed data does not show from the
    outside; the decoder fills it with what it makes of it.

    Raises:
        ImageError: the bytes are no picture, cut short, or describe more than `max_pixels` pixels.
    """
    header = read_header(data)
    if header is None:
        kind = "is not a picture, or is damaged" if data else "is empty"
        raise ImageError(f"{name} {kind}: bring a JPEG, PNG, WebP, BMP, TIFF or PGM file")
    if header.width * header.height > max_pixels:
        raise ImageError(
            f"{name} has {header.width}x{header.height} pixels, more than the limit of {max_pixels}: shrink it"
        )
    if header.damage:
        raise ImageError(f"{name} {header.damage}")
    if header.kind == "PNG":
        data = without_profile(data)
    try:
        # IMREAD_UNCHANGED keeps alpha and depth, and leaves the orientation to us (except in TIFF files).
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise ImageError(f"{name} cannot be decoded ({error.err}): save it again as JPEG or PNG") from error
    if decoded is None:
        raise ImageError(f"{name} cannot be decoded: it is damaged, or of a rare kind; save it again as JPEG or PNG")
    # OpenCV multiplies the colours of TIFF files with 8 bits by their alpha.
    pixels = _to_rgb(decoded, name, multiplied=header.kind == "TIFF" and decoded.dtype == np.uint8)
    return _orient(pixels, header.orientation)


def write_image(path: Path, image: Image, *, quality: int = 95, durable: bool = True) -> None:
    """Writes (H, W, 3) RGB atomically; the suffix chooses the format, `quality` is JPEG's.

    `durable` is that of `kronface.files.atomic_path`.

    Raises:
        ImageError: OpenCV knows no such format.
    """
    try:
        options = [cv2.IMWRITE_JPEG_QUALITY, quality] if path.suffix.lower() in (".jpg", ".jpeg") else []
        done, data = cv2.imencode(path.suffix, image[:, :, ::-1], options)
    except cv2.error:
        done = False
    if not done:
        raise ImageError(f"{path} cannot be written: choose a name that ends in .jpg or .png")
    write_bytes(path, data.tobytes(), durable=durable)


def compressed(image: Image, quality: int) -> Image:
    """(H, W, 3) as it comes back from a JPEG of that quality; channels are taken as they stand, in memory alone."""
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def check_image_path(path: Path) -> None:
    """Whether `write_image` knows the format that the path's suffix names.

    Raises:
        ImageError: it does not.
    """
    if path.suffix.lower() not in SUFFIXES or not cv2.haveImageWriter(f"name{path.suffix}"):
        raise ImageError(f"{path} cannot be written: choose a name that ends in .jpg or .png")


def _to_rgb(decoded: NDArray[Any], name: str, *, multiplied: bool) -> Image:
    if decoded.dtype == np.uint16:
        pixels = ((decoded.astype(np.uint32) + 128) // 257).astype(np.uint8)
    elif decoded.dtype == np.uint8:
        pixels = decoded
    else:
        raise ImageError(f"{name} has pixels of type {decoded.dtype}: save it with 8 or 16 bits per channel")
    if pixels.ndim == 2:
        return np.repeat(pixels[:, :, None], 3, 2)
    if pixels.shape[2] == 4:
        colours, alpha = pixels[:, :, :3].astype(np.uint16), pixels[:, :, 3:].astype(np.uint16)
        # Whole numbers below 2^16 all through: a large picture in floating point would take a gigabyte.
        laid = colours + (255 - alpha) if multiplied else (colours * alpha + 255 * (255 - alpha) + 127) // 255
        pixels = np.minimum(laid, 255).astype(np.uint8)
    if pixels.shape[2] != 3:
        raise ImageError(f"{name} has {pixels.shape[2]} channels: save it as grey, RGB or RGBA")
    return np.ascontiguousarray(pixels[:, :, ::-1])


def _orient(image: Image, orientation: int) -> Image:
    """Undoes the camera's rotation: EXIF's eight orientations (CIPA DC-008, tag 0x0112)."""
    if orientation in (5, 6, 7, 8):
        image = image.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)
