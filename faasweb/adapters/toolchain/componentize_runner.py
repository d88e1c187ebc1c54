"""Runs componentize-py within limits. Run by the toolchain's interpreter: ``MEMORY_MB ARGUMENT ...``.

The limit is on writable memory, which the kernel counts as it is claimed; a limit on address space would refuse the
large empty areas that WebAssembly engines reserve. A module that asks for too much gets a MemoryError.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1
FILE_LIMIT = 512 << 20


def main(memory_mb: int, parent: int) -> int:
    """Componentize; what the guest printed and its traceback go to stdout when it fails."""
    die_with(parent)
    for what, limit in ((resource.RLIMIT_DATA, memory_mb << 20), (resource.RLIMIT_FSIZE, FILE_LIMIT)):
        resource.setrlimit(what, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from componentize_py import script  # type: ignore[import-not-found,unused-ignore]

    try:
        script()
    except AssertionError as exc:  # how componentize-py reports every failure
        print(exc)  # noqa: T201 - its output is what the parent reads
        return 1
    return 0


def die_with(parent: int) -> None:
    """A worker that is killed takes its build with it (Linux; elsewhere the time limit ends it)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)


if __name__ == "__main__":
    limit, starter = int(sys.argv[1]), int(sys.argv[2])
    sys.argv = ["componentize-py", *sys.argv[3:]]
    sys.exit(main(limit, starter))
