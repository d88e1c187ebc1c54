"""Answers are written from plain values: each has exactly the fields that its schema describes, of the right types."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from consoles.api.build_schemas import TaskOut, TasksOut
from consoles.api.executions import ExecutionsOut
from consoles.api.function_schemas import FunctionOut
from consoles.api.workspaces import WorkspaceOut
from tests.integration.api.test_builds import upload

pytestmark = pytest.mark.django_db(transaction=True)  # a call looks up its caller on a thread of its own


def same_fields(schema: Any, content: Any) -> None:
    """``content`` through its schema and back is what it was."""
    adapter: TypeAdapter[Any] = TypeAdapter(schema)
    assert adapter.dump_python(adapter.validate_python(content), mode="json", by_alias=True) == content


def test_every_answer_is_what_its_schema_says(ada, embedded, workspace, edge):
    function = embedded.deployed(workspace)
    edge.headers = {"authorization": f"Bearer {ada.token}"}
    place = f"/api/workspaces/{workspace.id}"
    edge.call("POST", f"{place}/functions/{function.id}/invoke", json={"a": 1})
    task = ada.upload("/api/v1/build-and-push", {"file": upload(), "workspace_id": workspace.id}).json()["task_id"]
    embedded.work()
    same_fields(WorkspaceOut, ada.get(place).json())
    same_fields(list[WorkspaceOut], ada.get("/api/workspaces").json())
    same_fields(FunctionOut, ada.get(f"{place}/functions/{function.id}").json())
    same_fields(list[FunctionOut], ada.get(f"{place}/functions").json())
    executions = ada.get(f"{place}/logs").json()
    assert executions["total"] == 1
    same_fields(ExecutionsOut, executions)
    same_fields(TaskOut, ada.get(f"/api/v1/tasks/{task}").json())
    same_fields(TasksOut, ada.get(f"/api/v1/workspaces/{workspace.id}/tasks").json())
