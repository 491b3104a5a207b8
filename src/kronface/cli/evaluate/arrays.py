"""`kronface evaluate arrays`: embeddings of any network, searched among as many distractors as there are."""

from pathlib import Path
from typing import Literal

from kronface.errors import ConfigError
from kronface.files import Progress, check_writable, no_progress, write_json


def arrays(
    probes: Path,
    *,
    gallery: Path | None = None,
    distractors: Path | None = None,
    labels: Path | None = None,
    gallery_labels: Path | None = None,
    distractor_labels: Path | None = None,
    mates: Literal["template", "each"] = "template",
    metric: Literal["cosine", "euclidean"] = "cosine",
    ties: Literal["against", "for"] = "against",
    sizes: list[int] | None = None,
    json: Path | None = None,
    name: str | None = None,
    threads: int | None = None,
    seed: int = 0,
    resamples: int = 1000,
    groups: Path | None = None,
    by: list[str] | str = [],  # noqa: B006 - the command line shows it as the default
    fmr: float = 1e-3,
    fpir: float = 0.05,
    progress: Progress = no_progress,
) -> str:
    """Searches embeddings from files: rank-1, CMC, growing numbers of distractors, and the open set.

    Files are .npy, .safetensors or .parquet: one row per image. With a gallery set, every probe is searched among its
    people and all distractors; probes of people who are not in it are searches for strangers, and give FPIR and TPIR.
    Without one, MegaFace's rule holds: each probe is in turn the mate of every other probe of the same person, and only
    distractors compete. A row with a NaN is an image without a face, and a miss. All is exact: no score is left out,
    and none is decided by float32's rounding.

    Args:
        probes: embeddings to search for.
        gallery: embeddings of the people who are enrolled.
        distractors: embeddings of anybody else.
        labels: the probes' people, where the file does not hold them: .npy, .parquet or .txt, one per image.
        gallery_labels: the gallery set's people, likewise.
        distractor_labels: the distractors' people, if known: they are no distractors for probes of their own.
        mates: template: the images of a person are one template, their mean; each: each is a mate, alone.
        metric: cosine or euclidean.
        ties: against: others with the mate's own score stand before it; for: behind it, as in MegaFace's rule.
        sizes: numbers of distractors to give rank-1 at; it is the exact mean over all subsets of that size.
        json: file for the results; kronface report reads it.
        name: how tables call the network; by default the probes' file.
        threads: of the search; all processors by default.
        seed: of the bootstrap.
        resamples: of the bootstrap over people.
        groups: a table (.csv or .parquet) that says which probes belong to which group, by a column path or identity;
            error rates are then given by group.
        by: columns to group the probes by, of that table or of the probes' own .parquet, as sex,age or "[sex, age]";
            with --groups by default those of sex, age, tone and ancestry that are there.
        fmr: false match rate over all pairs of probes, at whose threshold FNMR and FMR are given by group.
        fpir: likewise of searches for strangers, for FNIR and FPIR by group.
        progress: called as rows are compared.
    """
    from kronface.evaluation.features import read_features
    from kronface.evaluation.groups import GroupTable, column_names, groupings, read_groups
    from kronface.evaluation.protocols.arrays import arrays_content, check_options, identify_arrays
    from kronface.evaluation.protocols.differentials import arrays_differentials, check_targets, describe

    for option, idle, needed in (
        ("--gallery-labels", gallery is None and gallery_labels is not None, "--gallery"),
        ("--mates", gallery is None and mates != "template", "--gallery"),
        ("--sizes", distractors is None and sizes is not None, "--distractors"),
        ("--distractor-labels", distractors is None and distractor_labels is not None, "--distractors"),
    ):
        if idle:
            raise ConfigError(f"{option} has no use without {needed}: name that file too, or leave the option out")
    if json is not None:
        check_writable(json)
    check_targets(fmr=fmr, fpir=fpir)
    columns = column_names(by)
    tables = [] if groups is None else [read_groups(groups)]
    searched = read_features(probes, labels=labels)
    if columns:
        tables.append(GroupTable.of_columns(searched.source, searched.columns))
    grouped = groupings(tables, columns, identities=searched.identities, paths=searched.paths) if tables else []
    enrolled = None if gallery is None else read_features(gallery, labels=gallery_labels)
    others = None if distractors is None else read_features(distractors, labels=distractor_labels)
    check_options(sizes=sizes, distractors=0 if others is None else len(others), resamples=resamples, seed=seed)
    found = identify_arrays(searched, enrolled, others, mates=mates, metric=metric, threads=threads, progress=progress)
    result, lines = arrays_content(
        found,
        name=name or probes.stem,
        root=str(probes.parent),
        fingerprint=searched.fingerprint,
        settings={
            name: None if path is None else str(path)
            for name, path in (
                ("probes", probes),
                ("labels", labels),
                ("gallery", gallery),
                ("gallery_labels", gallery_labels),
                ("distractors", distractors),
                ("distractor_labels", distractor_labels),
            )
        }
        | {
            "mates": mates,
            "metric": metric,
            "ties": ties,
        },
        owners=searched.identities,
        ties=ties,
        sizes=sizes,
        seed=seed,
        resamples=resamples,
    )
    if grouped:
        result["settings"] |= {
            "groups": None if groups is None else str(groups),
            "by": [grouping.by for grouping in grouped],
            "fmr": fmr,
            "fpir": fpir,
        }
        result["differentials"] = arrays_differentials(
            found,
            searched,
            grouped,
            fmr=fmr,
            fpir=fpir,
            ties=ties,
            metric=metric,
            seed=seed,
            resamples=resamples,
            threads=threads,
            progress=progress,
        )
        lines += describe(result["differentials"])
    if json is not None:
        write_json(json, result)
        lines.append(f"results: {json}")
    return "\n".join(lines)
