"""What the Builder Service reads and writes; tasks are shown as in the JSON API."""

from __future__ import annotations

from ninja import Schema
from pydantic import Field

from consoles.api.build_schemas import PushToIn
from consoles.api.deployments import AppIn
from consoles.api.wire import Moment
from faasweb.domain.spinapps import AppSpec


class PushIn(PushToIn):
    """``workspace_id``, and one of ``s3_source_path`` (as a build answered it) and ``task_id`` are needed."""

    workspace_id: str | None = None
    s3_source_path: str | None = None
    task_id: str | None = None
    app_dir: str | None = None


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


class DeployIn(AppIn):
    """What is left out stays as it is deployed; for a new app this installation's settings decide."""

    @property
    def spec(self) -> AppSpec:
        return AppSpec(self.namespace, self.app_name or "", self.image_ref, self.function_id, self.options)
