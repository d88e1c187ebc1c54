from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from faasweb.adapters.repositories import keys
from faasweb.adapters.repositories.counters import Window, hour_counts
from faasweb.adapters.repositories.function_items import function_from, function_item, save_function
from faasweb.adapters.repositories.items import removal_item
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
)
from faasweb.adapters.repositories.workspaces import not_found as workspace_not_found
from faasweb.domain import clock
from faasweb.domain.errors import Conflict, NotFound
from faasweb.domain.functions import Function, FunctionRef
from faasweb.domain.names import app_name_for
from faasweb.ports import Removal

REMOVE_TRIES = 8


def not_found(function_id: str) -> NotFound:
    return NotFound(f"Function {function_id} not found")


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
