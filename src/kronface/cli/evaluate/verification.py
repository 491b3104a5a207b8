"""What the commands that verify pairs share: where embeddings come from, and what is written and printed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kronface.cli.checkpoints import checkpoint_name
from kronface.errors import ConfigError, DataError
from kronface.files import write_json

if TYPE_CHECKING:
    from kronface.evaluation.verification import VerificationResult
    from kronface.runtime.embedder import Embedder


def check_source(*, pictures: Path | None, option: str, checkpoint: Path | None, features: Path | None) -> None:
    """Whether embeddings come from one place: pictures and a checkpoint, or a file.

    Raises:
        ConfigError: from none, or from both.
    """
    if features is not None and (pictures is not None or checkpoint is not None):
        given = option if pictures is not None else "--checkpoint"
        raise ConfigError(f"--features holds embeddings already, so {given} has no use: leave one of them out")
    if features is None and pictures is None:
        raise ConfigError(f"where do the embeddings come from? give {option}, or --features")


def check_official(*, wanted: bool, is_official: bool, message: str) -> None:
    """Whether the lists are those that are wanted.

    Raises:
        DataError: the official ones are, and these are others; `message` says how they differ.
    """
    if wanted and not is_official:
        raise DataError(f"{message}: bring the official ones, or leave --official out")


def finish(
    found: "VerificationResult",
    *,
    protocol: str,
    official: bool,
    lists: str,
    notes: Sequence[str],
    counts: Mapping[str, int],
    settings: Mapping[str, Any],
    name: str | None,
    checkpoint: Path | None,
    fingerprint: str | None,
    features: Path | None,
    json: Path | None,
    embedder: "Embedder | None" = None,
    pairs: Mapping[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
    lines: Sequence[str] = (),
) -> str:
    """Writes the results file, if one is wanted, and returns what to print.

    Args:
        found: what was measured.
        protocol: lfw, bin or ijb.
        official: whether the lists are the official ones.
        lists: which these are, in words.
        notes: what a reader should know of them.
        counts: what there is besides pairs.
        settings: what a repetition needs.
        name: how tables call the network; by default that of the checkpoint, or of the file of embeddings.
        checkpoint: what the embedder was loaded from.
        fingerprint: of the network.
        features: file of embeddings.
        json: file for the results.
        embedder: the network, where it was run.
        pairs: what the results file keeps of them.
        more: parts of the results file besides.
        lines: printed after the figures.
    """
    from kronface.evaluation.verification_result import assemble, describe
    from kronface.hardware import processor_name
    from kronface.runtime.describe import describe_checkpoint, describe_training_set

    if name is None:
        name = checkpoint_name(checkpoint) if checkpoint is not None else features.stem if features else protocol
    result = assemble(
        found,
        name=name,
        protocol=protocol,
        official=official,
        notes=[lists, *notes],
        counts=counts,
        settings=settings,
        checkpoint=None if checkpoint is None or embedder is None else describe_checkpoint(checkpoint, embedder),
        fingerprint=fingerprint,
        processor=processor_name(),
        pairs=pairs,
    )
    result |= dict(more or {})
    if json is not None:
        write_json(json, result)
    trained = []
    if embedder is not None:
        trained = [f"network: {embedder.about}", *describe_training_set(result["checkpoint"])]
    printed = [*describe(result), *lines, *trained, lists, *(f"note: {note}" for note in notes)]
    if json is not None:
        printed.append(f"results: {json}")
    return "\n".join(printed)


def missing_faces(not_found: int, unreadable: Sequence[str], images: int) -> list[str]:
    """Lines on images without a face."""
    lines = [f"faces not found: {not_found} of {images} images"]
    if unreadable:
        lines.append(f"unreadable, counted like them: {len(unreadable)}; the first: {unreadable[0]}")
    return lines
