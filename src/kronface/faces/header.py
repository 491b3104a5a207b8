"""What a picture's file says of itself: size and orientation, and whether it is whole, before any pixel is decoded."""

import re
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Header:
    """The outside of a picture."""

    kind: str
    """JPEG, PNG, WebP, BMP, TIFF, GIF or PNM."""
    width: int
    """In pixels, as stored."""
    height: int
    orientation: int = 1
    """EXIF's, 1 to 8, where the decoder leaves it to the caller to apply it."""
    damage: str = ""
    """What is wrong with the file, and the remedy; empty where it is whole as far as its outside shows."""


CUT = "is cut short: copy it again"
ORIENTATION = 0x0112


def read_header(data: bytes) -> Header | None:
    """The header of a JPEG, PNG, WebP, BMP, TIFF, GIF or PNM file; None for anything else, or where it breaks off."""
    for magic, reader in READERS:
        if magic.match(data):
            try:
                return reader(data)
            except (struct.error, LookupError, OverflowError, ValueError):
                return None
    return None


def _jpeg(data: bytes) -> Header:
    """ITU-T T.81, annex B: segments with a length each, and entropy-coded data behind every start of scan."""
    width = height = 0
    orientation = 1
    position = 2
    while True:
        found = _MARKER.search(data, position)
        if found is None:
            if not width:
                raise ValueError
            return Header("JPEG", width, height, orientation, CUT)
        marker, position = data[found.end() - 1], found.end()
        if marker == 0xD9:  # end of image; what stands behind it (a video, a second picture) is not our business
            if not width:
                raise ValueError
            return Header("JPEG", width, height, orientation)
        if marker in (0x01, 0xD8):  # markers without a segment
            continue
        (length,) = struct.unpack_from(">H", data, position)
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # start of frame
            if width:
                raise ValueError  # a second one could hide the size of the first
            height, width = struct.unpack_from(">HH", data, position + 3)
        elif marker == 0xE1 and data[position + 2 : position + 8] == b"Exif\0\0":
            orientation = _exif_orientation(data[position + 8 : position + length])
        position += max(length, 2)


# In entropy-coded data 0xFF is followed by 0 or a restart marker; between segments it may be repeated.
_MARKER = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]", re.DOTALL)


def _png(data: bytes) -> Header:
    """ISO/IEC 15948: chunks of length, name, content and checksum."""
    width, height = struct.unpack_from(">II", data, 16)
    orientation = 1
    position = 8
    while position + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            break
        # The decoder checks as well, but complains on the terminal, where the caller cannot hold it back.
        (checksum,) = struct.unpack_from(">I", data, end - 4)
        if name[:1].isupper() and zlib.crc32(memoryview(data)[position + 4 : end - 4]) != checksum:
            return Header("PNG", width, height, orientation, "is damaged: copy it again")
        if name == b"eXIf":
            orientation = _exif_orientation(data[position + 8 : end - 4])
        if name == b"IEND":
            return Header("PNG", width, height, orientation)
        position = end
    return Header("PNG", width, height, orientation, CUT)


def without_profile(data: bytes) -> bytes:
    """A PNG file without its colour profile, which is not applied, but complained about where it is odd, as often."""
    position = 8
    while position + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if name == b"iCCP":
            return data[:position] + data[end:]
        if name == b"IDAT":  # which a profile precedes
            break
        position = end
    return data


def _webp(data: bytes) -> Header:
    """RFC 9649: RIFF chunks; the first is VP8X (extended), VP8L (lossless) or VP8 (lossy)."""
    width = height = 0
    orientation = 1
    position, end = 12, struct.unpack_from("<I", data, 4)[0] + 8
    while position + 8 <= min(len(data), end):
        name, length = struct.unpack_from("<4sI", data, position)
        start = position + 8
        if name == b"VP8X":
            width = int.from_bytes(data[start + 4 : start + 7], "little") + 1
            height = int.from_bytes(data[start + 7 : start + 10], "little") + 1
        elif name == b"VP8L" and not width:
            (bits,) = struct.unpack_from("<I", data, start + 1)
            width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        elif name == b"VP8 " and not width:
            width, height = (value & 0x3FFF for value in struct.unpack_from("<HH", data, start + 6))
        elif name == b"EXIF":
            orientation = _exif_orientation(data[start : start + length].removeprefix(b"Exif\0\0"))
        position = start + length + length % 2
    if not width:
        raise ValueError
    return Header("WebP", width, height, orientation, CUT if len(data) < end else "")


def _bmp(data: bytes) -> Header:
    """Microsoft's bitmap: a file header, then one of several info headers; negative heights run from the top."""
    pixels, info = struct.unpack_from("<II", data, 10)
    width, height = struct.unpack_from("<HH" if info == 12 else "<ii", data, 18)
    bits, compression = (*struct.unpack_from("<H", data, 24), 0) if info == 12 else struct.unpack_from("<HI", data, 28)
    row = -(-abs(width) * bits // 32) * 4
    packed = compression in (1, 2)  # run-length encoded: its length is not known beforehand
    short = len(data) <= pixels if packed else len(data) < pixels + row * abs(height)
    return Header("BMP", abs(width), abs(height), damage=CUT if short else "")


def _tiff(data: bytes) -> Header:
    """TIFF 6.0 and BigTIFF: the first directory. OpenCV applies the orientation of this one kind by itself."""
    tags = dict(_directory(data))
    width, height = tags[256][0], tags[257][0]
    offsets, lengths = (tags.get(strips, tags.get(tiles, ())) for strips, tiles in ((273, 324), (279, 325)))
    short = any(offset + length > len(data) for offset, length in zip(offsets, lengths, strict=False))
    return Header("TIFF", width, height, damage=CUT if short else "")


def _gif(data: bytes) -> Header:
    """GIF89a: the logical screen; at the end of all a block's terminator and the trailer."""
    width, height = struct.unpack_from("<HH", data, 6)
    return Header("GIF", width, height, damage="" if b"\0;" in data[-512:] else CUT)


def _pnm(data: bytes) -> Header:
    """Netpbm's binary grey and colour maps (PGM, PPM): numbers in decimals, comments among them, then raw pixels."""
    found = _PNM.match(data)
    if found is None:
        raise ValueError
    width, height, most = (int(found[name]) for name in ("width", "height", "most"))
    if most not in (255, 65535):
        return Header("PNM", width, height, damage=f"has pixels from 0 to {most}, not 255 or 65535: save it as PNG")
    size = width * height * (3 if data[1:2] == b"6" else 1) * (1 if most == 255 else 2)
    return Header("PNM", width, height, damage=CUT if len(data) - found.end() < size else "")


_BLANK = rb"(?:\s|#[^\n\r]*[\n\r])+"
_PNM = re.compile(
    rb"P[56]" + _BLANK + rb"(?P<width>\d{1,9})" + _BLANK + rb"(?P<height>\d{1,9})" + _BLANK + rb"(?P<most>\d{1,9})\s"
)


def _exif_orientation(block: bytes) -> int:
    """The orientation in an EXIF block, which is a small TIFF file; 1 where there is none, or no valid one."""
    try:
        value = dict(_directory(block)).get(ORIENTATION, (1,))[0]
    except (struct.error, LookupError, OverflowError, ValueError):
        return 1
    return value if 1 <= value <= 8 else 1


_TYPES = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q"}
"""TIFF's unsigned whole numbers: byte, short, long, directory offset, and BigTIFF's long8."""

_MOST_VALUES = 1 << 20
"""More strips than any real picture has."""


def _directory(data: bytes) -> Iterator[tuple[int, tuple[int, ...]]]:
    """(tag, values) of the whole numbers in the first directory of a TIFF file."""
    if data[:2] not in (b"II", b"MM"):
        raise ValueError
    order = "<" if data[:2] == b"II" else ">"
    big = struct.unpack_from(order + "H", data, 2)[0] == 43
    (start,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
    (entries,) = struct.unpack_from(order + ("Q" if big else "H"), data, start)
    size, word = (20, 8) if big else (12, 4)
    first = start + (8 if big else 2)
    for position in range(first, first + min(entries, 4096) * size, size):
        tag, kind, count = struct.unpack_from(order + ("HHQ" if big else "HHI"), data, position)
        letter = _TYPES.get(kind)
        if letter is None or not 0 < count <= _MOST_VALUES:
            continue
        where = position + size - word
        if struct.calcsize(order + letter) * count > word:
            (where,) = struct.unpack_from(order + ("Q" if big else "I"), data, where)
        yield tag, struct.unpack_from(f"{order}{count}{letter}", data, where)


READERS: tuple[tuple[re.Pattern[bytes], Callable[[bytes], Header]], ...] = (
    (re.compile(rb"\xff\xd8\xff"), _jpeg),
    (re.compile(rb"\x89PNG\r\n\x1a\n....IHDR", re.DOTALL), _png),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), _webp),
    (re.compile(rb"BM"), _bmp),
    (re.compile(rb"II[*+]\0|MM\0[*+]"), _tiff),
    (re.compile(rb"GIF8[79]a"), _gif),
    (re.compile(rb"P[56][\s#]"), _pnm),
)
"""Each kind's first bytes, and its reader."""
