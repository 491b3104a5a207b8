"""Processes that work for another one."""

import multiprocessing
import multiprocessing.connection
import os
import threading


def end_with_parent(_: int = 0) -> None:
    """Called in a process that works for another: it ends when that one does, however that was ended.

    A parent that is killed cannot end its workers, and they would wait for work for ever. Loaders of PyTorch have a
    watch of their own, but it asks for the parent's number when the worker begins: who is orphaned before that is never
    missed.

    Args:
        _: the worker's number, which loaders give.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    os._exit(1)
