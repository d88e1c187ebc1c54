"""What the Builder Service reads and writes; tasks are shown as in the JSON API."""

from __future__ import annotations

from typing import Any

from ninja import Schema
from pydantic import Field

from consoles.api.wire import Moment
from faasweb.domain.ids import DEFAULT_WORKSPACE
from faasweb.domain.spinapps import AppOptions, AppSpec


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
    """``output_path`` is read and has no effect: nothing is written to a server for its callers."""

    image_ref: str = Field(min_length=1)
    component: str | None = None
    replicas: int = 1
    output_path: str | None = None


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

    @property
    def spec(self) -> AppSpec:
        options = AppOptions(
            service_account=self.service_account,
            cpu_limit=self.cpu_limit,
            memory_limit=self.memory_limit,
            cpu_request=self.cpu_request,
            memory_request=self.memory_request,
            autoscaling=self.enable_autoscaling,
            replicas=self.replicas,
            use_spot=self.use_spot,
            tolerations=self.custom_tolerations,
            affinity=self.custom_affinity,
        )
        return AppSpec(self.namespace, self.app_name or "", self.image_ref, self.function_id, options)
