"""CPU of the functions that run on this machine, from the samples that wasmhost writes."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from faasweb.adapters.metrics.asked import STEP_S, check
from faasweb.domain.errors import MetricsUnavailable
from faasweb.domain.telemetry import CpuUsage, Sample

LOCK_WAIT_S = 5.0
BUCKET_S = 15  # seconds that one sample of wasmhost covers
_SAMPLES = "SELECT bucket, cpu_ns FROM samples WHERE function_id = ? AND bucket >= ? AND bucket < ?"


@dataclass(frozen=True, slots=True)
class EmbeddedMetricStore:
    """Reads ``path``, an SQLite file with a table ``samples``: CPU nanoseconds per function and 15 seconds.

    No file yet, or no sample in the window, is an empty series and no current value. wasmhost writes a sample only when
    something ran, so from the first sample of the window on, a minute without any is a minute of 0 cores; before it the
    function may not have existed, and nothing is said. ``clock`` gives Unix seconds.
    """

    path: Path
    clock: Callable[[], float] = time.time

    def cpu(self, function_id: str, window_s: int = 3600) -> CpuUsage:
        """One value per whole minute, at the minute's end, as a rate looks back; ``current`` is the last 60 s.

        The 15 seconds that are not over yet are left out of both.
        """
        check(function_id, window_s)
        now = int(self.clock()) // BUCKET_S * BUCKET_S
        samples = self._samples(function_id, now - window_s // STEP_S * STEP_S - STEP_S, now)
        current = sum(ns for bucket, ns in samples.items() if bucket >= now - STEP_S)
        series = _per_minute(samples, now // STEP_S * STEP_S, window_s)
        return CpuUsage(window_s, _cores(current) if samples else None, series)

    def _samples(self, function_id: str, start: int, end: int) -> Mapping[int, int]:
        """CPU nanoseconds by the second that a bucket begins, of ``start <= bucket < end``."""
        if not self.path.exists():
            return {}
        uri = f"{self.path.absolute().as_uri()}?mode=ro"
        try:
            with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=LOCK_WAIT_S)) as database:
                if not _has_samples(database):
                    return {}
                return dict(database.execute(_SAMPLES, (function_id, start, end)).fetchall())
        except sqlite3.Error as exc:
            raise MetricsUnavailable("The database of CPU samples can't be read.") from exc


def _has_samples(database: sqlite3.Connection) -> bool:
    asked = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'samples'"
    return database.execute(asked).fetchone() is not None


def _per_minute(samples: Mapping[int, int], end: int, window_s: int) -> Sequence[Sample]:
    """Whole minutes before ``end``, from the first one with a sample on."""
    minutes: defaultdict[int, int] = defaultdict(int)
    for bucket, ns in samples.items():
        minutes[bucket // STEP_S * STEP_S] += ns
    within = [minute for minute in minutes if end - window_s <= minute < end]
    return tuple(
        Sample(datetime.fromtimestamp(minute + STEP_S, UTC), _cores(minutes.get(minute, 0)))
        for minute in range(min(within, default=end), end, STEP_S)
    )


def _cores(ns: int) -> float:
    return ns / (STEP_S * 1_000_000_000)
