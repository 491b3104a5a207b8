"""What protocols of identification write down: the content of a results file (`kronface.evaluation.schema`)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kronface.evaluation.det import Det
from kronface.evaluation.result import assemble, rounded
from kronface.evaluation.trials import Curve, Ties, Trials, cmc


def identification_content(
    *,
    name: str,
    protocol: str,
    data: Mapping[str, Any],
    settings: Mapping[str, Any],
    processor: str,
    cmc: Curve,
    by_distractors: Curve,
    names: NDArray[np.str_],
    gallery_size: int,
    not_found: int,
    checkpoint: Mapping[str, Any] | None = None,
    fingerprint: str | None = None,
    det: Det | None = None,
    **more: Any,  # noqa: ANN401 - JSON values of one protocol
) -> dict[str, Any]:
    """The results as JSON values.

    Args:
        name: of the network or method, as tables show it.
        protocol: such as arrays.
        data: root, people, images, layout and notes.
        settings: everything that a repetition needs.
        processor: its name.
        cmc: of all trials.
        by_distractors: rank-1 at numbers of distractors.
        names: (people,) who has trials, in the curves' order.
        gallery_size: candidates in a search, distractors included.
        not_found: images without a face.
        checkpoint: what `describe_checkpoint` says, or None for arrays of another's.
        fingerprint: of the network, where it is known.
        det: of the open set, or None.
        more: what only this protocol says.
    """
    base = assemble(
        name=name,
        protocol=protocol,
        data=dict(data),
        settings=dict(settings),
        checkpoint=None if checkpoint is None else dict(checkpoint),
        faces_not_found=not_found,
        processor=processor,
    )
    return base | {
        "fingerprint": fingerprint,
        "rank1": float(cmc.rate[0]),
        "rank1_low": float(cmc.low[0]),
        "rank1_high": float(cmc.high[0]),
        "cmc_ranks": cmc.at.tolist(),
        "cmc": rounded(cmc.rate),
        "cmc_low": rounded(cmc.low),
        "cmc_high": rounded(cmc.high),
        "probes": int(cmc.trials.sum()),
        "people": gallery_size,
        "distractors": {
            "counts": by_distractors.at.tolist(),
            "rank1": rounded(by_distractors.rate),
            "low": rounded(by_distractors.low),
            "high": rounded(by_distractors.high),
        },
        "per_identity": {
            "identities": names.tolist(),
            "hits": cmc.hits[:, 0].tolist(),
            "probes": cmc.trials.tolist(),
        },
        "examples": {"right": [], "wrong": []},
        "det": None if det is None else det_content(det),
        **more,
    }


CANDIDATES = 50
"""Length of the list that an investigator looks through."""


def investigation(trials: Trials, *, ties: Ties, resamples: int, seed: int) -> dict[str, Any]:
    """FNIR(N, 50, 0): the share of searches whose mate is not among 50 candidates, at whatever score.

    Args:
        trials: each mate among all candidates.
        ties: see `kronface.evaluation.trials.Ties`.
        resamples: of the bootstrap over people.
        seed: of the bootstrap.
    """
    curve = cmc(trials, ties=ties, at=np.array([CANDIDATES]), resamples=resamples, seed=seed)
    return {
        "enrolled": trials.others + 1,
        "candidates": CANDIDATES,
        "fnir": float(1 - curve.rate[0]),
        "low": float(1 - curve.high[0]),
        "high": float(1 - curve.low[0]),
    }


def describe_investigation(found: Mapping[str, Any]) -> str:
    """A line for the terminal."""
    return (
        f"mate not among {found['candidates']} candidates: FNIR({found['enrolled']}, {found['candidates']}, 0) "
        f"{found['fnir']:.4f} [{found['low']:.4f}, {found['high']:.4f}]"
    )


def det_content(det: Det) -> dict[str, Any]:
    """A DET curve and its points as JSON values.

    A threshold below all scores is None in the points, and left out of the curve.
    """
    finite = np.isfinite(det.threshold)
    return {
        "points": [
            asdict(point) | ({} if np.isfinite(point.threshold) else {"threshold": None}) for point in det.points
        ],
        "unsupported": list(det.unsupported),
        "fpir": rounded(det.fpir[finite]),
        "fnir": rounded(det.fnir[finite]),
        "threshold": rounded(det.threshold[finite]),
        "mated_searches": det.mated,
        "stranger_searches": det.strangers,
    }


def describe_points(det: Det) -> Sequence[str]:
    """Lines for the terminal."""
    lines = [
        f"TPIR {point.tpir:.4f} [{point.tpir_low:.4f}, {point.tpir_high:.4f}] at FPIR {point.target_fpir:g} "
        + (f"(threshold {point.threshold:.4f})" if np.isfinite(point.threshold) else "(every score passes)")
        for point in det.points
    ]
    if det.unsupported:
        rates = ", ".join(f"{rate:g}" for rate in det.unsupported)
        lines.append(f"not given, for {det.strangers} searches for strangers support no such rates: FPIR {rates}")
    return lines
