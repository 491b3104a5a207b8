"""Who is searched for and among whom: the lists of MegaFace challenge 1, the official ones by checksum, and noise.

Lists are the devkit's JSON, or the text files `facescrub_lst` and `megaface_lst` of InsightFace's test pack (one image
a line, of which the last two or three parts of the path count). Noise lists are InsightFace's.
"""

import codecs
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from kronface.errors import ConfigError, DataError
from kronface.evaluation.features import TemplateList, read_template_list

SIZES = (10, 100, 1000, 10_000, 100_000, 1_000_000)
"""Distractors in the devkit's lists."""

LIST_NAME = "megaface_features_list.json"
"""What the distractors' lists are called, before `_SIZE_SET`."""

PROBES: Mapping[str, str] = {
    "8a10997cf832b241d21d12e14328d9da570f4dc3170c3102c97979e8c7190ce7": "FaceScrub",
    "91d2454a83fee7b137a0432a3b5c5c9ff6893de5a33e64ab6a2b0a490243e8b5": "FaceScrub",  # as it was, uncropped
    "cbc239982040843d4cbe19165101fcb850ea161cd4137b2f0312ff144c428342": "FG-NET",
}
"""The official lists of probes, by `checksum`."""

COUNTS: Mapping[str, tuple[int, int, int]] = {"FaceScrub": (3530, 80, 153_634), "FG-NET": (975, 82, 11_084)}
"""Probes, people and ordered pairs of each."""

DISTRACTORS: Mapping[tuple[int, int], str] = {
    (10, 1): "8a81bd922c21b6bcf4a92de3d14141dd7cee71675ec956276cb1bc29b9d9d9a9",
    (100, 1): "066989fdd9eb12a5b0f27ec11ec0789b2de78aaf9e4f9c8c62764a2429eac0ee",
    (1000, 1): "186aa84e6f06183f6415741de3871ab5553ee3ff0b37f2d6ffa4adf02635e3bd",
    (10_000, 1): "853a495c22957ee8701d529e55528a89414e5b7019687f7a280f80c7d1c40dcb",
    (100_000, 1): "2a5e3dbab39e141d1fd2fa7f688e216989951eda2cfb021b02733770f4c5b336",
}
"""The official lists of distractors, by size and set, as far as their checksums are known."""

DISTRACTOR_NAME = re.compile(r"[^/]{1,3}/[^/]+@N\d\d/\d+_\d+\.jpg")
"""How Challenge 1 names a distractor: beginning of the Flickr account, account, photograph and face."""


@dataclass(frozen=True)
class DistractorList:
    """One sample of the distractors."""

    size: int
    """What it is called by, and how many it lists unless some were left out."""
    number: int
    """Of the set, from 1."""
    paths: tuple[str, ...]
    """Of images; empty where all distractors are meant that there are."""
    source: str


@dataclass(frozen=True)
class Official:
    """Whether lists are the official ones."""

    is_official: bool
    probes: str
    """FaceScrub, FG-NET, or empty."""
    differing: tuple[str, ...]
    """What differs, in words; empty if nothing does."""
    unchecked: tuple[str, ...]
    """Lists with the right count whose checksum nobody knows."""


def read_probe_list(path: Path) -> TemplateList:
    """The probes: JSON with `path` and `id`, or a text file whose lines end in `Person/image`.

    Raises:
        DataError: the list is missing or damaged, or says nothing of the people.
    """
    listed = read_template_list(path) if _is_json(path) else _read_text_list(path, parts=2)
    if listed.ids is None:
        raise DataError(f"{path} says nothing of its people: a list of probes has 'path' and 'id'")
    return listed


def read_distractor_lists(path: Path, *, sizes: Sequence[int] | None = None, sets: int = 1) -> list[DistractorList]:
    """The distractors' lists.

    Args:
        path: a folder with `megaface_features_list.json_SIZE_SET` files, what stands before `_SIZE_SET` in their names,
            or one list alone (JSON or text).
        sizes: which; by default all for which there is a set 1.
        sets: sets 1 to this of each size.

    Raises:
        ConfigError: an impossible number.
        DataError: a list is missing or damaged.
    """
    if sets < 1 or (sizes is not None and (not sizes or min(sizes) < 1)):
        raise ConfigError(f"sets is {sets} and sizes are {sizes}: both from 1")
    if path.is_file():
        if sizes is not None or sets > 1:
            raise ConfigError(
                f"{path} is one list, so --sizes and --sets have no use: name the folder of lists, or what their names "
                "begin with"
            )
        listed = read_template_list(path) if _is_json(path) else _read_text_list(path, parts=3)
        ending = re.search(r"_(\d+)_(\d+)$", path.name)
        size, number = (int(part) for part in ending.groups()) if ending else (len(listed.paths), 1)
        return [DistractorList(size, number, listed.paths, str(path))]
    prefix = path / LIST_NAME if path.is_dir() else path
    wanted = sorted(set(sizes)) if sizes else _sizes(prefix)
    if not wanted:
        raise DataError(f"{prefix} has no lists: there should be {prefix.name}_10_1 to {prefix.name}_1000000_1")
    found = []
    for size in wanted:
        for number in range(1, sets + 1):
            file = _numbered(prefix, size, number)
            if not file.is_file():
                raise DataError(
                    f"{file} is missing: copy it from the devkit's templatelists, or change --sizes, --sets"
                )
            found.append(DistractorList(size, number, read_template_list(file).paths, str(file)))
    return found


def checksum(paths: Sequence[str], ids: Sequence[str] | None = None) -> str:
    """SHA-256 of what a list says, however its JSON is laid out."""
    text = "\n".join(paths) + ("" if ids is None else "\n\n" + "\n".join(ids))
    return hashlib.sha256(text.encode()).hexdigest()


def check_lists(probes: TemplateList | None, lists: Sequence[DistractorList]) -> Official:
    """Whether counts and checksums are those of the challenge."""
    differing: list[str] = []
    unchecked: list[str] = []
    name = "" if probes is None else PROBES.get(checksum(probes.paths, probes.ids), "")
    if probes is None:
        differing.append("there is no list of probes")
    elif not name:
        counts = " or ".join(f"{images} of {people}" for images, people, _ in COUNTS.values())
        differing.append(
            f"{probes.source} lists {len(probes.paths)} probes of {len(set(probes.ids or ()))} people, and is none of "
            f"the official lists ({counts})"
        )
    for listed in lists:
        known = DISTRACTORS.get((listed.size, listed.number))
        if known is not None:
            if checksum(listed.paths) != known:
                differing.append(f"{listed.source} has another content than the official list")
        elif len(listed.paths) != listed.size or listed.size not in SIZES:
            differing.append(f"{listed.source or 'the distractors'}: {len(listed.paths)} of {listed.size} distractors")
        elif not all(DISTRACTOR_NAME.fullmatch(entry) for entry in listed.paths):
            differing.append(f"{listed.source} names images in another way than the official lists")
        else:
            unchecked.append(f"{listed.size}, set {listed.number}")
    return Official(not differing, name, tuple(differing), tuple(unchecked))


def read_noise(path: Path) -> frozenset[str]:
    """Names in one of InsightFace's noise lists: one a line, or in the second column; `#` begins a comment.

    Raises:
        DataError: the list is missing, or no text.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not text in UTF-8: bring one of the noise lists, one image a line") from error
    entries = [line.strip().split("\t")[:2][-1].strip() for line in lines if not line.lstrip().startswith("#")]
    return frozenset(entry for entry in entries if entry)


def find_noisy(paths: Sequence[str], noise: frozenset[str], *, parts: int) -> NDArray[np.bool_]:
    """(N,) which images a noise list names.

    Args:
        paths: of the images.
        noise: the list.
        parts: 1 where it names files (FaceScrub's; blanks are underscores there, and suffixes differ between the
            cropped and the uncropped set), 3 where it names `3/NSID/file` (MegaFace's).
    """
    known = {_key(entry, parts) for entry in noise}
    return np.fromiter((_key(entry, parts) in known for entry in paths), np.bool_, len(paths))


def _key(path: str, parts: int) -> str:
    end = "/".join(path.replace("\\", "/").split("/")[-parts:])
    return re.sub(r"\.[A-Za-z]{3,4}$", "", end).replace(" ", "_") if parts == 1 else end


def _numbered(prefix: Path, size: int, number: int) -> Path:
    return prefix.with_name(f"{prefix.name}_{size}_{number}")


def _sizes(prefix: Path) -> list[int]:
    """Of the lists that there are of set 1."""
    names = (path.name for path in prefix.parent.glob("*_1") if path.name.startswith(prefix.name))
    found = (re.fullmatch(r"_([1-9]\d{0,8})_1", name.removeprefix(prefix.name)) for name in names)
    return sorted(int(match[1]) for match in found if match)


def _is_json(path: Path) -> bool:
    """Whether a list is JSON; one that cannot be read is left to the reader, which says why."""
    try:
        with path.open("rb") as file:
            return file.read(1 << 16).removeprefix(codecs.BOM_UTF8).lstrip().startswith((b"{", b"["))
    except OSError:
        return True


def _read_text_list(path: Path, *, parts: int) -> TemplateList:
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is neither JSON nor text in UTF-8: bring a list of images") from error
    names = ["/".join(PurePosixPath(line.replace("\\", "/")).parts[-parts:]) for line in lines if line]
    short = next((name for name in names if name.count("/") != parts - 1), None)
    if not names or short is not None:
        raise DataError(
            f"{path} is no list of images: a line should end in {parts} names with / between, not '{short}'"
        )
    if len(set(names)) != len(names):
        raise DataError(f"{path} lists an image twice")
    ids = tuple(name.split("/")[0].replace(" ", "_") for name in names) if parts == 2 else None
    return TemplateList(tuple(names), ids, str(path))
