"""What the operating system says of processes that tests start."""

from pathlib import Path


def is_running(pid: int) -> bool:
    """Whether a process still runs; one that has ended but was not waited for yet does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
