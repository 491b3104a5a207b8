"""`kronface evaluate celeba`: identification among CelebA's test people, and its attributes."""

from pathlib import Path
from typing import Literal

from kronface.cli.checkpoints import checkpoint_name, choose_checkpoint
from kronface.files import Progress, check_writable, no_progress, write_json


def celeba(
    root: Path,
    *,
    checkpoint: Path | None = None,
    features: Path | None = None,
    attributes: list[str] | None = None,
    criterion: Literal["accuracy", "balanced_accuracy"] = "accuracy",
    groups: Path | None = None,
    by: list[str] | str = [],  # noqa: B006 - the command line shows it as the default
    fmr: float = 1e-3,
    fpir: float = 0.05,
    draws: int = 10,
    sizes: list[int] | None = None,
    official: bool = False,
    json: Path | None = None,
    name: str | None = None,
    threads: int | None = None,
    seed: int = 0,
    resamples: int = 1000,
    allow_seen: bool = False,
    device: str = "auto",
    max_bad_share: float = 0.01,
    progress: Progress = no_progress,
) -> str:
    """Identifies CelebA's test people among its validation people, and measures attributes on its official splits.

    CelebA's splits share no identities, so each test identity enrols one image, by seeded draws; its others are
    searched for among the enrolled people and all validation images. In the open set the validation images are
    searches for strangers. Attributes: accuracy, balanced accuracy and average precision on the test split, with
    thresholds at 0.5 and as chosen on the validation split.

    Args:
        root: CelebA's folder, with its index files.
        checkpoint: a checkpoint folder, rendered, distilled, an ONNX network's card (.yaml), insightface:FILE,
            adaface:FILE or dlib; by default the package's own, or where it has none the demo's joint network.
        features: embeddings instead: a .parquet with the columns path and embedding, and, for attributes, a column of
            probabilities under each attribute's name.
        attributes: which to measure; all that are predicted by default.
        criterion: what attributes' thresholds maximise on the validation split.
        groups: a table (.csv or .parquet) that says who belongs to which group, by a column path or identity.
        by: attributes, such as Male,Young, or columns of the table, to give error rates by; a person's attribute is
            what most of the person's labels say.
        fmr: at whose threshold FNMR and FMR of the groups are given.
        fpir: at whose threshold FNIR and FPIR of the groups are given.
        draws: seeded choices of the enrolled images.
        sizes: numbers of distractors to give rank-1 at; it is the exact mean over all subsets of that size.
        official: an error unless images, identities and splits are those of the official set.
        json: file for the results; kronface report reads it.
        name: how tables call the network; by default the checkpoint's folder, or the file of embeddings.
        threads: of the search; all processors by default.
        seed: of the draws and of the bootstrap.
        resamples: of the bootstrap over people.
        allow_seen: measure a network also on people whom its training saw.
        device: auto, cpu, cuda or cuda:N.
        max_bad_share: share of unreadable pictures above which it stops.
        progress: called after every picture, and as rows are compared.
    """
    from kronface.data.sources.celeba import celeba as read_celeba
    from kronface.errors import ConfigError
    from kronface.evaluation.features import read_features
    from kronface.evaluation.groups import column_names, read_groups
    from kronface.evaluation.identification import check_options
    from kronface.evaluation.protocols.differentials import check_targets
    from kronface.faces.detect import YuFaceDetector
    from kronface.runtime.celeba import embed_splits, evaluate_celeba, read_splits
    from kronface.runtime.describe import describe_checkpoint
    from kronface.runtime.load import check_unseen, load_embedder

    check_options(gallery_images=1, draws=draws, seed=seed, resamples=resamples)
    if features is not None and checkpoint is not None:
        raise ConfigError("--features holds embeddings already, so --checkpoint has no use: leave one of them out")
    if json is not None:
        check_writable(json)
    check_targets(fmr=fmr, fpir=fpir)
    columns = column_names(by)
    table = None if groups is None else read_groups(groups)
    records = read_celeba(root, official=official)
    unknown = [column for column in columns if table is None and column not in records.attributes]
    if unknown:
        raise ConfigError(f"--by names {unknown[0]}, which is no attribute of {root}: bring a table by --groups")
    described = None
    if features is not None:
        found = read_features(features)
        check_unseen(found.seen, records.name, about=f"the network of {features}", allow=allow_seen)
        test, validation = read_splits(records, found)
        named = features.stem
    else:
        checkpoint = choose_checkpoint(checkpoint)
        embedder = load_embedder(checkpoint, device=device)
        check_unseen(embedder.seen, records.name, about=embedder.about, allow=allow_seen)
        described, named = describe_checkpoint(checkpoint, embedder), checkpoint_name(checkpoint)
        test, validation = embed_splits(
            records, embedder, detector=YuFaceDetector(), max_bad_share=max_bad_share, progress=progress
        )
    result, lines = evaluate_celeba(
        records,
        test,
        validation,
        name=name or named,
        settings={
            "features": None if features is None else str(features),
            "attributes": attributes,
            "criterion": criterion,
            "sizes": sizes,
            "groups": None if groups is None else str(groups),
            "by": columns,
            "fmr": fmr,
            "fpir": fpir,
        },
        checkpoint=described,
        attributes=attributes,
        criterion=criterion,
        groups=table,
        by=columns,
        fmr=fmr,
        fpir=fpir,
        draws=draws,
        sizes=sizes,
        threads=threads,
        resamples=resamples,
        seed=seed,
        progress=progress,
    )
    lines += [f"note: {note}" for note in records.notes]
    if result["bad_images"]:
        lines.append(
            f"unreadable, left out: {len(result['bad_images'])}; {result['bad_images'][0]['reason']} the first"
        )
    if json is not None:
        write_json(json, result)
        lines.append(f"results: {json}")
    return "\n".join(lines)
