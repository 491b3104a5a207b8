"""`kronface data`: is a data set whole?"""

from pathlib import Path

from kronface.errors import DataError
from kronface.files import Progress, no_progress


def check(
    layout: str,
    root: Path,
    *,
    official: bool = False,
    decode: bool = True,
    progress: Progress = no_progress,
) -> str:
    """Says what a data set holds, exactly what is missing, unreadable or of the wrong count, and under whose terms.

    Args:
        layout: celeba, celeba-csv, celeba-hub, casia, recordio, packed, folder, lfw, facescrub, megaface, fgnet or ijb.
        root: the data set's folder.
        official: require the official set's counts.
        decode: read every picture, not only their names.
        progress: called as pictures are read.
    """
    from kronface.data.check import check as check_source

    found = check_source(layout, root, official=official, decode=decode, progress=progress)
    if not found.ok:
        print(found.text())  # noqa: T201 - the report itself, which has many lines
        count = "one problem" if len(found.problems) == 1 else f"{len(found.problems)} problems, the first"
        raise DataError(f"{root}: {count}: {found.problems[0]}")
    return found.text()


def pack(
    layout: str,
    root: Path,
    *,
    out: Path,
    size: int = 112,
    official: bool = False,
    aligned: bool = False,
    overlap: str = "as-paper",
    max_bad_share: float = 0.01,
    progress: Progress = no_progress,
) -> str:
    """Writes a data set's aligned faces as plain arrays, decoded and warped once; goes on after any kill.

    kronface train --layout packed reads them, as does every other command that takes a layout. Faces of 112 pixels
    take 37 KB each, and are read some thirty times as fast as pictures; on two cores, where the network is what takes
    long, training gains a sixth or so (docs/measurements.md).

    Args:
        layout: of the data set; kronface data layouts lists them.
        root: the data set's folder.
        out: folder of the faces.
        size: side of the faces in pixels; training at another size scales them.
        official: require the official set's counts.
        aligned: the pictures are crops at the reference points already.
        overlap: of CASIA-WebFace with the usual tests: as-paper keeps it, removed leaves those people out.
        max_bad_share: share of unusable pictures above which it stops.
        progress: called after every picture.
    """
    from kronface.data.packed import pack as pack_faces
    from kronface.data.sources import read_source
    from kronface.faces.detect import YuFaceDetector

    records = read_source(layout, root, official=official, aligned=aligned, overlap=overlap)
    found = pack_faces(
        records, out, size=size, detector=YuFaceDetector(), max_bad_share=max_bad_share, progress=progress
    )
    lines = [f"{found.faces:,} faces of {len(records):,} pictures in {out}; parts written now: {found.written}"]
    if found.left_out:
        lines.append(f"left out now: {len(found.left_out)}; the first: {found.left_out[0].reason}")
    return "\n".join([*lines, *(f"note: {note}" for note in records.notes)])


def layouts() -> str:
    """Lists the layouts that can be read: what each is called, whose it is, under which terms, and where to ask."""
    from kronface.data.sources import LAYOUTS

    width = max(map(len, LAYOUTS))
    return "\n".join(f"{layout.name:{width}}  {layout.line()}" for layout in LAYOUTS.values())
