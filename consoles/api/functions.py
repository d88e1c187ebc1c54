from __future__ import annotations

from django.http import HttpResponse
from ninja import Router, Status

from consoles.api.doors import actor_of, enter, function_at
from consoles.api.function_schemas import FunctionChanges, FunctionIn, FunctionOut
from consoles.api.wire import answer
from consoles.http import ConsoleRequest
from faasweb.domain.access import Need
from faasweb.domain.functions import Function
from faasweb.domain.source import Source

router = Router(by_alias=True)
NESTED = "/workspaces/{workspace_id}/functions"
SHORT = "/functions"


@router.post(NESTED, response={201: FunctionOut}, operation_id="create_function")
def create_function(request: ConsoleRequest, workspace_id: str, body: FunctionIn) -> Status[FunctionOut]:
    enter(request, workspace_id, Need.WRITE)
    function = request.platform.functions.create(
        actor_of(request),
        workspace_id,
        body.name,
        Source.from_base64(body.code),
        description=body.description,
        settings=body.settings(),
    )
    return Status(201, _shown(request, function))


@router.get(NESTED, response=list[FunctionOut], operation_id="list_functions")
def list_functions(request: ConsoleRequest, workspace_id: str) -> HttpResponse:
    """All of a workspace, by name."""
    enter(request, workspace_id)
    return answer([_shown(request, function) for function in request.platform.functions.list(workspace_id)])


@router.get(f"{NESTED}/{{function_id}}", response=FunctionOut, operation_id="get_function")
def get_function(request: ConsoleRequest, workspace_id: str, function_id: str) -> FunctionOut:
    return _shown(request, function_at(request, workspace_id, function_id))


@router.get(f"{SHORT}/{{function_id}}", response=FunctionOut, operation_id="get_function_by_id")
def get_function_by_id(request: ConsoleRequest, function_id: str) -> FunctionOut:
    return _shown(request, function_at(request, None, function_id))


@router.patch(f"{NESTED}/{{function_id}}", response=FunctionOut, operation_id="edit_function")
def edit_function(request: ConsoleRequest, workspace_id: str, function_id: str, body: FunctionChanges) -> FunctionOut:
    return _edit(request, function_at(request, workspace_id, function_id, Need.WRITE), body)


@router.patch(f"{SHORT}/{{function_id}}", response=FunctionOut, operation_id="edit_function_by_id")
def edit_function_by_id(request: ConsoleRequest, function_id: str, body: FunctionChanges) -> FunctionOut:
    return _edit(request, function_at(request, None, function_id, Need.WRITE), body)


@router.delete(f"{NESTED}/{{function_id}}", response={204: None}, operation_id="delete_function")
def delete_function(request: ConsoleRequest, workspace_id: str, function_id: str) -> Status[None]:
    return _delete(request, function_at(request, workspace_id, function_id, Need.WRITE))


@router.delete(f"{SHORT}/{{function_id}}", response={204: None}, operation_id="delete_function_by_id")
def delete_function_by_id(request: ConsoleRequest, function_id: str) -> Status[None]:
    return _delete(request, function_at(request, None, function_id, Need.WRITE))


def _shown(request: ConsoleRequest, function: Function) -> FunctionOut:
    return FunctionOut.of(request, request.platform.functions.with_source(function))


def _edit(request: ConsoleRequest, function: Function, body: FunctionChanges) -> FunctionOut:
    changes = body.changes(function.settings)
    if changes.values():
        function = request.platform.functions.edit(actor_of(request), function.ref, changes)
    return _shown(request, function)


def _delete(request: ConsoleRequest, function: Function) -> Status[None]:
    request.platform.functions.remove(actor_of(request), function.ref)
    return Status(204, None)
