"""`kronface demo`: the whole way, on people who do not exist."""

import time
from pathlib import Path

from kronface.errors import KronfaceError
from kronface.files import Progress, no_progress


class NothingLearnedError(KronfaceError):
    """The demo ran through, but its networks are no better than untrained ones."""


def demo(
    *,
    out: Path = Path("runs/demo"),
    identities: int = 540,
    held_out: int = 100,
    validation: int = 50,
    images: int = 5,
    epochs: int = 8,
    seed: int = 1,
    workers: int = 2,
    progress: Progress = no_progress,
) -> str:
    """Renders people, trains separately and jointly, evaluates, writes the report, and identifies a photograph.

    What is there already is used again. Fails unless the networks have learned: rank-1 above that of untrained
    networks and of raw pixels, Male and at least three other attributes above chance.

    Args:
        out: folder of the demo.
        identities: people to train on.
        held_out: people to evaluate on, never trained on.
        validation: further people for the best epoch and the threshold for strangers.
        images: pictures of each.
        epochs: passes over the training pictures, per arm.
        seed: of people, weights, order and draws.
        workers: processes that render.
        progress: called as the work goes on.
    """
    from kronface.cli.identify import identify
    from kronface.studies.demo import run_demo

    started = time.monotonic()
    outcome = run_demo(
        out,
        identities=identities,
        held_out=held_out,
        validation=validation,
        images=images,
        epochs=epochs,
        seed=seed,
        workers=workers,
        progress=progress,
    )
    said = identify(
        outcome.photo,
        people=outcome.people,
        checkpoint=outcome.checkpoint,
        save=out / "photo-identified.png",
        progress=progress,
    )
    lines = []
    for arm, figures in outcome.metrics["arms"].items():
        if figures["rank1"] is not None:
            lines.append(
                f"{arm}: rank-1 {figures['rank1']:.3f} [{figures['rank1_low']:.3f}, {figures['rank1_high']:.3f}] among "
                f"{held_out} people (untrained {figures['rank1_untrained']:.3f}, pixels {figures['rank1_pixels']:.3f})"
            )
        if "Male" in figures["attributes"]:
            lines.append(f"{arm}: Male, balanced accuracy {figures['attributes']['Male']['balanced_accuracy']:.3f}")
    lines += ["", said, "", f"report:  {outcome.report}", f"figures: {out / 'metrics.json'}"]
    lines.append(f"the demo took {time.monotonic() - started:.0f} s")
    text = "\n".join(lines)
    if outcome.failures:
        print(text)  # noqa: T201 - what was measured is worth seeing also when it disappoints
        raise NothingLearnedError("the demo ran, but has not learned: " + "; ".join(outcome.failures))
    return text
