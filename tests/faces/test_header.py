import io
import struct
import zlib
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from kronface.faces.header import read_header

KINDS = {"JPEG": "JPEG", "PNG": "PNG", "WEBP": "WebP", "BMP": "BMP", "TIFF": "TIFF", "GIF": "GIF"}
NOISE = np.random.default_rng(0).integers(0, 256, (41, 60, 3), dtype=np.uint8)


def encode(kind: str, mode: str = "RGB", **options: Any) -> bytes:  # noqa: ANN401 - Pillow's
    buffer = io.BytesIO()
    Pillow.fromarray(NOISE).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "RGBA", "CMYK"])
def test_agrees_with_pillow_on_kind_and_size(kind: str, mode: str) -> None:
    try:
        data = encode(kind, mode)
    except (OSError, ValueError):
        pytest.skip(f"{kind} has no mode {mode}")
    header = read_header(data)
    assert header is not None
    assert (header.kind, header.width, header.height, header.damage) == (KINDS[kind], 60, 41, "")


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"progressive": True}),
        ("JPEG", {"restart_marker_blocks": 2}),
        ("WEBP", {"lossless": True}),
        ("WEBP", {"exif": Pillow.Exif().tobytes()}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"big_tiff": True}),
        ("PNG", {"interlace": 1}),
    ],
)
def test_variants_of_the_formats(kind: str, options: dict[str, Any]) -> None:
    header = read_header(encode(kind, **options))
    assert header is not None
    assert (header.width, header.height, header.damage) == (60, 41, "")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_cut_file_is_noticed(kind: str, share: float) -> None:
    data = encode(kind)
    header = read_header(data[: int(len(data) * share)])
    assert header is None or header.damage


def test_a_cut_jpeg_is_noticed_behind_a_whole_thumbnail() -> None:
    buffer = io.BytesIO()
    Pillow.fromarray(NOISE[:16, :16]).save(buffer, "JPEG")
    data = encode("JPEG")
    thumbnail = b"\xff\xe1" + struct.pack(">H", len(buffer.getvalue()) + 8) + b"Exif\0\0" + buffer.getvalue()
    whole = data[:2] + thumbnail + data[2:]
    found, cut = read_header(whole), read_header(whole[:-2])
    assert found is not None
    assert cut is not None
    assert (found.width, found.damage) == (60, "")
    assert (cut.width, cut.damage) == (60, "is cut short: copy it again")


def test_what_follows_the_end_of_a_jpeg_does_not_matter() -> None:
    header = read_header(encode("JPEG") + b"\xff\xd8\xff\xda a video of the same moment")
    assert header is not None
    assert not header.damage


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(kind: str, orientation: int) -> None:
    exif = Pillow.Exif()
    exif[0x010F] = "A maker with a long name"
    exif[0x0112] = orientation
    header = read_header(encode(kind, exif=exif.tobytes()))
    assert header is not None
    assert header.orientation == orientation


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_impossible_orientation_is_none(value: int) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = value
    header = read_header(encode("JPEG", exif=exif.tobytes()))
    assert header is not None
    assert header.orientation == 1


def test_a_broken_exif_block_is_passed_over() -> None:
    data = encode("JPEG")
    header = read_header(data[:2] + b"\xff\xe1\x00\x0eExif\0\0MM\0*\0\0" + data[2:])
    assert header is not None
    assert (header.width, header.orientation) == (60, 1)


def test_a_png_with_a_wrong_checksum_is_damaged() -> None:
    data = bytearray(encode("PNG"))
    data[data.index(b"IDAT") + 20] ^= 1
    header = read_header(bytes(data))
    assert header is not None
    assert header.damage == "is damaged: copy it again"


def test_sizes_are_read_without_pixels() -> None:
    chunk = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 50_000, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    header = read_header(data)
    assert header is not None
    assert (header.width, header.height) == (60_000, 50_000)


def test_a_second_frame_does_not_hide_the_size_of_the_first() -> None:
    data = encode("JPEG")
    start = data.index(b"\xff\xc0")
    frame = data[start : start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")]
    assert read_header(data[:start] + frame + data[start:]) is None


def test_16_bit_and_top_down_pictures() -> None:
    for suffix in (".png", ".tiff"):
        data = cv2.imencode(suffix, NOISE.astype(np.uint16) * 257)[1].tobytes()
        header = read_header(data)
        assert header is not None
        assert (header.width, header.height, header.damage) == (60, 41, "")
    bitmap = bytearray(encode("BMP"))
    bitmap[22:26] = struct.pack("<i", -41)
    header = read_header(bytes(bitmap))
    assert header is not None
    assert (header.height, header.damage) == (41, "")


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff", b"BM", b"II*\0", b"RIFF\0\0\0\0WEBP", b"GIF89a", b"hello"])
def test_what_is_no_picture_has_no_header(data: bytes) -> None:
    assert read_header(data) is None


@settings(max_examples=300, deadline=None)
@given(kind=st.sampled_from(list(KINDS)), data=st.data())
def test_no_damage_makes_it_fail(kind: str, data: st.DataObject) -> None:
    content = bytearray(encode(kind))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, min(len(content) - 1, 400)))] = data.draw(st.integers(0, 255))
    # Missing tags, lengths beyond the end, offsets beyond 2^63: all of them give None or a header.
    header = read_header(bytes(content[: data.draw(st.integers(0, len(content)))]))
    assert header is None or (header.width >= 0 and header.height >= 0 and 1 <= header.orientation <= 8)
