"""Safe decoding of pictures to RGB, and atomic writing."""

import io
import warnings
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Header
from PIL import UnidentifiedImageError

from kronface.errors import ImageError
from kronface.files import write_bytes

Image = NDArray[np.uint8]
"""A picture: (H, W, 3) uint8, RGB."""

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif")
"""Endings of file names that are taken for pictures, in lower case."""

MAX_PIXELS = 100_000_000
"""Larger pictures are refused before anything is decoded: a small file can describe an image that fills the memory."""

ORIENTATION_TAG = 0x0112


def read_image(path: Path, *, max_pixels: int = MAX_PIXELS) -> Image:
    """Reads one picture as RGB: EXIF orientation applied, grey spread, alpha laid on white, 16 bits scaled to 8.

    Raises:
        ImageError: the file is missing, no picture, cut short, or has more than `max_pixels` pixels.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {error.strerror}") from error
    return decode_image(data, str(path), max_pixels=max_pixels)


def decode_image(data: bytes, name: str, *, max_pixels: int = MAX_PIXELS) -> Image:
    """Decodes a picture's bytes as `read_image` does; `name` stands in the error message.

    Raises:
        ImageError: the bytes are no picture, cut short, or describe more than `max_pixels` pixels.
    """
    width, height, orientation = _read_header(data, name)
    if width * height > max_pixels:
        raise ImageError(f"{name} has {width}x{height} pixels, more than the limit of {max_pixels}: shrink it")
    if _is_truncated(data):
        raise ImageError(f"{name} is cut short: copy it again")
    try:
        # IMREAD_UNCHANGED keeps alpha and depth, and leaves the orientation to us.
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise ImageError(f"{name} cannot be decoded: {error.err}") from error
    if decoded is None:
        raise ImageError(f"{name} cannot be decoded: it is damaged, or of a kind that OpenCV does not read")
    return _orient(_to_rgb(decoded, name), orientation)


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


def _read_header(data: bytes, name: str) -> tuple[int, int, int]:
    """Width, height and EXIF orientation, without decoding any pixel."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Header.DecompressionBombWarning)
            with Header.open(io.BytesIO(data)) as header:
                orientation = header.getexif().get(ORIENTATION_TAG, 1)
                return header.width, header.height, orientation if isinstance(orientation, int) else 1
    except Header.DecompressionBombError as error:
        raise ImageError(f"{name} describes more pixels than any photograph has: it is refused") from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError) as error:
        kind = "is empty" if not data else "is not a picture, or is damaged"
        raise ImageError(f"{name} {kind}: bring a JPEG, PNG, WebP, BMP or TIFF file") from error


def _is_truncated(data: bytes) -> bool:
    # OpenCV fills the missing part of a cut JPEG with grey and says nothing but a warning.
    if data.startswith(b"\xff\xd8"):
        # An EXIF thumbnail has an end marker too: look behind the last start of a scan.
        return data.find(b"\xff\xd9", max(data.rfind(b"\xff\xda"), 0)) < 0
    if data.startswith(b"\x89PNG"):
        return b"IEND" not in data[-64:] and b"IEND\xaeB`\x82" not in data
    if data.startswith(b"RIFF"):
        return len(data) < int.from_bytes(data[4:8], "little") + 8
    if data.startswith(b"BM"):
        return len(data) < int.from_bytes(data[2:6], "little")
    return False


def _to_rgb(decoded: NDArray[np.generic], name: str) -> Image:
    pixels = decoded
    if pixels.dtype == np.uint16:
        pixels = np.round(pixels / 257.0).astype(np.uint8)
    if pixels.dtype != np.uint8:
        raise ImageError(f"{name} has pixels of type {pixels.dtype}: save it with 8 or 16 bits per channel")
    if pixels.ndim == 2:
        return np.repeat(pixels[:, :, None], 3, 2)
    if pixels.shape[2] == 4:
        alpha = pixels[:, :, 3:].astype(np.float32) / 255
        laid = pixels[:, :, :3] * alpha + 255 * (1 - alpha)
        pixels = np.round(laid).astype(np.uint8)
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
