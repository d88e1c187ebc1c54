"""What a running function tells: log entries and CPU samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class LogEntry:
    """``cursor`` orders entries for paging and live tails and is opaque to readers.

    ``stream`` is stdout, stderr or system (a marker of the platform, e.g. that lines were dropped).
    """

    cursor: str
    at_ns: int
    text: str
    stream: str = ""
    request_id: str = ""
    version: int | None = None


@dataclass(frozen=True, slots=True)
class LogPage:
    """Entries, oldest first. ``cursor`` is where a tail goes on; ``dropped`` counts lines known to be missing."""

    entries: Sequence[LogEntry]
    cursor: str
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Sample:
    at: datetime
    value: float


@dataclass(frozen=True, slots=True)
class CpuUsage:
    """CPU of one function over ``window_s`` seconds, in cores.

    ``current`` and the series may be missing; ``partial`` tells that one of the two queries failed. The queries and raw
    answers are for developer tools and may be empty.
    """

    window_s: int
    current: float | None
    series: Sequence[Sample]
    partial: bool = False
    instant_query: str = ""
    range_query: str = ""
    raw_instant: object = None
    raw_range: object = None
