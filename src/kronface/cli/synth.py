"""`kronface synth`: people who do not exist."""

from pathlib import Path

from kronface.errors import ConfigError
from kronface.files import Progress, no_progress

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
