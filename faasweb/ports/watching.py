"""What functions print and use."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from faasweb.domain.telemetry import CpuUsage, LogPage


class LogStore(Protocol):
    def tail(self, function_id: str, after: str | None, limit: int, *, text: str = "", stream: str = "") -> LogPage:
        """Entries after a cursor, oldest first, at most ``limit``; without a cursor the newest ``limit`` ones.

        ``text`` keeps lines that contain it, ``stream`` lines of that stream. Never skips a line between two calls.
        Raises LogsUnavailable, InvalidInput for an id that is not one.
        """
        ...

    def of_request(self, function_id: str, request_id: str, at: datetime) -> LogPage:
        """The lines one execution printed."""
        ...


class MetricStore(Protocol):
    def cpu(self, function_id: str, window_s: int = 3600) -> CpuUsage:
        """Raises MetricsUnavailable only when nothing at all could be read."""
        ...
