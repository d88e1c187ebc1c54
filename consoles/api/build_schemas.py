"""Builds as the JSON API takes and shows them: there they are called tasks."""

from __future__ import annotations

from collections.abc import Sequence

from ninja import Schema
from pydantic import Field

from consoles.api.wire import Moment, Shown, in_kst
from consoles.http import ConsoleRequest
from faasweb.domain.builds import Build, BuildStatus
from faasweb.domain.images import shown_image


class BuildOut(Schema):
    task_id: str
    status: str
    message: str
    source_s3_path: str | None


class ResultOut(Schema):
    """``file_path`` is the source; null when an image was pulled."""

    wasm_path: str | None
    image_url: str | None
    image_uri: str | None
    file_path: str | None


class TaskOut(Schema):
    """``status`` is pending, building, pushing, done or failed; ``result`` is null until done."""

    task_id: str
    status: str
    result: ResultOut | None
    error: str | None

    @staticmethod
    def of(request: ConsoleRequest, build: Build) -> Shown:
        return {
            "task_id": build.id,
            "status": build.status.value,
            "result": _result(request, build),
            "error": _reason(build),
        }


class TaskItemOut(TaskOut):
    app_name: str
    created_at: Moment
    updated_at: Moment

    @staticmethod
    def of(request: ConsoleRequest, build: Build) -> Shown:
        return TaskOut.of(request, build) | {
            "app_name": build.app_name,
            "created_at": in_kst(build.created_at),
            "updated_at": in_kst(build.updated_at),
        }


class TasksOut(Schema):
    """Newest first, at most 50."""

    workspace_id: str
    tasks: list[TaskItemOut]
    count: int

    @staticmethod
    def of(request: ConsoleRequest, workspace_id: str, builds: Sequence[Build]) -> Shown:
        tasks = [TaskItemOut.of(request, build) for build in builds]
        return {"workspace_id": workspace_id, "tasks": tasks, "count": len(tasks)}


class PushToIn(Schema):
    registry_url: str | None = None
    username: str | None = None
    password: str | None = None
    tag: str | None = None


class PushIn(PushToIn):
    """``s3_source_path`` is what a build answered; its task must have been made in ``workspace_id``."""

    workspace_id: str = Field(min_length=1)
    app_dir: str | None = None
    s3_source_path: str | None = None


def _result(request: ConsoleRequest, build: Build) -> Shown | None:
    if build.status is not BuildStatus.DONE:
        return None
    wasm = request.platform.builds.artifact_location(build)
    image = build.image and shown_image(build.image)
    source = request.platform.builds.source_location(build) if build.code_key else None
    return {"wasm_path": wasm, "image_url": image, "image_uri": image, "file_path": source}


def _reason(build: Build) -> str | None:
    return (build.error or "The build failed.") if build.status is BuildStatus.FAILED else None
