"""What `kronface evaluate celeba` writes down of identification."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kronface.errors import ConfigError
from kronface.evaluation.det import det
from kronface.evaluation.identification import distractor_counts
from kronface.evaluation.protocols.celeba import CelebA
from kronface.evaluation.protocols.content import (
    describe_investigation,
    describe_points,
    identification_content,
    investigation,
)
from kronface.evaluation.trials import Ties, by_distractors, cmc
from kronface.hardware import processor_name


def celeba_content(
    found: CelebA,
    *,
    strangers: NDArray[np.str_],
    name: str,
    data: Mapping[str, Any],
    settings: Mapping[str, Any],
    checkpoint: Mapping[str, Any] | None = None,
    fingerprint: str | None = None,
    ties: Ties = "against",
    sizes: Sequence[int] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[dict[str, Any], list[str]]:
    """The content of a results file, and lines for the terminal.

    Args:
        found: what was measured.
        strangers: (V,) the validation images' people.
        name: how tables call the network.
        data: root, people, images and notes.
        settings: what else a repetition needs.
        checkpoint: what `describe_checkpoint` says, or None for embeddings from a file.
        fingerprint: of the network.
        ties: see `kronface.evaluation.trials.Ties`.
        sizes: numbers of distractors; 1, 2, 5, 10 … by default.
        resamples: of the bootstrap over people.
        seed: of the bootstrap.

    Raises:
        ConfigError: a number of distractors that there are not.
    """
    pool = found.distractors
    wanted = distractor_counts(pool.others) if sizes is None else np.array(sorted(set(sizes)), np.int64)
    if wanted.size == 0 or wanted.min() < 0 or wanted.max() > pool.others:
        raise ConfigError(f"sizes are {sizes}: from 0 to the {pool.others} distractors that show a face")
    curve = cmc(found.trials, ties=ties, resamples=resamples, seed=seed)
    growing = by_distractors(found.fixed, pool, wanted, ties=ties, resamples=resamples, seed=seed)
    alone = cmc(found.fixed, ties=ties, at=np.ones(1, np.int64), resamples=resamples, seed=seed)
    looked_through = investigation(found.fixed, ties=ties, resamples=resamples, seed=seed)
    open_set = det(
        found.score,
        found.fixed.ranks(ties),
        found.names[found.fixed.person],
        found.stranger_score,
        strangers[found.stranger],
        searches=len(strangers),
        resamples=resamples,
        seed=seed,
    )
    per_draw = len(found.probe) // found.draws
    result = identification_content(
        name=name,
        protocol="celeba",
        data=data,
        settings=dict(settings) | {"draws": found.draws, "ties": ties, "seed": seed, "resamples": resamples},
        processor=processor_name(),
        cmc=curve,
        by_distractors=growing,
        names=found.names,
        gallery_size=found.trials.others + 1,
        not_found=sum(found.not_found),
        checkpoint=checkpoint,
        fingerprint=fingerprint,
        det=open_set,
        investigation=looked_through,
        scores=found.compared,
    ) | {"probes": per_draw}
    enrolled = found.fixed.others + 1
    lines = [
        f"rank-1 {curve.rate[0]:.4f} [{curve.low[0]:.4f}, {curve.high[0]:.4f}] among {enrolled} people and "
        f"{pool.others} distractors: {per_draw} probes per draw, {found.draws} draws",
        f"rank-1 among the {enrolled} people alone {alone.rate[0]:.4f} [{alone.low[0]:.4f}, {alone.high[0]:.4f}]",
        describe_investigation(looked_through),
        "rank-1 by distractors: "
        + ", ".join(f"{count}: {rate:.4f}" for count, rate in zip(growing.at, growing.rate, strict=True)),
        f"strangers: {len(strangers)} searches in each draw",
        *describe_points(open_set),
    ]
    if sum(found.not_found):
        lines.append(f"faces not found: {found.not_found[0]} test and {found.not_found[1]} validation images")
    lines.append(f"scoring: {found.seconds:.3f} s for {found.compared:,} scores")
    return result, lines
