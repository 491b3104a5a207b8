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
        layout: celeba, celeba-csv, celeba-hub, casia, recordio, folder, lfw, facescrub, megaface, fgnet or ijb.
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


def layouts() -> str:
    """Lists the layouts that can be read: what each is called, whose it is, under which terms, and where to ask."""
    from kronface.data.sources import LAYOUTS

    width = max(map(len, LAYOUTS))
    return "\n".join(f"{layout.name:{width}}  {layout.line()}" for layout in LAYOUTS.values())
