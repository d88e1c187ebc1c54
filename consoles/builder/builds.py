"""Builds, pushes and their tasks."""

from __future__ import annotations

import re

from django.http import HttpResponse
from ninja import File, Form, Query, Router, Status, UploadedFile
from ninja.errors import ValidationError

from consoles.api.build_schemas import BuildOut, TaskOut, TasksOut
from consoles.api.builds import BuildAndPushIn, BuildIn, app_name_for, pushed_again, read_upload, target_of
from consoles.api.doors import actor_of
from consoles.api.wire import in_kst
from consoles.builder.schemas import LogOut, PushIn
from consoles.http import ConsoleRequest, json_answer
from faasweb.domain.builds import Build
from faasweb.domain.errors import InvalidInput, NotFound
from faasweb.domain.ids import DEFAULT_WORKSPACE

router = Router()
LINES = 1000  # of a log, in one answer
_WORKSPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")
_TASK_ID = re.compile(r"[0-9A-Za-z-]{1,64}")


@router.post("/build", response={202: BuildOut}, operation_id="build")
def build(request: ConsoleRequest, body: Form[BuildIn], file: File[UploadedFile]) -> Status[BuildOut]:
    """Build an uploaded .py or .zip file to WebAssembly; watch the task."""
    started = _submitted(request, body, file, None)
    return _accepted(started.id, "Build task created", _folder(request, started))


@router.post("/build-and-push", response={202: BuildOut}, operation_id="build_and_push")
def build_and_push(request: ConsoleRequest, body: Form[BuildAndPushIn], file: File[UploadedFile]) -> Status[BuildOut]:
    """Build an uploaded .py or .zip file and push it as an image; watch the task."""
    started = _submitted(request, body, file, body)
    return _accepted(started.id, "Build and push task created", _folder(request, started))


@router.post("/push", response={202: BuildOut}, operation_id="push")
def push(request: ConsoleRequest, body: PushIn) -> Status[BuildOut]:
    """Push what an earlier task was made of."""
    _check_push(body)
    workspace_id = _workspace(body.workspace_id)
    task_id = _task_to_push(request, body, workspace_id)
    if task_id is None:
        reason = f"Application directory not found: {(body.app_dir or '')[:200]}"
        started = request.platform.builds.reject(actor_of(request), workspace_id, "unknown", reason)
    else:
        started = _pushed(request, body, _task(request, task_id, workspace_id))
    return _accepted(started.id, "Push task created", None)


@router.get("/tasks/{task_id}", response=TaskOut, operation_id="get_task")
def get_task(request: ConsoleRequest, task_id: str, workspace_id: str = "") -> HttpResponse:
    return json_answer(TaskOut.of(request, _task(request, task_id, workspace_id)))


@router.get("/tasks/{task_id}/log", response=LogOut, operation_id="get_task_log")
def get_task_log(request: ConsoleRequest, task_id: str, after: Query[int] = 0) -> HttpResponse:
    """What a build says while it goes on."""
    found = _task(request, task_id)  # read first: what it said is stored before its end is
    lines = request.platform.builds.log(task_id, max(after, 0))
    shown = [{"number": x.number, "at": in_kst(x.at), "phase": x.phase, "text": x.text} for x in lines[:LINES]]
    log = {
        "task_id": task_id,
        "status": found.status.value,
        "lines": shown,
        "next": shown[-1]["number"] if shown else max(after, 0),
        "finished": found.status.finished and len(lines) <= LINES,
    }
    return json_answer(log)


@router.get("/workspaces/{workspace_id}/tasks", response=TasksOut, operation_id="list_tasks")
def list_tasks(request: ConsoleRequest, workspace_id: str, limit: Query[int] = 100) -> HttpResponse:
    """Newest first. A workspace that nobody has built for has none."""
    known = _WORKSPACE.match(workspace_id) is not None
    found = request.platform.builds.list(workspace_id, min(max(limit, 1), 1000)) if known else []
    return json_answer(TasksOut.of(request, workspace_id, found))


def _submitted(request: ConsoleRequest, body: BuildIn, file: UploadedFile, push: BuildAndPushIn | None) -> Build:
    """A file that can't be built is accepted too, and its task tells why: clients look there. TooLarge is refused."""
    workspace_id, app_name = _workspace(body.workspace_id), app_name_for(body.app_name)
    builds = request.platform.builds
    try:
        filename, source = read_upload(file)
    except InvalidInput as exc:
        return builds.reject(actor_of(request), workspace_id, app_name, exc.message)
    target = None if push is None else target_of(request, push, source)
    return builds.submit(actor_of(request), workspace_id, app_name, source, filename, target)


def _workspace(text: str | None) -> str:
    """The id of a workspace, which need not be one of this installation: it becomes a part of paths."""
    workspace_id = text or DEFAULT_WORKSPACE
    if not _WORKSPACE.match(workspace_id):
        raise InvalidInput("A workspace's id has letters, digits and . _ - only.", field="workspace_id")
    return workspace_id


def _task(request: ConsoleRequest, task_id: str, workspace_id: str = "") -> Build:
    found = request.platform.builds.get(task_id)
    if workspace_id and found.workspace_id != workspace_id:
        raise NotFound(f"Task not found: {task_id}")
    return found


def _check_push(body: PushIn) -> None:
    """Everything that is missing, in one refusal."""
    missing = [] if body.workspace_id else ["workspace_id"]
    if not (body.s3_source_path or body.task_id or body.app_dir):
        missing += ["s3_source_path", "task_id", "app_dir"]
    if missing:
        raise ValidationError([{"type": "missing", "loc": ("body", name), "msg": "Field required"} for name in missing])


def _task_to_push(request: ConsoleRequest, body: PushIn, workspace_id: str) -> str | None:
    """None when all that is given is a folder of the caller's machine."""
    if not body.s3_source_path:
        return body.task_id
    own = request.platform.builds.code.location(f"build-sources/{workspace_id}") + "/"
    found = _TASK_ID.match(body.s3_source_path.removeprefix(own)) if body.s3_source_path.startswith(own) else None
    if found is None:
        problem = f"Only sources that were handed in for this workspace can be pushed: {own}<task id>/."
        raise InvalidInput(problem, field="s3_source_path")
    return found[0]


def _pushed(request: ConsoleRequest, body: PushIn, before: Build) -> Build:
    if not before.code_key:
        raise InvalidInput(
            "That task never had a source.", field="s3_source_path" if body.s3_source_path else "task_id"
        )
    return pushed_again(request, before, body)


def _folder(request: ConsoleRequest, build: Build) -> str:
    return request.platform.builds.code.location(f"build-sources/{build.workspace_id}/{build.id}") + "/"


def _accepted(task_id: str, message: str, folder: str | None) -> Status[BuildOut]:
    return Status(202, BuildOut(task_id=task_id, status="pending", message=message, source_s3_path=folder))
