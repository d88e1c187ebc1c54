"""Makes a table that the earlier system wrote usable, by adding what today's repositories look things up by.

Each thing is adopted by one transaction whose conditions say that it was not adopted yet and is as it was read. So it
may be broken off anywhere and begun again, and a second run changes nothing. Nothing is ever deleted.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from faasweb.adapters.repositories import earlier, keys
from faasweb.adapters.repositories.adopted_function import AdoptedFunctions, Plan
from faasweb.adapters.repositories.builds import build_from
from faasweb.adapters.repositories.dynamodb import DynamoTable
from faasweb.adapters.repositories.dynamodb_values import from_item
from faasweb.adapters.repositories.earlier import Skipped, is_whole
from faasweb.adapters.repositories.provisioning import Say, check_keys, explained
from faasweb.adapters.repositories.table import (
    ABSENT,
    Check,
    ConditionFailed,
    Item,
    Key,
    Operation,
    Put,
    Update,
    unchanged,
)
from faasweb.domain.clock import sortable
from faasweb.domain.errors import FaaswebError, Unavailable
from faasweb.domain.ids import DEFAULT_WORKSPACE, is_workspace_id
from faasweb.ports import CodeStore

SAMPLE = 200
"""Items looked at before anything is written."""
TRIES = 3
QUIET_S = 2.0
"""Between two lines of progress."""
_KNOWN = ("WS#", "ws#", "FN#", "BUILD#", "APP#", "DEPLOYMENT#", "WORKSPACES", "OPEN", "PING")
_WORKSPACES = "begins_with(#pk, :ws) AND #sk = :metadata"
_OWNED = "(begins_with(#pk, :ws) OR begins_with(#pk, :small)) AND #sk <> :metadata"
_NAMES = {"#pk": "PK", "#sk": "SK"}
_VALUES = {":ws": {"S": "WS#"}, ":small": {"S": "ws#"}, ":metadata": {"S": keys.METADATA}}


@dataclass(frozen=True, slots=True)
class Report:
    """How many of each noun; ``skipped`` counts by noun and reason."""

    adopted: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    skipped: Counter[tuple[str, str]] = field(default_factory=Counter)

    def lines(self, *, dry_run: bool) -> Iterator[str]:
        for noun in ("workspace", "function", "build"):
            verb = "to adopt" if dry_run else "adopted"
            yield f"{noun}s: {self.adopted[noun]:,} {verb}, {self.right[noun]:,} already right"
        for (noun, reason), count in sorted(self.skipped.items()):
            yield f"skipped: {count:,} of {noun}: {reason}"


class Adoption:
    """One run over ``table_name``. ``code`` holds the earlier ``<workspace>/<function>.py``; ``say`` hears progress.

    Reads the table twice from end to end, a page of at most 1 MB at a time.
    """

    def __init__(self, client: Any, table_name: str, code: CodeStore, say: Say, *, dry_run: bool = False) -> None:
        self._client = client
        self._name = table_name
        self._table = DynamoTable(client, table_name)
        self._functions = AdoptedFunctions(client, table_name, code, dry_run)
        self._say = say
        self._code = code
        self._dry_run = dry_run
        self._report = Report()

    def run(self) -> Report:
        """Unavailable when storage does not answer or is no table of the earlier system. Begin again after any end."""
        with explained():
            check_keys(self._client, self._name)
            self._look()
            self._pass("workspaces", _WORKSPACES, {":ws", ":metadata"}, {"METADATA": self._workspace})
            nouns = {keys.FUNCTIONS: self._functions.plan, keys.BUILDS: self._build, "build#": self._build}
            self._pass("functions and builds", _OWNED, set(_VALUES), nouns)
        return self._report

    def _look(self) -> None:
        """Refuse a table that something else wrote."""
        sample = self._client.scan(TableName=self._name, Limit=SAMPLE, ProjectionExpression="#pk, #sk", **_named())
        known = [item for item in sample["Items"] if item["PK"]["S"].startswith(_KNOWN)]
        if len(known) * 2 < len(sample["Items"]):
            total = len(sample["Items"])
            raise Unavailable(
                f"{self._name} does not look like a table of the earlier system: of its first {total} items "
                f"{len(known)} have keys as that wrote them. Nothing was changed."
            )

    # reading

    def _pass(self, title: str, condition: str, values: set[str], nouns: Mapping[str, Any]) -> None:
        seen, said = 0, 0.0
        for page, count in self._pages(condition, values):
            seen += count
            self._adopt_page([from_item(item) for item in page], nouns)
            if time.monotonic() - said > QUIET_S:
                said = time.monotonic()
                self._say(f"{title}: {seen:,} items looked at")
        self._say(f"{title}: all {seen:,} items looked at")

    def _pages(self, condition: str, values: set[str]) -> Iterator[tuple[Sequence[Mapping[str, Any]], int]]:
        arguments: dict[str, Any] = {
            "TableName": self._name,
            "ConsistentRead": True,
            "FilterExpression": condition,
            "ExpressionAttributeValues": {name: _VALUES[name] for name in values},
            **_named(),
        }
        while True:
            answer = self._client.scan(**arguments)
            yield answer["Items"], answer["ScannedCount"]
            if "LastEvaluatedKey" not in answer:
                return
            arguments["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _adopt_page(self, rows: Sequence[Item], nouns: Mapping[str, Any]) -> None:
        """What the page's rows have already is read in few requests; again for a row only when it has changed."""
        known = [(row, kind) for row in rows for prefix, kind in nouns.items() if row["SK"].startswith(prefix)]
        wanted = [key for row, _ in known for key in _keys_of(row)]
        stored = self._table.batch_get(wanted)
        for row, adopt in known:
            self._adopt(row, adopt, stored)

    # adopting

    def _adopt(self, row: Item, adopt: Callable[[Item, Mapping[Key, Item]], Plan], stored: Mapping[Key, Item]) -> None:
        noun = _noun(row)
        try:
            plan = self._carried_out(row, adopt, stored)
        except Skipped as exc:
            self._skip(noun, row, exc.reason)
        except Unavailable:
            raise
        except (FaaswebError, KeyError, TypeError, ValueError) as exc:
            self._skip(noun, row, exc.message if isinstance(exc, FaaswebError) else "it can't be understood")
        else:
            (self._report.adopted if plan.needed else self._report.right)[noun] += 1
            for note in plan.notes:
                self._say(f"{noun} {_shown(row)}: {note}")

    def _carried_out(self, row: Item, adopt: Any, stored: Mapping[Key, Item]) -> Plan:
        for _ in range(TRIES):
            plan: Plan = adopt(row, stored)
            if self._dry_run or not plan.needed:
                return plan
            try:
                if plan.code:  # durable before any item names its hash
                    self._code.put(*plan.code)
                self._table.write(plan.operations)
            except ConditionFailed:
                stored = self._table.batch_get(_keys_of(row))
            else:
                return plan
        raise Skipped("it changed meanwhile; run this again")

    def _skip(self, noun: str, row: Item, reason: str) -> None:
        self._report.skipped[noun, reason] += 1
        self._say(f"skipped {noun} {_shown(row)}: {reason}")

    def _workspace(self, row: Item, stored: Mapping[Key, Item]) -> Plan:
        if not is_whole(row):
            raise Skipped("a leftover without an id: it was deleted")
        if not is_workspace_id(row["id"]) or row["PK"] != keys.workspace_partition(row["id"]):
            raise Skipped("its id is none that can be asked for")
        key = keys.workspace_index(row["id"])
        if key in stored:
            return Plan()
        return Plan([Put(key, earlier.workspace_index(row), ABSENT), Check(keys.workspace(row["id"]))])

    def _build(self, row: Item, stored: Mapping[Key, Item]) -> Plan:
        workspace_id, build_id = _ids(row)
        workspace = stored.get(keys.workspace(workspace_id))
        if workspace_id != DEFAULT_WORKSPACE and not (workspace and is_whole(workspace)):
            raise Skipped("its workspace was deleted")
        key = keys.build(workspace_id, build_id)
        pointer = stored.get(keys.build_pointer(build_id))
        if pointer is not None:
            if pointer["workspace_id"] != workspace_id:
                raise Skipped("another workspace has a build with its id")
            return Plan()
        changes = earlier.build_repairs(row, workspace_id, build_id)
        if changes is None:
            raise Skipped("a leftover without a time")
        here = (row["PK"], row["SK"]) == key
        if not here and key in stored:
            return Plan()  # the same build under today's key: adopted by itself
        today = _without_keys(row) | changes
        own: Operation = Put(key, today, ABSENT)
        if here:
            when = unchanged(row.get("revision") or 0)
            own = Update(key, set=changes, when=when) if changes else Check(key, when)
        return Plan([own, *_build_pointers(today)])


def _build_pointers(row: Mapping[str, Any]) -> Sequence[Operation]:
    """One that was never finished is open work: the reaper ends it with a reason."""
    build = build_from(row)
    pointer = {
        "task_id": build.id,
        "workspace_id": build.workspace_id,
        "function_id": build.function_id,
        "created_at": sortable(build.created_at),
    }
    operations: list[Operation] = [
        Put(keys.build_pointer(build.id), pointer, ABSENT),
        Put(keys.built(build.workspace_id, build.created_at, build.id), pointer),
    ]
    return operations if build.status.finished else [*operations, Put(keys.open_build(build.id), pointer)]


def _named() -> dict[str, Any]:
    return {"ExpressionAttributeNames": _NAMES}


def _noun(row: Item) -> str:
    return {"M": "workspace", "F": "function"}.get(row["SK"][0], "build")


def _shown(row: Item) -> str:
    return f"{row['PK']} {row['SK']}"


def _ids(row: Item) -> tuple[str, str]:
    return row["PK"].partition("#")[2], row["SK"].partition("#")[2]


def _keys_of(row: Item) -> Sequence[Key]:
    """The items of today that a row may have already."""
    workspace_id, own_id = _ids(row)
    match _noun(row):
        case "workspace":
            return [keys.workspace_index(workspace_id)]
        case "function":
            return AdoptedFunctions.keys_of(row, workspace_id, own_id)
    return [keys.workspace(workspace_id), keys.build_pointer(own_id), keys.build(workspace_id, own_id)]


def _without_keys(row: Item) -> Item:
    return {name: value for name, value in row.items() if name not in ("PK", "SK")}
