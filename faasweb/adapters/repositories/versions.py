from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from faasweb.adapters.repositories import keys
from faasweb.adapters.repositories.functions import not_found as function_not_found
from faasweb.adapters.repositories.items import artifact_from, artifact_item, settings_from, settings_item
from faasweb.adapters.repositories.table import ABSENT, Check, ConditionFailed, Item, Put, Table
from faasweb.domain.clock import parse, sortable
from faasweb.domain.errors import Conflict, NotFound
from faasweb.domain.versions import Version


def version_item(version: Version) -> Item:
    return {
        "functionId": version.function_id,
        "workspaceId": version.workspace_id,
        "number": version.number,
        "createdAt": sortable(version.created_at),
        "createdBy": version.created_by,
        "codeHash": version.code_hash,
        "codeKey": version.code_key,
        "settings": settings_item(version.settings),
        "buildId": version.build_id,
        "artifact": artifact_item(version.artifact),
        "image": version.image,
    }


def version_from(item: Mapping[str, Any]) -> Version:
    return Version(
        function_id=item["functionId"],
        workspace_id=item["workspaceId"],
        number=item["number"],
        created_at=parse(item["createdAt"]),
        code_hash=item["codeHash"],
        code_key=item["codeKey"],
        settings=settings_from(item["settings"]),
        build_id=item["buildId"],
        artifact=artifact_from(item["artifact"]),
        image=item["image"],
        created_by=item["createdBy"],
    )


@dataclass(frozen=True, slots=True)
class Versions:
    table: Table

    def add(self, version: Version) -> None:
        """NotFound when the function is gone: nothing may be left behind for nobody."""
        key = keys.version(version.function_id, version.number)
        try:
            self.table.write(
                [Check(keys.function_pointer(version.function_id)), Put(key, version_item(version), ABSENT)]
            )
        except ConditionFailed as exc:
            if 0 in exc.indexes:
                raise function_not_found(version.function_id) from exc
            raise Conflict(f"Version {version.number} exists already.") from exc

    def get(self, function_id: str, number: int) -> Version:
        item = self.table.get(keys.version(function_id, number))
        if item is None:
            raise NotFound(f"Version {number} not found")
        return version_from(item)

    def list(self, function_id: str, limit: int = 100) -> Sequence[Version]:
        partition, bounds = keys.function_partition(function_id), keys.below(keys.VERSIONS)
        return [version_from(item) for item in self.table.query(partition, *bounds, limit=limit, reverse=True)]
