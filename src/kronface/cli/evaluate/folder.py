"""`kronface evaluate folder`: how well a network knows people, one folder each."""

from pathlib import Path

from kronface.cli.checkpoints import checkpoint_name, choose_checkpoint
from kronface.files import Progress, check_writable, no_progress, write_json


def folder(
    root: Path,
    *,
    checkpoint: Path | None = None,
    gallery_images: int = 1,
    draws: int = 10,
    aligned: bool = False,
    json: Path | None = None,
    name: str | None = None,
    seed: int = 0,
    resamples: int = 1000,
    device: str = "auto",
    max_bad_share: float = 0.01,
    groups: Path | None = None,
    by: list[str] | str = [],  # noqa: B006 - the command line shows it as the default
    fmr: float = 1e-3,
    fpir: float = 0.05,
    progress: Progress = no_progress,
) -> str:
    """Searches everybody's pictures among one folder per person: rank-1, CMC, and growing numbers of distractors.

    Every other person is a distractor. A face that is not found is a miss, and counted. Intervals are at 95 %, by
    bootstrap over people.

    Args:
        root: holds one folder per person; nobody of them should have been trained on.
        checkpoint: a checkpoint folder, rendered, distilled, an ONNX network's card (.yaml), insightface:FILE,
            adaface:FILE or dlib; by default the package's own, or where it has none the demo's joint network.
        gallery_images: enrolled pictures per person; all others are searched for.
        draws: seeded choices of the enrolled pictures.
        aligned: the pictures are crops at the reference points already.
        json: file for the results; kronface report reads it.
        name: how tables call the network; by default the checkpoint's folder, of a run's best and last the run's first.
        seed: of the choices and of the bootstrap.
        resamples: of the bootstrap.
        device: auto, cpu, cuda or cuda:N.
        max_bad_share: share of unreadable pictures above which it stops.
        groups: a table (.csv or .parquet) that says who belongs to which group, by a column path or identity, such as
            truth.csv of rendered people; error rates are then given by group.
        by: columns of it to group by, as sex,age or "[sex, age]"; by default those of sex, age, tone and ancestry that
            are there.
        fmr: false match rate over all pairs, at whose threshold FNMR and FMR are given by group.
        fpir: likewise of searches for people who are not enrolled, for FNIR and FPIR by group.
        progress: called after every picture.
    """
    from kronface.data.sources.folder import folder as read_folder
    from kronface.errors import CheckpointError, ConfigError
    from kronface.evaluation.groups import column_names, read_groups
    from kronface.evaluation.protocols.differentials import describe
    from kronface.faces.detect import YuFaceDetector
    from kronface.runtime.calibrate import calibration_file, load_calibration
    from kronface.runtime.describe import describe_checkpoint, describe_training_set
    from kronface.runtime.evaluate import evaluate
    from kronface.runtime.load import load_embedder

    if json is not None:
        check_writable(json)
    columns = column_names(by)
    if columns and groups is None:
        raise ConfigError("--by names columns of a table: say which one by --groups")
    table = None if groups is None else read_groups(groups)
    chosen = choose_checkpoint(checkpoint)
    records = read_folder(root, aligned=aligned)
    embedder = load_embedder(chosen, device=device)
    try:
        calibration = load_calibration(calibration_file(chosen), embedder.fingerprint)
    except CheckpointError:
        calibration = None
    result = evaluate(
        records,
        embedder,
        name=name or checkpoint_name(chosen),
        checkpoint=describe_checkpoint(chosen, embedder),
        detector=None if aligned else YuFaceDetector(),
        calibration=calibration,
        gallery_images=gallery_images,
        draws=draws,
        seed=seed,
        resamples=resamples,
        max_bad_share=max_bad_share,
        groups=table,
        by=columns,
        fmr=fmr,
        fpir=fpir,
        progress=progress,
    )
    if "rank1" not in result:
        raise CheckpointError(f"{chosen} has no identity branch, so it cannot identify: choose another checkpoint")
    result["settings"]["aligned"] = aligned
    if groups is not None:
        result["settings"]["groups"] = str(groups)
    if json is not None:
        write_json(json, result)
    lines = [
        f"network: {embedder.about}",
        f"rank-1 {result['rank1']:.4f} [{result['rank1_low']:.4f}, {result['rank1_high']:.4f}] "
        f"among {result['people']} people, {result['probes']} probes, {draws} draws",
        "rank-1 by distractors: "
        + ", ".join(
            f"{count}: {value:.3f}"
            for count, value in zip(result["distractors"]["counts"], result["distractors"]["rank1"], strict=True)
        ),
        f"faces not found: {result['faces_not_found']} of {result['data']['images']} (counted as misses)",
    ]
    if result["bad_images"]:
        first = result["bad_images"][0]["reason"]
        lines.append(f"unreadable, left out: {len(result['bad_images'])}; the first: {first}")
    if result["open_set"]:
        found = result["open_set"]
        lines.append(
            f"threshold {found['threshold']:.4f} with {found['people']} of them enrolled: "
            f"FPIR {found['fpir']:.4f}, FNIR {found['fnir']:.4f}"
        )
    lines += describe(result.get("differentials", []))
    lines += [*describe_training_set(result["checkpoint"]), *(f"note: {note}" for note in records.notes)]
    if json is not None:
        lines.append(f"results: {json}")
    return "\n".join(lines)
