"""The process a person starts. It does nothing but see that nothing is left, whichever way things end."""

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from faasweb.supervisor.processes import adopt_orphans, die_with_parent, end_everything

FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def keep(work: Callable[[], None]) -> int:
    """Run `work` in a child process and wait for it; then end every descendant. Gives back an exit status.

    When the child is killed, its orphans come to this process, which ends them. When this process is killed, the
    child gets SIGTERM. `work` must end on SIGTERM and end its own children. Only one thread may be running.
    """
    adopt_orphans()
    parent = os.getpid()
    signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)
    child = os.fork()
    if child == 0:
        _run(work, parent)

    def forward(number: int, _: FrameType | None) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)

    for number in FORWARDED:
        signal.signal(number, forward)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)
    status = _wait_for(child)
    end_everything()
    return 0 if status == 0 else 1


def _wait_for(child: int) -> int:
    # Orphans that end meanwhile are reaped on the way.
    while True:
        pid, status = os.wait()
        if pid == child:
            return status


def _run(work: Callable[[], None], parent: int) -> NoReturn:
    """Do the work in the forked child. A terminal's Ctrl-C reaches only the keeper, which passes it on once."""
    status = 1
    try:
        os.setpgid(0, 0)
        die_with_parent()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)
        if os.getppid() == parent:
            work()
            status = 0
    except BaseException:  # whatever it is, the child must not run on as a second parent
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)
