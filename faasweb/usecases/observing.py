from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from faasweb.domain import clock
from faasweb.domain.errors import InvalidInput
from faasweb.domain.ids import is_function_id
from faasweb.domain.telemetry import CpuUsage, LogPage
from faasweb.domain.usage import Minute, percentile_ms
from faasweb.ports import ExecutionRepository, LogStore, MetricStore

STREAMS = ("", "stdout", "stderr", "system")


@dataclass(frozen=True, slots=True)
class Logs:
    store: LogStore

    def tail(
        self, function_id: str, *, after: str | None = None, limit: int = 200, text: str = "", stream: str = ""
    ) -> LogPage:
        """Entries after a cursor, oldest first; without one the newest ``limit`` (1 to 1000)."""
        _check_id(function_id)
        if stream not in STREAMS:
            raise InvalidInput("stream is stdout, stderr or system.", field="stream")
        if len(text) > 200:
            raise InvalidInput("A filter has at most 200 characters.", field="text")
        return self.store.tail(function_id, after, max(1, min(limit, 1000)), text=text, stream=stream)


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a function did over a window, minute by minute, and how long its runs took (None without any)."""

    minutes: Sequence[Minute]
    invocations: int
    errors: int
    p50_ms: float | None
    p95_ms: float | None
    since: datetime


@dataclass(frozen=True, slots=True)
class Metrics:
    store: MetricStore
    executions: ExecutionRepository

    def cpu(self, function_id: str, window_s: int = 3600) -> CpuUsage:
        _check_id(function_id)
        return self.store.cpu(function_id, window_s)

    def traffic(self, function_id: str, window: timedelta = timedelta(hours=1)) -> Traffic:
        since = (clock.now() - window).replace(second=0, microsecond=0)
        minutes = self.executions.minutes(function_id, since)
        durations: Counter[int] = Counter()
        for minute in minutes:
            durations.update(minute.durations)
        return Traffic(
            minutes,
            sum(minute.invocations for minute in minutes),
            sum(minute.errors for minute in minutes),
            percentile_ms(durations, 0.5),
            percentile_ms(durations, 0.95),
            since,
        )


def _check_id(function_id: str) -> None:
    """Ids go into queries of other systems: what is not one never leaves the house."""
    if not is_function_id(function_id):
        raise InvalidInput("That is not a function id.", field="function_id")
