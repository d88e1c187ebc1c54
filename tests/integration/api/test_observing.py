"""Executions, log lines and CPU as the API shows them."""

import asyncio
import sqlite3
import time

import pytest

from faasweb.domain.invocations import InvocationRequest
from tests.integration.conftest import Api, answering, assert_error

pytestmark = pytest.mark.django_db
WASMHOST_TABLES = """
CREATE TABLE lines(id INTEGER PRIMARY KEY AUTOINCREMENT, function_id TEXT NOT NULL, ts_ns INTEGER NOT NULL,
    request_id TEXT NOT NULL, stream TEXT NOT NULL, version INTEGER, text TEXT NOT NULL);
CREATE TABLE samples(function_id TEXT NOT NULL, bucket INTEGER NOT NULL, cpu_ns INTEGER NOT NULL,
    PRIMARY KEY(function_id, bucket));
"""


@pytest.fixture
def telemetry(embedded):
    database = sqlite3.connect(embedded.data / "telemetry.db", isolation_level=None)
    database.executescript(WASMHOST_TABLES)
    yield database
    database.close()


def call(embedded, function, times=1):
    async def calls():
        for number in range(times):
            request = InvocationRequest("POST", body=str(number).encode())
            await embedded.platform.invocations.call(function, request, "route")

    asyncio.run(calls())


def test_a_workspaces_executions_are_merged_newest_first_and_cut(ada, embedded, workspace):
    one, two = (embedded.deployed(workspace, name=name) for name in ("one", "two"))
    call(embedded, one, 2)
    call(embedded, two, 3)
    path = f"/api/workspaces/{workspace.id}/logs"

    everything = ada.get(path).json()

    assert everything["total"] == 5
    assert [item["functionId"] for item in everything["logs"]] == [two.id] * 3 + [one.id] * 2
    assert ada.get(f"{path}?limit=2").json() == {"logs": everything["logs"][:2], "total": 2}


def test_a_functions_executions_are_newest_first_on_both_paths(ada, embedded, workspace):
    function = embedded.deployed(workspace)
    call(embedded, function, 3)

    nested = ada.get(f"/api/workspaces/{workspace.id}/functions/{function.id}/logs?limit=2").json()

    assert [item["requestBody"] for item in nested["logs"]] == [2, 1]
    assert ada.get(f"/api/functions/{function.id}/logs?limit=2").json() == nested


def test_an_execution_without_a_request_body_shows_null(ada, embedded, workspace):
    function = embedded.deployed(workspace, answering("Response(200, {}, b'ok')"))
    asyncio.run(embedded.platform.invocations.call(function, InvocationRequest("GET"), "route"))

    assert ada.get(f"/api/functions/{function.id}/logs").json()["logs"][0]["requestBody"] is None


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/api/workspaces/{ws}/logs", 500),
        ("/api/workspaces/{ws}/functions/{fn}/logs", 1000),
        ("/api/functions/{fn}/logs", 1000),
        ("/api/functions/{fn}/loki-logs", 1000),
    ],
)
def test_limits_have_bounds(ada, embedded, workspace, path, most):
    function = embedded.deployed(workspace)
    url = path.format(ws=workspace.id, fn=function.id)

    assert ada.get(f"{url}?limit={most}").status_code == 200
    for limit in ("0", str(most + 1), "-1", "many", "9" * 400):
        assert_error(ada.get(f"{url}?limit={limit}"), 400, "VALIDATION_ERROR", "limit")


def test_log_lines_are_newest_first_in_the_documented_shape(ada, embedded, workspace, telemetry):
    function = embedded.deployed(workspace)
    for number in range(3):
        row = (function.id, 1767573000000000000 + number, "r1", "stdout", 1, f"line {number}")
        telemetry.execute(
            "INSERT INTO lines(function_id, ts_ns, request_id, stream, version, text) VALUES (?,?,?,?,?,?)", row
        )

    answer = ada.get(f"/api/functions/{function.id}/loki-logs?limit=2")

    assert answer.json() == {
        "logs": [
            {"timestamp": "1767573000000000002", "line": "line 2"},
            {"timestamp": "1767573000000000001", "line": "line 1"},
        ],
        "total": 2,
        "function_id": function.id,
    }


def test_cpu_is_in_the_documented_shape(ada, embedded, workspace, telemetry):
    function = embedded.deployed(workspace)
    bucket = int(time.time()) // 15 * 15 - 15
    telemetry.execute("INSERT INTO samples VALUES (?, ?, ?)", (function.id, bucket, 6_000_000_000))

    body = ada.get(f"/api/functions/{function.id}/metrics").json()

    assert (body["status"], body["function_id"]) == ("success", function.id)
    assert list(body["data"]) == [
        "cpu_total",
        "cpu_series",
        "window_seconds",
        "instant_query",
        "range_query",
        "raw_instant",
        "raw_range",
    ]
    assert body["data"]["cpu_total"] == pytest.approx(0.1)
    assert body["data"]["window_seconds"] == 3600
    for sample in body["data"]["cpu_series"]:
        assert isinstance(sample["timestamp"], float)
        assert isinstance(sample["value"], float)


def test_no_samples_are_null_and_an_empty_series(ada, embedded, workspace):
    data = ada.get(f"/api/functions/{embedded.deployed(workspace).id}/metrics").json()["data"]

    assert (data["cpu_total"], data["cpu_series"]) == (None, [])


@pytest.mark.parametrize("kind", ["loki-logs", "metrics"])
def test_an_unknown_function_has_nothing_to_show_and_a_hidden_one_is_not_found(
    ada, embedded, workspace, person, token, kind
):
    function = embedded.deployed(workspace)
    person("eve")

    assert ada.get(f"/api/functions/fn-22222222/{kind}").status_code == 200
    assert_error(ada.get(f"/api/functions/nonsense/{kind}"), 400, "VALIDATION_ERROR", "function_id")
    assert_error(Api(token("eve")).get(f"/api/functions/{function.id}/{kind}"), 404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("kind", "code"), [("loki-logs", "LOKI_CONNECTION_ERROR"), ("metrics", "PROMETHEUS_CONNECTION_ERROR")]
)
def test_a_store_that_can_not_be_read_is_503(ada, embedded, workspace, kind, code):
    function = embedded.deployed(workspace)
    (embedded.data / "telemetry.db").write_bytes(b"not a database" * 100)

    assert_error(ada.get(f"/api/functions/{function.id}/{kind}"), 503, code)


def test_viewers_may_look_at_everything(workspace, embedded, member):
    function = embedded.deployed(workspace)
    viewer = Api(member("viewer"))

    for path in ("logs", "loki-logs", "metrics"):
        assert viewer.get(f"/api/functions/{function.id}/{path}").status_code == 200
    assert viewer.get(f"/api/workspaces/{workspace.id}/logs").status_code == 200
