"""Which checkpoint a command uses where none is named."""

from pathlib import Path

from kronface.errors import CheckpointError

DEMO = Path("runs/demo/joint/last")


def default_checkpoint() -> Path:
    """The joint network of the demo below the current folder.

    Raises:
        CheckpointError: the demo has not been run here.
    """
    if not (DEMO / "config.json").is_file():
        raise CheckpointError(f"no checkpoint at {DEMO}: run kronface demo here, or name one by --checkpoint")
    return DEMO


def checkpoint_name(source: Path) -> str:
    """What a network is called where no name is given: `mine/best` for `runs/mine/best`, else its folder or file."""
    where = source.resolve()
    if where.is_dir():
        return f"{where.parent.name}/{where.name}" if where.name in ("best", "last") else where.name
    return where.stem
