from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from faasweb.adapters.repositories import keys
from faasweb.adapters.repositories.counters import hour_additions, minute_additions, minutes_of
from faasweb.adapters.repositories.table import (
    ABSENT,
    EXPIRES,
    ITEM_LIMIT,
    PRESENT,
    TRANSACTION_BYTES,
    TRANSACTION_OPERATIONS,
    ConditionFailed,
    Item,
    Key,
    Operation,
    Put,
    Table,
    Update,
    item_size,
    storable,
)
from faasweb.domain import clock
from faasweb.domain.clock import as_utc, parse, sortable
from faasweb.domain.errors import InvalidInput, NotFound
from faasweb.domain.executions import Execution, RecordedBody
from faasweb.domain.usage import Minute

RETENTION = timedelta(days=14)
MINUTE_DETAIL = timedelta(hours=48)
SHORTENED = 24 * 1024
"""Characters that are left of each body and of the logs when all of them together do not fit an item."""


def execution_item(execution: Execution, retention: timedelta) -> Item:
    expires = execution.expires_at or execution.at + retention
    return {
        "id": execution.id,
        "functionId": execution.function_id,
        "workspaceId": execution.workspace_id,
        "timestamp": sortable(execution.at),
        "status": execution.status,
        "level": execution.level,
        "statusCode": execution.status_code,
        "duration": execution.duration_ms,
        "cpu": execution.cpu_ms,
        "requestId": execution.request_id,
        "method": execution.method,
        "path": execution.path,
        "trigger": execution.trigger,
        "responseType": execution.response_type,
        "logs": list(execution.logs),
        "error": execution.error,
        "version": execution.version,
        "mode": execution.mode,
        EXPIRES: int(expires.timestamp()),
        **_body_item("request", execution.request_body),
        **_body_item("response", execution.response_body),
    }


def _body_item(side: str, body: RecordedBody) -> Item:
    """As text, so that nothing in it changes type on its way through a database."""
    return {f"{side}Body": body.text, f"{side}Size": body.size, f"{side}Cut": body.cut}


def execution_from(item: Mapping[str, Any]) -> Execution:
    expires = item.get(EXPIRES)
    return Execution(
        id=item["id"],
        function_id=item["functionId"],
        workspace_id=item.get("workspaceId") or "",
        at=parse(item["timestamp"]),
        status_code=int(item["statusCode"]),
        duration_ms=float(item["duration"]),
        cpu_ms=float(item.get("cpu") or 0),
        request_id=item.get("requestId") or "",
        method=item.get("method") or "",
        path=item.get("path") or "",
        trigger=item.get("trigger") or "api",
        request_body=_body_from("request", item),
        response_body=_body_from("response", item),
        response_type=item.get("responseType") or "",
        logs=tuple(item.get("logs") or ()),
        error=item.get("error"),
        version=item.get("version"),
        mode=item.get("mode") or "",
        expires_at=datetime.fromtimestamp(expires, UTC) if expires else None,
    )


def _body_from(side: str, item: Mapping[str, Any]) -> RecordedBody:
    body, size = item.get(f"{side}Body"), item.get(f"{side}Size")
    if size is not None:
        return RecordedBody(body or "", size, bool(item.get(f"{side}Cut")))
    if body is None:
        return RecordedBody()
    return RecordedBody.of(json.dumps(body, ensure_ascii=False).encode())  # the earlier system kept JSON values


def fitting(execution: Execution, retention: timedelta) -> tuple[Item, int]:
    """The execution's item and its size. Bodies and logs are shortened when they would not fit: it always counts."""
    item = execution_item(execution, retention)
    size = item_size(item)
    if size <= ITEM_LIMIT:
        return item, size
    for side in ("request", "response"):
        text = item[f"{side}Body"]
        item[f"{side}Body"], item[f"{side}Cut"] = text[:SHORTENED], len(text) > SHORTENED
    item["logs"] = _first_characters(item["logs"], SHORTENED)
    item["error"] = item["error"] and item["error"][:8000]
    item["path"] = item["path"][:8000]
    return item, item_size(item)


def _first_characters(lines: Sequence[str], limit: int) -> list[str]:
    kept: list[str] = []
    for line in lines:
        if limit <= 0:
            break
        kept.append(line[:limit])
        limit -= len(line)
    return kept


@dataclass(frozen=True, slots=True)
class Executions:
    table: Table
    retention: timedelta = RETENTION

    def record(self, executions: Sequence[Execution]) -> None:
        """A transaction for each workspace's part: its executions are put where none is yet, and with them counted."""
        parts: dict[str, dict[Key, Execution]] = defaultdict(dict)
        for execution in executions:
            execution = replace(execution, at=as_utc(execution.at))
            parts[execution.workspace_id][_key(execution)] = execution
        for part in parts.values():
            for group in _groups(part.values(), self.retention):
                self._write(group)

    def _write(self, group: Sequence[tuple[Execution, Item]]) -> None:
        """What is stored already, or belongs to a removed function, is taken out, until the rest goes through."""
        while group:
            operations = _recording(group)
            try:
                self.table.write(operations)
            except ConditionFailed as exc:
                failed = {operations[index].key for index in exc.indexes}
                group = [entry for entry in group if failed.isdisjoint(_guards(entry[0]))]
            else:
                return

    def get(self, function_id: str, execution_id: str, at: datetime) -> Execution:
        item = self.table.get(keys.execution(function_id, at, execution_id))
        item = item or self.table.get(keys.earlier_execution(function_id, at, execution_id))
        if item is None:
            raise NotFound(f"Execution {execution_id} not found")
        return execution_from(item)

    def list(self, function_id: str, limit: int, before: str | None = None) -> tuple[Sequence[Execution], str | None]:
        partition, bounds = keys.function_partition(function_id), keys.below(keys.EXECUTIONS)
        after = None if before is None else keys.EXECUTIONS + before
        if after is not None and not storable((partition, after)):
            raise InvalidInput("This cursor is not one.", field="before")
        items = self.table.query(partition, *bounds, after=after, limit=limit + 1, reverse=True)
        found = [execution_from(item) for item in items[:limit]]
        more = len(items) > limit and limit > 0
        return found, items[limit - 1]["SK"].removeprefix(keys.EXECUTIONS) if more else None

    def minutes(self, function_id: str, since: datetime) -> Sequence[Minute]:
        since = max(as_utc(since), clock.now() - MINUTE_DETAIL)
        first, last = keys.hour(function_id, since)[1], keys.below(keys.HOURS)[1]
        found: list[Minute] = []
        for item in self.table.query(keys.function_partition(function_id), first, last):
            hour = parse(f"{item['SK'].removeprefix(keys.HOURS)}:00")
            found += minutes_of(item, hour)
        return [minute for minute in found if minute.start >= since.replace(second=0, microsecond=0)]


def _key(execution: Execution) -> Key:
    return keys.execution(execution.function_id, execution.at, execution.id)


def _guards(execution: Execution) -> set[Key]:
    """The items whose conditions decide whether an execution is stored."""
    workspace_id = execution.workspace_id
    usage = keys.usage(workspace_id, execution.function_id)
    return {_key(execution), usage, keys.workspace_index(workspace_id)}


def _groups(executions: Iterable[Execution], retention: timedelta) -> Iterator[Sequence[tuple[Execution, Item]]]:
    """As many as one transaction holds: an operation for each, and one for each item that counts them."""
    group: list[tuple[Execution, Item]] = []
    touched: set[Key] = set()
    size = 0
    for execution in executions:
        item, grown = fitting(execution, retention)
        more = {keys.hour(execution.function_id, execution.at), *_guards(execution)}
        if group and (len(touched | more) > TRANSACTION_OPERATIONS or size + grown > TRANSACTION_BYTES // 2):
            yield group
            group, touched, size = [], set(), 0
        group.append((execution, item))
        touched |= more
        size += grown
    if group:
        yield group


def _recording(group: Sequence[tuple[Execution, Item]]) -> Sequence[Operation]:
    by_function: dict[str, list[Execution]] = defaultdict(list)
    by_hour: dict[Key, list[Execution]] = defaultdict(list)
    operations: list[Operation] = []
    for execution, item in group:
        operations.append(Put(_key(execution), item, ABSENT))
        by_function[execution.function_id].append(execution)
        by_hour[keys.hour(execution.function_id, execution.at)].append(execution)
    workspace_id = group[0][0].workspace_id
    for function_id, part in by_function.items():
        added = {**hour_additions(part), "calls": len(part)}
        operations.append(Update(keys.usage(workspace_id, function_id), add=added, when=PRESENT))
    for key, part in by_hour.items():
        forget = int((part[0].at + MINUTE_DETAIL + timedelta(hours=1)).timestamp())
        operations.append(Update(key, set={EXPIRES: forget}, add=minute_additions(part)))
    everybody = hour_additions(execution for execution, _ in group)
    operations.append(Update(keys.workspace_index(workspace_id), add=everybody, when=PRESENT))
    return operations
