"""What a function of the earlier system needs to be one of today."""

from __future__ import annotations

import base64
import binascii
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from faasweb.adapters.repositories import earlier, keys
from faasweb.adapters.repositories.counters import HOURS, Window, hour_additions, minute_additions
from faasweb.adapters.repositories.dynamodb_values import from_item
from faasweb.adapters.repositories.earlier import Skipped, is_whole
from faasweb.adapters.repositories.executions import MINUTE_DETAIL, execution_from
from faasweb.adapters.repositories.function_items import INLINE_LIMIT, function_from
from faasweb.adapters.repositories.table import (
    ABSENT,
    EXPIRES,
    PRESENT,
    Check,
    Item,
    Key,
    Operation,
    Put,
    Update,
    When,
)
from faasweb.domain import clock
from faasweb.domain.clock import KST
from faasweb.domain.errors import NotFound
from faasweb.domain.executions import Execution
from faasweb.domain.functions import code_key
from faasweb.domain.ids import is_function_id
from faasweb.domain.names import app_name_for
from faasweb.domain.source import MAIN_FILE, Source
from faasweb.ports import CodeStore

LOST_CODE = "# The code of this function could not be found when it was taken over.\n"


@dataclass(frozen=True, slots=True)
class Plan:
    """What one row needs, as one transaction; ``code`` is what has to be in the code store before."""

    operations: Sequence[Operation] = ()
    notes: Sequence[str] = ()
    code: tuple[str, bytes] | None = None

    @property
    def needed(self) -> bool:
        return any(not isinstance(operation, Check) for operation in self.operations)


@dataclass(frozen=True, slots=True)
class AdoptedFunctions:
    """Plans for functions. In a dry run ``promised`` holds the app names that would have been given out."""

    client: Any
    table_name: str
    code: CodeStore
    dry_run: bool
    promised: dict[str, str] = field(default_factory=dict)

    @staticmethod
    def keys_of(row: Item, workspace_id: str, function_id: str) -> Sequence[Key]:
        own = [keys.workspace(workspace_id), keys.usage(workspace_id, function_id), keys.function_pointer(function_id)]
        return own + [keys.app(name) for name in _possible_names(row, function_id)]

    def plan(self, row: Item, stored: Mapping[Key, Item]) -> Plan:
        workspace_id, function_id = _checked(row, stored)
        name, is_held = self._app_name(row, function_id, stored)
        pointer = {"functionId": function_id, "workspaceId": workspace_id}
        changes: Item = {} if row.get("appName") == name else {"appName": name}
        code, code_changes, notes = self._code(row, workspace_id, function_id)
        changes |= code_changes
        if not row.get("revision"):
            changes |= earlier.function_repairs(row, workspace_id)
        if "appName" in changes and name != app_name_for(_name_of(row), function_id):
            notes = [*notes, f"its name is taken by another function: in addresses it is {name}"]
        function_from(row | changes, None, Window.at(clock.now()))  # whatever can't be read is not adopted
        own = (row["PK"], row["SK"])
        operations: list[Operation] = [Update(own, set=changes, when=_as_read(row)) if changes else Check(own)]
        if keys.function_pointer(function_id) not in stored:
            operations.append(Put(keys.function_pointer(function_id), pointer, ABSENT))
        if not is_held:
            operations.append(Put(keys.app(name), pointer, ABSENT))
        if keys.usage(workspace_id, function_id) not in stored:
            operations += self._counting(row, workspace_id, function_id)
        return Plan(operations, notes, code)

    def _app_name(self, row: Item, function_id: str, stored: Mapping[Key, Item]) -> tuple[str, bool]:
        """The name it has or gets, and whether it holds that already."""
        for name in _possible_names(row, function_id):
            held = stored.get(keys.app(name))
            holder = held["functionId"] if held else self.promised.get(name)
            if holder in (None, function_id):
                if self.dry_run:
                    self.promised[name] = function_id
                return name, held is not None
        raise Skipped("its application name belongs to another function")

    # code

    def _code(
        self, row: Item, workspace_id: str, function_id: str
    ) -> tuple[tuple[str, bytes] | None, Item, Sequence[str]]:
        """What goes into the code store, the attributes that tell of it, and what is to be said."""
        inline = earlier.inline_text(row)
        if row.get("codeHash") and (row.get("revision") or inline is None or _hash(inline) == row["codeHash"]):
            return None, {}, ()
        text, notes = inline, []
        if text is None:
            text = self._stored_text(row, workspace_id, function_id)
        if text is None:
            text, notes = LOST_CODE, ["its code is neither in the table nor in the code store"]
        source = Source({MAIN_FILE: text})
        changes: Item = {"codeHash": source.hash, "codeSize": source.size}
        if inline is None:
            changes["code"] = source.base64 if source.size <= INLINE_LIMIT else ""
        return (code_key(workspace_id, function_id, source.hash), text.encode()), changes, notes

    def _stored_text(self, row: Item, workspace_id: str, function_id: str) -> str | None:
        """The object that the earlier system wrote beside the row; else what it read from sloppy Base64."""
        try:
            content = self.code.get(f"{workspace_id}/{function_id}.py")
        except NotFound:
            content = b""
        return earlier.usable_text(content) or earlier.usable_text(_sloppily_decoded(row.get("code")))

    # counters

    def _counting(self, row: Item, workspace_id: str, function_id: str) -> Iterator[Operation]:
        """The counters, begun with the calls of the last 24 hours: what it called that were calls ever."""
        hours: Counter[str] = Counter()
        minutes: dict[datetime, Counter[str]] = defaultdict(Counter)
        if not self.dry_run:
            for call in self._recent(function_id):
                hours.update(hour_additions([call]))
                minutes[call.at.replace(minute=0, second=0, microsecond=0)].update(minute_additions([call]))
        counters = {"functionId": function_id, "calls": int(row.get("invocations24h") or 0), **hours}
        yield Put(keys.usage(workspace_id, function_id), counters, ABSENT)
        yield Update(keys.workspace_index(workspace_id), add={"functionCount": 1, **hours}, when=PRESENT)
        for hour, added in minutes.items():
            forget = int((hour + MINUTE_DETAIL + timedelta(hours=1)).timestamp())
            yield Update(keys.hour(function_id, hour), set={EXPIRES: forget}, add=added)

    def _recent(self, function_id: str) -> Iterator[Execution]:
        """Calls of the last 24 hours as far as counters need them, a page at a time."""
        begin = (clock.now() - timedelta(hours=HOURS - 1)).replace(minute=0, second=0, microsecond=0)
        arguments: dict[str, Any] = {
            "TableName": self.table_name,
            "KeyConditionExpression": "#pk = :pk AND #sk BETWEEN :first AND :last",
            "ProjectionExpression": "#id, #function, #at, #code, #took",
            "ExpressionAttributeNames": {
                "#pk": "PK",
                "#sk": "SK",
                "#id": "id",
                "#function": "functionId",
                "#at": "timestamp",
                "#code": "statusCode",
                "#took": "duration",
            },
            "ExpressionAttributeValues": {
                ":pk": {"S": keys.function_partition(function_id)},
                ":first": {"S": f"{keys.EXECUTIONS}{begin.astimezone(KST).isoformat()}"},
                ":last": {"S": keys.below(keys.EXECUTIONS)[1]},
            },
        }
        for page in self.client.get_paginator("query").paginate(**arguments):
            for item in page["Items"]:
                with suppress(KeyError, TypeError, ValueError):  # what can't be read can't be counted
                    yield execution_from(from_item(item))


def _checked(row: Item, stored: Mapping[Key, Item]) -> tuple[str, str]:
    """The ids of its workspace and its own. Skipped says why it can't be adopted."""
    workspace_id, function_id = row["PK"].partition("#")[2], row["SK"].partition("#")[2]
    if not is_whole(row):
        raise Skipped("a leftover without an id: it was deleted")
    if row["id"] != function_id or not is_function_id(function_id):
        raise Skipped("its id is none that can be asked for")
    if not is_whole(stored.get(keys.workspace(workspace_id))):
        raise Skipped("its workspace was deleted")
    pointer = stored.get(keys.function_pointer(function_id))
    if pointer and pointer["workspaceId"] != workspace_id:
        raise Skipped("a function of another workspace has its id")
    return workspace_id, function_id


def _possible_names(row: Item, function_id: str) -> Sequence[str]:
    if row.get("appName"):
        return [row["appName"]]
    return [app_name_for(_name_of(row), function_id, taken=taken) for taken in (False, True)]


def _name_of(row: Item) -> str:
    return str(row.get("name") or "")


def _as_read(row: Item) -> When:
    """Both systems stamp every change of a function."""
    stamp = row.get("lastModified")
    return When(equals=("lastModified", stamp)) if isinstance(stamp, str) or "lastModified" not in row else PRESENT


def _hash(text: str) -> str:
    return Source({MAIN_FILE: text}).hash


def _sloppily_decoded(code: object) -> bytes:
    """As the earlier system did, which let through what is no Base64."""
    try:
        return base64.b64decode(code) if isinstance(code, str) else b""
    except (binascii.Error, ValueError):
        return b""
