"""RecordIO packs, written by struct alone as the format says, so that reader and writer cannot share a mistake."""

import struct
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

MAGIC = b"\x0a\x23\xd7\xce"
"""0xCED7230A, little-endian."""


def chip(number: int, height: int = 112, width: int = 112) -> np.ndarray:
    """A picture (RGB) that no other number has."""
    rng = np.random.default_rng(number)
    return cv2.resize(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8), (width, height)).astype(np.uint8)


def jpeg(image: np.ndarray) -> bytes:
    return bytes(cv2.imencode(".jpg", image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes())


def image_record(label: float | Sequence[float], body: bytes, key: int = 0, key2: int = 0) -> bytes:
    if isinstance(label, Sequence):
        return struct.pack("<IfQQ", len(label), 0.0, key, key2) + struct.pack(f"<{len(label)}f", *label) + body
    return struct.pack("<IfQQ", 0, label, key, key2) + body


def chunks(record: bytes) -> list[bytes]:
    """The record cut at every magic at a multiple of four, word by word."""
    parts, current = [], b""
    position = 0
    while position < len(record):
        word = record[position : position + 4]
        if word == MAGIC:
            parts.append(current)
            current = b""
        else:
            current += word
        position += 4
    return [*parts, current]


def framed(record: bytes) -> bytes:
    parts = chunks(record)
    flags = [0] if len(parts) == 1 else [1] + [2] * (len(parts) - 2) + [3]
    written = b""
    for flag, part in zip(flags, parts, strict=True):
        written += MAGIC + struct.pack("<I", flag * 2**29 + len(part)) + part
        while len(written) % 4:
            written += b"\0"
    return written


def write_pack(folder: Path, records: dict[int, bytes], *, name: str = "train", end: str = "\n") -> Path:
    """Writes records in the order of the dict, by key, with their index."""
    folder.mkdir(parents=True, exist_ok=True)
    content, index = b"", ""
    for key, record in records.items():
        index += f"{key}\t{len(content)}{end}"
        content += framed(record)
    (folder / f"{name}.rec").write_bytes(content)
    (folder / f"{name}.idx").write_bytes(index.encode())
    return folder


def insightface(people: Sequence[int], *, vectors: bool = False) -> dict[int, bytes]:
    """Records of a pack: `people[c]` pictures of class c, the identities' ranges, and the head, written last."""
    records: dict[int, bytes] = {}
    ranges = []
    key = 1
    for label, count in enumerate(people):
        ranges.append((key, key + count))
        for _ in range(count):
            records[key] = image_record([float(label), 7.0] if vectors else float(label), jpeg(chip(key)), key)
            key += 1
    first = key
    for begin, stop in ranges:
        records[key] = image_record([float(begin), float(stop)], b"", key)
        key += 1
    records[0] = image_record([float(first), float(key)], b"", 0, 1)
    return records
