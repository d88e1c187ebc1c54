"""What rows of the earlier system lack to be today's: pure functions from a row to the attributes to set."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from faasweb.adapters.repositories.table import Item
from faasweb.domain import clock
from faasweb.domain.clock import parse, sortable
from faasweb.domain.errors import InvalidInput, TooLarge
from faasweb.domain.functions import MEMORY_MB, METHODS, TIMEOUT_S
from faasweb.domain.names import NAME_LIMIT
from faasweb.domain.source import Source

_PASCAL_CASE = {
    "AppName": "app_name",
    "Status": "status",
    "SourceCodePath": "source_code_path",
    "WasmPath": "wasm_path",
    "ImageUrl": "image_url",
    "ErrorMessage": "error_message",
    "CreatedAt": "created_at",
    "UpdatedAt": "updated_at",
}


class Skipped(Exception):
    """A row that is left as it is; ``reason`` is for people."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def is_whole(row: Mapping[str, Any] | None) -> bool:
    """Late calls and edits brought rows of deleted things back, without an id: those are nothing."""
    return bool(row and row.get("id"))


def readable_time(text: object) -> datetime | None:
    """With any offset; without one it is UTC, as the earlier Builder wrote it."""
    try:
        return parse(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _name(text: object, otherwise: str) -> str:
    """A name that today's rules let pass: else its owner could not save anything until it is renamed."""
    words = "".join(char if char.isprintable() else " " for char in text) if isinstance(text, str) else ""
    return words.strip()[:NAME_LIMIT].strip() or otherwise


# workspaces


def workspace_index(row: Mapping[str, Any]) -> Item:
    """The item of WORKSPACES, without any function yet: each is counted when it is adopted."""
    return {
        "id": row["id"],
        "name": _name(row.get("name"), row["id"]),
        "description": row.get("description") or "",
        "createdAt": sortable(readable_time(row.get("createdAt")) or clock.now()),
        "revision": row.get("revision") or 0,
        "functionCount": 0,
    }


# functions


def function_repairs(row: Mapping[str, Any], workspace_id: str) -> Item:
    """Attributes that are missing, or that today's rules refuse in every edit. The environment is left alone."""
    modified = readable_time(row.get("lastModified")) or readable_time(row.get("createdAt")) or clock.now()
    repaired: Item = {
        "workspaceId": workspace_id,
        "name": _name(row.get("name"), row["id"]),
        "httpMethods": _methods(row.get("httpMethods")),
        "memory": _within(row.get("memory"), 256, MEMORY_MB),
        "timeout": _within(row.get("timeout"), 30, TIMEOUT_S),
        "status": _status(row.get("status")),
    }
    if readable_time(row.get("lastModified")) is None:
        repaired["lastModified"] = sortable(modified)
    return {name: value for name, value in repaired.items() if row.get(name) != value}


def _methods(methods: object) -> list[str]:
    """The earlier system let any word pass as a method."""
    given = methods if isinstance(methods, list) else []
    return list(dict.fromkeys(word.upper() for word in map(str, given) if word.upper() in METHODS)) or ["GET"]


def _within(value: object, otherwise: int, bounds: tuple[int, int]) -> int:
    number = int(value) if isinstance(value, int | float) and value else otherwise
    return max(bounds[0], min(number, bounds[1]))


def _status(text: object) -> str:
    """Of what it called a status only this is a choice; no deployment of it goes on any more."""
    lowered = str(text).lower()
    return lowered if lowered in ("disabled", "failed") else "active"


def inline_text(row: Mapping[str, Any]) -> str | None:
    """The code in the row itself, if it is code."""
    try:
        return base64.b64decode(row.get("code") or "", validate=True).decode() or None
    except (binascii.Error, ValueError, TypeError):
        return None


def usable_text(content: bytes) -> str | None:
    """What lies in the code store, if today's rules take it."""
    try:
        text = content.decode()
        Source.single(text)
    except (UnicodeDecodeError, InvalidInput, TooLarge):
        return None
    return text


# builds


def build_repairs(row: Mapping[str, Any], workspace_id: str, build_id: str) -> Item | None:
    """Under today's names; None when not even its time is known."""
    known = {ours: row[theirs] for theirs, ours in _PASCAL_CASE.items() if theirs in row}
    known |= {name: value for name, value in row.items() if value is not None}
    created = readable_time(known.get("created_at")) or readable_time(known.get("updated_at"))
    if created is None:
        return None
    known |= {"task_id": build_id, "workspace_id": workspace_id, "status": known.get("status") or "failed"}
    if readable_time(known.get("created_at")) is None:
        known["created_at"] = sortable(created)
    if readable_time(known.get("updated_at")) is None:
        known["updated_at"] = known["created_at"]
    if "code_key" not in known and (code_key := _code_key(known.get("source_code_path"))):
        known["code_key"] = code_key
    return dict(_changed(known, row))


def _code_key(path: object) -> str:
    """``s3://bucket/build-sources/...`` is ``build-sources/...`` in the code store."""
    text = path if isinstance(path, str) else ""
    return text.removeprefix("s3://").partition("/")[2] if text.startswith("s3://") else text


def _changed(known: Mapping[str, Any], row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in known.items():
        if name not in ("PK", "SK") and row.get(name) != value:
            yield name, value
