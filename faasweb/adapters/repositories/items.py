"""Parts that several kinds of items share, to and from the domain's words.

Reading is tolerant of the earlier system's items: attributes may be missing, statuses in capitals, times in any zone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from faasweb.adapters.repositories.table import Item
from faasweb.domain.builds import Artifact
from faasweb.domain.clock import parse, sortable
from faasweb.domain.functions import RUNTIME, EnvironmentVariable, FunctionSettings
from faasweb.ports import Removal


def time_text(moment: datetime | None) -> str | None:
    return None if moment is None else sortable(moment)


def time_from(text: str | None) -> datetime | None:
    return parse(text) if text else None


def settings_item(settings: FunctionSettings) -> Item:
    """Maps have no order in DynamoDB: ``environmentOrder`` keeps it."""
    environment = settings.environment
    return {
        "runtime": settings.runtime,
        "memory": settings.memory_mb,
        "timeout": settings.timeout_s,
        "httpMethods": list(settings.http_methods),
        "environmentVariables": {variable.name: variable.value for variable in environment},
        "environmentOrder": [variable.name for variable in environment],
        "plainVariables": [variable.name for variable in environment if variable.plain],
        "allowedOutboundHosts": list(settings.allowed_outbound_hosts),
    }


def settings_from(item: Mapping[str, Any]) -> FunctionSettings:
    return FunctionSettings(
        runtime=item.get("runtime") or RUNTIME,
        memory_mb=int(item.get("memory") or 256),
        timeout_s=int(item.get("timeout") or 30),
        http_methods=tuple(item.get("httpMethods") or ("GET",)),
        environment=_environment_from(item),
        allowed_outbound_hosts=tuple(item.get("allowedOutboundHosts") or ()),
    )


def _environment_from(item: Mapping[str, Any]) -> tuple[EnvironmentVariable, ...]:
    values = item.get("environmentVariables")
    if not values:
        return ()
    plain = item.get("plainVariables") or ()
    names = dict.fromkeys([*(item.get("environmentOrder") or ()), *values])
    return tuple(EnvironmentVariable(name, values[name], name in plain) for name in names if name in values)


def artifact_item(artifact: Artifact | None) -> Item | None:
    return None if artifact is None else {"digest": artifact.digest, "size": artifact.size, "key": artifact.key}


def artifact_from(item: Mapping[str, Any] | None) -> Artifact | None:
    return Artifact(item["digest"], item["size"], item["key"]) if item else None


def removal_item(removal: Removal) -> Item:
    return {
        "kind": removal.kind,
        "id": removal.id,
        "workspaceId": removal.workspace_id,
        "appName": removal.app_name,
        "since": sortable(removal.since),
    }


def removal_from(item: Mapping[str, Any]) -> Removal:
    return Removal(item["kind"], item["id"], item["workspaceId"], item["appName"], parse(item["since"]))
