"""Installed packages by what was asked for: each set is installed once per machine and shared by every process.

``<cache>/sites/<digest>/`` holds ``site.zip`` (what functions see), ``packages/`` (what the type checker reads) and
``site.json``; ``<cache>/sites/wanted/<key>`` says which digest a set of requirements came out as. What was downloaded
is kept in ``<cache>/downloads``.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from faasweb.adapters.toolchain.disk import make_room, turn
from faasweb.adapters.toolchain.installation import PHASE, Installer
from faasweb.adapters.toolchain.packing import Unusable, examine, pack
from faasweb.adapters.toolchain.requirements import FILE, Refused, read_requirements
from faasweb.adapters.toolchain.work import sweep, work_folder
from faasweb.domain.errors import TimedOut
from faasweb.domain.source import Source
from faasweb.ports import BuildFailure, Say
from faasweb.wasmhost.live import SHA256, site_path

FAILED = "Requirements installation failed:"
SIZE_LIMIT = 2 << 30  # bytes of all sets, and again of all downloads
IN_USE_S = 3600.0  # what was used since then stays
RECIPE = "1"  # raise it when the same packages must be packed anew


@dataclass(frozen=True, slots=True)
class Installed:
    """A set of packages: ``versions`` by package name, ``modules`` by what is imported, with their package's name."""

    digest: str
    folder: Path
    size: int
    versions: Mapping[str, str] = field(default_factory=dict)
    modules: Mapping[str, str] = field(default_factory=dict)

    @property
    def archive(self) -> Path:
        return self.folder / "site.zip"

    @property
    def packages(self) -> Path:
        return self.folder / "packages"

    def __str__(self) -> str:
        return ", ".join(f"{name} {version}" for name, version in self.versions.items()) or "no packages"


@dataclass(frozen=True, slots=True)
class Sites:
    """``size_limit`` in bytes; ``versions`` are those of the tools that install."""

    cache: Path
    installer: Installer
    versions: str
    size_limit: int = SIZE_LIMIT
    in_use_s: float = IN_USE_S

    def find(self, source: Source) -> Installed | None:
        """The packages of a source, if they were installed before."""
        with contextlib.suppress(Refused):
            if wanted := _wanted(source):
                return self._get(self._key(wanted))
        return None

    def provide(self, source: Source, timeout_s: float, say: Say) -> Installed | BuildFailure | None:
        """Install what the source wants, unless it was installed before; None when it wants nothing.

        Raises TimedOut when ``timeout_s`` was not enough, Unavailable when the package index can't be reached.
        """
        try:
            wanted = _wanted(source)
            if not wanted:
                return None
            key = self._key(wanted)
            return self._get(key) or self._only_once(key, wanted, timeout_s, say)
        except (Refused, Unusable) as exc:
            message = f"{FAILED} {str(exc).rstrip('.')}."
            say(PHASE, message)
            return BuildFailure(message)

    def _key(self, wanted: Sequence[str]) -> str:
        asked = json.dumps([wanted, self.versions, self.installer.index.identity, RECIPE])
        return hashlib.sha256(asked.encode()).hexdigest()

    def _get(self, key: str) -> Installed | None:
        try:
            digest = (self._folder / "wanted" / key).read_text()
            folder = site_path(self.cache, digest).parent
            noted = json.loads((folder / "site.json").read_text())
            os.utime(folder)
            return Installed(digest, folder, noted["size"], noted["versions"], noted["modules"])
        except (OSError, ValueError, KeyError):
            return None

    def _only_once(self, key: str, wanted: Sequence[str], timeout_s: float, say: Say) -> Installed:
        deadline = time.monotonic() + timeout_s
        with self._turn(deadline, say):
            return self._get(key) or self._install(key, wanted, deadline - time.monotonic(), say)

    def _install(self, key: str, wanted: Sequence[str], timeout_s: float, say: Say) -> Installed:
        started = time.monotonic()
        sweep(self.cache)
        say(PHASE, f"Installing the packages of {FILE}.")
        with tempfile.TemporaryDirectory(prefix="packages-", dir=work_folder(self.cache)) as name:
            folder = Path(name)
            target = self.installer.install(wanted, folder, timeout_s, say)
            installed = self._keep(target, folder / "entry")
        pointer = self._folder / "wanted" / key
        unfinished = pointer.with_suffix(".new")
        unfinished.write_text(installed.digest)
        unfinished.rename(pointer)
        self._make_room()
        took = f"{installed.size / 1e6:.1f} MB, {time.monotonic() - started:.1f} s"
        say(PHASE, f"Packages are installed ({took}): {installed}.")
        return installed

    def _keep(self, target: Path, unfinished: Path) -> Installed:
        """Move a set to its place. What another set of requirements came out as already is the same."""
        contents = examine(target)
        unfinished.mkdir()
        digest = pack(target, contents, unfinished / "site.zip")
        target.rename(unfinished / "packages")
        size = (unfinished / "site.zip").stat().st_size
        folder = site_path(self.cache, digest).parent
        installed = Installed(digest, folder, size, contents.versions, contents.modules)
        noted = {name: value for name, value in asdict(installed).items() if name in ("size", "versions", "modules")}
        (unfinished / "site.json").write_text(json.dumps(noted))
        if not (folder / "site.json").exists():
            shutil.rmtree(folder, ignore_errors=True)
            unfinished.rename(folder)
        os.utime(folder)
        return installed

    @property
    def _folder(self) -> Path:
        return self.cache / "sites"

    @contextlib.contextmanager
    def _turn(self, deadline: float, say: Say) -> Iterator[None]:
        """One installation at a time: they share what was downloaded, and two of one set need not both work."""
        (self._folder / "wanted").mkdir(parents=True, exist_ok=True, mode=0o700)
        self.installer.downloads.mkdir(parents=True, exist_ok=True, mode=0o700)
        busy = TimedOut("Other packages are still being installed; try again in a moment.")
        with turn(self._folder / ".lock", deadline, busy, lambda: say(PHASE, "Waiting for another installation.")):
            yield

    def _make_room(self) -> None:
        """Remove sets that were not used for longest; downloads can all be had again."""
        make_room(self._entries(), self.size_limit, self.in_use_s)
        for pointer in (self._folder / "wanted").iterdir():
            if not (self._folder / pointer.read_text() / "site.json").exists():
                pointer.unlink()
        if _size(self.installer.downloads) > self.size_limit:
            shutil.rmtree(self.installer.downloads, ignore_errors=True)

    def _entries(self) -> Iterator[tuple[float, int, Path]]:
        """Last use, size in bytes (packed and unpacked) and folder of every set."""
        for folder in self._folder.iterdir():
            if SHA256.fullmatch(folder.name):
                yield folder.stat().st_mtime, 2 * (folder / "site.zip").stat().st_size, folder


def _wanted(source: Source) -> list[str]:
    return read_requirements(source.files.get(FILE, ""))


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())
