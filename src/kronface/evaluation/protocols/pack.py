"""InsightFace's packs of picture pairs: lfw.bin, cfp_fp.bin, agedb_30.bin and the like.

A pack is one pickle: a tuple of 2n encoded pictures, each bytes or a vector of uint8, and of n labels; pair i shows the
pictures 2i and 2i + 1. Pickles can run any code, and can fill the memory with a few bytes. So first the file is walked
without being executed: only the operations that packs need may occur, with sane arguments. Then it is read by an
unpickler that knows no function of Python's or numpy's at all: the few names that packs hold stand for classes of this
file, which keep what they are given to be checked afterwards.
"""

import io
import pickle
import pickletools
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from kronface.errors import DataError

PAIRS = {"lfw": 6000, "cfp_ff": 7000, "cfp_fp": 7000, "agedb_30": 6000, "calfw": 6000, "cplfw": 6000}
"""Pairs in the packs that InsightFace hands out, by the file's name.

Half as many as there are pictures: 12,000 and 14,000, as a listing of unpacked `faces_emore` packs gives them; of
cfp_ff and cplfw it is the only source.
"""

PEOPLE = {"cfp_ff": "cfp", "cfp_fp": "cfp", "agedb_30": "agedb", "calfw": "lfw", "cplfw": "lfw", "vgg2_fp": "vggface2"}
"""Whose people a pack shows, by the file's name; otherwise it is the name of the set itself."""

MAX_BYTES = 1 << 30
"""Larger files are refused: the known packs are below 200 MB."""

MAX_OPERATIONS = 10_000_000
"""A pack needs below twenty for a picture; each of a byte can make an object of some fifty."""

MOST_GAP = 10_000
"""Numbers of the memo that may be passed over: pickles that were tidied leave some out."""

NAMES_OF_OPERATIONS = """
    PROTO FRAME STOP MARK NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG1
    TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_TUPLE LIST EMPTY_LIST APPEND APPENDS
    BINSTRING SHORT_BINSTRING BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8 BINUNICODE SHORT_BINUNICODE BINUNICODE8
    PUT BINPUT LONG_BINPUT MEMOIZE GET BINGET LONG_BINGET GLOBAL STACK_GLOBAL REDUCE BUILD
"""
OPERATIONS = frozenset(NAMES_OF_OPERATIONS.split())
"""What protocols 1 to 5 need for tuples, lists, texts, bytes, numbers, and numpy's arrays and numbers."""

DAMAGE = (
    pickle.UnpicklingError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    EOFError,
    ArithmeticError,
    MemoryError,
    RecursionError,
    ImportError,
)
"""What an unpickler raises at a damaged file."""


@dataclass(frozen=True)
class Pack:
    """Pairs of encoded pictures."""

    pictures: tuple[bytes, ...]
    """2n; pair i shows the pictures 2i and 2i + 1."""
    same: NDArray[np.bool_]
    """(n,)"""
    source: str
    """The file, for messages."""

    def __len__(self) -> int:
        """Number of pairs."""
        return len(self.same)


def read_pack(path: Path) -> Pack:
    """Reads a pack, whichever version of Python and numpy wrote it.

    Raises:
        DataError: the file is missing, is no pack, is damaged, or holds what a pack does not need.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise DataError(f"{path} has {size} bytes, more than any pack: bring one such as lfw.bin")
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    return parse_pack(content, str(path))


def parse_pack(content: bytes, where: str) -> Pack:
    """As `read_pack`, of bytes at hand; `where` names them in messages."""
    _inspect(content, where)
    try:
        # Read as bytes, texts of Python 2 need no second try, and no other pickle holds any.
        loaded = _Unpickler(content, where).load()
    except DAMAGE as error:
        raise DataError(f"{where} is damaged, or no pack ({type(error).__name__}): copy it again") from error
    if type(loaded) is not tuple or len(loaded) != 2 or type(loaded[0]) is not list:
        raise DataError(f"{where} is no pack: it should hold a list of pictures and a list of labels")
    pictures = tuple(_picture(entry, f"{where} picture {row}") for row, entry in enumerate(loaded[0]))
    labels = _labels(loaded[1], where)
    if len(pictures) != 2 * len(labels) or not len(labels):
        raise DataError(f"{where} holds {len(pictures)} pictures and {len(labels)} labels: a label needs two pictures")
    return Pack(pictures, labels, where)


def _inspect(content: bytes, where: str) -> None:
    """Walks the operations without executing any.

    What stays out matters: numbers of memo entries far beyond those that there are make the unpickler allocate a table
    of that size; dictionaries and sets hash what they hold; the rest calls what is not needed.
    """
    stored = count = 0
    if not content:
        raise DataError(f"{where} is empty: copy the pack again")
    try:
        for operation, argument, place in pickletools.genops(content):
            if operation.name not in OPERATIONS:
                raise DataError(
                    f"{where} is no pack: it holds the pickle operation {operation.name} at byte {place}, "
                    "which no list of pictures needs"
                )
            count += 1
            if count > MAX_OPERATIONS:
                raise DataError(f"{where} is no pack: it holds more than {MAX_OPERATIONS} operations")
            if operation.name in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
                if argument is not None and not 0 <= argument <= stored + MOST_GAP:
                    raise DataError(f"{where} is no pack: it stores entry {argument} after {stored} others")
                stored += 1
    except DAMAGE as error:
        raise DataError(f"{where} is no pickle, or is cut short ({' '.join(str(error).split())[:80]})") from error


class _Name:
    """A name of numpy's that is only handed on; none of these classes can be changed by a pickle."""

    __slots__ = ()

    def __setstate__(self, state: object) -> NoReturn:
        raise pickle.UnpicklingError("a name has no state")


class _Kind(_Name):
    """Stands for numpy.dtype."""

    __slots__ = ()

    def __call__(self, name: object = None, *rest: object) -> "_Type":  # noqa: ARG002 - copy and align do not matter
        return _Type(name)


class _Reconstruct(_Name):
    """Stands for numpy's _reconstruct: an array to come."""

    __slots__ = ()

    def __call__(self, *arguments: object) -> "_Array":  # noqa: ARG002 - what counts comes with the state
        return _Array()


class _FromBuffer(_Name):
    """Stands for numpy's _frombuffer, by which protocol 5 makes arrays."""

    __slots__ = ()

    def __call__(self, data: object, kind: object, shape: object, order: object) -> "_Array":
        array = _Array()
        data = bytes(data) if type(data) is bytearray else data
        array.state = (1, shape, kind, order not in ("C", b"C"), data)
        return array


class _Scalar(_Name):
    """Stands for numpy's scalar."""

    __slots__ = ()

    def __call__(self, kind: object, data: object) -> bool:
        if isinstance(kind, _Type) and kind.name in ("b1", b"b1") and data in (b"\0", b"\1"):
            return data == b"\1"
        raise pickle.UnpicklingError("a number of numpy's that is no truth value")


class _Encode(_Name):
    """Stands for _codecs.encode, by which protocol 2 writes bytes as text.

    Args:
        budget: bytes that may come out: a long text can be encoded anew by every few bytes of a pickle.
    """

    __slots__ = ("budget",)

    def __init__(self, budget: int) -> None:
        self.budget = budget

    def __call__(self, text: object, encoding: object) -> bytes:
        if type(text) is not str or encoding not in ("latin1", "latin-1", b"latin1", b"latin-1"):
            raise pickle.UnpicklingError("encodes other than text as latin1")
        self.budget -= len(text)
        if self.budget < 0:
            raise pickle.UnpicklingError("encodes more than the file holds")
        return text.encode("latin-1")


class _Type:
    """A numpy type by its name; its state tells byte order and fields, which single bytes do not have."""

    __slots__ = ("name",)

    def __init__(self, name: object) -> None:
        self.name = name

    def __setstate__(self, state: object) -> None:
        pass


class _Array:
    """What numpy would make an array from: (version, shape, type, Fortran order, bytes)."""

    __slots__ = ("state",)

    def __init__(self) -> None:
        self.state: object = None

    def __setstate__(self, state: object) -> None:
        self.state = state


class _Unpickler(pickle.Unpickler):
    """Finds stand-ins by name, made anew for each file; any other name is refused."""

    def __init__(self, content: bytes, where: str) -> None:
        super().__init__(io.BytesIO(content), encoding="bytes")
        self._where = where
        reconstruct, scalar, from_buffer = _Reconstruct(), _Scalar(), _FromBuffer()
        self._names: dict[tuple[str, str], object] = {
            ("numpy.core.multiarray", "_reconstruct"): reconstruct,
            ("numpy._core.multiarray", "_reconstruct"): reconstruct,
            ("numpy.core.multiarray", "scalar"): scalar,
            ("numpy._core.multiarray", "scalar"): scalar,
            ("numpy.core.numeric", "_frombuffer"): from_buffer,
            ("numpy._core.numeric", "_frombuffer"): from_buffer,
            ("numpy", "ndarray"): _Name(),
            ("numpy", "dtype"): _Kind(),
            ("_codecs", "encode"): _Encode(len(content)),
        }

    def find_class(self, module_name: str, global_name: str) -> Any:  # noqa: ANN401 - what the base class returns
        if (module_name, global_name) not in self._names:
            name = f"{module_name}.{global_name}"[:100].encode("unicode_escape").decode()
            raise DataError(f"{self._where} asks for {name}, which no pack needs: refused, it could run any code")
        return self._names[module_name, global_name]


def _picture(entry: object, where: str) -> bytes:
    if type(entry) is _Array:
        entry = _vector(entry, ("u1", b"u1"))
    if type(entry) is not bytes or not entry:
        raise DataError(f"{where} is neither bytes nor a vector of uint8: it is no encoded picture")
    return entry


def _labels(entries: object, where: str) -> NDArray[np.bool_]:
    if type(entries) is _Array:
        entries = [{0: False, 1: True}.get(byte) for byte in _vector(entries, ("b1", b"b1")) or ()]
    if type(entries) is not list or not all(type(entry) in (bool, int) and entry in (0, 1) for entry in entries):
        raise DataError(f"{where} is no pack: its second part should list true or false for each pair")
    return np.array(entries, np.bool_)


def _vector(array: _Array, names: tuple[str | bytes, ...]) -> bytes | None:
    """The bytes of a vector of single bytes; None if it is anything else."""
    state = array.state
    if type(state) is not tuple or len(state) != 5:
        return None
    _, shape, kind, fortran, data = state
    whole = (
        type(kind) is _Type
        and type(kind.name) in (str, bytes)
        and kind.name in names
        and type(fortran) in (bool, int)
        and type(data) is bytes
        and type(shape) is tuple
        and len(shape) == 1
        and type(shape[0]) is int
        and shape[0] == len(data)
    )
    return data if whole else None
