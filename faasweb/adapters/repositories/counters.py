"""Hour counters: attributes of one item, changed by addition only, summed over the last 24 hours when read.

``i_2026112104`` counts invocations, ``e_...`` errors and ``d_...`` microseconds: whole numbers, so that sums are exact
in every database.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from faasweb.domain.executions import Execution
from faasweb.domain.usage import Minute, Totals, duration_class

WINDOW = timedelta(hours=24)
_KINDS = ("i_", "e_", "d_")


def hour_mark(moment: datetime) -> str:
    """``2026112104``, in UTC."""
    return moment.strftime("%Y%m%d%H")


def oldest_mark(now: datetime) -> str:
    """The first of the 24 hours that count."""
    return hour_mark(now - WINDOW + timedelta(hours=1))


def totals(item: Mapping[str, Any] | None, oldest: str) -> Totals:
    """The sums from the hour ``oldest`` on."""
    if not item:
        return Totals()
    sums = {"i_": 0, "e_": 0, "d_": 0}
    for name, value in item.items():
        kind = name[:2]
        if kind in sums and name[2:] >= oldest:
            sums[kind] += value
    return Totals(sums["i_"], sums["e_"], sums["d_"] / 1000)


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
