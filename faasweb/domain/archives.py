"""Reading zip files that anybody may have made, and writing ours.

Nothing is ever unpacked to a disk here; every refusal names the entry it is about.
"""

from __future__ import annotations

import io
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping

from faasweb.domain.errors import InvalidInput, TooLarge

ARCHIVE_LIMIT = 8_000_000  # bytes of a zip file
UNPACKED_LIMIT = 16_000_000  # bytes of all its files
FILES_LIMIT = 2_000
ENTRIES_LIMIT = 20_000  # with folders and with what is left out
PATH_LIMIT = 400  # bytes
NAME_LIMIT = 200  # bytes of one part of a path
DEPTH_LIMIT = 20  # parts of a path

INVALID = "Invalid zip file format"
_END = struct.Struct("<4s4H2LH")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_SHORT = 22 + 65_535  # the end of a zip file lies in its last bytes, before a comment
_LEFT_OUT_FOLDERS = frozenset(("__MACOSX", "__pycache__", ".git", ".venv"))
_LEFT_OUT_NAMES = frozenset((".DS_Store", "Thumbs.db"))
_TEXT = 1  # the mark of a text file in a zip file's directory
_FIRST_MOMENT = (1980, 1, 1, 0, 0, 0)
# zipfile says NotImplementedError of what it can't unpack: encryption and compressions of other programs.
_UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OSError, struct.error, NotImplementedError)


def check_path(path: str) -> str:
    """``path`` in normal form: relative, of plain parts. InvalidInput says what is wrong with it."""
    _check_direction(path)
    path = unicodedata.normalize("NFC", path)
    parts = path.split("/")
    if not all(parts) or "." in parts:
        raise _refused(path, "its path has an empty part or a dot alone")
    if not path.isprintable():
        raise _refused(path, "its name has control characters or others that can't be shown")
    if len(parts) > DEPTH_LIMIT:
        raise _refused(path, f"it lies deeper than {DEPTH_LIMIT} folders")
    if len(path.encode()) > PATH_LIMIT or any(len(part.encode()) > NAME_LIMIT for part in parts):
        raise _refused(path, f"its name is too long: at most {NAME_LIMIT} bytes, {PATH_LIMIT} with its folders")
    return path


def read_zip(content: bytes) -> dict[str, bytes]:
    """The files by path. What systems and tools leave behind (``__MACOSX``, ``.git``, ``app.wasm`` ...) is left out.

    InvalidInput and TooLarge with field ``file``. Costs no more than its limits allow, whatever is in it.
    """
    if len(content) > ARCHIVE_LIMIT:
        raise _too_large(f"The zip file has {len(content):,} bytes; the limit is {ARCHIVE_LIMIT:,}.", ARCHIVE_LIMIT)
    _check_directory(content)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return dict(_inflated(archive, _wanted(archive)))
    except _UNREADABLE as exc:
        raise InvalidInput(f"{INVALID}.", field="file") from exc


def archive_comment(content: bytes) -> bytes:
    """The comment at the end of a zip file, for telling our own ones; empty for what is no zip file."""
    try:
        end = content.rindex(b"PK\x05\x06", max(0, len(content) - _SHORT))
    except ValueError:
        return b""
    return content[end + _END.size :]


def write_own(texts: Mapping[str, str], data: Mapping[str, bytes], comment: bytes) -> bytes:
    """The same bytes for the same files, always. Any program for zip files can read them."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        archive.comment = comment
        for path in sorted([*texts, *data]):
            entry = zipfile.ZipInfo(path, _FIRST_MOMENT)
            entry.create_system = 3
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            entry.internal_attr = _TEXT if path in texts else 0
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, texts[path].encode() if path in texts else data[path])
    return target.getvalue()


def read_own(content: bytes) -> tuple[dict[str, str], dict[str, bytes]]:
    """Exactly what ``write_own`` was given. InvalidInput for what it can't have made."""
    texts: dict[str, str] = {}
    data: dict[str, bytes] = {}
    _check_directory(content)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = {entry.filename: entry for entry in archive.infolist()}
            for path, part in _inflated(archive, entries):
                if entries[path].internal_attr & _TEXT:
                    texts[path] = part.decode()
                else:
                    data[path] = part
    except _UNREADABLE as exc:
        raise InvalidInput(f"{INVALID}.", field="file") from exc
    return texts, data


def _refused(path: str, problem: str) -> InvalidInput:
    return InvalidInput(f"{_shown(path)} is refused: {problem}.", field="file")


def _too_large(message: str, limit: int) -> TooLarge:
    return TooLarge(message, field="file", limit=limit)


def _shown(path: str) -> str:
    """A name that can't disturb whoever reads about it."""
    short = repr(path if len(path) <= 120 else f"{path[:100]}...{path[-15:]}")
    return short if short.isprintable() else ascii(short)


def _check_direction(path: str) -> None:
    """Whatever could lead out of a folder."""
    if "\\" in path:
        raise _refused(path, "its path has a backslash; folders are separated by /")
    if path.startswith("/"):
        raise _refused(path, "its path is absolute")
    if re.match(r"[A-Za-z]:", path):
        raise _refused(path, "its path has a drive letter")
    if ".." in path.split("/"):
        raise _refused(path, "its path leads out of the folder (..)")


def _check_directory(content: bytes) -> None:
    """Count the entries without making anything of them: a list of 100,000 must not be read to be refused."""
    try:
        end = content.rindex(b"PK\x05\x06", max(0, len(content) - _SHORT))
        _, disk, first_disk, _, count, size, _, _ = _END.unpack_from(content, end)
    except (ValueError, struct.error) as exc:
        raise InvalidInput(f"{INVALID}.", field="file") from exc
    if disk or first_disk or size > end or content[max(0, end - 20) : end].startswith(b"PK\x06\x07"):
        raise InvalidInput(f"{INVALID}: it is split, or larger than it is.", field="file")
    position, entries = end - size, 0
    while position < end and content.startswith(b"PK\x01\x02", position) and end - position >= _ENTRY.size:
        entries += 1
        position += _ENTRY.size + sum(struct.unpack_from("<3H", content, position + 28))
        if entries > ENTRIES_LIMIT:
            break
    if max(entries, count) > ENTRIES_LIMIT:
        raise _too_large(f"The zip file has more than {ENTRIES_LIMIT:,} entries.", ENTRIES_LIMIT)


def _wanted(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The entries to read by path, after everything that can be known without inflating was checked."""
    found: dict[str, zipfile.ZipInfo] = {}
    folders: set[str] = set()
    for entry in archive.infolist():
        name = _name(entry)
        _check_direction(name)
        if _is_left_out(name.rstrip("/")):
            continue
        path = check_path(name.rstrip("/"))
        _check_kind(entry, path, name)
        if name.endswith("/"):
            folders.add(path)
        elif path in found:
            raise _refused(path, "it is in the archive twice")
        else:
            found[path] = entry
        if len(found) > FILES_LIMIT:
            raise _too_large(f"The zip file has more than {FILES_LIMIT:,} files.", FILES_LIMIT)
    check_clashes(found, folders)
    declared = sum(entry.file_size for entry in found.values())
    if declared > UNPACKED_LIMIT:
        largest = max(found, key=lambda path: found[path].file_size)
        raise _unpacks_too_large(largest)
    return found


def check_clashes(paths: Iterable[str], folders: Collection[str] = ()) -> None:
    """InvalidInput when two files differ by case only, or a file has the name of a folder."""
    by_case: dict[str, str] = {}
    for path in paths:
        other = by_case.setdefault(path.casefold(), path)
        if other != path:
            raise _refused(path, f"{_shown(other)} differs from it by upper and lower case only")
    for path in [*by_case.values(), *folders]:
        above = path.casefold().split("/")
        parents = ["/".join(above[:depth]) for depth in range(1, len(above) + (path in folders))]
        for parent in parents:
            if parent in by_case:
                raise _refused(by_case[parent], "it is a file, and a folder of that name is there too")


def _name(entry: zipfile.ZipInfo) -> str:
    """As it was written. Names without a mark of their encoding are UTF-8 more often than what the format says."""
    name = entry.orig_filename
    if not entry.flag_bits & 0x800:
        try:
            return name.encode("cp437").decode()
        except UnicodeError:
            return name
    return name


def _is_left_out(path: str) -> bool:
    *folders, name = path.split("/")
    if _LEFT_OUT_FOLDERS & {*folders, name} or name in _LEFT_OUT_NAMES or name.endswith(".pyc"):
        return True
    return not folders and name.endswith(".wasm")


def _check_kind(entry: zipfile.ZipInfo, path: str, name: str) -> None:
    mode = stat.S_IFMT(entry.external_attr >> 16)
    expected = stat.S_IFDIR if name.endswith("/") else stat.S_IFREG
    if mode not in (0, expected):
        raise _refused(path, "it is a link or another special file, not a plain one")
    if entry.flag_bits & 0x2041:
        raise _refused(path, "it is encrypted")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _refused(path, "it is compressed in a way other than Deflate")


def _inflated(archive: zipfile.ZipFile, wanted: Mapping[str, zipfile.ZipInfo]) -> Iterator[tuple[str, bytes]]:
    """Counts what really comes out: what an archive says about its sizes may be a lie."""
    left = UNPACKED_LIMIT
    for path, entry in wanted.items():
        with archive.open(entry) as file:
            data = file.read(left + 1)
        left -= len(data)
        if left < 0:
            raise _unpacks_too_large(path)
        yield path, data


def _unpacks_too_large(path: str) -> TooLarge:
    message = f"The zip file unpacks to more than {UNPACKED_LIMIT:,} bytes ({_shown(path)} is a large part of that)."
    return _too_large(message, UNPACKED_LIMIT)
