from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from faasweb.adapters.repositories import keys
from faasweb.adapters.repositories.builds import build_keys, image_keys
from faasweb.adapters.repositories.counters import Window, outdated
from faasweb.adapters.repositories.function_items import function_from
from faasweb.adapters.repositories.items import removal_from
from faasweb.adapters.repositories.table import (
    FIRST,
    LAST,
    PRESENT,
    TRANSACTION_OPERATIONS,
    ConditionFailed,
    Delete,
    Item,
    Key,
    Put,
    Table,
    Update,
    When,
)
from faasweb.domain import clock
from faasweb.domain.clock import sortable
from faasweb.domain.errors import Unavailable
from faasweb.domain.functions import Function
from faasweb.ports import OpenWork, Removal

PRUNE_LIMIT = 500
PAGE = 500
NAMES = 250
"""Attributes removed by one update: DynamoDB's expressions have a limited length."""


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What keeps the table clean. Everything here may be broken off anywhere and begun again."""

    table: Table

    def open_work(self) -> OpenWork:
        items = self.table.query(keys.OPEN)
        names = [item["SK"] for item in items]
        return OpenWork(
            builds=[name.removeprefix(keys.BUILDS) for name in names if name.startswith(keys.BUILDS)],
            deployments=[name.removeprefix(keys.DEPLOYMENTS) for name in names if name.startswith(keys.DEPLOYMENTS)],
            removals=[removal_from(item) for item in items if item["SK"].startswith(keys.REMOVALS)],
        )

    def erase_function(self, removal: Removal) -> None:
        partition = keys.function_partition(removal.id)
        for item in self._each(partition, *keys.below(keys.BUILDS)):
            self._erase_build(removal.workspace_id, item)
        for item in self._each(partition, *keys.below(keys.DEPLOYMENTS)):
            deployment_id = item["SK"].rpartition("#")[2]
            own = (partition, item["SK"])
            self._delete([keys.deployment_pointer(deployment_id), keys.open_deployment(deployment_id), own])
        self._erase_partition(partition)

    def erase_workspace(self, removal: Removal) -> None:
        partition = keys.workspace_partition(removal.id)
        for item in self._each(partition, *keys.below(keys.BUILDS)):
            self._erase_build(removal.id, item)
        self._erase_partition(partition, FIRST, keys.FUNCTIONS)
        rows = self._each(partition, *keys.below(keys.FUNCTIONS))
        self._delete_each(item for item in rows if "id" not in item)  # leftovers of the earlier system
        self._erase_partition(partition, keys.below(keys.USAGES)[1], LAST)

    def finish_removal(self, removal: Removal) -> None:
        if removal.kind == "function" and removal.app_name:
            with suppress(ConditionFailed):  # somebody else has that name by now
                self.table.write([Delete(keys.app(removal.app_name), When(equals=("functionId", removal.id)))])
        self.table.write([Delete(keys.open_removal(removal.id))])

    def functions_left(self, workspace_id: str) -> Sequence[Function]:
        items = self.table.query(keys.workspace_partition(workspace_id), *keys.below(keys.FUNCTIONS))
        window = Window.at(clock.now())
        return [function_from(item, None, window) for item in items if "id" in item]

    def prune(self, now: datetime) -> int:
        pruned = self.table.expire(now, PRUNE_LIMIT)
        oldest = Window.at(now).oldest
        for index in self.table.query(keys.WORKSPACES):
            if pruned >= PRUNE_LIMIT:
                break
            if outdated(index, oldest):
                pruned += self._prune_counters(index, oldest)
        return pruned

    def _prune_counters(self, index: Item, oldest: str) -> int:
        """Of a workspace's functions first and then its own: as long as it has old ones, its functions may too."""
        partition = keys.workspace_partition(index["SK"].removeprefix("WS#"))
        items = [*self.table.query(partition, *keys.below(keys.USAGES)), index]
        stale = [(item, outdated(item, oldest)[:NAMES]) for item in items]
        for item, names in stale:
            if names:
                with suppress(ConditionFailed):  # removed meanwhile
                    self.table.write([Update((item["PK"], item["SK"]), remove=names, when=PRESENT)])
        return sum(1 for _, names in stale if names)

    def ping(self) -> None:
        stamp = sortable(clock.now())
        self.table.write([Put(keys.ping(), {"at": stamp})])
        if self.table.get(keys.ping()) is None:
            raise Unavailable("The storage does not keep what is written to it.")

    # erasing

    def _each(self, partition: str, first: str, last: str) -> Iterator[Item]:
        """Every item, page by page; the caller deletes them."""
        after = None
        while page := self.table.query(partition, first, last, after=after, limit=PAGE):
            yield from page
            after = page[-1]["SK"]

    def _erase_build(self, workspace_id: str, item: Item) -> None:
        own = (item["PK"], item["SK"])
        if "task_id" not in item or "created_at" not in item:  # a row of the earlier system under other names
            return self._delete([own])
        self._erase_partition(keys.build_partition(item["task_id"]), *keys.below(keys.LINES))
        stored = self.table.get(keys.build(workspace_id, item["task_id"])) or {}
        for image in image_keys(stored.get("image_url")):
            with suppress(ConditionFailed):  # another build was pushed under that name later
                self.table.write([Delete(image, When(equals=("task_id", item["task_id"])))])
        self._delete(list({own: None} | dict.fromkeys(build_keys(workspace_id, item))))
        return None

    def _erase_partition(self, partition: str, first: str = FIRST, last: str = LAST) -> None:
        while page := self.table.query(partition, first, last, limit=PAGE, keys_only=True):
            self._delete([(item["PK"], item["SK"]) for item in page])

    def _delete_each(self, items: Iterable[Item]) -> None:
        for item in items:
            self._delete([(item["PK"], item["SK"])])

    def _delete(self, doomed: Sequence[Key]) -> None:
        for start in range(0, len(doomed), TRANSACTION_OPERATIONS):
            self.table.write([Delete(key) for key in doomed[start : start + TRANSACTION_OPERATIONS]])
