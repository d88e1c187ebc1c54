"""Runs the installer of packages within limits. Run by the toolchain's interpreter: ``MEMORY_MB PARENT COMMAND``."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1
FILE_LIMIT = 200 << 20


def main(memory_mb: int, parent: int, command: list[str]) -> None:
    """Become the installer. It dies with the worker that started it (Linux; elsewhere the time limit ends it)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)
    for what, limit in ((resource.RLIMIT_DATA, memory_mb << 20), (resource.RLIMIT_FSIZE, FILE_LIMIT)):
        resource.setrlimit(what, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.execv(command[0], command)  # noqa: S606 - our own command line


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
