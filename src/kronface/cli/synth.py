"""`kronface synth`: people who do not exist."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from kronface.errors import ConfigError
from kronface.files import Progress, no_progress


def write(
    out: Path,
    *,
    layout: str = "celeba",
    identities: int = 100,
    images: int = 8,
    seed: int = 0,
    validation: int | None = None,
    test: int | None = None,
    probes: int | None = None,
    aligned: bool = False,
    max_yaw_rad: float = 1.309,
    redrawn: bool = False,
    without: list[str] | str = [],  # noqa: B006 - the command line shows it as the default
    label_noise: str = "none",
    masks: bool = False,
    workers: int = 2,
    progress: Progress = no_progress,
) -> str:
    """Renders people who do not exist, with exact identities, attributes and landmarks.

    The same seed gives the same files, however many workers render. An interrupted call goes on where it was.
    truth.csv holds all that is known of each picture; README.txt explains it.

    Args:
        out: a new folder.
        layout: celeba (the official files), folder (one folder per person) or megaface (FaceScrub's probes among
            MegaFace's distractors, with the devkit's lists).
        identities: number of people.
        images: pictures of each (megaface: of each probe; distractors have one or two).
        seed: of everything.
        validation: people of the validation split (celeba); a tenth by default.
        test: people of the test split (celeba); a tenth by default.
        probes: people among the probes (megaface); a tenth by default, at least two.
        aligned: write 112x112 crops at the reference points (folder).
        max_yaw_rad: largest turn of the head to either side, in radians; 1.309 is 75 degrees.
        redrawn: draw hair, spectacles, clothes and background anew in every picture.
        without: what is left out, as hats,flaws or "[hats, flaws]"; one or more of expression, gaze, lights, shadows,
            skin, hair, restyling, beard, make-up, spectacles, hats, occluders, clothes, background, camera, flaws.
        label_noise: of the identity attributes: none, flips or appearance.
        masks: write masks/, which part of the face each pixel shows.
        workers: processes that render.
        progress: called as pictures are finished.
    """
    from kronface.synth.export import write_celeba, write_folder, write_megaface
    from kronface.synth.settings import Rendering, ingredients

    writers: dict[str, Callable[..., None]] = {
        "celeba": partial(write_celeba, validation=validation, test=test),
        "folder": partial(write_folder, aligned=aligned),
        "megaface": partial(write_megaface, probes=probes),
    }
    if layout not in writers:
        raise ConfigError(f"unknown layout '{layout}': choose one of {', '.join(writers)}")
    if (validation is not None or test is not None) and layout != "celeba":
        raise ConfigError(f"--validation and --test belong to the layout celeba: {layout} has no splits")
    if probes is not None and layout != "megaface":
        raise ConfigError(f"--probes belongs to the layout megaface: {layout} has none")
    if aligned and layout != "folder":
        raise ConfigError(f"--aligned belongs to the layout folder: {layout} has a frame of its own")
    rendering = Rendering(
        max_yaw_rad=max_yaw_rad, redrawn=redrawn, without=ingredients(without), label_noise=label_noise
    )
    writers[layout](
        out,
        identities=identities,
        images=images,
        seed=seed,
        rendering=rendering,
        masks=masks,
        workers=workers,
        progress=progress,
    )
    return f"pictures of {identities} people in {out}"
