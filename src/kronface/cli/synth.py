"""`kronface synth`: people who do not exist."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from kronface.errors import ConfigError
from kronface.files import Progress, no_progress, write_json


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
    world: str = "usual",
    masks: bool = False,
    device: str = "cpu",
    workers: int = 2,
    progress: Progress = no_progress,
) -> str:
    """Renders people who do not exist, with exact identities, attributes and landmarks.

    The same seed gives the same files, however many workers render. An interrupted call goes on where it was.
    truth.csv holds all that is known of each picture; README.txt explains it.

    Args:
        out: a new folder.
        layout: celeba (the official files), folder (one folder per person), megaface (FaceScrub's probes among
            MegaFace's distractors, with the devkit's lists), casia, recordio (an InsightFace pack of crops), lfw (with
            pairs.txt), facescrub, fgnet, or ijb (InsightFace's pack of IJB-C).
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
        world: usual, or shifted: what the usual one never draws, for tests of how a network bears change.
        masks: write masks/, which part of the face each pixel shows.
        device: where the renderer's kernels run: cpu, cuda or cuda:N.
        workers: processes that render.
        progress: called as pictures are finished.
    """
    from kronface.synth.export import SHAPES, write_celeba, write_folder, write_megaface, write_shape
    from kronface.synth.settings import Rendering, ingredients

    writers: dict[str, Callable[..., None]] = {
        "celeba": partial(write_celeba, validation=validation, test=test),
        "folder": partial(write_folder, aligned=aligned),
        "megaface": partial(write_megaface, probes=probes),
        **{name: partial(write_shape, shape) for name, shape in SHAPES.items()},
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
        max_yaw_rad=max_yaw_rad,
        redrawn=redrawn,
        without=ingredients(without),
        label_noise=label_noise,
        world=world,
        device=device,
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


def preview(
    out: Path,
    *,
    identities: int = 8,
    images: int = 8,
    seed: int = 0,
    size: int = 128,
    progress: Progress = no_progress,
) -> str:
    """Renders contact sheets of people who do not exist: rows of one person, and a sheet for every attribute.

    On an attribute's sheet those who have it stand above those who do not.

    Args:
        out: a folder; sheets in it are replaced.
        identities: people of the first sheet.
        images: pictures in a row.
        seed: of everything.
        size: width of a picture, in pixels.
        progress: called as pictures are rendered.
    """
    from kronface.synth.preview import write_sheets

    files = write_sheets(out, identities=identities, images=images, seed=seed, size=size, progress=progress)
    return f"{len(files)} sheets in {out}"


def describe(
    *, identities: int = 50_000, seed: int = 0, json: Path | None = None, progress: Progress = no_progress
) -> str:
    """Says how often each attribute is found among rendered people, and what it is found together with.

    People and one scene of each are drawn; nothing is rendered. Beside each share stand the 99 % interval of the rate
    that it was drawn at and CelebA's rate where that is known; the other rates were chosen.

    Args:
        identities: number of people.
        seed: of everything.
        json: a file for the same numbers.
        progress: called as people are drawn.
    """
    from kronface.synth.statistics import as_text, draw_table
    from kronface.synth.statistics import describe as describe_table

    found = describe_table(draw_table(identities, seed, progress=progress))
    if json is not None:
        write_json(json, {"identities": identities, "seed": seed, **found})
    return f"{as_text(found)}\n\n{identities} people of seed {seed}"
