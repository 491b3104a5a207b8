"""IJB-B and IJB-C from InsightFace's meta files: templates from media, verification 1:1, identification 1:N.

Files below `meta/`, of blanks and without a header: `ijbc_face_tid_mid.txt` (image, template, medium),
`ijbc_template_pair_label.txt` (template, template, 1 for one person), `ijbc_name_5pts_score.txt` (image, five points,
faceness; its rows are those of the first file). For 1:N, CSV with a header, of which the first two columns are template
and subject: `ijbc_1N_gallery_G1.csv`, `…_G2.csv` (IJB-B: S1, S2) and `ijbc_1N_probe_mixed.csv`.

A template is pooled as in InsightFace's `eval_ijbc.py` and `ijb_1n.py`: the mean of the images of each medium, the sum
over media, scaled to length 1; the score of two is their product.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from kronface.errors import ConfigError, DataError
from kronface.evaluation import search
from kronface.evaluation.det import limit_at
from kronface.evaluation.rates import is_supported
from kronface.files import Progress, no_progress

Target = Literal["IJBB", "IJBC"]

GALLERIES: Mapping[str, tuple[str, str]] = MappingProxyType({"IJBB": ("S1", "S2"), "IJBC": ("G1", "G2")})
"""Names of the two gallery sets of 1:N."""

COUNTS: Mapping[str, Mapping[str, int]] = MappingProxyType(
    {
        "IJBB": MappingProxyType({"images": 227_630, "templates": 12_115, "genuine": 10_270, "impostors": 8_000_000}),
        "IJBC": MappingProxyType({"images": 469_375, "templates": 23_124, "genuine": 19_557, "impostors": 15_638_932}),
    }
)
"""Of the official lists; no checksums of theirs are known."""

BLOCK = 1 << 14
"""Images that are pooled at once; a template that has more is not cut."""

PAIRS = 1 << 20
"""Pairs that are scored at once."""

RANKS = (1, 5, 10)

FPIR = (0.01, 0.1)


@dataclass(frozen=True)
class Media:
    """Which template and medium each image belongs to."""

    images: NDArray[np.str_]
    """(N,) names."""
    template: NDArray[np.int64]
    """(N,)"""
    medium: NDArray[np.int64]
    """(N,) of one medium are the frames of a video; numbers of other templates mean nothing."""

    def __len__(self) -> int:
        """Number of images."""
        return len(self.images)


@dataclass(frozen=True)
class TemplatePairs:
    """Pairs of templates."""

    first: NDArray[np.int64]
    """(M,)"""
    second: NDArray[np.int64]
    same: NDArray[np.bool_]
    """(M,)"""

    def __len__(self) -> int:
        """Number of pairs."""
        return len(self.same)


@dataclass(frozen=True)
class Subjects:
    """Whose the templates of a list are."""

    template: NDArray[np.int64]
    """(T,) rising, each once."""
    subject: NDArray[np.int64]
    """(T,)"""


@dataclass(frozen=True)
class Templates:
    """One vector per template."""

    number: NDArray[np.int64]
    """(T,) rising."""
    vectors: NDArray[np.float32]
    """(T, D) of length 1; NaN where no face was found on any image of the template."""
    images_not_found: int

    def rows(self, wanted: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of the templates of these numbers.

        Raises:
            DataError: one has no images.
        """
        rows = np.minimum(np.searchsorted(self.number, wanted), len(self.number) - 1)
        unknown = self.number[rows] != wanted
        if unknown.any():
            raise DataError(f"template {int(wanted[unknown.argmax()])} has no images: are the lists of one data set?")
        return rows.astype(np.int64)


def meta_file(meta: Path, target: Target, name: str) -> Path:
    """`meta/ijbc_NAME` of a target.

    Raises:
        ConfigError: an unknown target.
        DataError: the file is not there.
    """
    if target not in GALLERIES:
        raise ConfigError(f"target is {target}: it must be IJBB or IJBC")
    path = meta / f"{target.lower()}_{name}"
    if not path.is_file():
        raise DataError(f"{path} is missing: name InsightFace's folder {target}/meta, and the right --target")
    return path


def read_media(path: Path) -> Media:
    """Reads `…_face_tid_mid.txt`.

    Raises:
        DataError: the file is missing or empty, or a line is not as it should be; names the line.
    """
    columns = {"image": pl.String(), "template": pl.Int64(), "medium": pl.Int64()}
    table = _read(path, columns, "name template medium")
    return Media(table["image"].to_numpy().astype(np.str_), table["template"].to_numpy(), table["medium"].to_numpy())


def read_template_pairs(path: Path) -> TemplatePairs:
    """Reads `…_template_pair_label.txt`, some fifteen million lines.

    Raises:
        DataError: as `read_media`.
    """
    columns = {"first": pl.Int64(), "second": pl.Int64(), "same": pl.Int8()}
    table = _read(path, columns, "template template label")
    odd = table["same"].is_between(0, 1).not_()
    if odd.any():
        raise DataError(
            f"{path} line {int(odd.arg_max() or 0) + 1}: the label {table['same'].filter(odd)[0]} is neither 0 nor 1"
        )
    return TemplatePairs(
        table["first"].to_numpy(), table["second"].to_numpy(), table["same"].cast(pl.Boolean).to_numpy()
    )


def read_faceness(path: Path) -> tuple[NDArray[np.str_], NDArray[np.float32], NDArray[np.float32]]:
    """Reads `…_name_5pts_score.txt`: names (N,), landmarks (N, 5, 2) in pixels, faceness (N,).

    Raises:
        DataError: as `read_media`.
    """
    points = {f"{axis}{number}": pl.Float32() for number in range(1, 6) for axis in "xy"}
    table = _read(path, {"image": pl.String()} | points | {"score": pl.Float32()}, "name x1 y1 … x5 y5 score")
    landmarks = table.select(list(points)).to_numpy().reshape(-1, 5, 2)
    return table["image"].to_numpy().astype(np.str_), landmarks, table["score"].to_numpy()


def read_subjects(path: Path) -> Subjects:
    """Reads a list of 1:N; of several rows of a template one is kept.

    Raises:
        DataError: the file is missing or damaged, or gives one template to two people.
    """
    try:
        table = pl.read_csv(path, columns=[0, 1], infer_schema=False, truncate_ragged_lines=True)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path} cannot be read ({str(error).splitlines()[0][:100]})") from error
    numbers = table.select(pl.all().str.strip_chars().cast(pl.Int64, strict=False))
    faulty = numbers.select(pl.any_horizontal(pl.all().is_null())).to_series()
    if table.height == 0 or table.width != 2 or faulty.any():
        line = 1 if table.height == 0 else int(faulty.arg_max() or 0) + 2
        raise DataError(f"{path} line {line}: the first two columns should be the numbers of a template and a subject")
    template, subject = (numbers[name].to_numpy() for name in numbers.columns)
    known, first, row_of = np.unique(template, return_index=True, return_inverse=True)
    if (subject[first][row_of] != subject).any():
        twice = int(template[(subject[first][row_of] != subject).argmax()])
        raise DataError(f"{path} gives template {twice} to two people")
    return Subjects(known, subject[first])


def _read(path: Path, columns: Mapping[str, pl.DataType], form: str) -> pl.DataFrame:
    try:
        table = pl.read_csv(path, separator=" ", has_header=False, schema=dict(columns), quote_char=None)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(_first_fault(path, columns, form) or f"{path} cannot be read: copy it again") from error
    if table.height == 0:
        raise DataError(f"{path} is empty: each line should be '{form}'")
    if any(table[name].null_count() for name in columns):
        raise DataError(_first_fault(path, columns, form) or f"{path} has incomplete lines: each should be '{form}'")
    return table


def _first_fault(path: Path, columns: Mapping[str, pl.DataType], form: str) -> str:
    """The first line that is not as it should be, found slowly."""
    kinds = [str if kind == pl.String() else float if kind.is_float() else int for kind in columns.values()]
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                words = line.decode("utf-8", "replace").rstrip("\r\n").split(" ")
                try:
                    fits = len(words) == len(kinds) and all(
                        word and kind(word) is not None for word, kind in zip(words, kinds, strict=True)
                    )
                except ValueError:
                    fits = False
                if not fits:
                    return f"{path} line {number} should be '{form}': it is '{' '.join(words)[:80]}'"
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
    return ""


def pool(
    features: ArrayLike,
    media: Media,
    *,
    faceness: NDArray[np.floating] | None = None,
    flipped: bool = False,
    norms: bool = True,
    progress: Progress = no_progress,
) -> Templates:
    """Pools images to templates; the names in brackets are InsightFace's.

    An image without a face (a row with NaN) is left out of its medium's mean, and a medium without any out of the sum.

    Args:
        features: (N, D), row by row the images of `media`; (N, 2 D) with `flipped`.
        media: of the images.
        faceness: (N,) by which images are weighed (D1); None leaves it out (D0).
        flipped: the second half of a row belongs to the mirrored image, and is added to the first (F2).
        norms: keep the lengths of the images' vectors (N1), or scale them to 1 first (N0).
        progress: called as images are pooled.

    Raises:
        DataError: there is not one row per image, or values are infinite.
    """
    values = np.asarray(features)
    if values.ndim != 2 or len(values) != len(media) or len(values) == 0:
        raise DataError(f"{len(media)} images need as many embeddings: there are {values.shape}, row by row the images")
    if flipped and values.shape[1] % 2:
        raise DataError(f"embeddings of length {values.shape[1]} are no two halves: leave --halves out")
    if faceness is not None and len(faceness) != len(media):
        raise DataError(f"{len(media)} images need a faceness each: there are {len(faceness)}")
    order = np.lexsort((media.medium, media.template))
    template, medium = media.template[order], media.medium[order]
    starts = np.flatnonzero(np.diff(template, prepend=template[0] - 1))
    size = values.shape[1] // (2 if flipped else 1)
    pooled = np.full((len(starts), size), np.nan, np.float32)
    ends = np.r_[starts[1:], len(order)]
    absent = row = 0
    while row < len(starts):
        # Whole templates, as many as fit into a block; one at least.
        stop = max(int(np.searchsorted(ends, starts[row] + BLOCK, "right")), row + 1)
        inside = slice(int(starts[row]), int(ends[stop - 1]))
        part = order[inside]
        block = values[part].astype(np.float64)
        if flipped:
            block = block[:, :size] + block[:, size:]
        if np.isinf(block).any():
            image = int(part[np.isinf(block).any(1).argmax()])
            raise DataError(f"the embedding of image {image} holds an infinite value: extract the embeddings again")
        found = ~np.isnan(block).any(1)
        absent += int((~found).sum())
        block[~found] = 0
        if not norms:
            block /= np.maximum(np.linalg.norm(block, axis=1, keepdims=True), np.finfo(np.float64).tiny)
        if faceness is not None:
            block *= faceness[part, None].astype(np.float64)
        changes = (np.diff(template[inside], prepend=-1) != 0) | (np.diff(medium[inside], prepend=-1) != 0)
        changes[0] = True
        of_medium = np.flatnonzero(changes)
        counts = np.add.reduceat(found.astype(np.int64), of_medium)
        means = np.add.reduceat(block, of_medium, axis=0) / np.maximum(counts, 1)[:, None]
        of_template = np.searchsorted(of_medium, starts[row:stop] - starts[row])
        sums = np.add.reduceat(means, of_template, axis=0)
        shown = np.add.reduceat(counts, of_template) > 0
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        pooled[row:stop] = np.where(shown[:, None], sums / np.where(lengths > 0, lengths, 1), np.nan)
        progress("pooling images", inside.stop, len(order))
        row = stop
    return Templates(template[starts], pooled, absent)


def score_pairs(templates: Templates, pairs: TemplatePairs, *, progress: Progress = no_progress) -> NDArray[np.float64]:
    """(M,) products of the two templates of each pair; NaN where one shows no face.

    Raises:
        DataError: a pair names a template without images.
    """
    first, second = templates.rows(pairs.first), templates.rows(pairs.second)
    rows = search.Rows.of(templates.vectors, what="templates")
    scores = np.empty(len(pairs), np.float64)
    for start in range(0, len(pairs), PAIRS):
        part = slice(start, start + PAIRS)
        scores[part] = search.score_pairs(rows, rows, first[part], second[part])
        progress("scoring pairs", min(start + PAIRS, len(pairs)), len(pairs))
    return scores


@dataclass(frozen=True)
class GalleryResult:
    """What 1:N comes to on one gallery set."""

    gallery: int
    """Templates that are enrolled."""
    mated: int
    """Probe templates of people who are enrolled."""
    non_mated: int
    rank: dict[int, float]
    """Share of mated probes whose person is among the first k."""
    tpir: dict[float, float | None]
    """By FPIR: share of mated probes whose person comes first, at a threshold that so many non-mated probes' best
    scores reach; None where fewer than `rates.EXPECTED_ERRORS` of them would."""


def identify(templates: Templates, gallery: Subjects, probes: Subjects) -> GalleryResult:
    """Searches every probe template among the templates of a gallery set.

    A person with the mate's score stands before it. A probe without a face is a miss if mated, and raises no alarm if
    not. A threshold is the lowest that no more than FPIR of the strangers' best scores reach.

    Raises:
        DataError: a template has no images, or no probe is mated; a person is enrolled twice.
    """
    scores, mate = _search(templates, gallery, probes)
    mated = mate >= 0
    if not mated.any():
        raise DataError("no probe's person is in the gallery set: are the lists of one data set?")
    rows = np.flatnonzero(mated)
    own = scores[rows, mate[rows]]
    others = scores.copy()
    others[rows, mate[rows]] = -np.inf
    before = (others[rows] >= own[:, None]).sum(1)
    before[np.isneginf(own)] = others.shape[1]
    alarms = np.sort(scores[~mated].max(1))[::-1]
    tpir: dict[float, float | None] = {}
    for rate in FPIR:
        tpir[rate] = None
        if is_supported(rate, len(alarms)):
            tpir[rate] = float(((before == 0) & (own >= limit_at(alarms, rate))).mean())
    ranks = {k: float((before < k).mean()) for k in RANKS}
    return GalleryResult(scores.shape[1], len(rows), len(alarms), ranks, tpir)


def identify_together(templates: Templates, galleries: tuple[Subjects, Subjects], probes: Subjects) -> GalleryResult:
    """Both gallery sets as one, as InsightFace's `ijb_1n.py` does, for comparison with what was published.

    There every probe is mated, and "FPIR" counts pairs: the threshold is the score that ceil(FPIR x probes) of all
    pairs of a probe and another person's template reach; a hit is any mate that exceeds it, whatever its rank.

    Raises:
        DataError: as `identify`; or a probe's person is not enrolled.
    """
    both = Subjects(
        np.concatenate([part.template for part in galleries]), np.concatenate([part.subject for part in galleries])
    )
    scores, mate = _search(templates, both, probes)
    if (mate < 0).any():
        stranger = int(probes.subject[(mate < 0).argmax()])
        raise DataError(f"subject {stranger} of the probes is in neither gallery set: are the lists of one data set?")
    rows = np.arange(len(mate))
    own = scores[rows, mate]
    scores[rows, mate] = -np.inf
    before = (scores >= own[:, None]).sum(1)
    before[np.isneginf(own)] = scores.shape[1]
    tpir: dict[float, float | None] = {}
    for rate in FPIR:
        place = min(int(np.ceil(rate * len(mate))), scores.size)
        threshold = np.partition(scores, scores.size - place, axis=None)[scores.size - place]
        tpir[rate] = float((own > threshold).mean())
    return GalleryResult(len(both.template), len(mate), 0, {k: float((before < k).mean()) for k in RANKS}, tpir)


def _search(templates: Templates, gallery: Subjects, probes: Subjects) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Scores (P, G), -inf where a face is missing, and (P,) the gallery column of each probe's mate, or -1."""
    people, column = np.unique(gallery.subject, return_index=True)
    if len(people) < len(gallery.subject):
        raise DataError("a person is enrolled twice in the gallery set: each should have one template there")
    at = np.minimum(np.searchsorted(people, probes.subject), len(people) - 1)
    mate = np.where(people[at] == probes.subject, column[at], -1)
    searched = templates.vectors[templates.rows(probes.template)]
    enrolled = templates.vectors[templates.rows(gallery.template)]
    scores = searched @ enrolled.T
    scores[np.isnan(scores)] = -np.inf
    return scores, mate.astype(np.int64)
