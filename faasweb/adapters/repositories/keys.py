"""Every key of the table. ``docs/data.md`` shows them together with what the items hold."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote

from faasweb.adapters.repositories.table import LAST, Key
from faasweb.domain.clock import KST, sortable
from faasweb.domain.usage import hour_of

METADATA = "METADATA"
WORKSPACES = "WORKSPACES"
OPEN = "OPEN"
NAMESPACE = "default"

FUNCTIONS = "FN#"
USAGES = "USAGE#"
VERSIONS = "VERSION#"
EXECUTIONS = "LOG#"
HOURS = "HOUR#"
BUILDS = "BUILD#"
BUILT = "BUILT#"
LINES = "LINES#"
DEPLOYMENTS = "DEPLOYMENT#"
REMOVALS = "REMOVAL#"


def below(prefix: str) -> tuple[str, str]:
    """The first and last sort key that start with ``prefix``."""
    return prefix, prefix + LAST


def workspace_partition(workspace_id: str) -> str:
    return f"WS#{workspace_id}"


def function_partition(function_id: str) -> str:
    return f"FN#{function_id}"


def build_partition(build_id: str) -> str:
    return f"BUILD#{build_id}"


def workspace(workspace_id: str) -> Key:
    return workspace_partition(workspace_id), METADATA


def workspace_index(workspace_id: str) -> Key:
    return WORKSPACES, f"WS#{workspace_id}"


def function(workspace_id: str, function_id: str) -> Key:
    return workspace_partition(workspace_id), FUNCTIONS + function_id


def usage(workspace_id: str, function_id: str) -> Key:
    return workspace_partition(workspace_id), USAGES + function_id


def function_pointer(function_id: str) -> Key:
    return function_partition(function_id), METADATA


def app(app_name: str) -> Key:
    return f"APP#{NAMESPACE}#{app_name}", METADATA


def version(function_id: str, number: int) -> Key:
    return function_partition(function_id), f"{VERSIONS}{number:06}"


def execution(function_id: str, at: datetime, execution_id: str) -> Key:
    return function_partition(function_id), f"{EXECUTIONS}{sortable(at)}#{execution_id}"


def earlier_execution(function_id: str, at: datetime, execution_id: str) -> Key:
    """As the earlier system wrote them: with the time of Korea."""
    return function_partition(function_id), f"{EXECUTIONS}{at.astimezone(KST).isoformat()}#{execution_id}"


def hour(function_id: str, moment: datetime) -> Key:
    return function_partition(function_id), HOURS + hour_of(moment)


def build(workspace_id: str, build_id: str) -> Key:
    return workspace_partition(workspace_id), BUILDS + build_id


def build_pointer(build_id: str) -> Key:
    return build_partition(build_id), METADATA


def built(workspace_id: str, created_at: datetime, build_id: str) -> Key:
    return workspace_partition(workspace_id), f"{BUILT}{sortable(created_at)}#{build_id}"


def build_of_function(function_id: str, build_id: str) -> Key:
    return function_partition(function_id), BUILDS + build_id


def build_lines(build_id: str, first: int) -> Key:
    return build_partition(build_id), f"{LINES}{first:09}"


def image(reference: str) -> Key:
    return f"IMAGE#{reference}", METADATA


def deployment(function_id: str, created_at: datetime, deployment_id: str) -> Key:
    return function_partition(function_id), f"{DEPLOYMENTS}{sortable(created_at)}#{deployment_id}"


def deployment_pointer(deployment_id: str) -> Key:
    return f"DEPLOYMENT#{deployment_id}", METADATA


def draft(function_id: str, user: str, part: int = 0) -> Key:
    """Quoted, so that no user's name can look like a part of somebody else's draft."""
    name = f"DRAFT#{quote(user, safe='@+')}"
    return function_partition(function_id), f"{name}#{part}" if part else name


def open_build(build_id: str) -> Key:
    return OPEN, BUILDS + build_id


def open_deployment(deployment_id: str) -> Key:
    return OPEN, DEPLOYMENTS + deployment_id


def open_removal(removed_id: str) -> Key:
    return OPEN, REMOVALS + removed_id


def ping() -> Key:
    return "PING", METADATA
