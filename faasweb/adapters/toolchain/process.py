"""Runs one tool: its lines as they come, a time limit, and nothing of it left afterwards."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

LINES_KEPT = 500
LINE_LENGTH = 1000
TICK_S = 5.0


@dataclass(frozen=True, slots=True)
class Finished:
    """How a tool ended: ``status`` is negative for a signal; ``lines`` are its last ones."""

    status: int
    timed_out: bool
    lines: Sequence[str]
    seconds: float
    cpu_seconds: float
    peak_mb: float


def run(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    timeout_s: float,
    on_line: Callable[[str], None],
    on_tick: Callable[[float], None],
    tick_s: float = TICK_S,
) -> Finished:
    """Run ``command`` in a process group of its own. ``on_tick(seconds)`` is called when it was silent for a tick.

    The whole group is killed when the time is up, when a callback raises, and when it leaves children behind.
    """
    started = time.monotonic()
    deadline = started + timeout_s
    lines: deque[str] = deque(maxlen=LINES_KEPT)
    process = subprocess.Popen(  # noqa: S603 - our own command line
        command,
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        with cast(IO[bytes], process.stdout) as output:
            for line in _lines(output, started, deadline, on_tick, tick_s):
                lines.append(line)
                on_line(line)
        timed_out = not _exits(process.pid, deadline)
    finally:
        status, cpu_seconds, peak_mb = _end(process)
    return Finished(status, timed_out, list(lines), time.monotonic() - started, cpu_seconds, peak_mb)


def _lines(
    output: IO[bytes], started: float, deadline: float, on_tick: Callable[[float], None], tick_s: float
) -> Iterator[str]:
    """Lines until the tool closes its output or the time is up."""
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            if not selector.select(min(tick_s, left)):
                on_tick(time.monotonic() - started)
                continue
            piece = os.read(output.fileno(), 65536)
            *complete, rest = (rest + piece).split(b"\n")
            rest = rest[-LINE_LENGTH * 4 :]  # a line without end must not fill the memory
            yield from (_text(line) for line in complete)
            if not piece:
                break
    if rest:
        yield _text(rest)


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace")[:LINE_LENGTH].rstrip()


def _exits(pid: int, deadline: float) -> bool:
    """Wait for the end without collecting it, so that its process group can still be told apart from another."""
    while not os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _end(process: subprocess.Popen[bytes]) -> tuple[int, float, float]:
    """Kill whatever is left of the group; status, CPU seconds and peak memory in MB of the tool."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    _, wait_status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(wait_status)
    return process.returncode, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
