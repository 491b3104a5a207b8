"""`kronface extract`: a data set's embeddings, for kronface evaluate or anything else."""

from pathlib import Path

from kronface.cli.checkpoints import choose_checkpoint
from kronface.files import Progress, no_progress


def extract(
    root: Path,
    *,
    out: Path,
    layout: str = "folder",
    checkpoint: Path | None = None,
    split: str | None = None,
    aligned: bool = False,
    official: bool = False,
    detect: bool = False,
    flip: bool = False,
    batch_size: int = 64,
    workers: int | None = None,
    allow_seen: bool = False,
    device: str = "auto",
    max_bad_share: float = 0.01,
    progress: Progress = no_progress,
) -> str:
    """Embeds every picture of a data set into a store of parquet files, which can be ended at any time and goes on.

    The store holds path, person, split, embedding and predicted attributes of every picture, and the fingerprint of
    the network; kronface evaluate takes it wherever it takes a file of embeddings. Pictures without a face are kept,
    without numbers; unreadable ones are listed.

    Args:
        root: the data set's folder.
        out: folder of the store.
        layout: of the data set; kronface data check knows them all.
        checkpoint: a checkpoint folder, rendered, distilled, an ONNX network's card (.yaml), insightface:FILE,
            adaface:FILE or dlib; by default the package's own, or where it has none the demo's joint network.
        split: train, validation or test; all by default.
        aligned: the pictures are crops at the reference points already.
        official: require the official set's counts.
        detect: find faces by the detector even where landmarks are known.
        flip: add the mirrored face's embedding.
        batch_size: faces per pass of the network.
        workers: processes that decode and detect meanwhile; half of the processors by default.
        allow_seen: measure a network also on people whom its training saw.
        device: auto, cpu, cuda or cuda:N.
        max_bad_share: share of unreadable pictures above which it stops.
        progress: called after every picture.
    """
    from kronface.data.sources import read_source
    from kronface.faces.detect import YuFaceDetector
    from kronface.hardware import available_processors
    from kronface.runtime.extract_store import extract_store
    from kronface.runtime.load import check_unseen, load_embedder
    from kronface.runtime.verify import MirroredEmbedder

    records = read_source(layout, root, official=official, aligned=aligned, split=split)
    chosen = choose_checkpoint(checkpoint)
    embedder = load_embedder(chosen, device=device)
    check_unseen(embedder.seen, records.name, about=embedder.about, allow=allow_seen)
    found = extract_store(
        records,
        MirroredEmbedder(embedder) if flip else embedder,
        out,
        settings={"split": split, "aligned": aligned, "detect": detect, "flip": flip, "size": embedder.size},
        detector=YuFaceDetector(),
        detect=detect,
        batch_size=batch_size,
        workers=max(available_processors() // 2, 1) if workers is None else workers,
        max_bad_share=max_bad_share,
        progress=progress,
    )
    lines = [
        f"network: {embedder.about}",
        f"{found.rows:,} pictures of {records.table['identity'].n_unique():,} people in {out}: "
        f"{found.embedded:,} embedded now, {found.rows - found.embedded:,} were there",
        f"faces not found: {found.not_found:,}; unreadable: {len(found.bad):,}",
    ]
    lines += [f"unreadable: {picture.reason}" for picture in found.bad[:10]]
    if len(found.bad) > 10:
        lines.append("all of them have a reason in the column problem")
    return "\n".join([*lines, *(f"note: {note}" for note in records.notes)])
