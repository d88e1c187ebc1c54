"""Built components by key: an unchanged source is never built twice, on whatever project it is.

``<cache>/builds/<key>/app.wasm`` with ``app.wasm.sha256`` beside it. A folder is made elsewhere and renamed, so it is
whole or absent; what was damaged later is noticed by its digest and built again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from faasweb.adapters.toolchain.disk import make_room, turn
from faasweb.adapters.toolchain.work import work_folder
from faasweb.domain.builds import BUILD_DEADLINE
from faasweb.domain.errors import Unavailable
from faasweb.ports import Component

SIZE_LIMIT = 4 << 30  # bytes
WASM = "app.wasm"
DIGEST = "app.wasm.sha256"
LOCKS = 64
# Nobody works longer with a component than a build may take: what was handed out since then stays.
IN_USE_S = BUILD_DEADLINE.total_seconds() * 1.5


@dataclass(frozen=True, slots=True)
class BuildCache:
    """Shared by every process of this machine. ``size_limit`` is in bytes."""

    cache: Path
    size_limit: int = SIZE_LIMIT
    in_use_s: float = IN_USE_S

    @property
    def folder(self) -> Path:
        return self.cache / "builds"

    def get(self, key: str) -> Component | None:
        """The component built before, if it is still what was built."""
        entry = self.folder / key
        try:
            expected = (entry / DIGEST).read_text().strip()
            digest, size = _digest(entry / WASM)
            if digest != expected:
                return None
            os.utime(entry)
        except OSError:
            return None
        return Component(entry / WASM, f"sha256:{digest}", size)

    def put(self, key: str, wasm: Path) -> Component:
        """Move ``wasm`` into the cache and make room for it."""
        digest, size = _digest(wasm)
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        unfinished = Path(tempfile.mkdtemp(prefix="entry-", dir=work_folder(self.cache)))
        wasm.rename(unfinished / WASM)
        (unfinished / DIGEST).write_text(f"{digest}\n")
        entry = self.folder / key
        shutil.rmtree(entry, ignore_errors=True)  # damaged, or it would have been used
        unfinished.rename(entry)
        os.utime(entry)
        make_room(_entries(self.folder), self.size_limit, self.in_use_s)
        return Component(entry / WASM, f"sha256:{digest}", size)

    @contextlib.contextmanager
    def only_one(self, key: str, wait_s: float) -> Iterator[None]:
        """Two builds of one key take turns, so that the second finds what the first made. Raises Unavailable."""
        locks = self.folder / ".locks"
        locks.mkdir(parents=True, exist_ok=True, mode=0o700)
        busy = Unavailable("Another build of this source is still running; try again in a moment.")
        with turn(locks / str(int(key[:8], 16) % LOCKS), time.monotonic() + wait_s, busy):
            yield


def _entries(folder: Path) -> Iterator[tuple[float, int, Path]]:
    """Last use, size in bytes and folder of every entry."""
    for entry in folder.iterdir():
        with contextlib.suppress(OSError):
            if not entry.name.startswith("."):
                yield entry.stat().st_mtime, (entry / WASM).stat().st_size, entry


def _digest(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size
