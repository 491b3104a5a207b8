"""`kronface evaluate ijb`: IJB-B and IJB-C from InsightFace's meta files and embeddings of their images."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from kronface.cli.evaluate.verification import check_official, finish, missing_faces
from kronface.files import Progress, check_writable, no_progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from kronface.evaluation.pair_bootstrap import People
    from kronface.evaluation.protocols.ijb import GalleryResult, Subjects, Templates


def ijb(
    meta: Path,
    *,
    features: Path,
    target: Literal["IJBC", "IJBB"] = "IJBC",
    halves: bool = False,
    norms: bool = True,
    faceness: bool = True,
    rule: Literal["nearest", "strict"] = "nearest",
    identification: bool = True,
    official: bool = False,
    allow_seen: bool = False,
    json: Path | None = None,
    name: str | None = None,
    seed: int = 0,
    resamples: int = 100,
    progress: Progress = no_progress,
) -> str:
    """Verifies (1:1) and identifies (1:N) the templates of IJB-B or IJB-C.

    Intervals are at 95 %, by bootstrap over people where the lists of 1:N say whose all templates are, else over
    templates.

    Args:
        meta: InsightFace's folder IJBC/meta or IJBB/meta.
        features: embeddings, row by row the images of ijbc_face_tid_mid.txt; lengths are kept, so do not normalise.
        target: IJBC or IJBB.
        halves: each row holds the image's embedding and the mirrored image's, which are added.
        norms: keep the lengths of embeddings when templates are pooled.
        faceness: weigh images by the faceness of ijbc_name_5pts_score.txt.
        rule: TAR at the nearest FAR (as InsightFace does), or at the nearest that does not exceed it (strict).
        identification: run 1:N too, where its lists are there.
        official: an error if the lists have other counts than the official ones.
        allow_seen: measure a network also on people whom its training saw.
        json: file for the results.
        name: how tables call the network; by default the features' file.
        seed: of the bootstrap.
        resamples: of the bootstrap; 0 leaves intervals out.
        progress: called as templates are pooled and scored.
    """
    import numpy as np

    from kronface.errors import DataError
    from kronface.evaluation.features import read_features
    from kronface.evaluation.pair_bootstrap import People
    from kronface.evaluation.protocols import ijb as protocol
    from kronface.evaluation.verification import check_options, verify
    from kronface.runtime.load import check_unseen

    check_options(resamples=resamples, seed=seed)
    if json is not None:
        check_writable(json)
    media = protocol.read_media(protocol.meta_file(meta, target, "face_tid_mid.txt"))
    read = read_features(features)
    check_unseen(read.seen, target, about=f"the network of {features}", allow=allow_seen)
    if len(read) != len(media):
        raise DataError(
            f"{features} holds {len(read)} embeddings for the {len(media)} images of {target}: bring one each"
        )
    weights = None
    if faceness:
        path = protocol.meta_file(meta, target, "name_5pts_score.txt")
        images, _, weights = protocol.read_faceness(path)
        if not np.array_equal(images, media.images):
            raise DataError(f"{path} lists other images than {target.lower()}_face_tid_mid.txt: bring both of one set")
    pairs = protocol.read_template_pairs(protocol.meta_file(meta, target, "template_pair_label.txt"))
    genuine = int(pairs.same.sum())
    counts = {
        "images": len(media),
        "templates": len(np.unique(media.template)),
        "genuine": genuine,
        "impostors": len(pairs) - genuine,
    }
    differing = [
        f"{counts[key]} {key}, not {value}" for key, value in protocol.COUNTS[target].items() if counts[key] != value
    ]
    check_official(
        wanted=official,
        is_official=not differing,
        message=f"{meta} is not the official {target} ({'; '.join(differing)})",
    )
    templates = protocol.pool(read.values, media, faceness=weights, flipped=halves, norms=norms, progress=progress)
    scores = protocol.score_pairs(templates, pairs, progress=progress)
    lists = _subjects(meta, target)
    people = _people(pairs.first, pairs.second, lists)
    found = verify(
        scores,
        pairs.same,
        accuracy=False,
        people=people or People.of(pairs.first, pairs.second, unit="templates"),
        rule=rule,
        resamples=resamples,
        seed=seed,
        progress=progress,
    )
    notes: list[str] = []
    more: dict[str, Any] = {}
    lines: list[str] = []
    if identification and lists:
        more["identification"], lines = _identify(templates, lists, protocol.GALLERIES[target])
    elif identification:
        notes.append(f"{meta} has no lists of 1:N: identification is left out")
    return finish(
        found,
        protocol="ijb",
        official=not differing,
        lists=f"as many images, templates and pairs as the official {target} (no checksum is known)"
        if not differing
        else "not the official lists",
        notes=notes,
        counts={
            "images": counts["images"],
            "templates": counts["templates"],
            "faces_not_found": templates.images_not_found,
        },
        settings={
            "meta": str(meta),
            "target": target,
            "features": str(features),
            "halves": halves,
            "norms": norms,
            "faceness": faceness,
            "rule": rule,
            "seed": seed,
            "resamples": resamples,
        },
        name=name,
        checkpoint=None,
        fingerprint=read.fingerprint,
        features=features,
        json=json,
        more=more,
        lines=[*lines, *missing_faces(templates.images_not_found, (), len(media))],
    )


def _subjects(meta: Path, target: Literal["IJBC", "IJBB"]) -> "tuple[Subjects, Subjects, Subjects] | None":
    """Both gallery sets and the probes of 1:N; None where the lists are not there."""
    from kronface.evaluation.protocols.ijb import GALLERIES, read_subjects

    first, second = GALLERIES[target]
    files = [
        meta / f"{target.lower()}_1N_{part}.csv" for part in (f"gallery_{first}", f"gallery_{second}", "probe_mixed")
    ]
    if not all(path.is_file() for path in files):
        return None
    return read_subjects(files[0]), read_subjects(files[1]), read_subjects(files[2])


def _people(
    first: "NDArray[np.int64]", second: "NDArray[np.int64]", lists: "tuple[Subjects, ...] | None"
) -> "People | None":
    """Whose templates the pairs are of; None where the lists do not say it of all."""
    import numpy as np

    from kronface.evaluation.pair_bootstrap import People

    if lists is None:
        return None
    known, at = np.unique(np.concatenate([part.template for part in lists]), return_index=True)
    subject = np.concatenate([part.subject for part in lists])[at]
    rows = [np.minimum(np.searchsorted(known, side), len(known) - 1) for side in (first, second)]
    if any((known[row] != side).any() for row, side in zip(rows, (first, second), strict=True)):
        return None
    return People.of(subject[rows[0]], subject[rows[1]])


def _identify(
    templates: "Templates", lists: "tuple[Subjects, Subjects, Subjects]", names: tuple[str, str]
) -> tuple[dict[str, Any], list[str]]:
    """1:N on each gallery set, their mean, and both as one; for the results file and in words."""
    from kronface.evaluation.protocols.ijb import identify, identify_together

    first, second, probes = lists
    parts = {
        names[0]: identify(templates, first, probes),
        names[1]: identify(templates, second, probes),
        "together": identify_together(templates, (first, second), probes),
    }
    result = {name: _as_values(part) for name, part in parts.items()}
    one, two = (result[name] for name in names)
    result["mean"] = {
        kind: {
            key: None if one[kind][key] is None or two[kind][key] is None else (one[kind][key] + two[kind][key]) / 2
            for key in one[kind]
        }
        for kind in ("rank", "tpir")
    }
    labels = {"mean": f"1:N, mean of {names[0]} and {names[1]}", "together": "1:N, both as one (InsightFace)"}
    lines = []
    for key, label in labels.items():
        ranks = ", ".join(f"rank-{k} {value:.4f}" for k, value in result[key]["rank"].items())
        rates = ", ".join(
            f"TPIR at FPIR {rate} {'not given' if value is None else f'{value:.4f}'}"
            for rate, value in result[key]["tpir"].items()
        )
        lines.append(f"{label}: {ranks}; {rates}")
    return result, lines


def _as_values(part: "GalleryResult") -> dict[str, Any]:
    return {
        "gallery": part.gallery,
        "mated": part.mated,
        "non_mated": part.non_mated,
        "rank": {str(k): value for k, value in part.rank.items()},
        "tpir": {f"{rate:g}": value for rate, value in part.tpir.items()},
    }
