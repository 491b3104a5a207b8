"""CelebA through a network, or its embeddings from a file: both splits that are measured, and the results file."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kronface.data.records import Records
from kronface.errors import ConfigError, DataError
from kronface.evaluation.attribute_thresholds import Criterion
from kronface.evaluation.features import Features, select
from kronface.evaluation.groups import GroupTable, groupings
from kronface.evaluation.label_audit import voted_labels
from kronface.evaluation.protocols.arrays import Identification
from kronface.evaluation.protocols.attributes import describe_attributes, measure_attributes
from kronface.evaluation.protocols.celeba import CelebA, identify_celeba
from kronface.evaluation.protocols.celeba_content import celeba_content
from kronface.evaluation.protocols.differentials import arrays_differentials, describe
from kronface.evaluation.result import assemble
from kronface.evaluation.trials import Trials
from kronface.faces.detect import Detector
from kronface.files import Progress, no_progress
from kronface.hardware import processor_name
from kronface.runtime.embedder import Embedder
from kronface.runtime.extract import extract

SPLITS = ("test", "validation")


@dataclass(frozen=True)
class Split:
    """What is known of one split's images."""

    records: Records
    """Of the N images that could be read."""
    embeddings: Features | None
    """With people; None where the network has none."""
    probabilities: NDArray[np.floating] | None
    """(N, T), NaN where no face was found; None where none are predicted."""
    predicted: tuple[str, ...]
    """Names of the T attributes."""
    bad: tuple[dict[str, str], ...] = field(default=())
    """Path and reason of unreadable images, which are left out."""
    not_found: int = 0
    """Images without a face."""

    @property
    def people(self) -> NDArray[np.str_]:
        """(N,) who they show."""
        return self.records.table["identity"].to_numpy().astype(np.str_)


def embed_splits(
    records: Records,
    embedder: Embedder,
    *,
    detector: Detector | None = None,
    max_bad_share: float = 0.01,
    progress: Progress = no_progress,
) -> tuple[Split, Split]:
    """The test and the validation split through a network.

    Raises:
        DataError: a split is empty, no face was found, or too many pictures are unreadable.
    """
    return tuple(  # type: ignore[return-value]
        _embed(records, split, embedder, detector, max_bad_share, progress) for split in SPLITS
    )


def read_splits(records: Records, features: Features) -> tuple[Split, Split]:
    """The test and the validation split from a table with paths; its columns under attributes' names are probabilities.

    Raises:
        DataError: a split is empty, or images are missing from the table.
    """
    predicted = tuple(name for name in records.attributes if name in features.columns)
    splits = []
    for split in SPLITS:
        part = _require(records, split)
        paths = part.table["path"].str.split("/").list.last().to_list()
        chosen = select(features, paths, source=f"CelebA's {split} split")
        people = part.table["identity"].to_numpy().astype(np.str_)
        columns = [np.asarray(chosen.columns[name], np.float64) for name in predicted]
        splits.append(
            Split(
                part,
                Features(chosen.values, chosen.source, people, np.array(paths), {}, features.fingerprint),
                np.stack(columns, 1) if columns else None,
                predicted,
                not_found=int(np.isnan(chosen.values).any(1).sum()),
            )
        )
    return splits[0], splits[1]


def evaluate_celeba(
    records: Records,
    test: Split,
    validation: Split,
    *,
    name: str,
    settings: dict[str, Any],
    checkpoint: dict[str, Any] | None = None,
    attributes: Sequence[str] | None = None,
    criterion: Criterion = "accuracy",
    draws: int = 10,
    sizes: Sequence[int] | None = None,
    groups: GroupTable | None = None,
    by: Sequence[str] = (),
    fmr: float = 1e-3,
    fpir: float = 0.05,
    threads: int | None = None,
    resamples: int = 1000,
    seed: int = 0,
    progress: Progress = no_progress,
) -> tuple[dict[str, Any], list[str]]:
    """The content of a results file, and lines for the terminal.

    Args:
        records: of the whole set.
        test: people who are identified.
        validation: distractors and strangers; thresholds of attributes are chosen on them.
        name: how tables call the network.
        settings: what else a repetition needs.
        checkpoint: what `describe_checkpoint` says, or None.
        attributes: which to measure; all that are predicted by default.
        criterion: what thresholds of attributes maximise on the validation split.
        draws: seeded choices of the enrolled images.
        sizes: numbers of distractors to give rank-1 at.
        groups: of these people or pictures, for differentials.
        by: columns of it, or attributes, by which people are grouped; a person's group is what most labels say.
        fmr: at whose threshold FNMR and FMR of the groups are given.
        fpir: at whose threshold FNIR and FPIR of the groups are given.
        threads: of the search.
        resamples: of the bootstrap over people.
        seed: of the draws and of the bootstrap.
        progress: called as rows are compared.

    Raises:
        ConfigError: an attribute that is not predicted, or an impossible number.
        DataError: there is nothing to measure.
    """
    unknown = [entry for entry in attributes or () if entry not in test.predicted]
    if unknown:
        raise ConfigError(
            f"--attributes names {unknown[0]}, which is not predicted: known are {', '.join(test.predicted) or '-'}"
        )
    data = {
        "root": str(records.root),
        "layout": records.name,
        "people": len(np.unique(test.people)),
        "images": len(test.people),
        "notes": list(records.notes),
    }
    lines: list[str] = []
    if test.embeddings is not None and validation.embeddings is not None:
        found = identify_celeba(
            test.embeddings, validation.embeddings, draws=draws, seed=seed, threads=threads, progress=progress
        )
        result, lines = celeba_content(
            found,
            strangers=validation.people,
            name=name,
            data=data,
            settings=settings | {"seconds": round(found.seconds, 3)},
            checkpoint=checkpoint,
            fingerprint=test.embeddings.fingerprint,
            sizes=sizes,
            resamples=resamples,
            seed=seed,
        )
        if by or groups is not None:
            result["differentials"] = _differentials(
                found,
                test,
                validation,
                groups,
                by,
                fmr=fmr,
                fpir=fpir,
                threads=threads,
                resamples=resamples,
                seed=seed,
                progress=progress,
            )
            lines += describe(result["differentials"])
    elif test.probabilities is None:
        raise DataError(
            f"{name} gives neither embeddings nor attributes of {records.root}: there is nothing to measure"
        )
    else:
        result = assemble(
            name=name,
            protocol="celeba",
            data=data,
            settings=settings | {"seed": seed, "resamples": resamples},
            checkpoint=checkpoint,
            faces_not_found=test.not_found,
            processor=processor_name(),
        )
    result["bad_images"] = [*test.bad, *validation.bad]
    if test.probabilities is not None and validation.probabilities is not None:
        kept = [column for column, entry in enumerate(test.predicted) if not attributes or entry in attributes]
        names = [test.predicted[column] for column in kept]
        measured = measure_attributes(
            test.probabilities[:, kept],
            test.records.labels(names),
            test.people,
            names,
            validation=(validation.probabilities[:, kept], validation.records.labels(names)),
            criterion=criterion,
            resamples=resamples,
            seed=seed,
        )
        counts = measured.pop("counts")
        result |= {"attributes": measured.pop("attributes"), "attribute_protocol": measured, "attribute_counts": counts}
        lines += describe_attributes({"attributes": result["attributes"], **measured})
    return result, lines


def _differentials(
    found: CelebA,
    test: Split,
    validation: Split,
    groups: GroupTable | None,
    by: Sequence[str],
    *,
    fmr: float,
    fpir: float,
    threads: int | None,
    resamples: int,
    seed: int,
    progress: Progress,
) -> list[dict[str, Any]]:
    """Of the first draw, without distractors; groups are a table's, or what most labels of a person say."""
    assert test.embeddings is not None
    assert validation.embeddings is not None
    splits = (test, validation)
    people = np.concatenate([split.people for split in splits])
    paths = np.concatenate([split.records.table["path"].to_numpy().astype(np.str_) for split in splits])
    both = Features(
        np.concatenate([np.asarray(part.values) for part in (test.embeddings, validation.embeddings)]),
        str(test.records.root),
        people,
        paths,
    )
    labelled = [name for name in by if name in test.records.attributes]
    labels = np.concatenate([split.records.labels(labelled) for split in splits])
    voted = voted_labels(labels, people) if labelled else labels
    columns = {
        name: np.where(np.isnan(voted[:, k]), "", np.where(voted[:, k] > 0.5, name, f"not {name}"))
        for k, name in enumerate(labelled)
    }
    tables = [GroupTable.of_columns(f"the labels of {test.records.root}", columns), *([groups] if groups else [])]
    trials = len(found.probe) // found.draws
    first = Identification(
        trials=_first(found.fixed, trials),
        fixed=_first(found.fixed, trials),
        distractors=_first(found.distractors, trials),
        names=found.names,
        probe=found.probe[:trials],
        mate=found.mate[:trials],
        score=found.score[:trials],
        strangers=len(test.people) + np.arange(len(validation.people)),
        stranger_score=found.stranger_score[: len(validation.people)],
        not_found=(0, 0, 0),
        compared=0,
        seconds=0.0,
    )
    return arrays_differentials(
        first,
        both,
        groupings(tables, by, identities=people, paths=paths),
        fmr=fmr,
        fpir=fpir,
        seed=seed,
        resamples=resamples,
        threads=threads,
        progress=progress,
    )


def _first(trials: Trials, count: int) -> Trials:
    return replace(trials, higher=trials.higher[:count], tied=trials.tied[:count], person=trials.person[:count])


def _require(records: Records, split: str) -> Records:
    part = records.select(split=split)
    if len(part) == 0:
        raise DataError(f"{records.root} has no images in the {split} split: the protocol needs test and validation")
    return part


def _embed(
    records: Records,
    split: str,
    embedder: Embedder,
    detector: Detector | None,
    max_bad_share: float,
    progress: Progress,
) -> Split:
    found = extract(
        _require(records, split),
        embedder,
        detector=detector,
        max_bad_share=max_bad_share,
        stage=f"embedding the {split} split",
        progress=progress,
    )
    if len(found.not_found) == len(found.records):
        raise DataError(f"{records.root}: no face was found on any picture of the {split} split")
    people = found.records.table["identity"].to_numpy().astype(np.str_)
    paths = found.records.table["path"].to_numpy().astype(np.str_)
    vectors = found.embeddings
    return Split(
        found.records,
        None if vectors is None else Features(vectors, f"the {split} split", people, paths, {}, embedder.fingerprint),
        found.probabilities,
        embedder.predicted,
        tuple(asdict(image) for image in found.bad),
        len(found.not_found),
    )
