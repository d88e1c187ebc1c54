"""What calls of functions left behind, and the shape one has on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpResponse
from ninja import P, QueryEx, Router

from consoles.api.doors import enter, function_at
from consoles.api.wire import CamelSchema, Moment, Shown, in_kst, writable
from consoles.http import ConsoleRequest, json_answer
from faasweb.domain.executions import Execution, RecordedBody

router = Router(by_alias=True)


class ExecutionOut(CamelSchema):
    """One finished run. ``requestBody`` and ``responseBody`` are the JSON as it was, or ``{"data": text}``."""

    id: str
    function_id: str
    timestamp: Moment
    status: str
    duration: float
    status_code: int
    request_body: Any
    response_body: Any
    logs: list[str]
    level: str

    @staticmethod
    def of(execution: Execution, answered: RecordedBody | None = None) -> Shown:
        """``answered`` is the whole body, where it is at hand; the record may keep its begin only."""
        return {
            "id": execution.id,
            "functionId": execution.function_id,
            "timestamp": in_kst(execution.at),
            "status": execution.status,
            "duration": execution.duration_ms,
            "statusCode": execution.status_code,
            "requestBody": _json_of(execution.request_body) if execution.request_body.size else None,
            "responseBody": _json_of(answered or execution.response_body),
            "logs": execution.logs,
            "level": execution.level,
        }


class ExecutionsOut(CamelSchema):
    """Newest first. ``total`` counts the entries of this answer."""

    logs: list[ExecutionOut]
    total: int

    @staticmethod
    def of(executions: Sequence[Execution]) -> Shown:
        return {"logs": [ExecutionOut.of(item) for item in executions], "total": len(executions)}


def _json_of(body: RecordedBody) -> object:
    value = body.json()
    return value if writable(value) else {"data": body.text}


@router.get("/workspaces/{workspace_id}/logs", response=ExecutionsOut, operation_id="list_workspace_executions")
def list_workspace_executions(
    request: ConsoleRequest, workspace_id: str, limit: QueryEx[int, P(ge=1, le=500)] = 50
) -> HttpResponse:
    """Of all functions of the workspace together."""
    enter(request, workspace_id)
    functions = request.platform.functions.list(workspace_id)
    return json_answer(ExecutionsOut.of(request.platform.invocations.recent(functions, limit)))


@router.get(
    "/workspaces/{workspace_id}/functions/{function_id}/logs",
    response=ExecutionsOut,
    operation_id="list_executions",
)
def list_executions(
    request: ConsoleRequest, workspace_id: str, function_id: str, limit: QueryEx[int, P(ge=1, le=1000)] = 100
) -> HttpResponse:
    return _list(request, workspace_id, function_id, limit)


@router.get("/functions/{function_id}/logs", response=ExecutionsOut, operation_id="list_executions_by_function_id")
def list_executions_by_function_id(
    request: ConsoleRequest, function_id: str, limit: QueryEx[int, P(ge=1, le=1000)] = 100
) -> HttpResponse:
    return _list(request, None, function_id, limit)


def _list(request: ConsoleRequest, workspace_id: str | None, function_id: str, limit: int) -> HttpResponse:
    function = function_at(request, workspace_id, function_id)
    return json_answer(ExecutionsOut.of(request.platform.invocations.list(function.id, limit)[0]))
