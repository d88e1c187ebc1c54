"""What a running function tells: lines it printed, and the CPU it uses."""

from __future__ import annotations

from typing import Any

from ninja import P, QueryEx, Router, Schema

from consoles.api.doors import allow
from consoles.http import ConsoleRequest
from faasweb.domain.access import Need
from faasweb.domain.errors import NotFound
from faasweb.domain.ids import is_function_id
from faasweb.domain.telemetry import CpuUsage, LogPage

router = Router()
WINDOW_S = 3600


class LineOut(Schema):
    """``timestamp`` is Unix time in nanoseconds, as text: JavaScript's numbers can't hold it."""

    timestamp: str
    line: str


class LinesOut(Schema):
    """Newest first. ``total`` counts the entries of this answer."""

    logs: list[LineOut]
    total: int
    function_id: str

    @classmethod
    def of(cls, function_id: str, page: LogPage) -> LinesOut:
        lines = [LineOut(timestamp=str(entry.at_ns), line=entry.text) for entry in reversed(page.entries)]
        return cls(logs=lines, total=len(lines), function_id=function_id)


class SampleOut(Schema):
    timestamp: float
    value: float


class CpuOut(Schema):
    """``cpu_total`` and the series are in cores; null and empty without data."""

    cpu_total: float | None
    cpu_series: list[SampleOut]
    window_seconds: int
    instant_query: str
    range_query: str
    raw_instant: Any
    raw_range: Any


class MetricsOut(Schema):
    """``status`` is partial when one of two readings failed."""

    status: str
    function_id: str
    data: CpuOut

    @classmethod
    def of(cls, function_id: str, usage: CpuUsage) -> MetricsOut:
        data = CpuOut(
            cpu_total=usage.current,
            cpu_series=[SampleOut(timestamp=sample.at.timestamp(), value=sample.value) for sample in usage.series],
            window_seconds=usage.window_s,
            instant_query=usage.instant_query,
            range_query=usage.range_query,
            raw_instant=usage.raw_instant,
            raw_range=usage.raw_range,
        )
        return cls(status="partial" if usage.partial else "success", function_id=function_id, data=data)


@router.get("/functions/{function_id}/loki-logs", response=LinesOut, operation_id="list_log_lines")
def list_log_lines(request: ConsoleRequest, function_id: str, limit: QueryEx[int, P(ge=1, le=1000)] = 100) -> LinesOut:
    _look(request, function_id)
    return LinesOut.of(function_id, request.platform.logs.tail(function_id, limit=limit))


@router.get("/functions/{function_id}/metrics", response=MetricsOut, operation_id="get_metrics")
def get_metrics(request: ConsoleRequest, function_id: str) -> MetricsOut:
    """CPU of the last hour."""
    _look(request, function_id)
    return MetricsOut.of(function_id, request.platform.metrics.cpu(function_id, WINDOW_S))


def _look(request: ConsoleRequest, function_id: str) -> None:
    """Logs and metrics outlive their function: an id that is known needs access to it, an unknown one shows nothing."""
    if not is_function_id(function_id):
        return  # the use case refuses it, with the field's name
    try:
        function = request.platform.functions.find(function_id)
    except NotFound:
        return
    try:
        allow(request, function.workspace_id, Need.READ)
    except NotFound:
        raise NotFound(f"Function {function_id} not found", function=function_id) from None
