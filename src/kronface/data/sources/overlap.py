"""People of CASIA-WebFace whom the usual tests show: with them in the training set, a test is not on strangers.

The paper says nothing of removing them. The lists are those of happynear/FaceDatasets (`CASIA/`), by the names of the
folders.
"""

import polars as pl

from kronface.errors import ConfigError

OVERLAP = ("as-paper", "removed")

FACESCRUB = frozenset((
    "0111013", "0000105", "0100792", "0121605", "0247143", "0113158", "0262635", "0003115", "0001002", "0000529",
    "0386472", "0221043", "1423270", "0000396", "0413168", "0799777", "0005188", "0001664", "0000460", "0100866",
    "0881631", "0000662", "3229685", "0005102", "0000447", "0376540", "0484678", "1072555", "0004294", "0005342",
    "0001624", "0000664", "0911320", "0119003", "0534635", "0460694", "0000202", "0405103", "1065664", "1132359",
    "0088144", "1842439",
))  # fmt: skip
"""42 of the 80 people whom MegaFace takes from FaceScrub as probes."""

LFW = frozenset((
    "0000513", "0004763", "0005009", "0005082", "0005172", "0166921", "0208962", "0454042", "0662519", "0706787",
    "0955471", "1056413", "1091782", "1193098", "1303492", "3478560",
))  # fmt: skip
"""16 people of LFW."""


def without_overlap(table: pl.DataFrame, overlap: str) -> tuple[pl.DataFrame, list[str]]:
    """The rows of a table with a column `identity`, all (`as-paper`) or without those people (`removed`), and notes.

    Raises:
        ConfigError: another word.
    """
    if overlap not in OVERLAP:
        raise ConfigError(f"overlap is '{overlap}': choose {' or '.join(OVERLAP)}")
    here = set(table["identity"].unique())
    probes, labelled = len(here & FACESCRUB), len(here & LFW)
    if not probes + labelled:
        return table, []
    whose = f"{probes} people who are also FaceScrub probes of MegaFace and {labelled} who are in LFW"
    if overlap == "as-paper":
        return table, [f"with {whose}, as in the paper: --overlap removed leaves them out"]
    return table.filter(~pl.col("identity").is_in(list(FACESCRUB | LFW))), [f"without {whose}"]
