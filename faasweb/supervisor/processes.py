"""Starting and ending processes so that none is forgotten. Linux does most of it; elsewhere it is done with more care
than certainty: a process group can be ended everywhere, an orphan that left its group only found on Linux.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence

import psutil

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36

# Loaded before any fork: between fork and exec nothing may be imported.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent() -> None:
    """Ask for SIGTERM when the parent ends, however it ends. For the child, right after fork."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends, instead of init."""
    if _libc is not None:
        _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def spawn(command: Sequence[str], environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """Start a child in a session of its own, its output on one pipe. Raises OSError when it can't be started."""
    return subprocess.Popen(  # noqa: S603 - the commands are our own
        command,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=die_with_parent,  # safe, for this process has one thread
    )


def end_group(leader: int) -> None:
    """Kill what is left of the process group that this child led."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def end_orphans(known: set[int]) -> None:
    """Kill every child of this process, with its descendants, that is not among the known."""
    for child in psutil.Process().children():
        if child.pid not in known:
            _end_tree(child)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child.pid, 0)


def _end_tree(process: psutil.Process) -> None:
    # The root last: as long as it lives, its descendants can be found.
    with contextlib.suppress(psutil.NoSuchProcess):
        for descendant in process.children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                descendant.kill()
        process.kill()


def end_everything() -> None:
    """Kill all descendants of this process; orphans come up to it one generation after the other."""
    while psutil.Process().children():
        end_orphans(known=set())


def describe_exit(status: int) -> str:
    """Say in words what Popen.returncode says in a number."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"
