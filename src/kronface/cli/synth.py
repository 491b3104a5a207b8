"""`kronface synth`: people who do not exist."""

from pathlib import Path

from kronface.errors import ConfigError
from kronface.files import Progress, no_progress, write_json

LAYOUTS = ("celeba", "folder")


def write(
    out: Path,
    *,
    layout: str = "celeba",
    identities: int = 100,
    images: int = 8,
    seed: int = 0,
    validation: int | None = None,
    test: int | None = None,
    aligned: bool = False,
    workers: int = 2,
    progress: Progress = no_progress,
) -> str:
    """Renders people who do not exist, with exact identities, attributes and landmarks.

    The same seed gives the same files, however many workers render. An interrupted call goes on where it was.

    Args:
        out: a new folder.
        layout: celeba (the official files) or folder (one folder per person).
        identities: number of people.
        images: pictures of each.
        seed: of everything.
        validation: people of the validation split (celeba); a tenth by default.
        test: people of the test split (celeba); a tenth by default.
        aligned: write 112x112 crops at the reference points (folder).
        workers: processes that render.
        progress: called as pictures are finished.
    """
    from kronface.synth.export import write_celeba, write_folder

    if layout not in LAYOUTS:
        raise ConfigError(f"unknown layout '{layout}': choose one of {', '.join(LAYOUTS)}")
    if layout == "celeba":
        if aligned:
            raise ConfigError("--aligned belongs to the layout folder: celeba has a frame of its own")
        write_celeba(
            out,
            identities=identities,
            images=images,
            seed=seed,
            validation=validation,
            test=test,
            workers=workers,
            progress=progress,
        )
    else:
        if validation is not None or test is not None:
            raise ConfigError("--validation and --test belong to the layout celeba: folder has no splits")
        write_folder(
            out, identities=identities, images=images, seed=seed, aligned=aligned, workers=workers, progress=progress
        )
    return f"{identities * images} pictures of {identities} people in {out}"


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
