"""`kronface ablate`: the paper's claim, tested."""

from pathlib import Path

from kronface.errors import ConfigError
from kronface.files import Progress, no_progress


def ablate(
    *,
    quick: bool = False,
    full: bool = False,
    arms: list[str] = [],  # noqa: B006 - the command line shows it as the default
    out: Path = Path("runs/ablation"),
    seeds: int = 3,
    passes: int = 45_000,
    root: Path | None = None,
    identities: int | None = None,
    validation: int | None = None,
    test: int | None = None,
    images: int = 5,
    data_seed: int = 1,
    variant: str = "vgg19-quarter",
    size: int = 64,
    batch_size: int = 60,
    learning_rate: float = 1e-3,
    attribute_weight: float = 11.0,
    far: float = 1e-3,
    device: str = "auto",
    precision: str = "auto",
    workers: int = 2,
    progress: Progress = no_progress,
) -> str:
    """Trains every arm of the ablation by one recipe, and says what joint training and the fusion are worth.

    All arms of a seed start from the same weights wherever shapes agree, and see the same images in the same order.
    Each is compared with the joint arm on the same people, under the same seeds. What is finished is kept and never run
    again; the same command goes on where it was ended, and --full takes over what --quick has run. Leaves in `out`:
    `report.html`, `table.md`, `results.json`, and `runs/ARM/seed-N/result.json` with the counts per person from which
    all figures are computed.

    Args:
        quick: identity-only, attributes-only, no-fusion, joint and shuffled-people; indicative.
        full: all arms.
        arms: others than these two choices, as joint,concat,oracle.
        out: the ablation's folder.
        seeds: of weights, order, augmentation and shuffling: 1, 2, 3 and so on.
        passes: images that each run is shown, rounded to whole epochs; at least one.
        root: a data set in CelebA's layout with identities; people are rendered without one.
        identities: people to train on: 600 rendered ones, or all of the data set's.
        validation: people for thresholds and learning curves: 100, or all.
        test: people to measure on: 200, or all.
        images: pictures of each rendered person.
        data_seed: of the rendered people, or of the choice among the data set's.
        variant: vgg19, vgg19-half, vgg19-quarter or compact.
        size: side of the aligned face in pixels.
        batch_size: images per step.
        learning_rate: Adam's, which falls to 0 along a cosine.
        attribute_weight: of the attribute loss beside the identity loss; 11, the number of attributes, is the paper's
            balance, whose eq. (2) is a sum.
        far: false accept rate at which TAR is given.
        device: auto, cpu, cuda or cuda:N.
        precision: auto, fp32 or bf16.
        workers: processes that render.
        progress: called as the work goes on.
    """
    from kronface.hardware import resolve_device, resolve_precision
    from kronface.studies.ablation import run_ablation
    from kronface.studies.ablation_arms import ARMS, QUICK
    from kronface.studies.ablation_run import Recipe

    if quick + full + bool(arms) != 1:
        raise ConfigError("choose one of --quick (five arms), --full (all) and --arms (those that are named)")
    outcome = run_ablation(
        out,
        arms=QUICK if quick else list(ARMS) if full else arms,
        seeds=seeds,
        recipe=Recipe(
            passes=passes,
            variant=variant,
            size=size,
            batch_size=batch_size,
            learning_rate=learning_rate,
            attribute_weight=attribute_weight,
            far=far,
            precision=resolve_precision(precision, resolve_device(device)),
        ),
        root=root,
        people={"train": identities, "validation": validation, "test": test},
        images=images,
        data_seed=data_seed,
        indicative=quick,
        device=device,
        workers=workers,
        progress=progress,
    )
    return "\n".join(outcome.lines())
