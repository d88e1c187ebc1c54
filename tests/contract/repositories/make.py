"""Things to store."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from faasweb.domain import clock, ids
from faasweb.domain.builds import Build
from faasweb.domain.executions import Execution, RecordedBody
from faasweb.domain.functions import Function, FunctionSettings
from faasweb.domain.source import Source
from faasweb.domain.versions import Version
from faasweb.domain.workspaces import Workspace

SOURCE = Source.single("class IncomingHandler:\n    pass\n")


def function(workspace: Workspace, name: str = "resize", source: Source = SOURCE, **changes: object) -> Function:
    settings = FunctionSettings()
    return replace(Function.create(workspace.id, name, None, settings, source), **changes)  # type: ignore[arg-type]


def source_of(size: int) -> Source:
    return Source.single("#" + "x" * (size - 1))


def execution(function: Function, *, at: datetime | None = None, status: int = 200, **changes: object) -> Execution:
    made = Execution(
        id=ids.short_id(),
        function_id=function.id,
        workspace_id=function.workspace_id,
        at=at or clock.now(),
        status_code=status,
        duration_ms=12.5,
        cpu_ms=3.25,
        request_id="request-1",
        method="POST",
        path="/resize?to=큰",
        trigger="console",
        request_body=RecordedBody.of(b'{"a": 1, "b": 1.50, "c": "1"}'),
        response_body=RecordedBody.of("안녕".encode()),
        response_type="text/plain",
        logs=("first", ""),
        version=3,
        mode="baked",
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def build(workspace: Workspace, function: Function | None = None, **changes: object) -> Build:
    function_id = function.id if function else None
    made = Build.create(workspace.id, "resize", "key.py", "hash", function_id=function_id)
    return replace(made, **changes)  # type: ignore[arg-type]


def version(function: Function, number: int = 1, **changes: object) -> Version:
    made = Version(
        function.id,
        function.workspace_id,
        number,
        clock.now(),
        function.code_hash,
        function.code_key,
        function.settings,
    )
    return replace(made, **changes)  # type: ignore[arg-type]
