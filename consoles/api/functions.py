from __future__ import annotations

from django.http import HttpResponse
from ninja import Router, Status

from consoles.api.doors import actor_of, enter, function_at
from consoles.api.function_schemas import FunctionChanges, FunctionIn, FunctionOut, console_of, route_of
from consoles.http import ConsoleRequest, json_answer
from faasweb.domain.access import Need
from faasweb.domain.functions import Function
from faasweb.domain.source import Source

router = Router(by_alias=True)
NESTED = "/workspaces/{workspace_id}/functions"
SHORT = "/functions"


@router.post(NESTED, response={201: FunctionOut}, operation_id="create_function")
def create_function(request: ConsoleRequest, workspace_id: str, body: FunctionIn) -> HttpResponse:
    enter(request, workspace_id, Need.WRITE)
    function = request.platform.functions.create(
        actor_of(request),
        workspace_id,
        body.name,
        Source.from_base64(body.code),
        description=body.description,
        settings=body.settings(),
    )
    return _shown(request, function, 201)


@router.get(NESTED, response=list[FunctionOut], operation_id="list_functions")
def list_functions(request: ConsoleRequest, workspace_id: str) -> HttpResponse:
    """All of a workspace, by name."""
    enter(request, workspace_id)
    functions, console = request.platform.functions, console_of(request)
    found = functions.list(workspace_id)
    return json_answer([FunctionOut.of(functions.with_source(function), console) for function in found])


@router.get(f"{NESTED}/{{function_id}}", response=FunctionOut, operation_id="get_function")
def get_function(request: ConsoleRequest, workspace_id: str, function_id: str) -> HttpResponse:
    return _shown(request, function_at(request, workspace_id, function_id))


@router.get(f"{SHORT}/{{function_id}}", response=FunctionOut, operation_id="get_function_by_id")
def get_function_by_id(request: ConsoleRequest, function_id: str) -> HttpResponse:
    return _shown(request, function_at(request, None, function_id))


@router.patch(f"{NESTED}/{{function_id}}", response=FunctionOut, operation_id="edit_function")
def edit_function(request: ConsoleRequest, workspace_id: str, function_id: str, body: FunctionChanges) -> HttpResponse:
    return _edit(request, function_at(request, workspace_id, function_id, Need.WRITE), body)


@router.patch(f"{SHORT}/{{function_id}}", response=FunctionOut, operation_id="edit_function_by_id")
def edit_function_by_id(request: ConsoleRequest, function_id: str, body: FunctionChanges) -> HttpResponse:
    return _edit(request, function_at(request, None, function_id, Need.WRITE), body)


@router.delete(f"{NESTED}/{{function_id}}", response={204: None}, operation_id="delete_function")
def delete_function(request: ConsoleRequest, workspace_id: str, function_id: str) -> Status[None]:
    return _delete(request, function_at(request, workspace_id, function_id, Need.WRITE))


@router.delete(f"{SHORT}/{{function_id}}", response={204: None}, operation_id="delete_function_by_id")
def delete_function_by_id(request: ConsoleRequest, function_id: str) -> Status[None]:
    return _delete(request, function_at(request, None, function_id, Need.WRITE))


def _shown(request: ConsoleRequest, function: Function, status: int = 200) -> HttpResponse:
    function = request.platform.functions.with_source(function)
    return json_answer(FunctionOut.of(function, console_of(request)), status)


def _edit(request: ConsoleRequest, function: Function, body: FunctionChanges) -> HttpResponse:
    changes = body.changes(route_of(request, function))
    if changes.values():
        function = request.platform.functions.edit(actor_of(request), function.ref, changes)
    return _shown(request, function)


def _delete(request: ConsoleRequest, function: Function) -> Status[None]:
    request.platform.functions.remove(actor_of(request), function.ref)
    return Status(204, None)
