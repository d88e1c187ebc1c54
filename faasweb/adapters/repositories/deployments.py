from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from faasweb.adapters.repositories import keys
from faasweb.adapters.repositories.function_items import save_function
from faasweb.adapters.repositories.functions import Functions
from faasweb.adapters.repositories.items import time_from, time_text
from faasweb.adapters.repositories.table import ABSENT, ConditionFailed, Delete, Item, Put, Table, unchanged
from faasweb.domain.clock import parse, sortable
from faasweb.domain.deployments import Deployment, DeploymentStatus
from faasweb.domain.errors import Conflict, NotFound
from faasweb.domain.functions import Function
from faasweb.domain.spinapps import AppOptions


def not_found(deployment_id: str) -> NotFound:
    return NotFound(f"Deployment {deployment_id} not found")


def deployment_item(deployment: Deployment) -> Item:
    return {
        "id": deployment.id,
        "functionId": deployment.function_id,
        "workspaceId": deployment.workspace_id,
        "codeHash": deployment.code_hash,
        "createdAt": sortable(deployment.created_at),
        "createdBy": deployment.created_by,
        "status": str(deployment.status),
        "enteredAt": time_text(deployment.entered_at),
        "finishedAt": time_text(deployment.finished_at),
        "buildId": deployment.build_id,
        "version": deployment.version,
        "rollbackTo": deployment.rollback_to,
        "image": deployment.image,
        "previousVersion": deployment.previous_version,
        # As text: what tables make of numbers deep inside would not be what was given.
        "options": json.dumps(deployment.options.given) if deployment.options.given else None,
        "instantAt": time_text(deployment.instant_at),
        "passedAt": time_text(deployment.passed_at),
        "leasedUntil": time_text(deployment.leased_until),
        "attempts": deployment.attempts,
        "error": deployment.error,
        "warning": deployment.warning,
        "revision": deployment.revision,
    }


def deployment_from(item: Mapping[str, Any]) -> Deployment:
    return Deployment(
        id=item["id"],
        function_id=item["functionId"],
        workspace_id=item["workspaceId"],
        code_hash=item["codeHash"],
        created_at=parse(item["createdAt"]),
        created_by=item["createdBy"],
        status=DeploymentStatus(item["status"]),
        entered_at=time_from(item["enteredAt"]),
        finished_at=time_from(item["finishedAt"]),
        build_id=item["buildId"],
        version=item["version"],
        rollback_to=item["rollbackTo"],
        image=item.get("image"),
        previous_version=item["previousVersion"],
        options=AppOptions.named(json.loads(item.get("options") or "{}")),
        instant_at=time_from(item["instantAt"]),
        passed_at=time_from(item["passedAt"]),
        leased_until=time_from(item["leasedUntil"]),
        attempts=item["attempts"],
        error=item["error"],
        warning=item["warning"],
        revision=item["revision"],
    )


@dataclass(frozen=True, slots=True)
class Deployments:
    table: Table

    def begin(self, deployment: Deployment, function: Function) -> Function:
        if function.deploying is not None:
            raise Conflict("Another deployment of this function is in progress.")
        claimed, put = save_function(replace(function, deploying=deployment.id))
        pointer = {"functionId": deployment.function_id, "createdAt": sortable(deployment.created_at)}
        operations = [
            put,
            Put(_key(deployment), deployment_item(deployment), ABSENT),
            Put(keys.deployment_pointer(deployment.id), pointer, ABSENT),
            Put(keys.open_deployment(deployment.id), pointer),
        ]
        try:
            self.table.write(operations)
        except ConditionFailed as exc:
            if 0 in exc.indexes:
                raise Functions(self.table).gone_or_changed(function) from exc
            raise Conflict(f"Deployment {deployment.id} exists already.") from exc
        return claimed

    def get(self, deployment_id: str) -> Deployment:
        pointer = self.table.get(keys.deployment_pointer(deployment_id))
        if pointer is None:
            raise not_found(deployment_id)
        item = self.table.get(keys.deployment(pointer["functionId"], parse(pointer["createdAt"]), deployment_id))
        if item is None:
            raise not_found(deployment_id)
        return deployment_from(item)

    def list(self, function_id: str, limit: int = 50) -> Sequence[Deployment]:
        partition, bounds = keys.function_partition(function_id), keys.below(keys.DEPLOYMENTS)
        return [deployment_from(item) for item in self.table.query(partition, *bounds, limit=limit, reverse=True)]

    def save(self, deployment: Deployment) -> Deployment:
        saved = replace(deployment, revision=deployment.revision + 1)
        closed = [Delete(keys.open_deployment(deployment.id))] if deployment.status.finished else []
        try:
            self.table.write([Put(_key(saved), deployment_item(saved), unchanged(deployment.revision)), *closed])
        except ConditionFailed as exc:
            if self.table.get(_key(deployment)) is None:
                raise not_found(deployment.id) from exc
            raise Conflict(f"Deployment {deployment.id} changed meanwhile.") from exc
        return saved


def _key(deployment: Deployment) -> tuple[str, str]:
    return keys.deployment(deployment.function_id, deployment.created_at, deployment.id)
