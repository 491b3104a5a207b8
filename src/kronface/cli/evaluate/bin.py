"""`kronface evaluate bin`: InsightFace's packs of picture pairs."""

from pathlib import Path
from typing import Literal

from kronface.cli.checkpoints import choose_checkpoint
from kronface.cli.evaluate.verification import check_official, check_source, finish, missing_faces
from kronface.files import Progress, check_writable, no_progress


def pack(
    pack: Path,
    *,
    checkpoint: Path | None = None,
    features: Path | None = None,
    flip: bool = True,
    thresholds: Literal["exact", "grid"] = "exact",
    official: bool = False,
    allow_seen: bool = False,
    json: Path | None = None,
    name: str | None = None,
    seed: int = 0,
    resamples: int = 1000,
    device: str = "auto",
    max_bad_share: float = 0.01,
    progress: Progress = no_progress,
) -> str:
    """Verifies the pairs of a pack (lfw.bin, cfp_fp.bin, agedb_30.bin …): accuracy over ten folds, TAR at FAR, EER.

    The pack is read without running anything in it. Intervals are at 95 %, by bootstrap over pairs, since a pack does
    not say whose pictures it holds.

    Args:
        pack: a pickle of encoded pictures, aligned to 112x112, and labels.
        checkpoint: a checkpoint folder, rendered, distilled, an ONNX network's card (.yaml), insightface:FILE,
            adaface:FILE or dlib; by default the package's own, or where it has none the demo's joint network.
        features: embeddings instead, row by row the pictures of the pack, mirrored ones added already.
        flip: add the embedding of the mirrored face.
        thresholds: accuracy is tried at all scores (exact), or at InsightFace's distances (grid), with its VAL.
        official: an error if the pack has another number of pairs than the one of its name that is handed out.
        allow_seen: measure a network also on people whom its training saw; the pack's name says who they are.
        json: file for the results.
        name: how tables call the network; by default the checkpoint's folder or the features' file.
        seed: of the bootstrap.
        resamples: of the bootstrap; 0 leaves intervals out.
        device: auto, cpu, cuda or cuda:N.
        max_bad_share: share of unreadable pictures above which it stops.
        progress: called as pictures are embedded.
    """
    import numpy as np

    from kronface.errors import DataError
    from kronface.evaluation.features import read_features
    from kronface.evaluation.protocols.pack import PAIRS, PEOPLE, read_pack
    from kronface.evaluation.search import Rows, score_pairs
    from kronface.evaluation.verification import check_options, verify
    from kronface.evaluation.verification_result import keep_pairs
    from kronface.runtime.load import check_unseen, load_embedder
    from kronface.runtime.verify import Embedded, MirroredEmbedder, embed_chips

    check_options(resamples=resamples, seed=seed)
    check_source(pictures=None if features else pack, option="PACK", checkpoint=checkpoint, features=features)
    if json is not None:
        check_writable(json)
    content = read_pack(pack)
    expected = PAIRS.get(pack.stem)
    is_official = expected == len(content) and 2 * int(content.same.sum()) == expected
    lists = (
        f"as many pairs as the official {pack.stem} (no checksum of it is known)"
        if is_official
        else "not the official lists"
    )
    check_official(
        wanted=official,
        is_official=is_official,
        message=f"{pack} holds {len(content)} pairs, {int(content.same.sum())} genuine, and the official list of that "
        f"name {'is unknown' if expected is None else f'{expected}, half of them genuine'}",
    )
    shown = PEOPLE.get(pack.stem, pack.stem)
    embedder = None
    if features is not None:
        read = read_features(features)
        check_unseen(read.seen, shown, about=f"the network of {features}", allow=allow_seen)
        if len(read) != len(content.pictures):
            raise DataError(
                f"{features} holds {len(read)} embeddings for the {len(content.pictures)} pictures of {pack}"
            )
        embedded = Embedded.given(np.asarray(read.values))
        fingerprint = read.fingerprint
        flip = False
    else:
        checkpoint = choose_checkpoint(checkpoint)
        embedder = load_embedder(checkpoint, device=device)
        check_unseen(embedder.seen, shown, about=embedder.about, allow=allow_seen)
        fingerprint = embedder.fingerprint
        embedded = embed_chips(
            content.pictures,
            MirroredEmbedder(embedder) if flip else embedder,
            where=str(pack),
            max_bad_share=max_bad_share,
            progress=progress,
        )
    rows = Rows.of(embedded.vectors, what=str(features or pack))
    first = np.arange(0, len(content.pictures), 2)
    scores = score_pairs(rows, rows, first, first + 1)
    found = verify(scores, content.same, thresholds=thresholds, resamples=resamples, seed=seed, progress=progress)
    return finish(
        found,
        protocol="bin",
        official=is_official,
        lists=lists,
        notes=[],
        counts={
            "images": len(content.pictures),
            "faces_not_found": embedded.not_found,
            "unreadable": len(embedded.unreadable),
        },
        settings={
            "pack": str(pack),
            "features": None if features is None else str(features),
            "flip": flip,
            "rule": "strict",
            "thresholds": thresholds,
            "seed": seed,
            "resamples": resamples,
        },
        name=name,
        checkpoint=checkpoint,
        embedder=embedder,
        fingerprint=fingerprint,
        features=features,
        json=json,
        pairs=keep_pairs(scores, content.same),
        lines=missing_faces(embedded.not_found, embedded.unreadable, len(content.pictures)),
    )
