"""Counters of the last hours: changed by addition only, summed when read."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

# Upper bounds in ms of the duration histogram; one more class holds everything slower.
DURATION_BOUNDS_MS = (2, 5, 10, 20, 35, 50, 75, 100, 150, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000)


def duration_class(duration_ms: float) -> int:
    """Index of the histogram class ``duration_ms`` falls in, 0 to ``len(DURATION_BOUNDS_MS)``."""
    return bisect_left(DURATION_BOUNDS_MS, duration_ms)


def hour_of(moment: datetime) -> str:
    """``2026-11-21T04``, in UTC (the moment must be UTC already)."""
    return moment.strftime("%Y-%m-%dT%H")


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over a window."""

    invocations: int = 0
    errors: int = 0
    duration_ms: float = 0.0

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            self.invocations + other.invocations,
            self.errors + other.errors,
            self.duration_ms + other.duration_ms,
        )

    @property
    def error_rate(self) -> float:
        """Percent, 0 to 100."""
        return 100.0 * self.errors / self.invocations if self.invocations else 0.0

    @property
    def average_ms(self) -> float:
        return self.duration_ms / self.invocations if self.invocations else 0.0


NO_USAGE = Totals()


def total(parts: Iterable[Totals]) -> Totals:
    return sum(parts, NO_USAGE)


@dataclass(frozen=True, slots=True)
class Minute:
    """One minute of one function. ``durations`` counts executions by ``duration_class``."""

    start: datetime
    invocations: int
    errors: int
    durations: Mapping[int, int]


def percentile_ms(durations: Mapping[int, int], fraction: float) -> float | None:
    """The duration below which ``fraction`` of the executions ended, interpolated in its class; None without any."""
    count = sum(durations.values())
    if not count:
        return None
    rank, seen = fraction * count, 0
    for index, inside in sorted(durations.items()):
        if not inside:
            continue
        if seen + inside >= rank:
            low = DURATION_BOUNDS_MS[index - 1] if index else 0
            high = DURATION_BOUNDS_MS[index] if index < len(DURATION_BOUNDS_MS) else low * 2
            return low + (high - low) * max(0.0, rank - seen) / inside
        seen += inside
    return None
