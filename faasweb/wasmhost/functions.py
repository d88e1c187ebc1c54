"""What is live, as the live folder says at this moment."""

import base64
import binascii
import os
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from faasweb.wasmhost.interfaces.filesystem import MemoryFilesystem
from faasweb.wasmhost.live import InvalidRelease, LiveRelease, Slot, read_release, release_path
from faasweb.wasmhost.sites import Sites

MAX_LOADED = 2000
Stamp = tuple[int, int, int]


class NotServed(Exception):
    """Nothing is live under this id."""


@dataclass(frozen=True, slots=True)
class Function:
    """A release and the files its guests see: the source of an instant one at ``/app``, what is mounted at ``/``."""

    release: LiveRelease
    filesystems: tuple[MemoryFilesystem, ...]

    @classmethod
    def of(cls, release: LiveRelease, sites: Sites) -> "Function":
        """Raises InvalidRelease, which MissingSite is too."""
        files = {path: text.encode("utf-8", "replace") for path, text in release.files.items()}
        try:
            files |= {path: base64.b64decode(text, validate=True) for path, text in release.data.items()}
        except binascii.Error as error:
            raise InvalidRelease("data is not Base64") from error
        try:
            mounted = {place: files[path] for place, path in release.mounts.items()}
        except KeyError as error:
            raise InvalidRelease(f"there is no file {error} to mount") from error
        root = (MemoryFilesystem("/", mounted),) if mounted else ()
        if release.mode == "baked":
            return cls(release, root)
        packages = sites.nodes(release.site) if release.site else None
        return cls(release, (MemoryFilesystem("/app", files, packages), *root))


class Functions:
    """Reads a live file again when its stamp has changed; keeps the most recently used ones."""

    def __init__(self, data: Path, sites: Sites) -> None:
        self._data = data
        self._sites = sites
        self._loaded: OrderedDict[Path, tuple[Stamp, Function]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, function_id: str, slot: Slot) -> Function:
        """Raises NotServed, or InvalidRelease when the file cannot run."""
        try:
            path = release_path(self._data, function_id, slot)
        except InvalidRelease as error:
            raise NotServed(str(error)) from error
        stamp = _stamp(path)
        with self._lock:
            loaded = self._loaded.get(path)
            if loaded is not None and loaded[0] == stamp:
                self._loaded.move_to_end(path)
                return loaded[1]
        return self._read(path, stamp)

    def _read(self, path: Path, stamp: Stamp) -> Function:
        try:
            function = Function.of(read_release(path), self._sites)
        except FileNotFoundError as error:
            raise NotServed(f"nothing is live at {path.stem}") from error
        with self._lock:
            self._loaded[path] = (stamp, function)
            self._loaded.move_to_end(path)
            while len(self._loaded) > MAX_LOADED:
                self._loaded.popitem(last=False)
        return function


def _stamp(path: Path) -> Stamp:
    try:
        status = os.stat(path)  # noqa: PTH116 - on every request, and three times as fast as Path.stat
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotServed(f"nothing is live at {path.stem}") from error
    return status.st_mtime_ns, status.st_ino, status.st_size
