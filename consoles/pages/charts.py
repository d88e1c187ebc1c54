"""What the Metrics tab draws: rows of epoch seconds and values, in the order of the charts' ``data-column``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from faasweb.domain.telemetry import CpuUsage
from faasweb.domain.usage import percentile_ms
from faasweb.usecases.observing import Traffic

Row = Sequence[float | None]


def cpu_rows(cpu: CpuUsage | None) -> Sequence[Row]:
    """``[seconds, cores]``; what was not measured has no row."""
    return [[sample.at.timestamp(), sample.value] for sample in cpu.series] if cpu else []


def minute_rows(traffic: Traffic) -> Sequence[Row]:
    """``[seconds, invocations, errors, p50 ms, p95 ms]`` for every minute of the last hour, the quiet ones too."""
    found = {minute.start: minute for minute in traffic.minutes}
    rows: list[Row] = []
    for number in range(61):
        moment = traffic.since + timedelta(minutes=number)
        if minute := found.get(moment):
            slow, middle = percentile_ms(minute.durations, 0.95), percentile_ms(minute.durations, 0.5)
            rows.append([moment.timestamp(), minute.invocations, minute.errors, middle, slow])
        else:
            rows.append([moment.timestamp(), 0, 0, None, None])
    return rows
