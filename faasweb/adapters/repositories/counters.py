"""Hour counters: attributes of one item, changed by addition only, summed over the last 24 hours when read.

``i_2026112104`` counts invocations, ``e_...`` errors and ``d_...`` microseconds: whole numbers, so that sums are exact
in every database.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import repeat
from typing import Any

from faasweb.domain.executions import Execution
from faasweb.domain.usage import NO_USAGE, Minute, Totals, duration_class

HOURS = 24
_KINDS = ("i_", "e_", "d_")


def hour_mark(moment: datetime) -> str:
    """``2026112104``, in UTC."""
    return moment.strftime("%Y%m%d%H")


@dataclass(frozen=True, slots=True)
class Window:
    """The names of the counters that count now, kind by kind."""

    oldest: str
    invocations: Sequence[str]
    errors: Sequence[str]
    durations: Sequence[str]

    @staticmethod
    def at(now: datetime) -> Window:
        return Window.until(now.replace(minute=0, second=0, microsecond=0))

    @classmethod
    @lru_cache(maxsize=4)
    def until(cls, now: datetime) -> Window:
        marks = [hour_mark(now - timedelta(hours=back)) for back in range(HOURS)]
        return cls(marks[-1], *([kind + mark for mark in marks] for kind in _KINDS))

    def totals(self, item: Mapping[str, Any] | None) -> Totals:
        """The sums of an item's counters. Lists call this once for each of a thousand items."""
        if item is None:
            return NO_USAGE
        invocations = self._sum(item, self.invocations)
        if not invocations:
            return NO_USAGE
        return Totals(invocations, self._sum(item, self.errors), self._sum(item, self.durations) / 1000)

    @staticmethod
    def _sum(item: Mapping[str, Any], names: Sequence[str]) -> int:
        return sum(map(item.get, names, repeat(0)))


def hour_counts(item: Mapping[str, Any] | None) -> dict[str, int]:
    """The counters alone."""
    return {name: value for name, value in (item or {}).items() if name[:2] in _KINDS}


def outdated(item: Mapping[str, Any], oldest: str) -> list[str]:
    return [name for name in hour_counts(item) if name[2:] < oldest]


def hour_additions(executions: Iterable[Execution]) -> Counter[str]:
    additions: Counter[str] = Counter()
    for execution in executions:
        mark = hour_mark(execution.at)
        additions[f"i_{mark}"] += 1
        additions[f"d_{mark}"] += round(execution.duration_ms * 1000)
        if not execution.succeeded:
            additions[f"e_{mark}"] += 1
    return additions


def minute_additions(executions: Iterable[Execution]) -> Counter[str]:
    """Within the item of one hour: ``m_07_3`` counts class 3 of minute 7, ``e_07`` errors."""
    additions: Counter[str] = Counter()
    for execution in executions:
        minute = f"{execution.at.minute:02}"
        additions[f"m_{minute}_{duration_class(execution.duration_ms)}"] += 1
        if not execution.succeeded:
            additions[f"e_{minute}"] += 1
    return additions


def minutes_of(item: Mapping[str, Any], hour: datetime) -> list[Minute]:
    durations: dict[int, dict[int, int]] = {}
    for name, count in item.items():
        if name.startswith("m_"):
            minute, index = name[2:].split("_")
            durations.setdefault(int(minute), {})[int(index)] = count
    return [
        Minute(hour + timedelta(minutes=minute), sum(counts.values()), item.get(f"e_{minute:02}", 0), counts)
        for minute, counts in sorted(durations.items())
    ]
