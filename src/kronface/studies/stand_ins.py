"""Rendered people in the places of the paper's data sets, each in the set's own layout on disk."""

from pathlib import Path

from kronface.errors import ConfigError
from kronface.files import Progress
from kronface.studies.demo import LARGEST_YAW_RAD, LEFT_OUT

LEAST_HELD_OUT = 4
"""People of CelebA's validation split, and of its test split: thresholds and searches need some."""

CELEBA_SHARE = 0.775
"""CelebA's training people for each of CASIA-WebFace's: 8,192 and 10,575."""


def write_stand_ins(
    out: Path, *, identities: int, images: int, seed: int, workers: int, progress: Progress
) -> tuple[Path, Path]:
    """Writes both sets, or what is missing of them; nobody stands in both.

    Args:
        out: holds `casia/` and `celeba/` afterwards.
        identities: of CASIA-WebFace's stand-in; CelebA's has three quarters as many to train on, an eighth for
            validation and a quarter for the test.
        images: of each.
        seed: of everything.
        workers: processes that render.
        progress: called as pictures are finished.

    Returns:
        Both folders, CASIA-WebFace's first.

    Raises:
        ConfigError: impossible numbers.
        DataError: a folder holds something else.
        MissingExtraError: nothing that renders is installed.
    """
    from kronface.synth.export import SHAPES, write_celeba, write_shape
    from kronface.synth.export.crew import Crew
    from kronface.synth.settings import Rendering

    if identities < 2 or images < 2:
        raise ConfigError(f"identities is {identities} and images is {images}: two people and two pictures at least")
    casia, celeba = out / "casia", out / "celeba"
    validation, test = (max(identities // share, LEAST_HELD_OUT) for share in (8, 4))
    # Plainer than kronface synth write's: there are minutes to learn from them.
    rendering = Rendering(max_yaw_rad=LARGEST_YAW_RAD, without=LEFT_OUT)

    def named(name: str) -> Progress:
        return lambda stage, done, total: progress(f"{stage} in place of {name}", done, total)

    with Crew(workers) as crew:
        write_shape(
            SHAPES["casia"],
            casia,
            identities=identities,
            images=images,
            seed=seed,
            rendering=rendering,
            crew=crew,
            progress=named("CASIA-WebFace"),
        )
        write_celeba(
            celeba,
            identities=max(round(CELEBA_SHARE * identities), 2) + validation + test,
            images=images,
            seed=seed + 1,
            validation=validation,
            test=test,
            rendering=rendering,
            crew=crew,
            progress=named("CelebA"),
        )
    return casia, celeba
