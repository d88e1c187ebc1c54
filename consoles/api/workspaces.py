from __future__ import annotations

from django.http import HttpResponse
from ninja import Router, Status

from consoles.api.doors import actor_of, allow, enter
from consoles.api.wire import CamelSchema, Description, Moment, Name, Shown, in_kst
from consoles.http import ConsoleRequest, json_answer
from faasweb.domain.access import Need
from faasweb.domain.workspaces import Workspace

router = Router(by_alias=True)


class WorkspaceIn(CamelSchema):
    name: Name
    description: Description | None = None


class WorkspaceChanges(CamelSchema):
    """What is absent stays; a description of null becomes empty."""

    name: Name | None = None
    description: Description | None = None


class WorkspaceOut(CamelSchema):
    id: str
    name: str
    description: str
    created_at: Moment
    function_count: int
    invocations24h: int
    error_rate: float

    @staticmethod
    def of(workspace: Workspace) -> Shown:
        return {
            "id": workspace.id,
            "name": workspace.name,
            "description": workspace.description,
            "createdAt": in_kst(workspace.created_at),
            "functionCount": workspace.function_count,
            "invocations24h": workspace.usage.invocations,
            "errorRate": workspace.usage.error_rate,
        }


@router.post("", response={201: WorkspaceOut}, operation_id="create_workspace")
def create_workspace(request: ConsoleRequest, body: WorkspaceIn) -> HttpResponse:
    workspace = request.platform.workspaces.create(actor_of(request), body.name, body.description)
    return json_answer(WorkspaceOut.of(workspace), 201)


@router.get("", response=list[WorkspaceOut], operation_id="list_workspaces")
def list_workspaces(request: ConsoleRequest) -> HttpResponse:
    """Those the caller may see, newest first."""
    workspaces = request.platform.access.visible(actor_of(request))
    return json_answer([WorkspaceOut.of(workspace) for workspace in workspaces])


@router.get("/{workspace_id}", response=WorkspaceOut, operation_id="get_workspace")
def get_workspace(request: ConsoleRequest, workspace_id: str) -> HttpResponse:
    return json_answer(WorkspaceOut.of(enter(request, workspace_id)))


@router.patch("/{workspace_id}", response=WorkspaceOut, operation_id="edit_workspace")
def edit_workspace(request: ConsoleRequest, workspace_id: str, body: WorkspaceChanges) -> HttpResponse:
    workspace = enter(request, workspace_id, Need.OWN)
    description = (body.description or "") if "description" in body.model_fields_set else None
    if body.name is not None or description is not None:
        request.platform.workspaces.edit(actor_of(request), workspace_id, name=body.name, description=description)
        workspace = enter(request, workspace_id)
    return json_answer(WorkspaceOut.of(workspace))


@router.delete("/{workspace_id}", response={204: None}, operation_id="delete_workspace")
def delete_workspace(request: ConsoleRequest, workspace_id: str) -> Status[None]:
    """With all its functions, their code, images and executions."""
    allow(request, workspace_id, Need.OWN)
    request.platform.workspaces.remove(actor_of(request), workspace_id)
    return Status(204, None)
