"""`kronface evaluate lfw`: Labeled Faces in the Wild, or any list of pairs of its form."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from kronface.cli.checkpoints import choose_checkpoint
from kronface.cli.evaluate.verification import check_official, check_source, finish, missing_faces
from kronface.files import Progress, check_writable, no_progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from kronface.evaluation.features import Features
    from kronface.runtime.embedder import Embedder
    from kronface.runtime.verify import Embedded


def lfw(
    pairs: Path,
    *,
    images: Path | None = None,
    checkpoint: Path | None = None,
    features: Path | None = None,
    names: Path | None = None,
    aligned: bool = False,
    flip: bool = True,
    thresholds: Literal["exact", "grid"] = "exact",
    official: bool = False,
    json: Path | None = None,
    name: str | None = None,
    seed: int = 0,
    resamples: int = 1000,
    allow_seen: bool = False,
    device: str = "auto",
    max_bad_share: float = 0.01,
    progress: Progress = no_progress,
) -> str:
    """Verifies LFW's pairs: accuracy over ten folds, TAR at FAR, EER.

    A pair with a face that is not found is rejected: a miss if genuine, and counted. Intervals are at 95 %, by
    bootstrap over people.

    Args:
        pairs: pairs.txt (view 2), pairsDevTrain.txt or pairsDevTest.txt (view 1).
        images: holds LFW's folders, one per person; they are embedded by the checkpoint.
        checkpoint: a checkpoint folder, rendered, distilled, an ONNX network's card (.yaml), insightface:FILE,
            adaface:FILE or dlib; by default the package's own, or where it has none the demo's joint network.
        features: embeddings instead of images: .parquet with a column path, or another kind with --names.
        names: one image a line, as Name/Name_0001.jpg, for each row of the features.
        aligned: the images are crops at the reference points already.
        flip: add the embedding of the mirrored face.
        thresholds: accuracy is tried at all scores (exact), or at InsightFace's distances (grid), with its VAL.
        official: an error if the list is none of the official ones.
        json: file for the results.
        name: how tables call the network; by default the checkpoint's folder or the features' file.
        seed: of the bootstrap.
        resamples: of the bootstrap; 0 leaves intervals out.
        allow_seen: measure a network also on people whom its training saw.
        device: auto, cpu, cuda or cuda:N.
        max_bad_share: share of unreadable pictures above which it stops.
        progress: called after every picture.
    """
    import numpy as np

    from kronface.evaluation.features import read_features
    from kronface.evaluation.pair_bootstrap import People
    from kronface.evaluation.protocols.lfw import read_pairs
    from kronface.evaluation.search import Rows, score_pairs
    from kronface.evaluation.verification import check_options, verify
    from kronface.evaluation.verification_result import keep_pairs
    from kronface.runtime.load import check_unseen, load_embedder
    from kronface.runtime.verify import Embedded

    check_options(resamples=resamples, seed=seed)
    check_source(pictures=images, option="--images", checkpoint=checkpoint, features=features)
    if json is not None:
        check_writable(json)
    listed = read_pairs(pairs)
    which = f"LFW {listed.official}" if listed.official else "not the official lists"
    check_official(
        wanted=official, is_official=listed.official is not None, message=f"{pairs} has the MD5 {listed.md5}"
    )
    needed = listed.images()
    notes: list[str] = []
    embedder = None
    if features is not None:
        found_features = read_features(features)
        check_unseen(found_features.seen, "lfw", about=f"the network of {features}", allow=allow_seen)
        fingerprint = found_features.fingerprint
        embedded = Embedded.given(_rows_of(found_features, features, names, needed.tolist()))
        flip = False
    else:
        checkpoint = choose_checkpoint(checkpoint)
        embedder = load_embedder(checkpoint, device=device)
        check_unseen(embedder.seen, "lfw", about=embedder.about, allow=allow_seen)
        fingerprint = embedder.fingerprint
        embedded, notes = _from_images(
            images or Path(),
            embedder,
            needed.tolist(),
            aligned=aligned,
            flip=flip,
            max_bad_share=max_bad_share,
            progress=progress,
        )
    rows = Rows.of(embedded.vectors, what=str(features or images))
    first, second = np.searchsorted(needed, listed.first), np.searchsorted(needed, listed.second)
    scores = score_pairs(rows, rows, first, second)
    folded = len(np.unique(listed.folds)) > 1
    if not folded:
        notes.append("one list without folds: no accuracy, since its threshold would be chosen on itself")
    owners = People.of(listed.first_person, listed.second_person)
    found = verify(
        scores,
        listed.same,
        folds=listed.folds if folded else None,
        accuracy=folded,
        people=owners,
        thresholds=thresholds,
        resamples=resamples,
        seed=seed,
        progress=progress,
    )
    people = np.unique(np.concatenate([listed.first_person, listed.second_person]))
    return finish(
        found,
        protocol="lfw",
        official=listed.official is not None,
        lists=which,
        notes=notes,
        counts={
            "images": len(needed),
            "people": len(people),
            "faces_not_found": embedded.not_found,
            "unreadable": len(embedded.unreadable),
        },
        settings={
            "pairs": str(pairs),
            "md5": listed.md5,
            "images": None if images is None else str(images),
            "features": None if features is None else str(features),
            "aligned": aligned,
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
        pairs=keep_pairs(scores, listed.same, folds=listed.folds if folded else None, people=owners),
        lines=missing_faces(embedded.not_found, embedded.unreadable, len(needed)),
    )


def _rows_of(found: "Features", path: Path, names: Path | None, images: list[str]) -> "NDArray[np.floating]":
    """(images, D) embeddings of the images."""
    import numpy as np

    from kronface.errors import ConfigError, DataError
    from kronface.evaluation.features import read_labels
    from kronface.runtime.verify import without_suffix

    known = found.paths if names is None else read_labels(names)
    if known is None:
        raise ConfigError(
            f"{path} does not say which image each row is: give --names, or a .parquet with a column path"
        )
    if len(known) != len(found):
        raise DataError(f"{names} names {len(known)} images for {len(found)} embeddings in {path}: bring one each")
    row_of = {without_suffix(entry): row for row, entry in enumerate(known.tolist())}
    if len(row_of) < len(known):
        raise DataError(f"{names or path} names an image twice: bring each once")
    missing = [image for image in images if without_suffix(image) not in row_of]
    if missing:
        raise DataError(
            f"{names or path} lacks {len(missing)} of {len(images)} listed images, {missing[0]} the first: "
            "images are named as Name/Name_0001.jpg"
        )
    return np.asarray(found.values[[row_of[without_suffix(image)] for image in images]])


def _from_images(
    root: Path,
    embedder: "Embedder",
    images: list[str],
    *,
    aligned: bool,
    flip: bool,
    max_bad_share: float,
    progress: Progress,
) -> "tuple[Embedded, list[str]]":
    """Embeddings of the images, and notes on the folder."""
    from kronface.data.sources.folder import folder as read_folder
    from kronface.faces.detect import YuFaceDetector
    from kronface.runtime.verify import MirroredEmbedder, embed_images

    records = read_folder(root, aligned=aligned)
    embedded = embed_images(
        records,
        images,
        MirroredEmbedder(embedder) if flip else embedder,
        detector=None if aligned else YuFaceDetector(),
        max_bad_share=max_bad_share,
        progress=progress,
    )
    return embedded, list(records.notes)
