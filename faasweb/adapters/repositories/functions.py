from __future__ import annotations

import base64
import binascii
import functools
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from faasweb.adapters.repositories import keys
from faasweb.adapters.repositories.counters import Window, hour_counts
from faasweb.adapters.repositories.items import removal_item, settings_from, settings_item, time_from, time_text
from faasweb.adapters.repositories.table import (
    ABSENT,
    PRESENT,
    Check,
    ConditionFailed,
    Delete,
    Item,
    Operation,
    Put,
    Table,
    Update,
    When,
    unchanged,
)
from faasweb.adapters.repositories.workspaces import not_found as workspace_not_found
from faasweb.domain import clock
from faasweb.domain.clock import parse, sortable
from faasweb.domain.errors import Conflict, NotFound
from faasweb.domain.functions import Function, FunctionRef, FunctionStatus, Live
from faasweb.domain.names import app_name_for
from faasweb.domain.source import EncodedFile, Source
from faasweb.ports import Removal

INLINE_LIMIT = 32 * 1024
"""Bytes of source kept in the item itself, so that reading and listing functions needs no code store."""
REMOVE_TRIES = 8
Content = TypeVar("Content")


def not_found(function_id: str) -> NotFound:
    return NotFound(f"Function {function_id} not found")


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


@dataclass(frozen=True, slots=True)
class Functions:
    table: Table

    def add(self, function: Function) -> Function:
        wanted = function.app_name or function.name
        for taken in (False, True):
            function = replace(function, app_name=app_name_for(wanted, function.id, taken=taken))
            operations = _creation(function)
            try:
                self.table.write(operations)
            except ConditionFailed as exc:
                failed = {operations[index].key for index in exc.indexes}
                if keys.workspace_index(function.workspace_id) in failed:
                    raise workspace_not_found(function.workspace_id) from exc
                if failed != {keys.app(function.app_name)}:
                    raise Conflict(f"Function {function.id} exists already.") from exc
            else:
                return function
        raise Conflict(f"The application name {function.app_name} is taken.")

    def get(self, ref: FunctionRef) -> Function:
        key, usage, workspace = (
            keys.function(ref.workspace_id, ref.id),
            keys.usage(ref.workspace_id, ref.id),
            keys.workspace(ref.workspace_id),
        )
        found = self.table.batch_get([key, usage, workspace])
        # Late calls of the earlier system brought deleted things back as rows without an id.
        if "id" not in found.get(key, ()) or "id" not in found.get(workspace, ()):
            raise not_found(ref.id)
        return function_from(found[key], found.get(usage), Window.at(clock.now()))

    def find(self, function_id: str) -> Function:
        pointer = self.table.get(keys.function_pointer(function_id))
        if pointer is None:
            raise not_found(function_id)
        return self.get(FunctionRef(pointer["workspaceId"], function_id))

    def find_by_app_name(self, workspace_id: str, app_name: str) -> Function:
        pointer = self.table.get(keys.app(app_name))
        if pointer is None or pointer["workspaceId"] != workspace_id:
            raise not_found(app_name)
        return self.get(FunctionRef(workspace_id, pointer["functionId"]))

    def list(self, workspace_id: str) -> Sequence[Function]:
        """One query: between the functions and their counters lies only the workspace's own item."""
        items = self.table.query(keys.workspace_partition(workspace_id), keys.FUNCTIONS, keys.below(keys.USAGES)[1])
        by_key = {item["SK"]: item for item in items}
        if "id" not in by_key.get(keys.METADATA, ()):
            return []
        return _functions_of(by_key)

    def save(self, function: Function) -> Function:
        saved, put = save_function(function)
        try:
            self.table.write([put])
        except ConditionFailed as exc:
            raise self.gone_or_changed(function) from exc
        return saved

    def gone_or_changed(self, function: Function) -> NotFound | Conflict:
        """Why a function could not be saved."""
        if self.table.get(keys.function(function.workspace_id, function.id)) is None:
            return not_found(function.id)
        return Conflict(f"Function {function.id} changed meanwhile.")

    def remove(self, function: Function) -> Removal:
        """Its calls leave the workspace's counters with it, exactly unless calls arrive faster than eight tries."""
        removal = Removal("function", function.id, function.workspace_id, function.app_name, clock.now())
        usage_key = keys.usage(function.workspace_id, function.id)
        for left in reversed(range(REMOVE_TRIES)):
            counters = self.table.get(usage_key)
            in_workspace = self.table.get(keys.workspace(function.workspace_id)) is not None
            operations = _removal(function, removal, counters, exact=left > 0, in_workspace=in_workspace)
            try:
                self.table.write(operations)
            except ConditionFailed as exc:
                if keys.function(function.workspace_id, function.id) in {operations[i].key for i in exc.indexes}:
                    raise not_found(function.id) from exc
            else:
                return removal
        raise Conflict(f"Function {function.id} changed meanwhile.")


def _functions_of(by_key: Mapping[str, Item]) -> Sequence[Function]:
    window = Window.at(clock.now())
    found = [
        function_from(item, by_key.get(keys.USAGES + item["id"]), window)
        for sort_key, item in by_key.items()
        if sort_key.startswith(keys.FUNCTIONS) and "id" in item
    ]
    return sorted(found, key=lambda function: (function.name.casefold(), function.name, function.id))


def _creation(function: Function) -> Sequence[Operation]:
    pointer = {"functionId": function.id, "workspaceId": function.workspace_id}
    return [
        Put(keys.function(function.workspace_id, function.id), function_item(function), ABSENT),
        Put(keys.usage(function.workspace_id, function.id), {"functionId": function.id, "calls": 0}, ABSENT),
        Put(keys.function_pointer(function.id), pointer, ABSENT),
        Put(keys.app(function.app_name), pointer, ABSENT),
        Update(keys.workspace_index(function.workspace_id), add={"functionCount": 1}, when=PRESENT),
    ]


def _removal(
    function: Function, removal: Removal, counters: Item | None, *, exact: bool, in_workspace: bool
) -> Sequence[Operation]:
    calls = counters.get("calls") if counters else None
    same = When(equals=("calls", calls)) if exact and calls is not None else None
    oldest = Window.at(removal.since).oldest
    subtract = {name: -count for name, count in hour_counts(counters).items() if name[2:] >= oldest}
    workspace_key = keys.workspace_index(function.workspace_id)
    return [
        Delete(keys.function(function.workspace_id, function.id), PRESENT),
        Delete(keys.usage(function.workspace_id, function.id), same),
        Delete(keys.function_pointer(function.id)),
        Put(keys.open_removal(function.id), removal_item(removal)),
        Update(workspace_key, add={"functionCount": -1, **subtract}, when=PRESENT)
        if in_workspace
        else Check(workspace_key, ABSENT),
    ]
