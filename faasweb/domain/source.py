"""What a developer wrote: files by relative path, and the module that holds ``IncomingHandler``."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from faasweb.domain.archives import (
    FILES_LIMIT,
    UNPACKED_LIMIT,
    archive_comment,
    check_clashes,
    check_path,
    read_own,
    read_zip,
    write_own,
)
from faasweb.domain.errors import InvalidInput, TooLarge
from faasweb.domain.manifest import MANIFEST, SpinManifest
from faasweb.domain.provided import Provided

SOURCE_LIMIT = 1_000_000  # bytes of one text file
MAIN_FILE = "app.py"
MAIN_MODULE = "app"
NO_MANIFEST = f"{MANIFEST} not found in root directory"

_NOTHING: Mapping[str, bytes] = MappingProxyType({})
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")  # how a zip file begins, and an empty one
_OWN = re.compile(rb"faasweb ([\w.\x80-\xff]{1,400})\Z")  # the comment of archives that `packed` made: their module


class EncodedFile(Mapping[str, str]):
    """The one file of a stored source, decoded when somebody reads it: lists and calls of functions never do."""

    __slots__ = ("encoded",)

    def __init__(self, encoded: str) -> None:
        self.encoded = encoded

    def __getitem__(self, path: str) -> str:
        if path != MAIN_FILE:
            raise KeyError(path)
        return base64.b64decode(self.encoded, validate=True).decode()

    def __contains__(self, path: object) -> bool:
        return path == MAIN_FILE

    def __iter__(self) -> Iterator[str]:
        return iter((MAIN_FILE,))

    def __len__(self) -> int:
        return 1


@dataclass(frozen=True, slots=True)
class Source:
    """Files by POSIX path relative to the project, e.g. ``{"app.py": "..."}``; ``module`` is imported first.

    ``data`` holds the files that are not UTF-8 text. The ways in check what they are given, the plain constructor does
    not: a draft may be anything.
    """

    files: Mapping[str, str]
    module: str = MAIN_MODULE
    data: Mapping[str, bytes] = field(default_factory=lambda: _NOTHING)

    @classmethod
    def single(cls, text: str) -> Source:
        """One file, as the editor and the JSON API send it. Line ends become ``\\n``; a byte order mark goes."""
        return cls(MappingProxyType({MAIN_FILE: _clean(text)}))

    @classmethod
    def from_base64(cls, encoded: str) -> Source:
        """Strict Base64 of UTF-8 text."""
        return cls.single(text_from_base64(encoded))

    @classmethod
    def upload(cls, filename: str, content: bytes, *, manifest: bool = True) -> Source:
        """A ``.py`` file of any name, or a ``.zip`` with ``spin.toml`` at its root (else ``app.py``, if ``manifest``
        need not be there). InvalidInput and TooLarge with field ``file``.
        """
        if filename.endswith(".zip"):
            return cls.project(read_zip(content), manifest=manifest)
        if not filename.endswith(".py"):
            raise InvalidInput(f"{filename[-100:]!r}: only .py and .zip files are supported.", field="file")
        if len(content) > SOURCE_LIMIT:
            raise TooLarge(f"The file is larger than {SOURCE_LIMIT:,} bytes.", field="file", limit=SOURCE_LIMIT)
        try:
            return cls.single(content.decode())
        except UnicodeDecodeError as exc:
            raise InvalidInput("The file is not UTF-8 text.", field="file") from exc
        except InvalidInput as exc:
            raise InvalidInput(exc.message, field="file") from exc

    @classmethod
    def project(cls, contents: Mapping[str, bytes], *, manifest: bool = False) -> Source:
        """Several files as somebody made them. With ``manifest`` there has to be a ``spin.toml``."""
        found = {check_path(path): content for path, content in contents.items()}
        files: dict[str, str] = {}
        data: dict[str, bytes] = {}
        for path, content in found.items():
            text = _text_of(path, content)
            if text is None:
                data[path] = content
            else:
                files[path] = text
        if manifest and MANIFEST not in files:
            raise InvalidInput(f"{NO_MANIFEST}{_where_it_is(files)}.", field="file")
        return cls(MappingProxyType(files), data=MappingProxyType(data) if data else _NOTHING).checked()

    @classmethod
    def unpack(cls, content: bytes) -> Source:
        """What ``packed`` made, exactly; any other zip file as an upload; any other content as the text of one file.

        InvalidInput, and TooLarge for somebody else's archive.
        """
        own = _OWN.match(archive_comment(content)) if content.startswith(_ZIP) else None
        if own is None and content.startswith(_ZIP):
            return cls.upload("source.zip", content)
        if own is None:
            try:
                return cls(MappingProxyType({MAIN_FILE: content.decode()}))
            except UnicodeDecodeError as exc:
                raise InvalidInput("The stored code is not a text file.", field="code") from exc
        files, data = read_own(content)
        return cls(MappingProxyType(files), own[1].decode(), MappingProxyType(data) if data else _NOTHING)

    def checked(self) -> Source:
        """This source as it may be saved, with the module that its ``spin.toml`` names. InvalidInput, TooLarge."""
        self.check_files()
        for path, text in self.files.items():
            if "\x00" in text:
                raise InvalidInput(f"{path!r} holds a NUL character: it is not a text file.", field="file")
        manifest = self.manifest
        source = replace(self, module=manifest.module if manifest else MAIN_MODULE)
        Provided.by(manifest, self.contents)
        if not source.text.strip():
            raise InvalidInput(f"{source.main_file} is empty: write a class IncomingHandler.", field="file")
        return source

    def check_files(self) -> None:
        """Names, number and sizes: what a draft has to keep to as well. InvalidInput, TooLarge."""
        for path in (*self.files, *self.data):
            if check_path(path) != path:
                raise InvalidInput(f"{path!r} is not a path in normal form.", field="file")
        check_clashes([*self.files, *self.data])
        _check_sizes(self)

    def with_text(self, text: str) -> Source:
        """With another main file. InvalidInput and TooLarge as ``single``."""
        return self.with_file(self.main_file, _clean(text))

    def with_file(self, path: str, text: str) -> Source:
        """With that file, unchecked: for drafts, and before ``checked``."""
        data = {name: content for name, content in self.data.items() if name != path}
        return replace(self, files=MappingProxyType({**self.files, path: text}), data=data or _NOTHING)

    @property
    def main_file(self) -> str:
        """The file of ``module``: ``app.py``, or ``app/__init__.py`` where that is there."""
        path = self.module.replace(".", "/")
        package = f"{path}/__init__.py"
        return package if package in self.files else f"{path}.py"

    @property
    def text(self) -> str:
        """The text of the main file. InvalidInput when there is no such file."""
        try:
            return self.files[self.main_file]
        except KeyError:
            problem = f"There is no file {self.main_file} for the module {self.module}"
            told = "" if MANIFEST in self.files else f": name the main file {MAIN_FILE}, or add a {MANIFEST}"
            raise InvalidInput(f"{problem}{told}.", field="file") from None

    @property
    def manifest(self) -> SpinManifest | None:
        """What its ``spin.toml`` says, if there is one. InvalidInput names what is wrong in it."""
        return SpinManifest.read(self.files[MANIFEST]) if MANIFEST in self.files else None

    @property
    def provided(self) -> Provided:
        """The files and stores that its ``spin.toml`` asks for. InvalidInput, TooLarge."""
        manifest = self.manifest
        return Provided.by(manifest, self.contents if manifest and manifest.files else {})

    @property
    def is_single(self) -> bool:
        """One text file called ``app.py``: stored as it is, not as an archive."""
        return len(self.files) == 1 and MAIN_FILE in self.files and self.module == MAIN_MODULE and not self.data

    @property
    def base64(self) -> str:
        """Of the main file."""
        if isinstance(self.files, EncodedFile):
            return self.files.encoded
        return base64.b64encode(self.text.encode()).decode()

    @property
    def contents(self) -> dict[str, bytes]:
        """All files by path, text and other."""
        return {path: text.encode() for path, text in self.files.items()} | dict(self.data)

    @property
    def packed(self) -> bytes:
        """The text of a single file; else a zip file, the same bytes for the same source. ``unpack`` reads both."""
        return self.files[MAIN_FILE].encode() if self._is_plain else self.archive

    @property
    def archive(self) -> bytes:
        """All files as a zip file, also when there is but one."""
        return write_own(self.files, self.data, b"faasweb " + self.module.encode())

    @property
    def hash(self) -> str:
        """SHA-256 hex over paths and contents, so one changed byte or file name changes it.

        ``-zip`` at its end says that ``packed`` is an archive: who has the hash knows where the source is stored.
        """
        digest = hashlib.sha256()
        contents = self.contents
        for path in sorted(contents):
            digest.update(f"{path}\0{len(contents[path])}\0".encode() + contents[path])
        if self.module != MAIN_MODULE:
            digest.update(f"\0{self.module}\0".encode())
        return digest.hexdigest() if self._is_plain else f"{digest.hexdigest()}-zip"

    @property
    def size(self) -> int:
        return sum(len(text.encode()) for text in self.files.values()) + sum(map(len, self.data.values()))

    @property
    def _is_plain(self) -> bool:
        return self.is_single and not self.files[MAIN_FILE].startswith(tuple(begin.decode() for begin in _ZIP))


def is_packed(content: bytes) -> bool:
    """Whether it is an archive that ``Source.packed`` made."""
    return content.startswith(_ZIP) and _OWN.match(archive_comment(content)) is not None


def is_archive(code_hash: str) -> bool:
    """Whether the source of this hash has more than one file."""
    return code_hash.endswith("-zip")


def text_from_base64(encoded: str) -> str:
    """Strict Base64 of UTF-8 text. InvalidInput, TooLarge."""
    if len(encoded) > SOURCE_LIMIT * 3 // 2:
        raise TooLarge(f"The code is larger than {SOURCE_LIMIT:,} bytes.", field="code", limit=SOURCE_LIMIT)
    try:
        return base64.b64decode(encoded, validate=True).decode("utf-8")
    except (binascii.Error, ValueError) as exc:
        raise InvalidInput("The code must be Base64 of UTF-8 text.", field="code") from exc


def _clean(text: str) -> str:
    """The text of a main file as it is saved."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise InvalidInput("The code is empty: write a class IncomingHandler.", field="code")
    if "\x00" in text:
        raise InvalidInput("The code holds a NUL character: it is not a text file.", field="code")
    try:
        size = len(text.encode())
    except UnicodeEncodeError as exc:
        raise InvalidInput("The code is not valid Unicode text.", field="code") from exc
    if size > SOURCE_LIMIT:
        raise TooLarge(f"The code has {size:,} bytes; the limit is {SOURCE_LIMIT:,}.", field="code", limit=SOURCE_LIMIT)
    return text


def _text_of(path: str, content: bytes) -> str | None:
    """None for what is no text. Python files and the manifest have to be text."""
    try:
        if b"\x00" not in content:
            return content.decode()
    except UnicodeDecodeError:
        pass
    if path.endswith(".py") or path in (MANIFEST, "requirements.txt"):
        raise InvalidInput(f"{path!r} is not UTF-8 text: save it as UTF-8.", field="file")
    return None


def _check_sizes(source: Source) -> None:
    count = len(source.files) + len(source.data)
    if count > FILES_LIMIT:
        raise TooLarge(f"There are {count:,} files; the limit is {FILES_LIMIT:,}.", field="file", limit=FILES_LIMIT)
    try:
        sizes = {path: len(text.encode()) for path, text in source.files.items()}
    except UnicodeEncodeError as exc:
        raise InvalidInput("A file is not valid Unicode text.", field="file") from exc
    for path, size in sizes.items():
        if path.endswith(".py") and size > SOURCE_LIMIT:
            message = f"{path!r} has {size:,} bytes; the limit of a Python file is {SOURCE_LIMIT:,}."
            raise TooLarge(message, field="file", limit=SOURCE_LIMIT)
    if source.size > UNPACKED_LIMIT:
        message = f"The files have {source.size:,} bytes; the limit is {UNPACKED_LIMIT:,}."
        raise TooLarge(message, field="file", limit=UNPACKED_LIMIT)


def _where_it_is(files: Mapping[str, str]) -> str:
    """Who zips a folder instead of what is in it gets told."""
    for path in sorted(files):
        if path.endswith(f"/{MANIFEST}"):
            folder = path.removesuffix(f"/{MANIFEST}")
            return f": there is one in {folder!r}; pack what is in that folder, not the folder itself"
    return ""
