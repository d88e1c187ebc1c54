"""What the caches on this machine's disk have in common: processes take turns, and what is old makes room."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from faasweb.domain.errors import FaaswebError

POLL_S = 0.05


@contextlib.contextmanager
def turn(
    lock: Path, deadline: float, too_late: FaaswebError, on_wait: Callable[[], None] | None = None
) -> Iterator[None]:
    """One process or thread at a time. ``deadline`` is monotonic; after it ``too_late`` is raised.

    ``on_wait`` is called once when others are before us. A process that dies gives its turn back.
    """
    with lock.open("w") as file:
        while not _taken(file.fileno()):
            if time.monotonic() > deadline:
                raise too_late
            if on_wait is not None:
                on_wait()
                on_wait = None
            time.sleep(POLL_S)
        yield


def make_room(entries: Iterable[tuple[float, int, Path]], limit: int, in_use_s: float) -> None:
    """Remove folders that were not used for longest until the rest fits into ``limit`` bytes.

    An entry is its last use, size and folder. What was used within ``in_use_s`` stays, however much that is.
    """
    oldest_first = sorted(entries)
    total = sum(size for _, size, _ in oldest_first)
    for used, size, folder in oldest_first:
        if total <= limit or used > time.time() - in_use_s:
            return
        shutil.rmtree(folder, ignore_errors=True)
        total -= size


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
