"""Packages that instant sources import: one archive for each set, named by its content, mounted at ``/app/.site``.

The toolchain makes the archives in the machine's cache. Here they are read once per process and shared by all guests,
which see the files in memory and have no path to the disk.
"""

import hashlib
import io
import os
import threading
import zipfile
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

from faasweb.wasmhost.interfaces.filesystem import Node, tree
from faasweb.wasmhost.live import InvalidRelease, site_path

MOUNT = ".site"  # below /app; the base of instant mode has it on its path
MAX_HELD_BYTES = 256 << 20


class MissingSite(InvalidRelease):
    """The archive is not there (any more) or is damaged; the message says what to do."""


class Sites:
    """The archives of one process, those used last. Safe to use from many threads."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._held: OrderedDict[str, tuple[int, dict[str, Node]]] = OrderedDict()
        self._lock = threading.Lock()

    def nodes(self, digest: str) -> dict[str, Node]:
        """The tree of a set of packages. Raises MissingSite."""
        with self._lock:
            if digest not in self._held:
                self._held[digest] = self._load(digest)
                self._make_room()
            self._held.move_to_end(digest)
            return self._held[digest][1]

    def _load(self, digest: str) -> tuple[int, dict[str, Node]]:
        path = site_path(self._cache, digest)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise MissingSite("Its packages are no longer on this machine: deploy it again.") from error
        if hashlib.sha256(content).hexdigest() != digest:
            raise MissingSite("Its packages are damaged on this machine: deploy it again.")
        with suppress(OSError):
            os.utime(path.parent)  # so that it is not the next to make room in the cache
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return len(content), tree({f"{MOUNT}/{name}": archive.read(name) for name in archive.namelist()})

    def _make_room(self) -> None:
        while len(self._held) > 1 and sum(size for size, _ in self._held.values()) > MAX_HELD_BYTES:
            self._held.popitem(last=False)
