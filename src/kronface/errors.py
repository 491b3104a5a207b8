"""What Kronface says to a user who brought something that it cannot work with."""


class KronfaceError(Exception):
    """A user's mistake or a missing file: one line that names the thing and the remedy.

    The command line prints the message without a traceback and exits with code 2. Anything else that escapes is a
    defect of Kronface and keeps its traceback.
    """


class DataError(KronfaceError):
    """A data set that is missing, incomplete or contradicts itself."""


class ImageError(KronfaceError):
    """A picture that cannot be read, is too large, or shows no usable face."""


class FaceNotFoundError(ImageError):
    """A readable picture on which the detector finds no face."""


class SeveralFacesError(FaceNotFoundError):
    """A picture that shows several faces of like size where one person was expected."""


class CheckpointError(KronfaceError):
    """A checkpoint that is missing, damaged, or belongs to another architecture or attribute list."""


class ConfigError(KronfaceError):
    """An option, or a combination of options, that cannot work."""


class MissingExtraError(KronfaceError):
    """An optional part whose libraries are not installed."""

    def __init__(self, extra: str, purpose: str) -> None:
        """Names the `extra` to install for `purpose` (a gerund or noun phrase that starts the sentence)."""
        super().__init__(f"{purpose} needs the extra '{extra}': pip install 'kronface[{extra}]'")
