"""What the Builder Service reads and writes; tasks are shown as in the JSON API."""

from __future__ import annotations

from typing import Any

from ninja import Schema
from pydantic import Field

from consoles.api.wire import Moment
from faasweb.domain.ids import DEFAULT_WORKSPACE


class BuildIn(Schema):
    """An empty form field counts as absent."""

    workspace_id: str = DEFAULT_WORKSPACE
    app_name: str = ""


class BuildAndPushIn(BuildIn):
    """Without ``registry_url`` the image goes to this installation's registry, without a password by its own rights."""

    registry_url: str = ""
    username: str = ""
    password: str = ""
    tag: str = ""


class PushIn(Schema):
    """``workspace_id``, and one of ``s3_source_path`` (as a build answered it) and ``task_id`` are needed."""

    workspace_id: str | None = None
    s3_source_path: str | None = None
    task_id: str | None = None
    app_dir: str | None = None
    registry_url: str | None = None
    username: str | None = None
    password: str | None = None
    tag: str | None = None


class LogLineOut(Schema):
    """``phase`` is check, build, push or system."""

    number: int
    at: Moment
    phase: str
    text: str


class LogOut(Schema):
    """Ask again with ``after=<next>`` until ``finished``: then nothing follows."""

    task_id: str
    status: str
    lines: list[LogLineOut]
    next: int
    finished: bool


class ScaffoldIn(Schema):
    """``output_path`` is read and never used: this service writes no files for its callers."""

    image_ref: str = Field(min_length=1)
    component: str | None = None
    replicas: int = 1
    output_path: str | None = None


class ScaffoldOut(Schema):
    success: bool
    yaml_content: str | None
    file_path: str | None
    error: str | None


class DeployIn(Schema):
    """What is left out stays as it is deployed; for a new app this installation's settings decide."""

    namespace: str = Field(min_length=1)
    image_ref: str = Field(min_length=1)
    app_name: str | None = None
    function_id: str | None = None
    service_account: str | None = None
    cpu_limit: str | None = None
    memory_limit: str | None = None
    cpu_request: str | None = None
    memory_request: str | None = None
    enable_autoscaling: bool | None = None
    replicas: int | None = None
    use_spot: bool | None = None
    custom_tolerations: list[dict[str, Any]] | None = None
    custom_affinity: dict[str, Any] | None = None
