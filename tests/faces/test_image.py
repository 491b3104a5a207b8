import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageOps

from kronface.errors import ImageError
from kronface.faces.image import Image, decode_image, read_image, write_image

rng = np.random.default_rng(0)
NOISE: Image = rng.integers(0, 256, (41, 60, 3), dtype=np.uint8)
SMOOTH: Image = np.stack(np.broadcast_arrays(np.arange(60) * 4, np.arange(41)[:, None] * 6, 90), -1).astype(np.uint8)


def encode(image: NDArray[np.uint8], kind: str, mode: str | None = None, **options: Any) -> bytes:  # noqa: ANN401 - Pillow's
    buffer = io.BytesIO()
    picture = Pillow.fromarray(image)
    (picture.convert(mode) if mode else picture).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_pictures_come_out_as_they_went_in(kind: str) -> None:
    np.testing.assert_array_equal(decode_image(encode(NOISE, kind), "x"), NOISE)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_lossy_pictures_are_rgb(kind: str) -> None:
    decoded = decode_image(encode(SMOOTH, kind, quality=95), "x")
    assert np.abs(decoded.astype(int) - SMOOTH).mean() < 3


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_once(kind: str, orientation: int) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    options: dict[str, Any] = (
        {"tiffinfo": {274: orientation}} if kind == "TIFF" else {"exif": exif.tobytes(), "quality": 95}
    )
    data = encode(SMOOTH, kind, **options)
    with Pillow.open(io.BytesIO(data)) as picture:
        expected = np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
    decoded = decode_image(data, "x")
    assert decoded.shape == expected.shape
    assert np.abs(decoded.astype(int) - expected).mean() < 3


@pytest.mark.parametrize(
    ("kind", "mode"), [("PNG", "L"), ("JPEG", "L"), ("PNG", "1"), ("PNG", "P"), ("GIF", "L"), ("PPM", "L")]
)
def test_grey_and_palettes_have_three_channels(kind: str, mode: str) -> None:
    data = encode(SMOOTH, kind, mode)
    with Pillow.open(io.BytesIO(data)) as picture:
        expected = np.asarray(picture.convert("RGB"))
    decoded = decode_image(data, "x")
    assert decoded.shape == (41, 60, 3)
    assert np.abs(decoded.astype(int) - expected).max() <= 2


@pytest.mark.parametrize(("kind", "tolerance"), [("PNG", 0), ("TIFF", 1), ("WEBP", 1)])
def test_alpha_is_laid_on_white(kind: str, tolerance: int) -> None:
    alpha = rng.integers(0, 256, (41, 60, 1), dtype=np.uint8)
    options: dict[str, Any] = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    decoded = decode_image(encode(np.dstack([NOISE, alpha]), kind, **options), "x")
    expected = np.round(NOISE * (alpha / 255) + 255 * (1 - alpha / 255))
    assert np.abs(decoded - expected).max() <= tolerance


def test_grey_with_alpha_is_laid_on_white() -> None:
    grey = np.dstack([NOISE[:, :, 0], NOISE[:, :, 1]])
    decoded = decode_image(encode(grey, "PNG", "LA"), "x")
    share = grey[:, :, 1:] / 255
    np.testing.assert_array_equal(decoded, np.repeat(np.round(grey[:, :, :1] * share + 255 * (1 - share)), 3, 2))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bits_are_scaled_to_8(channels: int) -> None:
    deep = rng.integers(0, 65536, (41, 60, channels), dtype=np.uint16)
    if channels == 4:
        deep[:, :, 3] = 65535
    decoded = decode_image(cv2.imencode(".png", deep.squeeze())[1].tobytes(), "x")
    expected = np.round(deep[:, :, :3][:, :, ::-1] / 65535 * 255)
    np.testing.assert_array_equal(decoded, np.broadcast_to(expected, (41, 60, 3)))


def test_cmyk_comes_out_in_its_colours() -> None:
    decoded = decode_image(encode(SMOOTH, "JPEG", "CMYK", quality=95), "x")
    assert np.abs(decoded.astype(int) - SMOOTH).mean() < 4


def test_a_picture_over_the_limit_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    chunk = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 50_000, 8, 2, 0, 0, 0)
    bomb = tmp_path / "bomb.png"
    bomb.write_bytes(b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk)))
    with pytest.raises(ImageError, match=r"bomb\.png has 60000x50000 pixels, more than the limit of 100000000"):
        read_image(bomb)
    picture = tmp_path / "small.png"
    picture.write_bytes(encode(NOISE, "PNG"))
    assert read_image(picture, max_pixels=41 * 60).shape == (41, 60, 3)
    with pytest.raises(ImageError, match="more than the limit of 2459"):
        read_image(picture, max_pixels=41 * 60 - 1)


def test_a_file_that_no_picture_fills_is_not_even_read(tmp_path: Path) -> None:
    path = tmp_path / "endless.jpg"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # sparse: it takes no space
    with pytest.raises(ImageError, match="larger than any picture"):
        read_image(path)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"])
def test_a_cut_picture_is_refused_quietly(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    data = encode(NOISE, kind)
    for length in (len(data) // 3, len(data) * 9 // 10):
        with pytest.raises(ImageError, match=r"cut short|not a picture"):
            decode_image(data[:length], "x")
    assert capfd.readouterr().err == ""


def bad_files(folder: Path) -> dict[str, Path]:
    paths = {name: folder / f"{name}.jpg" for name in ("empty", "text", "zeros", "folder", "missing", "pipe")}
    paths["empty"].write_bytes(b"")
    paths["text"].write_text("this is not a picture\n")
    paths["zeros"].write_bytes(bytes(2000))
    paths["folder"].mkdir()
    os.mkfifo(paths["pipe"])
    return paths


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("empty", "is empty"),
        ("text", "is not a picture"),
        ("zeros", "is not a picture"),
        ("folder", "is not a file"),
        ("missing", "No such file"),
        ("pipe", "is not a file"),
    ],
)
def test_bad_files_get_one_line_with_their_name(name: str, reason: str, tmp_path: Path) -> None:
    path = bad_files(tmp_path)[name]
    with pytest.raises(ImageError, match=reason) as caught:
        read_image(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "secret.jpg"
    path.write_bytes(encode(NOISE, "JPEG"))
    path.chmod(0)
    with pytest.raises(ImageError, match="Permission denied"):
        read_image(path)


def test_an_odd_colour_profile_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    file = io.BytesIO()
    Pillow.fromarray(picture).save(file, "PNG", icc_profile=b"x" * 200)
    assert b"iCCP" in file.getvalue()
    assert np.array_equal(decode_image(file.getvalue(), "name"), picture)
    assert capfd.readouterr().err == ""


def test_floating_point_pictures_are_refused() -> None:
    data = cv2.imencode(".tiff", NOISE.astype(np.float32))[1].tobytes()
    with pytest.raises(ImageError, match="float32"):
        decode_image(data, "x")


def test_written_pictures_are_read_again(tmp_path: Path) -> None:
    write_image(tmp_path / "deeper" / "x.png", NOISE)
    np.testing.assert_array_equal(read_image(tmp_path / "deeper" / "x.png"), NOISE)
    write_image(tmp_path / "x.jpg", SMOOTH, quality=95)
    assert np.abs(read_image(tmp_path / "x.jpg").astype(int) - SMOOTH).mean() < 3
    with pytest.raises(ImageError, match=r"ends in \.jpg or \.png"):
        write_image(tmp_path / "x.nonsense", NOISE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deeper", "x.jpg"]


def test_netpbm_with_comments_and_sixteen_bits() -> None:
    grey = np.arange(6, dtype=np.uint16).reshape(2, 3) * 10_000
    data = b"P5\n# by hand\n3\t# columns\n2\r65535\n" + grey.astype(">u2").tobytes()
    np.testing.assert_array_equal(decode_image(data, "x")[:, :, 1], (grey.astype(int) + 128) // 257)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"P5 3 2 255\n12345", "is cut short: copy it again"),
        (b"P5 3 2 100\n123456", "has pixels from 0 to 100, not 255 or 65535: save it as PNG"),
        (b"P6 99999 99999 255\n123456", "more than the limit"),
        (b"P5 3 x 255\n123456", "is not a picture, or is damaged"),
        (b"P2 3 2 255\n1 2 3 4 5 6", "is not a picture, or is damaged"),
    ],
)
def test_netpbm_that_cannot_be_read(data: bytes, said: str) -> None:
    with pytest.raises(ImageError, match=said):
        decode_image(data, "x")
