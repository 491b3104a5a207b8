"""Which checkpoint a command uses where none is named."""

from pathlib import Path

from kronface.errors import CheckpointError


def choose_checkpoint(named: Path | None) -> Path:
    """What the user names, or the package's network that is best on photographs.

    'rendered' and 'distilled' are the package's own, unless there is something of that name.

    Raises:
        CheckpointError: the package comes without the network that is meant.
    """
    from kronface.runtime.load import SHIPPED_NAMES, shipped

    if named is not None and (str(named) not in SHIPPED_NAMES or named.exists()):
        return named
    there = shipped()
    meant = next(iter(there), "") if named is None else str(named)
    if meant not in there:
        raise CheckpointError(f"this installation has no network {meant}".rstrip() + ": name another by --checkpoint")
    return there[meant]


def checkpoint_name(source: Path) -> str:
    """What a network is called where no name is given: `mine/best` for `runs/mine/best`, else its folder or file."""
    where = source.resolve()
    if where.is_dir():
        return f"{where.parent.name}/{where.name}" if where.name in ("best", "last") else where.name
    return where.stem
