"""Items as the earlier system left them in its table are read, and saved in today's shape."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from faasweb.adapters.repositories.assembly import repositories_over
from faasweb.adapters.repositories.builds import build_from
from faasweb.adapters.repositories.counters import Window
from faasweb.adapters.repositories.executions import execution_from
from faasweb.adapters.repositories.function_items import function_from
from faasweb.adapters.repositories.sqlite import SqliteTable
from faasweb.adapters.repositories.table import Item, Put
from faasweb.adapters.repositories.workspaces import workspace_from
from faasweb.domain import clock
from faasweb.domain.builds import BuildStatus
from faasweb.domain.errors import Conflict
from faasweb.domain.functions import FunctionStatus
from faasweb.domain.source import Source
from faasweb.ports import Repositories

WINDOW = Window.at(clock.now())
NOON = datetime(2025, 12, 7, 3, 0, 0, 123456, tzinfo=UTC)
KST_NOON = "2025-12-07T12:00:00.123456+09:00"

WORKSPACE: Item = {
    "id": "ws-default",
    "name": "Default",
    "description": "",
    "createdAt": KST_NOON,
    "functionCount": 1,
    "invocations24h": 12,
    "errorRate": 8.3,
}
FUNCTION: Item = {
    "id": "fn-abcdefgh",
    "workspaceId": "ws-default",
    "name": "My function",
    "description": None,
    "runtime": "Python 3.12",
    "memory": 256,
    "timeout": 30,
    "httpMethods": ["GET", "BANANA"],
    "environmentVariables": {"B": "2", "A": "1"},
    "code": base64.b64encode(b"print(1)").decode(),
    "invocationUrl": None,
    "status": "ACTIVE",
    "lastModified": KST_NOON,
    "lastDeployed": None,
    "invocations24h": 12,
    "errors24h": 1,
    "avgDuration": 57.5,
}
LOG: Item = {
    "id": "abcdefgh",
    "functionId": "fn-abcdefgh",
    "timestamp": KST_NOON,
    "status": "success",
    "duration": 57,
    "statusCode": 200,
    "requestBody": {"a": 1, "b": [1.5, None]},
    "responseBody": "text",
    "logs": [],
    "level": "info",
}
BUILD: Item = {
    "task_id": "0b5b2f0e-0000-4000-8000-000000000000",
    "workspace_id": "ws-default",
    "status": "COMPLETED",
    "image_url": "registry/app:1",
    "created_at": "2025-12-07T03:00:00.123456",
    "updated_at": "2025-12-07T03:00:00.123456",
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Repositories]:
    table = SqliteTable(tmp_path / "faasweb.db")
    table.write(
        [
            Put(("WS#ws-default", "METADATA"), WORKSPACE),
            Put(("WORKSPACES", "WS#ws-default"), WORKSPACE),
            Put(("WS#ws-default", "FN#fn-abcdefgh"), FUNCTION),
            Put(("FN#fn-abcdefgh", f"LOG#{KST_NOON}#abcdefgh"), LOG),
        ]
    )
    yield repositories_over(table)
    table.close()


def test_a_workspace():
    workspace = workspace_from(WORKSPACE, WINDOW)
    assert (workspace.name, workspace.created_at, workspace.revision) == ("Default", NOON, 0)
    assert (workspace.function_count, workspace.usage.invocations) == (1, 0)


def test_a_function():
    function = function_from(FUNCTION, None, WINDOW)
    assert function.source == Source.single("print(1)")
    assert function.code_hash == Source.single("print(1)").hash
    assert (function.created_at, function.last_modified, function.description) == (NOON, NOON, "")
    assert (function.status, function.revision, function.app_name) == (FunctionStatus.ACTIVE, 0, "")
    assert [(variable.name, variable.plain) for variable in function.settings.environment] == [
        ("B", False),
        ("A", False),
    ]


@pytest.mark.parametrize("code", ["", "!!!!", None, base64.b64encode(b"\xff").decode()])
def test_code_that_is_none_does_not_hide_its_function(code: str | None):
    function = function_from(FUNCTION | {"code": code}, None, WINDOW)
    assert function.source is None
    assert len(function.code_hash) == 64


@pytest.mark.parametrize(("text", "status"), [("Deploying", "deploying"), ("whatever", "active"), (None, "active")])
def test_any_status(text: str | None, status: str):
    assert function_from(FUNCTION | {"status": text}, None, WINDOW).status == status


def test_an_execution():
    execution = execution_from(LOG)
    assert (execution.at, execution.duration_ms, execution.status_code) == (NOON, 57.0, 200)
    assert execution.request_body.json() == {"a": 1, "b": [1.5, None]}
    assert execution.response_body.json() == "text"
    assert (execution.workspace_id, execution.expires_at, execution.succeeded) == ("", None, True)
    assert execution_from(LOG | {"requestBody": None}).request_body.size == 0


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("pending", BuildStatus.PENDING),
        ("BUILDING", BuildStatus.BUILDING),
        ("RUNNING", BuildStatus.BUILDING),
        ("DONE", BuildStatus.DONE),
        ("completed", BuildStatus.DONE),
        ("CANCELLED", BuildStatus.FAILED),
    ],
)
def test_a_build_in_either_vocabulary(text: str, status: BuildStatus):
    build = build_from(BUILD | {"status": text})
    assert (build.status, build.created_at, build.image, build.revision) == (status, NOON, "registry/app:1", 0)
    assert (build.app_name, build.error, build.artifact) == ("", None, None)


def test_they_are_saved_in_todays_shape_once(store: Repositories):
    workspace = store.workspaces.get("ws-default")
    assert store.workspaces.save(workspace.edited("Renamed")).revision == 1
    with pytest.raises(Conflict):
        store.workspaces.save(workspace.edited("Late"))
    function = store.functions.list("ws-default")[0]
    settings = replace(function.settings, http_methods=("GET",))  # it let any word pass as one
    saved = store.functions.save(function.edited(name="renamed", settings=settings))
    assert store.functions.get(function.ref) == saved
    with pytest.raises(Conflict):
        store.functions.save(function.edited(name="late", settings=settings))


def test_an_execution_is_found_under_its_earlier_key(store: Repositories):
    page, _ = store.executions.list("fn-abcdefgh", 5)
    assert store.executions.get("fn-abcdefgh", "abcdefgh", page[0].at) == page[0]


def test_a_function_without_todays_items_can_be_removed(store: Repositories):
    function = store.functions.list("ws-default")[0]
    store.functions.remove(function)
    assert store.functions.list("ws-default") == []
    assert store.workspaces.get("ws-default").function_count == 0
