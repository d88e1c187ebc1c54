"""CPU of functions on Kubernetes, from Prometheus' HTTP API."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from faasweb.adapters.metrics.asked import STEP_S, check
from faasweb.domain.errors import MetricsUnavailable
from faasweb.domain.telemetry import CpuUsage, Sample

# cAdvisor knows pods, kube-state-metrics knows which function a pod runs: joined on the pod. The series of several
# kube-state-metrics are made one by ``max``, or the join fails for everybody; ``container!=""`` leaves out the pod's
# own sum, which would double the figure.
_QUERY = (
    'sum(rate(container_cpu_usage_seconds_total{{container!=""}}[{window}])'
    " * on(namespace, pod) group_left(label_function_id)"
    " max by (namespace, pod, label_function_id) (kube_pod_labels{{label_function_id={function_id}}}))"
)


@dataclass(frozen=True, slots=True)
class PrometheusMetricStore:
    """Needs cAdvisor's CPU counter and kube-state-metrics with the pod label ``function_id`` allowed.

    ``client`` has Prometheus' address as its base_url and a time limit. ``rate_window`` must hold at least four
    scrapes: with fewer, ``rate`` has a value only by luck ([1m] with a scrape every 60 s is mostly empty). Five minutes
    are safe for the usual 15 to 60 s, and bridge a short gap; the price is that a peak shows smoothed. ``clock`` gives
    Unix seconds.
    """

    client: httpx.Client
    rate_window: str = "5m"
    clock: Callable[[], float] = time.time

    def cpu(self, function_id: str, window_s: int = 3600) -> CpuUsage:
        """Points lie on whole minutes; a minute without data has none, which is not 0. The two queries fail apart."""
        check(function_id, window_s)
        query = _QUERY.format(window=self.rate_window, function_id=_quoted(function_id))
        now = self.clock()
        end = int(now) // STEP_S * STEP_S
        window = {"query": query, "start": str(end - window_s), "end": str(end), "step": str(STEP_S)}
        instant = self._ask("/api/v1/query", {"query": query, "time": f"{now:.3f}"})
        ranged = self._ask("/api/v1/query_range", window)
        if instant.failure and ranged.failure:
            raise instant.failure
        return CpuUsage(
            window_s,
            instant.samples[0].value if instant.samples else None,
            ranged.samples,
            partial=bool(instant.failure or ranged.failure),
            instant_query=query,
            range_query=query,
            raw_instant=instant.raw,
            raw_range=ranged.raw,
        )

    def _ask(self, path: str, params: Mapping[str, str]) -> _Answer:
        """What came back, or what went wrong: one of two failures is no failure yet."""
        try:
            answer = self.client.get(path, params=params)
        except httpx.TimeoutException:
            return _failed("Prometheus did not answer in time.")
        except httpx.HTTPError:
            return _failed("Prometheus can't be reached.")
        if answer.status_code != httpx.codes.OK:
            return _failed(f"Prometheus answered with status {answer.status_code}.")
        try:
            # A bare NaN would make the raw answer unfit for JSON when it goes out again.
            raw = answer.json(parse_constant=str)
            if raw["status"] != "success":
                return _failed("Prometheus could not answer the query.")
            return _Answer(tuple(_samples(raw["data"])), raw)
        except (LookupError, TypeError, ValueError, AttributeError):
            return _failed("Prometheus' answer can't be read.")


@dataclass(frozen=True, slots=True)
class _Answer:
    samples: tuple[Sample, ...] = ()
    raw: object = None
    failure: MetricsUnavailable | None = None


def _failed(sentence: str) -> _Answer:
    return _Answer(failure=MetricsUnavailable(sentence))


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _samples(data: Mapping[str, Any]) -> Iterator[Sample]:
    """The finite values of the only series: a sum has no second one. Values are texts, among them NaN and +Inf."""
    for series in data["result"][:1]:
        points = series["values"] if data["resultType"] == "matrix" else [series["value"]]
        for at, value in points:
            number = float(value)
            if math.isfinite(number):
                yield Sample(datetime.fromtimestamp(float(at), UTC), number)
