"""A code store in a folder of this machine."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from faasweb.adapters.codestore.keys import checked, checked_prefix
from faasweb.domain.errors import InvalidInput, NotFound, Unavailable

# Holds what is being written. No key can name it: "~" is not allowed in one.
_STAGING = "~writing"
_ABANDONED_S = 3600
_FULL = (errno.ENOSPC, errno.EDQUOT)
_REFUSED = (errno.EROFS, errno.EACCES, errno.EPERM)


@dataclass(frozen=True, slots=True)
class FilesystemCodeStore:
    """A key is the path of a file below ``root``, which is made when it is missing.

    Content gets its name only once it is complete and on the disk, so that a power cut leaves the old or the new one.
    Files may share their disk space with others of this machine (hard links): nobody ever writes into one.
    """

    root: Path

    def put(self, key: str, content: bytes) -> None:
        target = self._path(key)
        with _errors(key), self._staged() as staged:
            descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            self._publish(staged, target)

    def put_file(self, key: str, path: Path) -> None:
        target = self._path(key)
        with _errors(key), self._staged() as staged:
            _link_or_copy(path.resolve(), staged)
            self._publish(staged, target)

    def get(self, key: str) -> bytes:
        path = self._path(key)
        with _errors(key):
            return path.read_bytes()

    def fetch(self, key: str, target: Path) -> None:
        path = self._path(key)
        with _errors(key):
            target.parent.mkdir(parents=True, exist_ok=True)
            partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
            try:
                _link_or_copy(path, partial)
                partial.replace(target)
            finally:
                # Replacing a file by another link to itself leaves both names behind.
                partial.unlink(missing_ok=True)

    def exists(self, key: str) -> bool:
        path = self._path(key)
        with _errors(key):
            return path.is_file()

    def delete(self, key: str) -> None:
        path = self._path(key)
        with _errors(key):
            _removed(path.unlink)

    def delete_prefix(self, prefix: str) -> int:
        top = self.root / checked_prefix(prefix)
        deleted = 0
        with _errors(prefix):
            for folder, _, names in os.walk(top, topdown=False):
                deleted += sum(_removed((Path(folder) / name).unlink) for name in names)
                _removed(Path(folder).rmdir)
        return deleted

    def location(self, key: str) -> str:
        return f"s3://local/{checked(key)}"

    def ping(self) -> None:
        with _errors("ping"), self._staged() as staged:
            staged.write_bytes(b"")

    def _path(self, key: str) -> Path:
        return self.root / checked(key)

    @contextlib.contextmanager
    def _staged(self) -> Iterator[Path]:
        """A free path on the same disk, empty again afterwards."""
        folder = self.root / _STAGING
        _make_folder(folder)
        _sweep(folder)
        staged = folder / secrets.token_hex(8)
        try:
            yield staged
        finally:
            staged.unlink(missing_ok=True)

    def _publish(self, staged: Path, target: Path) -> None:
        _sync(staged)
        new = [folder for folder in target.parents if not folder.exists()]
        for left in reversed(range(1000)):
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                staged.replace(target)
                break
            except FileNotFoundError:  # a delete_prefix took the folder in between
                if not left:
                    raise
        with contextlib.suppress(FileNotFoundError):  # deleted again already
            for folder in (target.parent, *(folder.parent for folder in new)):
                _sync(folder)


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:  # another disk, a filesystem without links, somebody else's file
        shutil.copyfile(source, target)


def _make_folder(folder: Path) -> None:
    """Like ``mkdir -p``, and the new names are on the disk when it returns."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        _sync(folder.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sweep(staging: Path) -> None:
    """Remove what a killed process left. An hour is longer than any write takes."""
    for entry in os.scandir(staging):
        with contextlib.suppress(FileNotFoundError):
            if entry.stat(follow_symlinks=False).st_mtime < time.time() - _ABANDONED_S:
                Path(entry.path).unlink()


def _removed(remove: Callable[[], None]) -> bool:
    """Whether it was there. A folder that somebody puts something into meanwhile stays."""
    try:
        remove()
    except FileNotFoundError:
        return False
    except OSError as exc:
        if exc.errno != errno.ENOTEMPTY:
            raise
        return False
    return True


@contextlib.contextmanager
def _errors(key: str) -> Iterator[None]:
    """Translate the operating system's errors. Its texts name paths of the server, so none is repeated."""
    try:
        yield
    except FileNotFoundError as exc:
        raise NotFound(f"{key} is not in the code store.") from exc
    except (NotADirectoryError, IsADirectoryError, FileExistsError) as exc:
        raise InvalidInput(f"{key} is a folder of stored code, or lies below a file of it.", field="key") from exc
    except OSError as exc:
        raise Unavailable(_reason(exc.errno)) from exc


def _reason(number: int | None) -> str:
    if number in _FULL:
        return "The code store's disk is full."
    if number in _REFUSED:
        return "The code store's folder can't be written or read by this process."
    return "The code store's disk reported an error."
