from __future__ import annotations

import re

from django.core.files import File as DjangoFile
from django.http import HttpResponse
from ninja import File, Form, Router, Schema, Status, UploadedFile

from consoles.api.build_schemas import BuildOut, PushIn, PushToIn, TaskOut, TasksOut
from consoles.api.doors import actor_of, allow, build_at, enter
from consoles.http import ConsoleRequest, json_answer
from faasweb.domain import names
from faasweb.domain.access import Need
from faasweb.domain.archives import ARCHIVE_LIMIT
from faasweb.domain.builds import Build, PushTarget
from faasweb.domain.errors import InvalidInput, TooLarge
from faasweb.domain.ids import DEFAULT_WORKSPACE, short_id
from faasweb.domain.source import Source

router = Router()
_TASK_IN_PATH = re.compile(r"s3://[^/]+/build-sources/[^/]+/(?P<task>[0-9a-f-]{36})(?:/.*)?\Z")


class BuildIn(Schema):
    """An empty form field counts as absent."""

    app_name: str = ""
    workspace_id: str = DEFAULT_WORKSPACE


class BuildAndPushIn(BuildIn):
    """Where the image goes: without ``registry_url`` to the registry of this installation.

    An empty password, or one that is no password, stands for the credentials of the installation.
    """

    registry_url: str = ""
    username: str = ""
    password: str = ""
    tag: str = ""


@router.post("/build", response={202: BuildOut}, operation_id="build")
def build(request: ConsoleRequest, body: Form[BuildIn], file: File[UploadedFile]) -> Status[BuildOut]:
    """Build an uploaded .py or .zip file to WebAssembly; watch the task."""
    started = _submit(request, body, file, None)
    return _accepted(request, started, "Build task created")


@router.post("/build-and-push", response={202: BuildOut}, operation_id="build_and_push")
def build_and_push(request: ConsoleRequest, body: Form[BuildAndPushIn], file: File[UploadedFile]) -> Status[BuildOut]:
    """Build an uploaded .py or .zip file and push it as an image; watch the task."""
    started = _submit(request, body, file, body)
    return _accepted(request, started, "Build and push task created")


@router.post("/push", response={202: BuildOut}, operation_id="push")
def push(request: ConsoleRequest, body: PushIn) -> Status[BuildOut]:
    """Push what an earlier task was made of."""
    _enter_workspace(request, body.workspace_id)
    found = _TASK_IN_PATH.match(body.s3_source_path or "")
    if found is None:
        raise InvalidInput("Give the source_s3_path that a build of this console answered.", field="s3_source_path")
    before = build_at(request, found["task"], Need.WRITE)
    if before.workspace_id != body.workspace_id:
        raise InvalidInput("That source belongs to another workspace.", field="s3_source_path")
    if before.origin:
        raise InvalidInput("That task pulled an image: there is no source to push.", field="s3_source_path")
    started = pushed_again(request, before, body)
    return Status(202, BuildOut(task_id=started.id, status="pending", message="Push task created", source_s3_path=None))


@router.get("/tasks/{task_id}", response=TaskOut, operation_id="get_task")
def get_task(request: ConsoleRequest, task_id: str) -> HttpResponse:
    return json_answer(TaskOut.of(request, build_at(request, task_id)))


@router.get("/workspaces/{workspace_id}/tasks", response=TasksOut, operation_id="list_tasks")
def list_tasks(request: ConsoleRequest, workspace_id: str) -> HttpResponse:
    allow(request, workspace_id, Need.READ)
    return json_answer(TasksOut.of(request, workspace_id, request.platform.builds.list(workspace_id)))


def _submit(request: ConsoleRequest, body: BuildIn, file: UploadedFile, to: BuildAndPushIn | None) -> Build:
    """``to`` is None for a build that is not pushed.

    An archive that can't be built is accepted and its task tells why: clients look for that there.
    """
    workspace_id, app_name = body.workspace_id or DEFAULT_WORKSPACE, app_name_for(body.app_name)
    try:
        filename, source = read_upload(file)
    except InvalidInput as exc:
        if not (file.name or "").endswith(".zip"):
            raise
        _enter_workspace(request, workspace_id)
        return request.platform.builds.reject(actor_of(request), workspace_id, app_name, exc.message)
    _enter_workspace(request, workspace_id)
    target = target_of(request, to, source) if to else None
    return request.platform.builds.submit(actor_of(request), workspace_id, app_name, source, filename, target)


def _enter_workspace(request: ConsoleRequest, workspace_id: str) -> None:
    """Builds may be made in the default workspace before anybody has made that workspace."""
    if workspace_id == DEFAULT_WORKSPACE:
        allow(request, workspace_id, Need.WRITE)
    else:
        enter(request, workspace_id, Need.WRITE)


def _accepted(request: ConsoleRequest, build: Build, message: str) -> Status[BuildOut]:
    path = request.platform.builds.source_location(build)
    return Status(202, BuildOut(task_id=build.id, status="pending", message=message, source_s3_path=path))


def target_of(request: ConsoleRequest, to: BuildAndPushIn | PushToIn, source: Source) -> PushTarget:
    return request.platform.images.push_target(source, to.registry_url, to.tag, to.username, to.password)


def pushed_again(request: ConsoleRequest, before: Build, to: PushToIn) -> Build:
    """A build of the source that ``before`` was made of."""
    source = request.platform.deployments.releases.source(before.code_key)
    filename = before.code_key.rpartition("/")[2]
    target = target_of(request, to, source)
    return request.platform.builds.submit(
        actor_of(request), before.workspace_id, before.app_name, source, filename, target
    )


def read_upload(file: UploadedFile) -> tuple[str, Source]:
    """Name and source of an uploaded .py or .zip file. InvalidInput and TooLarge name the field."""
    name = file.name or ""
    return name, Source.upload(name, upload_content(file))


def upload_content(file: DjangoFile[bytes]) -> bytes:
    if (file.size or 0) > ARCHIVE_LIMIT:
        raise TooLarge(f"The file is larger than {ARCHIVE_LIMIT:,} bytes.", field="file", limit=ARCHIVE_LIMIT)
    return bytes(file.read())


def app_name_for(text: str) -> str:
    if not text.strip():
        return f"app-{short_id().lower()}"
    label = names.app_name(text)
    if not label:
        raise InvalidInput("An app name needs a letter of a to z.", field="app_name")
    return label
