"""Which checkpoint a command uses where none is named."""

from pathlib import Path

from kronface.errors import CheckpointError

DEMO = Path("runs/demo/joint/last")


def choose_checkpoint(named: Path | None) -> Path:
    """What the user names, or the package's network that is best on photographs, or else the demo's below this folder.

    'rendered' and 'distilled' are the package's own, unless there is something of that name.

    Raises:
        CheckpointError: there is no network that could be meant.
    """
    from kronface.runtime.load import SHIPPED_NAMES, shipped

    if named is not None and (str(named) not in SHIPPED_NAMES or named.exists()):
        return named
    there = shipped()
    if named is not None:
        if str(named) not in there:
            raise CheckpointError(f"this installation has no network {named}: name another by --checkpoint")
        return there[str(named)]
    if there:
        return next(iter(there.values()))
    if not (DEMO / "config.json").is_file():
        raise CheckpointError(f"there is no checkpoint at {DEMO}: run kronface demo here, or name one by --checkpoint")
    return DEMO


def checkpoint_name(source: Path) -> str:
    """What a network is called where no name is given: `mine/best` for `runs/mine/best`, else its folder or file."""
    where = source.resolve()
    if where.is_dir():
        return f"{where.parent.name}/{where.name}" if where.name in ("best", "last") else where.name
    return where.stem
