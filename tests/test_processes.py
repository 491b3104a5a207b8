import subprocess
import sys
import time

import pytest

from tests.processes import is_running

ORPHAN = """
import multiprocessing, os, time
from kronface.processes import end_with_parent

def work():
    print(os.getpid(), flush=True)
    time.sleep(0.5)  # its parent has ended before it watches
    end_with_parent()
    time.sleep(60)

multiprocessing.get_context("fork").Process(target=work).start()
time.sleep({life})
os._exit(0)
"""


@pytest.mark.parametrize("life", [0.1, 1.5])
def test_a_worker_ends_with_its_parent_even_if_it_was_orphaned_before_it_watched(life: float) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ORPHAN.replace("{life}", str(life))], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        assert is_running(worker)
        limit = time.monotonic() + 30
        while is_running(worker) and time.monotonic() < limit:
            time.sleep(0.05)
        assert not is_running(worker)
