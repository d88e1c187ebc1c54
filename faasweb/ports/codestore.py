"""Where sources and components are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class CodeStore(Protocol):
    """Bytes by key. Keys are relative POSIX paths of ``[A-Za-z0-9._-]`` segments; others raise InvalidInput."""

    def put(self, key: str, content: bytes) -> None:
        """Durable when it returns; replaces what was there, whole or not at all."""
        ...

    def put_file(self, key: str, path: Path) -> None: ...

    def get(self, key: str) -> bytes:
        """NotFound."""
        ...

    def fetch(self, key: str, target: Path) -> None:
        """The content as a local file at ``target``. NotFound."""
        ...

    def exists(self, key: str) -> bool: ...

    def delete(self, key: str) -> None:
        """That one. Absent is no error."""
        ...

    def delete_prefix(self, prefix: str) -> int:
        """Everything below ``prefix`` (which ends in ``/``); how many. Nothing there is no error."""
        ...

    def location(self, key: str) -> str:
        """Where it is for people and programs: ``s3://<bucket>/<key>`` (the embedded bucket is called ``local``)."""
        ...

    def ping(self) -> None: ...
