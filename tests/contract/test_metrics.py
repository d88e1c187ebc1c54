"""What every metric store promises: on wasmhost's samples, and on recorded answers of Prometheus 2.42."""

from __future__ import annotations

import json
import math
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from faasweb.adapters.metrics.embedded import EmbeddedMetricStore
from faasweb.adapters.metrics.prometheus import PrometheusMetricStore
from faasweb.domain.errors import InvalidInput, MetricsUnavailable
from faasweb.ports import MetricStore
from faasweb.wasmhost import telemetry

FUNCTION = "fn-a1b2c3d4"
FIXTURES = Path(__file__).parent.parent / "fixtures" / "prometheus"
NOW = 1_795_226_400  # the recorded range ends here, on a whole minute
CORE = 1_000_000_000  # CPU nanoseconds of one core in one second

Handler = Callable[[httpx.Request], httpx.Response]


def recorded(case: str) -> httpx.Response:
    answer = json.loads((FIXTURES / f"{case}.json").read_text())["response"]
    content = json.dumps(answer["body"]) if "body" in answer else answer["text"]
    return httpx.Response(answer["status"], text=content, headers={"content-type": answer["content_type"]})


def replay(instant: str, ranged: str) -> Handler:
    return lambda request: recorded(ranged if request.url.path.endswith("query_range") else instant)


def prometheus(handler: Handler, now: float = NOW) -> PrometheusMetricStore:
    client = httpx.Client(base_url="http://prometheus:9090", transport=httpx.MockTransport(handler))
    return PrometheusMetricStore(client, clock=lambda: now)


def embedded(path: Path, now: float = NOW, **samples: int) -> EmbeddedMetricStore:
    """``samples``: CPU nanoseconds by seconds before NOW, as ``_60=...``."""
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.executescript(telemetry.SCHEMA)
        for ago, ns in samples.items():
            database.execute(telemetry.ADD_SAMPLE, (FUNCTION, NOW - int(ago.removeprefix("_")), ns, 1))
    database.close()
    return EmbeddedMetricStore(path, clock=lambda: now)


@pytest.fixture(params=["embedded", "prometheus"])
def used(request, tmp_path) -> MetricStore:
    if request.param == "embedded":
        steady = {f"_{ago}": 15 * CORE // 10 for ago in range(15, 3601, 15)}
        return embedded(tmp_path / "telemetry.db", **steady)
    return prometheus(replay("cpu_instant", "cpu_range_rate5m"))


@pytest.fixture(params=["embedded", "prometheus"])
def unused(request, tmp_path) -> MetricStore:
    if request.param == "embedded":
        return embedded(tmp_path / "telemetry.db")
    return prometheus(replay("cpu_instant_no_data", "cpu_range_no_data"))


# --- every metric store ------------------------------------------------------------------------------------------


def test_cpu_is_in_cores_one_point_a_minute_in_time_order(used):
    usage = used.cpu(FUNCTION)
    assert usage.window_s == 3600
    assert usage.current == pytest.approx(0.1, abs=0.01)
    assert all(0.03 < sample.value < 0.13 for sample in usage.series)
    times = [sample.at.timestamp() for sample in usage.series]
    assert times == sorted(set(times))
    assert all(at % 60 == 0 and NOW - 3600 <= at <= NOW for at in times)
    assert not usage.partial


def test_without_data_there_is_no_value_rather_than_zero(unused):
    usage = unused.cpu(FUNCTION)
    assert usage.current is None
    assert usage.series == ()
    assert not usage.partial


@pytest.mark.parametrize(
    "function_id", ["", 'x"', 'x"} or kube_pod_labels{label_function_id="fn-e5f6a7b8', "a b", "-a"]
)
def test_an_id_that_is_not_one_is_refused(used, function_id):
    with pytest.raises(InvalidInput):
        used.cpu(function_id)


@pytest.mark.parametrize("window_s", [0, 59, 86_401, -1])
def test_a_window_out_of_bounds_is_refused(used, window_s):
    with pytest.raises(InvalidInput):
        used.cpu(FUNCTION, window_s)


def test_the_answer_is_strict_json(used):
    usage = used.cpu(FUNCTION)
    values = [sample.value for sample in usage.series]
    json.dumps([usage.current, values, usage.raw_instant, usage.raw_range], allow_nan=False)


# --- wasmhost's samples ------------------------------------------------------------------------------------------


def test_without_a_database_or_a_table_there_is_no_value(tmp_path):
    path = tmp_path / "telemetry.db"
    assert EmbeddedMetricStore(path).cpu(FUNCTION).current is None
    sqlite3.connect(path).close()
    assert EmbeddedMetricStore(path).cpu(FUNCTION).series == ()


def test_minutes_without_samples_are_zero_after_the_first_sample_only(tmp_path):
    store = embedded(tmp_path / "telemetry.db", _300=30 * CORE, _285=30 * CORE, _120=6 * CORE)
    usage = store.cpu(FUNCTION)
    assert [(NOW - sample.at.timestamp(), sample.value) for sample in usage.series] == [
        (240, 1.0),
        (180, 0.0),
        (120, 0.0),
        (60, 0.1),
        (0, 0.0),
    ]
    assert usage.current == 0.0


def test_what_is_not_over_yet_is_left_out(tmp_path):
    store = embedded(tmp_path / "telemetry.db", now=NOW + 20, _60=60 * CORE, _0=6 * CORE, **{"_-15": 600 * CORE})
    usage = store.cpu(FUNCTION)
    assert [sample.value for sample in usage.series] == [1.0]
    assert usage.current == pytest.approx(0.1)


def test_only_the_window_counts(tmp_path):
    store = embedded(tmp_path / "telemetry.db", _3660=60 * CORE, _3600=60 * CORE)
    assert len(store.cpu(FUNCTION).series) == 60
    assert store.cpu(FUNCTION, 120).series == ()
    assert store.cpu(FUNCTION, 120).current is None


def test_samples_of_other_functions_do_not_count(tmp_path):
    store = embedded(tmp_path / "telemetry.db", _60=60 * CORE)
    assert store.cpu("fn-another2").current is None


def test_what_wasmhost_writes_is_read(tmp_path):
    path = tmp_path / "telemetry.db"
    writer = telemetry.Telemetry(path)
    writer.start()
    writer.sample(FUNCTION, 6 * CORE)
    writer.sample(FUNCTION, 6 * CORE)
    writer.close(5.0)
    in_a_while = time.time() + 30
    assert EmbeddedMetricStore(path, clock=lambda: in_a_while).cpu(FUNCTION).current == pytest.approx(0.2)


def test_a_damaged_database_is_told_as_unavailable(tmp_path):
    path = tmp_path / "telemetry.db"
    path.write_bytes(b"this is not a database, it only looks like a file" * 100)
    with pytest.raises(MetricsUnavailable):
        EmbeddedMetricStore(path).cpu(FUNCTION)


# --- Prometheus --------------------------------------------------------------------------------------------------


def test_the_query_is_the_robust_one_over_the_hour_before_the_last_whole_minute():
    asked: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return replay("cpu_instant", "cpu_range")(request)

    prometheus(handler, now=NOW + 59.5).cpu(FUNCTION)
    robust = json.loads((FIXTURES / "cpu_instant_duplicate_ksm_fixed.json").read_text())["request"]["params"]["query"]
    query = robust.replace("[1m]", "[5m]").replace("fn-dup", FUNCTION)
    assert [dict(request.url.params) for request in asked] == [
        {"query": query, "time": f"{NOW + 59.5:.3f}"},
        {"query": query, "start": str(NOW - 3600), "end": str(NOW), "step": "60"},
    ]


def test_a_gap_leaves_points_out():
    usage = prometheus(replay("cpu_instant", "cpu_range")).cpu(FUNCTION)
    assert len(usage.series) == 58


def test_raw_answers_and_queries_are_kept_for_developer_tools():
    usage = prometheus(replay("cpu_instant", "cpu_range")).cpu(FUNCTION)
    assert usage.raw_instant == recorded("cpu_instant").json()
    assert usage.raw_range == recorded("cpu_range").json()
    assert FUNCTION in usage.instant_query
    assert FUNCTION in usage.range_query


@pytest.mark.parametrize(("case", "finite"), [("range_nan_inf", 3), ("range_plus_inf", None)])
def test_values_that_are_no_numbers_are_skipped(case, finite):
    usage = prometheus(replay("value_nan", case)).cpu(FUNCTION)
    assert usage.current is None
    assert all(math.isfinite(sample.value) for sample in usage.series)
    assert finite is None or len(usage.series) == finite
    assert not usage.partial


def test_a_bare_nan_in_an_answer_stays_strict_json():
    body = '{"status": "success", "data": {"resultType": "vector", "result": [{"value": [1, NaN]}]}}'
    usage = prometheus(lambda request: httpx.Response(200, text=body)).cpu(FUNCTION)
    assert usage.current is None
    json.dumps(usage.raw_instant, allow_nan=False)


def test_one_failing_query_makes_the_answer_partial():
    usage = prometheus(replay("cpu_instant_duplicate_ksm_422", "cpu_range")).cpu(FUNCTION)
    assert (usage.partial, usage.current, usage.raw_instant) == (True, None, None)
    assert len(usage.series) == 58
    usage = prometheus(replay("cpu_instant", "timeout_503")).cpu(FUNCTION)
    assert (usage.partial, usage.series, usage.raw_range) == (True, (), None)
    assert usage.current == pytest.approx(0.10285725)


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        ("timeout_503", "Prometheus answered with status 503."),
        ("unknown_path_404", "Prometheus answered with status 404."),
        ("cpu_instant_duplicate_ksm_422", "Prometheus answered with status 422."),
        ("value_scalar", "Prometheus' answer can't be read."),
    ],
)
def test_two_failing_queries_are_unavailable_without_prometheus_text(case, sentence):
    with pytest.raises(MetricsUnavailable) as caught:
        prometheus(replay(case, case)).cpu(FUNCTION)
    assert caught.value.message == sentence


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"status": "success"}', '{"status": "error"}', "<html>"])
def test_an_answer_of_another_shape_is_unavailable(text):
    with pytest.raises(MetricsUnavailable):
        prometheus(lambda request: httpx.Response(200, text=text)).cpu(FUNCTION)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (httpx.ReadTimeout("slow"), "Prometheus did not answer in time."),
        (httpx.ConnectError("refused"), "Prometheus can't be reached."),
    ],
)
def test_a_prometheus_that_does_not_answer_is_unavailable(error, sentence):
    def fail(request: httpx.Request) -> httpx.Response:
        raise error

    with pytest.raises(MetricsUnavailable) as caught:
        prometheus(fail).cpu(FUNCTION)
    assert caught.value.message == sentence
