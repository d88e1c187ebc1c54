"""A function as it is stored: its own item, with the source in it as far as that is small."""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from faasweb.adapters.repositories import keys
from faasweb.adapters.repositories.counters import Window
from faasweb.adapters.repositories.items import settings_from, settings_item, time_from, time_text
from faasweb.adapters.repositories.table import (
    Item,
    Put,
    unchanged,
)
from faasweb.domain.clock import parse, sortable
from faasweb.domain.functions import Function, FunctionStatus, Live
from faasweb.domain.source import EncodedFile, Source

INLINE_LIMIT = 32 * 1024
"""Bytes of source kept in the item itself, so that reading and listing functions needs no code store."""
Content = TypeVar("Content")


def function_item(function: Function) -> Item:
    return {
        "id": function.id,
        "workspaceId": function.workspace_id,
        "name": function.name,
        "description": function.description,
        "appName": function.app_name,
        "status": str(function.status),
        "invocationUrl": function.invocation_url,
        "createdAt": sortable(function.created_at),
        "lastModified": sortable(function.last_modified),
        "lastDeployed": time_text(function.last_deployed),
        "live": _live_item(function.live),
        "deploying": function.deploying,
        "lastVersion": function.last_version,
        "revision": function.revision,
        **settings_item(function.settings),
        **_code_item(function),
    }


def _code_item(function: Function) -> Item:
    source = function.source
    if source is None:
        return {"codeHash": function.code_hash}
    known: Item = {"codeHash": function.code_hash, "codeSize": source.size}
    if source.size > INLINE_LIMIT:
        return known
    if source.is_single:
        return known | {"code": source.base64}
    return known | {"archive": base64.b64encode(source.packed).decode(), "module": source.module}


def _live_item(live: Live | None) -> Item | None:
    if live is None:
        return None
    return {
        "deploymentId": live.deployment_id,
        "mode": live.mode,
        "version": live.version,
        "codeHash": live.code_hash,
        "since": sortable(live.since),
    }


def function_from(item: Mapping[str, Any], usage: Mapping[str, Any] | None, window: Window) -> Function:
    source = _source_from(item)
    modified = parse(item["lastModified"])
    return Function(
        id=item["id"],
        workspace_id=item["workspaceId"],
        name=item["name"],
        description=item.get("description") or "",
        app_name=item.get("appName") or "",
        settings=settings_from(item),
        code_hash=item.get("codeHash") or _hash_of(source, item),
        created_at=time_from(item.get("createdAt")) or modified,
        last_modified=modified,
        source=source,
        status=_status_from(item.get("status")),
        invocation_url=item.get("invocationUrl") or None,
        last_deployed=time_from(item.get("lastDeployed")),
        live=_live_from(item.get("live")),
        deploying=item.get("deploying"),
        last_version=item.get("lastVersion") or 0,
        revision=item.get("revision") or 0,
        usage=window.totals(usage),
    )


class EncodedArchive:
    """The files of an inlined source of several files, unpacked once, when somebody reads one."""

    def __init__(self, encoded: str) -> None:
        self._encoded = encoded

    @functools.cached_property
    def source(self) -> Source:
        return Source.unpack(base64.b64decode(self._encoded, validate=True))


class ArchivedFiles(Mapping[str, Content]):
    """The texts of an archive, or its other files."""

    __slots__ = ("_read",)

    def __init__(self, read: Callable[[], Mapping[str, Content]]) -> None:
        self._read = read

    def __getitem__(self, path: str) -> Content:
        return self._read()[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())


def _source_from(item: Mapping[str, Any]) -> Source | None:
    """None also for the invalid Base64 that the earlier system let through: the code store has the original."""
    if item.get("archive"):
        archive = EncodedArchive(item["archive"])
        files = ArchivedFiles(lambda: archive.source.files)
        return Source(files, item["module"], ArchivedFiles(lambda: archive.source.data))
    if not item.get("code"):
        return None
    source = Source(EncodedFile(item["code"]))
    if "codeHash" not in item:
        try:
            source.text  # noqa: B018 - whether it can be read
        except (binascii.Error, ValueError):
            return None
    return source


def _hash_of(source: Source | None, item: Mapping[str, Any]) -> str:
    return source.hash if source else hashlib.sha256((item.get("code") or "").encode()).hexdigest()


_STATUSES = {status.value: status for status in FunctionStatus}


def _status_from(text: str | None) -> FunctionStatus:
    """Of the earlier system too, which took any text."""
    return _STATUSES.get(text or "") or _STATUSES.get((text or "").lower(), FunctionStatus.ACTIVE)


def _live_from(item: Mapping[str, Any] | None) -> Live | None:
    if not item:
        return None
    return Live(item["deploymentId"], item["mode"], item["version"], item["codeHash"], parse(item["since"]))


def save_function(function: Function) -> tuple[Function, Put]:
    """The function with its next revision, and the operation that stores it if nobody else changed it."""
    saved = replace(function, revision=function.revision + 1)
    return saved, Put(keys.function(saved.workspace_id, saved.id), function_item(saved), unchanged(function.revision))
