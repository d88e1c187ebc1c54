"""What a developer wrote: text files by relative path, and the module that holds ``IncomingHandler``."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from faasweb.domain.errors import InvalidInput, TooLarge

SOURCE_LIMIT = 1_000_000  # bytes of all files together
MAIN_FILE = "app.py"


@dataclass(frozen=True, slots=True)
class Source:
    """Files by POSIX path relative to the project, e.g. ``{"app.py": "..."}``; ``module`` is imported first."""

    files: Mapping[str, str]
    module: str = "app"

    @classmethod
    def single(cls, text: str) -> Source:
        """One file, as the editor and the JSON API send it. Line ends become ``\\n``; a byte order mark goes."""
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
            raise TooLarge(
                f"The code has {size:,} bytes; the limit is {SOURCE_LIMIT:,}.",
                field="code",
                limit=SOURCE_LIMIT,
            )
        return cls(MappingProxyType({MAIN_FILE: text}))

    @classmethod
    def from_base64(cls, encoded: str) -> Source:
        """Strict Base64 of UTF-8 text."""
        if len(encoded) > SOURCE_LIMIT * 3 // 2:
            raise TooLarge(f"The code is larger than {SOURCE_LIMIT:,} bytes.", field="code", limit=SOURCE_LIMIT)
        try:
            text = base64.b64decode(encoded, validate=True).decode("utf-8")
        except (binascii.Error, ValueError) as exc:
            raise InvalidInput("The code must be Base64 of UTF-8 text.", field="code") from exc
        return cls.single(text)

    @property
    def text(self) -> str:
        """The text of a source with one file."""
        return self.files[MAIN_FILE]

    @property
    def base64(self) -> str:
        return base64.b64encode(self.text.encode()).decode()

    @property
    def hash(self) -> str:
        """SHA-256 hex over paths and contents, so one changed byte or file name changes it."""
        digest = hashlib.sha256()
        for path in sorted(self.files):
            content = self.files[path].encode()
            digest.update(f"{path}\0{len(content)}\0".encode() + content)
        return digest.hexdigest()

    @property
    def size(self) -> int:
        return sum(len(text.encode()) for text in self.files.values())
