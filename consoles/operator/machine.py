"""What this machine tells about itself."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from faasweb.supervisor.status import read_status, status_path

PACKAGES = ("Django", "django-ninja", "django-q2", "granian", "wasmtime", "boto3", "httpx")
LOOK_S = 2.0  # for all sizes together: a page must not hang on a folder with a million files


@dataclass(frozen=True, slots=True)
class Process:
    name: str
    state: str
    pid: int | None
    restarts: int
    last_exit: str
    since: datetime | None

    @property
    def well(self) -> bool:
        return self.state in ("running", "done")


def processes(data: Path) -> Sequence[Process]:
    """The supervisor's, empty without one."""
    return [
        Process(
            name,
            str(part.state),
            part.pid,
            part.restarts,
            part.last_exit or "",
            datetime.fromtimestamp(part.since, UTC) if part.since else None,
        )
        for name, part in read_status(status_path(data)).items()
    ]


@dataclass(frozen=True, slots=True)
class Size:
    """``bytes`` on disk below one entry of the data folder; ``partly`` when there was no time to look at all of it."""

    name: str
    bytes: int
    partly: bool = False


def sizes(data: Path, time_s: float = LOOK_S) -> Sequence[Size]:
    """Largest first."""
    end = time.monotonic() + time_s
    try:
        entries = sorted(data.iterdir())
    except OSError:
        return []
    return sorted((_size(entry, end) for entry in entries), key=lambda size: -size.bytes)


def _size(entry: Path, end: float) -> Size:
    total = 0
    for file_size in _file_sizes(entry):
        total += file_size
        if time.monotonic() > end:
            return Size(entry.name, total, partly=True)
    return Size(entry.name, total)


def _file_sizes(entry: Path) -> Iterator[int]:
    """What a file occupies; files of a folder that vanish meanwhile don't count."""
    if not entry.is_dir() or entry.is_symlink():
        yield _occupied(entry)
        return
    for folder, _folders, names in os.walk(entry):
        for name in names:
            yield _occupied(Path(folder, name))


def _occupied(path: Path) -> int:
    try:
        return path.lstat().st_blocks * 512
    except OSError:
        return 0


def versions() -> Sequence[tuple[str, str]]:
    found = [("Python", sys.version.split()[0]), (platform.system(), platform.release())]
    for package in PACKAGES:
        try:
            found.append((package, version(package)))
        except PackageNotFoundError:
            continue
    return found
