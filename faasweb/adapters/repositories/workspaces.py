from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from faasweb.adapters.repositories import keys
from faasweb.adapters.repositories.counters import Window
from faasweb.adapters.repositories.items import removal_item
from faasweb.adapters.repositories.table import (
    ABSENT,
    PRESENT,
    ConditionFailed,
    Delete,
    Item,
    Put,
    Table,
    Update,
    unchanged,
)
from faasweb.domain import clock
from faasweb.domain.clock import parse, sortable
from faasweb.domain.errors import Conflict, NotFound
from faasweb.domain.workspaces import Workspace
from faasweb.ports import Removal


def not_found(workspace_id: str) -> NotFound:
    return NotFound(f"Workspace {workspace_id} not found")


def workspace_item(workspace: Workspace) -> Item:
    return {
        "id": workspace.id,
        "name": workspace.name,
        "description": workspace.description,
        "createdAt": sortable(workspace.created_at),
        "revision": workspace.revision,
    }


def workspace_from(item: Mapping[str, Any], window: Window) -> Workspace:
    return Workspace(
        id=item["id"],
        name=item["name"],
        description=item.get("description") or "",
        created_at=parse(item["createdAt"]),
        revision=item.get("revision") or 0,
        function_count=item.get("functionCount") or 0,
        usage=window.totals(item),
    )


@dataclass(frozen=True, slots=True)
class Workspaces:
    """Each workspace is two items written together: its own, and one in the index, which also has the counters."""

    table: Table

    def add(self, workspace: Workspace) -> None:
        item = workspace_item(workspace)
        counted = item | {"functionCount": 0}
        try:
            self.table.write(
                [
                    Put(keys.workspace(workspace.id), item, ABSENT),
                    Put(keys.workspace_index(workspace.id), counted, ABSENT),
                ]
            )
        except ConditionFailed as exc:
            raise Conflict(f"Workspace {workspace.id} exists already.") from exc

    def get(self, workspace_id: str) -> Workspace:
        item = self.table.get(keys.workspace_index(workspace_id))
        if item is None:
            raise not_found(workspace_id)
        return workspace_from(item, Window.at(clock.now()))

    def list(self) -> Sequence[Workspace]:
        window = Window.at(clock.now())
        found = [workspace_from(item, window) for item in self.table.query(keys.WORKSPACES)]
        return sorted(found, key=lambda workspace: (workspace.created_at, workspace.id), reverse=True)

    def save(self, workspace: Workspace) -> Workspace:
        saved = replace(workspace, revision=workspace.revision + 1)
        changes = {"name": saved.name, "description": saved.description, "revision": saved.revision}
        when = unchanged(workspace.revision)
        try:
            self.table.write(
                [
                    Update(keys.workspace(workspace.id), set=changes, when=when),
                    Update(keys.workspace_index(workspace.id), set=changes, when=PRESENT),
                ]
            )
        except ConditionFailed as exc:
            self.get(workspace.id)
            raise Conflict(f"Workspace {workspace.id} changed meanwhile.") from exc
        return saved

    def remove(self, workspace: Workspace) -> Removal:
        removal = Removal("workspace", workspace.id, workspace.id, "", clock.now())
        try:
            self.table.write(
                [
                    Delete(keys.workspace(workspace.id), PRESENT),
                    Delete(keys.workspace_index(workspace.id), PRESENT),
                    Put(keys.open_removal(removal.id), removal_item(removal)),
                ]
            )
        except ConditionFailed as exc:
            raise not_found(workspace.id) from exc
        return removal
