"""`kronface evaluate megaface`: the paper's main measure, from feature files to the challenge's own result files."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from kronface.cli.evaluate.verification import check_official
from kronface.files import Progress, check_writable, no_progress, write_json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from kronface.evaluation.features import Features, TemplateList
    from kronface.evaluation.protocols.megaface_lists import DistractorList


def megaface(
    probes: Path,
    distractors: Path,
    *,
    probe_list: Path | None = None,
    distractor_lists: Path | None = None,
    ending: str = ".bin",
    distractor_ending: str | None = None,
    sizes: list[int] | None = None,
    sets: int = 1,
    missing: Literal["stop", "miss"] = "stop",
    probe_noise: Path | None = None,
    distractor_noise: Path | None = None,
    one_of_each_other: bool = False,
    draws: int = 10,
    metric: Literal["cosine", "euclidean"] = "cosine",
    ties: Literal["for", "against"] = "for",
    official: bool = False,
    json: Path | None = None,
    out: Path | None = None,
    name: str | None = None,
    allow_seen: bool = False,
    threads: int | None = None,
    seed: int = 0,
    resamples: int = 1000,
    progress: Progress = no_progress,
) -> str:
    """Identifies FaceScrub's or FG-NET's people among up to a million distractors: MegaFace challenge 1.

    Every photograph of a person is in turn the mate of the person's others; a pair is right at rank k when fewer than k
    distractors score higher. Each list of distractors is searched for itself, all in one pass, and exactly. Features
    are the devkit's files, one per image, or a table: .parquet with columns path (and identity), or another kind whose
    rows are in the list's order. With noise lists, three variants are measured: raw, refined as InsightFace does it,
    and with noisy images left out.

    Args:
        probes: folder of feature files, or a table.
        distractors: likewise, of MegaFace's images.
        probe_list: facescrub_features_list.json, fgnet_feature_list.json, or facescrub_lst; a .parquet with identity
            needs none.
        distractor_lists: the devkit's templatelists folder, what its lists' names begin with, or one list; without it
            all of a table's rows are one list.
        ending: what follows an image's path in the names of feature files, such as _LBP_100x100.bin.
        distractor_ending: of the distractors' files, if it is another.
        sizes: lists to search; all that there are by default.
        sets: sets 1 to this of each size; means and the spread over sets are given.
        missing: stop, or miss: an image without features counts as a face that was not found.
        probe_noise: facescrub_noises.txt, which names wrong images of people.
        distractor_noise: megaface_noises.txt, which names distractors that show the probes' people.
        one_of_each_other: one photograph of each other person of the probes competes too.
        draws: of those photographs.
        metric: cosine or euclidean.
        ties: for: a distractor with the mate's own score stands behind it, as in the challenge's rule; against: before.
        official: an error unless all lists are the official ones.
        json: file for the results; kronface report reads it.
        out: folder for cmc_*.json and matches_*.json, as the challenge's tool writes them.
        name: how tables call the network; by default the ending, or the table's name.
        allow_seen: measure a network also on people whom its training saw.
        threads: of the search; all processors by default.
        seed: of the draws, of the noise in refined probes, and of the bootstrap.
        resamples: of the bootstrap over people.
        progress: called as files are read and rows compared.
    """
    import time

    from kronface.errors import ConfigError
    from kronface.evaluation.protocols.megaface import identify_megaface
    from kronface.evaluation.protocols.megaface_content import megaface_content, write_devkit
    from kronface.evaluation.protocols.megaface_lists import (
        check_lists,
        find_noisy,
        read_distractor_lists,
        read_noise,
        read_probe_list,
    )
    from kronface.runtime.load import check_unseen

    if one_of_each_other and draws < 1:
        raise ConfigError(f"draws is {draws}: at least 1 photograph of each other person can compete")
    for file in (json, None if out is None else out / "cmc"):
        if file is not None:
            check_writable(file)
    listed = None if probe_list is None else read_probe_list(probe_list)
    lists = [] if distractor_lists is None else read_distractor_lists(distractor_lists, sizes=sizes, sets=sets)
    if not lists and (sizes is not None or sets != 1):
        raise ConfigError("--sizes and --sets choose among lists: name them by --distractor-lists")
    verdict = check_lists(listed, lists)
    check_official(wanted=official, is_official=verdict.is_official, message="; ".join(verdict.differing))
    noise = {
        path: read_noise(path) for path in (probe_noise, distractor_noise) if path is not None
    }  # before anything long
    searched = _probes(probes, listed, ending, missing, progress)
    check_unseen(searched.seen, "facescrub", "megaface", about=f"the network of {searched.source}", allow=allow_seen)
    pool, rows, lists = _distractors(distractors, lists, distractor_ending or ending, missing, progress)
    noisy_probes = None if probe_noise is None else find_noisy(_names(searched, "probes"), noise[probe_noise], parts=1)
    noisy_distractors = (
        None if distractor_noise is None else find_noisy(_names(pool, "distractors"), noise[distractor_noise], parts=3)
    )
    start = time.perf_counter()
    found = identify_megaface(
        searched,
        pool,
        rows,
        noisy_probes=noisy_probes,
        noisy_distractors=noisy_distractors,
        draws=draws if one_of_each_other else 0,
        metric=metric,
        seed=seed,
        threads=threads,
        progress=progress,
    )
    seconds = time.perf_counter() - start
    algorithm = (ending.split(".", maxsplit=1)[0].strip("_") if probes.is_dir() else probes.stem) or "features"
    result, lines = megaface_content(
        found,
        lists,
        verdict,
        name=name or algorithm,
        root=str(probes),
        settings={
            "probes": str(probes),
            "distractors": str(distractors),
            "probe_list": None if probe_list is None else str(probe_list),
            "distractor_lists": None if distractor_lists is None else str(distractor_lists),
            "ending": ending,
            "sizes": sorted({entry.size for entry in lists}),
            "sets": sets,
            "missing": missing,
            "probe_noise": None if probe_noise is None else str(probe_noise),
            "distractor_noise": None if distractor_noise is None else str(distractor_noise),
            "one_of_each_other": one_of_each_other,
            "draws": found.draws,
            "metric": metric,
            "seconds": round(seconds, 3),
        },
        ties=ties,
        fingerprint=searched.fingerprint,
        resamples=resamples,
        seed=seed,
    )
    lines.append(f"scoring: {seconds:.3f} s for {found.compared:,} scores")
    if out is not None:
        probe_set = "probes" if probe_list is None else probe_list.name.split("_")[0]
        written = write_devkit(out, found, lists, probes=probe_set, algorithm=algorithm, ties=ties)
        lines.append(f"the challenge's files: {len(written)} in {out}")
    if json is not None:
        write_json(json, result)
        lines.append(f"results: {json}")
    return "\n".join(lines)


def _probes(path: Path, listed: "TemplateList | None", ending: str, missing: str, progress: Progress) -> "Features":
    """Embeddings of the listed probes, with their people."""
    from dataclasses import replace

    import numpy as np

    from kronface.errors import ConfigError
    from kronface.evaluation.embedding_store import is_store
    from kronface.evaluation.features import read_devkit, read_features, select

    if path.is_dir() and not is_store(path):
        if listed is None:
            raise ConfigError(f"whose are the features in {path}? name their list by --probe-list")
        found = read_devkit(path, listed.paths, ending, missing=missing, stage="reading probes", progress=progress)
    else:
        found = read_features(path)
        if listed is None:
            if found.identities is None:
                raise ConfigError(f"{path} says nothing of its people: name their list by --probe-list")
            return found
        found = select(found, listed.paths, missing=missing, source=listed.source)
    return replace(found, identities=np.array(listed.ids, np.str_))


def _distractors(
    path: Path, lists: "list[DistractorList]", ending: str, missing: str, progress: Progress
) -> "tuple[Features, list[NDArray[np.int64]], list[DistractorList]]":
    """Embeddings of all listed distractors, each list's rows, and the lists: one of all rows where none was named."""
    import numpy as np

    from kronface.errors import ConfigError
    from kronface.evaluation.embedding_store import is_store
    from kronface.evaluation.features import read_devkit, read_features, select
    from kronface.evaluation.protocols.megaface_lists import DistractorList

    if not lists:
        if path.is_dir() and not is_store(path):
            raise ConfigError(f"which files of {path} are distractors? name their lists by --distractor-lists")
        found = read_features(path)
        return found, [np.arange(len(found))], [DistractorList(len(found), 1, (), "")]
    paths = list(dict.fromkeys(entry for listed in lists for entry in listed.paths))
    row_of = {entry: row for row, entry in enumerate(paths)}
    rows = [np.fromiter((row_of[entry] for entry in listed.paths), np.int64, len(listed.paths)) for listed in lists]
    if path.is_dir() and not is_store(path):
        pool = read_devkit(path, paths, ending, missing=missing, stage="reading distractors", progress=progress)
    else:
        pool = select(read_features(path), paths, missing=missing, source=lists[-1].source)
    return pool, rows, lists


def _names(features: "Features", what: str) -> list[str]:
    from kronface.errors import ConfigError

    if features.paths is None:
        raise ConfigError(
            f"{features.source} does not name its images, so no noise list can name {what}: name their list, or bring "
            "a .parquet with a column path"
        )
    names: list[str] = features.paths.tolist()
    return names
