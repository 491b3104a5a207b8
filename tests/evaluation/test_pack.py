"""InsightFace's packs: those that their tools write, and files that would harm whoever unpickles them."""

import contextlib
import io
import os
import pickle
import pickletools
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kronface.errors import DataError
from kronface.evaluation.protocols.pack import parse_pack, read_pack

PICTURES = [b"\xff\xd8 one", b"\xff\xd8\x00\x80 two", b"three", b"\xe9\xff four"]
LABELS = [True, False]


def write_pack(pictures: list[bytes], labels: object, *, protocol: int, arrays: bool) -> bytes:
    """As InsightFace's tools do: pictures are bytes, or what cv2.imencode returns."""
    bins: list[Any] = [np.frombuffer(picture, np.uint8).copy() if arrays else picture for picture in pictures]
    return pickle.dumps((bins, labels), protocol=protocol)


def python_2_pack(*, arrays: bool) -> bytes:
    """Protocol 2 as Python 2 wrote it: byte strings, and numbers of the memo from 1."""

    def text(value: bytes) -> bytes:
        return b"T" + struct.pack("<i", len(value)) + value

    def picture(value: bytes) -> bytes:
        if not arrays:
            return text(value)
        kind = b"cnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        made = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR"
        return made + b"(K\x01" + b"K" + bytes([len(value)]) + b"\x85" + kind + b"\x89" + text(value) + b"tb"

    listed = b"".join(picture(value) for value in PICTURES)
    return b"\x80\x02]q\x01(" + listed + b"e]q\x02(\x88\x89e\x86q\x03."


def with_global(module: str, name: str, arguments: bytes = b")") -> bytes:
    """A pickle that calls module.name with a tuple of arguments."""
    return b"\x80\x02c" + f"{module}\n{name}\n".encode() + arguments + b"R."


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("arrays", [False, True])
@pytest.mark.parametrize("labels", [LABELS, [np.True_, np.False_], np.array(LABELS), [1, 0]])
def test_round_trip(protocol: int, arrays: bool, labels: object) -> None:
    found = parse_pack(write_pack(PICTURES, labels, protocol=protocol, arrays=arrays), "p.bin")
    assert found.pictures == tuple(PICTURES)
    assert found.same.tolist() == LABELS
    assert len(found) == 2


@pytest.mark.parametrize("arrays", [False, True])
def test_packs_of_python_2_and_of_older_numpy(arrays: bool, tmp_path: Path) -> None:
    (tmp_path / "old.bin").write_bytes(python_2_pack(arrays=arrays))
    found = read_pack(tmp_path / "old.bin")
    assert found.pictures == tuple(PICTURES)
    assert found.same.tolist() == LABELS
    newer = write_pack(PICTURES, LABELS, protocol=3, arrays=True)
    older = newer.replace(b"numpy._core.multiarray\n", b"numpy.core.multiarray\n")
    assert older != newer
    assert parse_pack(older, "p.bin").pictures == tuple(PICTURES)
    assert parse_pack(pickletools.optimize(older), "p.bin").pictures == tuple(PICTURES)


class _Caller:
    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call


HARMFUL: dict[str, bytes] = {
    "posix.system": pickle.dumps(_Caller(os.system, "touch harmed")),
    "eval": pickle.dumps(_Caller(eval, "open('harmed', 'w')"), protocol=2),
    "exec": pickle.dumps(([_Caller(exec, "open('harmed', 'w')")], [True]), protocol=4),
    "subprocess": pickle.dumps(_Caller(subprocess.check_call, ["touch", "harmed"])),
    "builtins.getattr": with_global("builtins", "getattr"),
    "numpy.load": with_global("numpy", "load"),
    "numpy.memmap": with_global("numpy", "memmap"),
    "numpy.core.multiarray.fromfile": with_global("numpy.core.multiarray", "fromfile"),
    "_codecs.decode": with_global("_codecs", "decode"),
    "codecs.encode": with_global("codecs", "encode"),
    "numpy.testing._private": with_global("numpy.testing._private.utils", "runstring"),
    "numpy.ndarray.tofile": b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93)R.",
    "no such": with_global("no_such", "name"),
}


@pytest.mark.parametrize("name", HARMFUL)
def test_other_names_are_refused_and_never_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as error:
        parse_pack(HARMFUL[name], "p.bin")
    if name in ("eval", "exec"):
        assert f"builtins.{name}" in str(error.value) or f"__builtin__.{name}" in str(error.value)
    elif "." in name:
        assert name in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "harmed").exists()


def array(kind: bytes, shape: bytes, data: bytes) -> bytes:
    """The operations that make an array of a type, a shape (a tuple), and bytes; in protocol 3."""
    made = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"
    typed = b"cnumpy\ndtype\nX" + struct.pack("<I", len(kind)) + kind + b"K\x00K\x01\x87R"
    raw = b"B" + struct.pack("<I", len(data)) + data
    return made + b"(K\x01" + shape + typed + b"\x89" + raw + b"tb"


def of(picture: bytes, labels: bytes = b"](\x88e") -> bytes:
    """A pack of one pair, whose second picture is as given in operations."""
    return b"\x80\x03](C\x01x" + picture + b"e" + labels + b"\x86."


ODD: dict[str, bytes] = {
    "objects": of(array(b"O8", b"K\x01\x85", b"x")),
    "floats": of(array(b"f8", b"K\x01\x85", b"12345678")),
    "a huge shape": of(array(b"u1", b"J\xff\xff\xff\x7f\x85", b"x")),
    "a negative shape": of(array(b"u1", b"J\xff\xff\xff\xff\x85", b"x")),
    "a huge plane": of(array(b"u1", b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86", b"x")),
    "a shape of bool": of(array(b"u1", b"\x88\x85", b"x")),
    "no shape": of(array(b"u1", b")", b"x")),
    "an empty picture": of(array(b"u1", b"K\x00\x85", b"")),
    "an array without a state": of(b"cnumpy.core.multiarray\n_reconstruct\n)R"),
    "a state of another kind": of(b"cnumpy.core.multiarray\n_reconstruct\n)RK\x01b"),
    "a called array": of(b"cnumpy\nndarray\nJ\xff\xff\xff\x7f\x85R"),
    "a made array": of(b"cnumpy\nndarray\nJ\xff\xff\xff\x7f\x85\x85R"),
    "a name as a picture": of(b"cnumpy\nndarray\n"),
    "a type as a picture": of(b"cnumpy\ndtype\nX\x02\x00\x00\x00u1\x85R"),
    "a list as a type": of(b"cnumpy.core.multiarray\n_reconstruct\n)R(K\x01K\x01\x85cnumpy\ndtype\n]\x85R\x89C\x01xtb"),
    "a changed name": of(b"cnumpy\nndarray\nN]\x86b"),
    "a changed function": of(b"c_codecs\nencode\n(J\xff\xff\xff\x7ftb"),
    "a number for a picture": of(b"K\x07"),
    "a text for a picture": of(b"X\x01\x00\x00\x00x"),
    "a list for a picture": of(b"]"),
    "itself": b"\x80\x03]q\x00(h\x00h\x00e](\x88e\x86.",
    "a float as a number of numpy": of(
        b"C\x01y", b"](cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\nX\x02\x00\x00\x00f8\x85RC\x08abcdefgh\x86Re"
    ),
    "an object as a number of numpy": of(
        b"C\x01y", b"](cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\nX\x01\x00\x00\x00O\x85RC\x01\x01\x86Re"
    ),
    "too few labels": of(b"C\x01y", b"]"),
    "too many labels": of(b"C\x01y", b"](\x88\x88e"),
    "a label of two": of(b"C\x01y", b"](K\x02e"),
    "a label of None": of(b"C\x01y", b"](Ne"),
    "a tuple of labels": of(b"C\x01y", b"\x88\x85"),
    "three parts": b"\x80\x03]](\x88e\x88\x87.",
    "a list": b"\x80\x03].",
    "nothing": b"\x80\x03N.",
    "encoding as rot13": of(b"c_codecs\nencode\nX\x01\x00\x00\x00xX\x05\x00\x00\x00rot13\x86R"),
    "encoding of bytes": of(b"c_codecs\nencode\nC\x01xX\x06\x00\x00\x00latin1\x86R"),
    "encoding with a handler": of(
        b"c_codecs\nencode\nX\x01\x00\x00\x00xX\x06\x00\x00\x00latin1X\x01\x00\x00\x00x\x87R"
    ),
    "encoding beyond latin1": of(b"c_codecs\nencode\nX\x03\x00\x00\x00\xe2\x82\xacX\x06\x00\x00\x00latin1\x86R"),
    "nested calls": of(b"c_codecs\nencode\nc_codecs\nencode\n" * 50 + b")R" * 100),
    "a call of bytes": of(b"C\x01x)R"),
    "appending to a name": of(b"cnumpy\nndarray\nK\x01a"),
    "empty": b"",
    "text": b"10\t300\nAnn\t1\t2\n",
    "a picture": b"\xff\xd8\xff\xe0\x00\x10JFIF",
    "the end alone": b".",
    "no end": b"\x80\x03]",
    "an unknown protocol": b"\x80\x7f]](\x88e\x86.",
    "an unknown operation": b"\x80\x03\xf7.",
    "an underflow": b"\x80\x03\x86.",
    "entries that are not there": b"\x80\x03h\x07.",
    "a dictionary": b"\x80\x03}.",
    "a set": b"\x80\x04\x8f.",
    "a new object": b"\x80\x03cnumpy\nndarray\n)\x81.",
    "an instance": b"(i__builtin__\nlist\n.",
    "an extension": b"\x80\x03\x82\x01.",
    "a persistent object": b"Pid\n.",
}


@pytest.mark.parametrize("name", ODD)
def test_odd_files_end_in_one_line(name: str) -> None:
    with pytest.raises(DataError) as error:
        parse_pack(ODD[name], "p.bin")
    assert str(error.value).startswith("p.bin")
    assert "\n" not in str(error.value)


def test_every_cut_of_a_pack_ends_in_one_line() -> None:
    for arrays in (False, True):
        for protocol in (2, 3, 4, 5):
            whole = write_pack(PICTURES, LABELS, protocol=protocol, arrays=arrays)
            for length in range(len(whole)):
                with pytest.raises(DataError):
                    parse_pack(whole[:length], "p.bin")


def test_changed_bytes_are_read_or_end_in_one_line() -> None:
    whole = bytearray(write_pack(PICTURES, LABELS, protocol=4, arrays=True))
    rng = np.random.default_rng(0)
    for _ in range(4000):
        changed = bytearray(whole)
        for place in rng.integers(0, len(whole), rng.integers(1, 4)):
            changed[place] = rng.integers(0, 256)
        with contextlib.suppress(DataError):  # anything else fails the test
            parse_pack(bytes(changed), "p.bin")


def bombs() -> dict[str, bytes]:
    """Small files that make Python's own unpickler take gigabytes, or recurse."""
    text = b"a" * 1_000_000
    encode = b"c_codecs\nencode\nq\x00X" + struct.pack("<I", len(text)) + text + b"q\x01X\x06\x00\x00\x00latin1q\x02"
    again = b"h\x00h\x01h\x02\x86R"
    return {
        "a huge memo": b"\x80\x03]r\xff\xff\xff\x7f.",
        "a huge memo in text": b"]p2000000000\n.",
        "long bytes": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 60) + b"x.",
        "long bytes below the memory": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 33) + b"x.",
        "a long byte array": b"\x80\x05\x96" + struct.pack("<Q", 1 << 33) + b"x.",
        "a long text": b"\x80\x04\x8d" + struct.pack("<Q", 1 << 33) + b"x.",
        "a long frame": b"\x80\x04\x95" + struct.pack("<Q", 1 << 60) + b"N.",
        "a long number": b"\x80\x02\x8b" + struct.pack("<i", (1 << 31) - 1) + b"x.",
        "text that is encoded again and again": b"\x80\x02(" + encode + again * 20_000 + b"l.",
        "lists in lists": b"\x80\x03" + b"]" * 300_000 + b"a" * 299_999 + b".",
        "tuples in tuples": b"\x80\x03)" + b"\x85" * 300_000 + b".",
        "doubling": b"\x80\x03]" + b"".join(b"q" + bytes([k]) + b"h" + bytes([k]) + b"\x86" for k in range(200)) + b".",
    }


@pytest.mark.parametrize("name", list(bombs()))
def test_bombs_neither_fill_the_memory_nor_crash(name: str, tmp_path: Path) -> None:
    (tmp_path / "bomb.bin").write_bytes(bombs()[name])
    script = """
import resource, sys
from pathlib import Path
from kronface.errors import DataError
from kronface.evaluation.protocols.pack import read_pack
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read_pack(Path(sys.argv[1]))
except DataError as error:
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print("refused" if grown < 400_000 else f"took {grown} kB", "\\n" in str(error))
"""
    ended = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "bomb.bin")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ended.returncode, ended.stdout.split()) == (0, ["refused", "False"]), ended.stderr


def test_a_file_does_not_change_how_the_next_is_read() -> None:
    for content in ODD.values():
        with pytest.raises(DataError):
            parse_pack(content, "p.bin")
    whole = write_pack(PICTURES, LABELS, protocol=2, arrays=True)
    assert parse_pack(whole, "p.bin").pictures == tuple(PICTURES)


def test_missing_and_large_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_pack(tmp_path / "nowhere.bin")
    with pytest.raises(DataError, match="cannot be read"):
        read_pack(tmp_path)
    (tmp_path / "large.bin").write_bytes(io.BytesIO(bytes(100)).getvalue())
    monkeypatch.setattr("kronface.evaluation.protocols.pack.MAX_BYTES", 99)
    with pytest.raises(DataError, match="100 bytes"):
        read_pack(tmp_path / "large.bin")
    monkeypatch.setattr("kronface.evaluation.protocols.pack.MAX_OPERATIONS", 10)
    with pytest.raises(DataError, match="10 operations"):
        parse_pack(write_pack(PICTURES, LABELS, protocol=4, arrays=True), "p.bin")
