"""What the Metrics tab draws, in the shape static/js/chart.js reads.

``{"times": [epoch seconds], "kind": "area|line|bars", "unit", "decimals", "series": [{"label", "tone", "values"}]}``;
None is a gap.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from django.utils.translation import gettext as _

from faasweb.domain.telemetry import CpuUsage
from faasweb.domain.usage import Minute, percentile_ms
from faasweb.usecases.observing import Traffic

Chart = Mapping[str, object]


def cpu_chart(cpu: CpuUsage) -> Chart:
    return {
        "times": [sample.at.timestamp() for sample in cpu.series],
        "kind": "area",
        "unit": _("cores"),
        "decimals": 4,
        "series": [{"label": "CPU", "tone": "1", "values": [sample.value for sample in cpu.series]}],
    }


def calls_chart(traffic: Traffic) -> Chart:
    return _by_minute(
        traffic,
        "bars",
        "",
        [
            (_("Invocations"), "1", lambda minute: minute.invocations if minute else 0),
            (_("Errors"), "bad", lambda minute: minute.errors if minute else 0),
        ],
    )


def duration_chart(traffic: Traffic) -> Chart:
    def at(fraction: float) -> Callable[[Minute | None], float | None]:
        return lambda minute: percentile_ms(minute.durations, fraction) if minute else None

    return _by_minute(traffic, "line", "ms", [("p50", "2", at(0.5)), ("p95", "4", at(0.95))])


def _by_minute(
    traffic: Traffic,
    kind: str,
    unit: str,
    series: Sequence[tuple[str, str, Callable[[Minute | None], float | None]]],
) -> Chart:
    """Every minute of the window has a place, also those in which nothing happened."""
    found = {minute.start: minute for minute in traffic.minutes}
    times = [traffic.since + timedelta(minutes=number) for number in range(61)]
    return {
        "times": [moment.timestamp() for moment in times],
        "kind": kind,
        "unit": unit,
        "decimals": 1 if unit else 0,
        "series": [
            {"label": label, "tone": tone, "values": [value(found.get(moment)) for moment in times]}
            for label, tone, value in series
        ],
    }
