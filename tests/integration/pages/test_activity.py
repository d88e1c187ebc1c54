"""What happened: builds, executions, logs and metrics as their pages show them."""

import asyncio
import sqlite3
import time

import pytest

from faasweb.domain.errors import LogsUnavailable, MetricsUnavailable
from faasweb.domain.invocations import InvocationRequest
from tests.integration.api.test_observing import WASMHOST_TABLES
from tests.integration.conftest import answering
from tests.integration.pages.conftest import HTMX, at, is_whole_page, said

pytestmark = pytest.mark.django_db


@pytest.fixture
def live(embedded, workspace):
    return embedded.deployed(workspace)


@pytest.fixture
def telemetry(embedded):
    database = sqlite3.connect(embedded.data / "telemetry.db", isolation_level=None)
    database.executescript(WASMHOST_TABLES)
    yield database
    database.close()


def line(telemetry, function, text, request="r1", stream="stdout"):
    row = (function.id, time.time_ns(), request, stream, 1, text)
    telemetry.execute(
        "INSERT INTO lines(function_id, ts_ns, request_id, stream, version, text) VALUES (?,?,?,?,?,?)", row
    )


def call(embedded, function, path="/", body=b"", times=1):
    async def calls():
        return [
            (await embedded.platform.invocations.call(function, InvocationRequest("POST", path, body=body), "route"))[1]
            for _ in range(times)
        ]

    return asyncio.run(calls())


# builds


def test_builds_are_listed_and_opened(ada, embedded, live):
    builds = f"/workspaces/{live.workspace_id}/builds"
    page = ada.get(builds)
    assert "greet" in said(page)
    assert "Done" in said(page)
    assert not is_whole_page(ada.get(builds, headers=HTMX))
    build = embedded.platform.builds.list(live.workspace_id)[0]
    shown = ada.get(f"{builds}/{build.id}")
    assert build.id in said(shown)
    assert "bytes" in said(shown)
    assert "every 1s" not in shown.content.decode()


def test_a_build_under_way_asks_for_itself_again(ada, embedded, greet):
    ada.post(at(greet, "deploy"))
    while not embedded.platform.builds.list(greet.workspace_id):
        task = embedded.queue.waiting.pop(0)
        embedded.queue.run(task.task, task.args)
    build = embedded.platform.builds.list(greet.workspace_id)[0]
    place = f"/workspaces/{greet.workspace_id}/builds/{build.id}"
    assert "every 1s" in ada.get(place).content.decode()
    assert not is_whole_page(ada.get(place, headers=HTMX))


def test_a_build_of_another_workspace_is_not_found(ada, browser, person, embedded, live):
    person("eve")
    eve = browser("eve")
    theirs = eve.post("/workspaces", {"name": "Hers"})["Location"]
    build = embedded.platform.builds.list(live.workspace_id)[0]
    assert eve.get(f"{theirs}/builds/{build.id}").status_code == 404


# executions


def test_executions_are_listed_newest_first_with_older_ones_on_further_pages(ada, embedded, live):
    call(embedded, live, "/old")
    call(embedded, live, "/new", times=50)
    page = ada.get(at(live, "executions")).content.decode()
    assert "/old" not in page
    assert "every 5s" in page
    older = page.partition('href="?before=')[2].partition('"')[0]
    second = ada.get(f"{at(live, 'executions')}?before={older}").content.decode()
    assert "/old" in second
    assert "every 5s" not in second
    assert "Newest" in second


def test_executions_of_nowhere_are_refused(ada, live):
    assert ada.get(at(live, "executions"), {"before": "nonsense"}).status_code in (200, 400)


def test_an_execution_shows_bodies_and_what_it_printed(ada, embedded, live, telemetry):
    done = call(embedded, live, "/some/where", b'{"a": "<b>1</b>"}')[0]
    line(telemetry, live, "printed in full", done.request_id)
    place = at(live, f"executions/{done.id}")
    page = ada.get(place, {"at": done.at.isoformat()})
    assert "POST /some/where" in said(page)
    assert '{"a": "<b>1</b>"}' in said(page)
    assert '{"hello": {"a":' in said(page)
    assert "printed in full" in said(page)
    assert b"<b>1" not in page.content


def test_an_execution_is_found_with_its_time_only(ada, embedded, live):
    done = call(embedded, live)[0]
    place = at(live, f"executions/{done.id}")
    unescaped_plus = done.at.isoformat()
    assert ada.get(f"{place}?at={unescaped_plus}").status_code == 200
    for wrong in ("", "yesterday", "2020-01-01T00:00:00+00:00"):
        assert ada.get(place, {"at": wrong}).status_code == 404, wrong


def test_an_execution_without_its_log_store_shows_the_lines_it_kept(ada, embedded, live, monkeypatch):
    done = call(embedded, live)[0]

    def away(*_args):
        raise LogsUnavailable("away")

    monkeypatch.setattr(type(embedded.platform.logs.store), "of_request", away)
    page = said(ada.get(at(live, f"executions/{done.id}"), {"at": done.at.isoformat()}))
    assert "called with POST" in page


def test_a_failed_execution_shows_the_error(ada, embedded, workspace):
    function = embedded.deployed(workspace, answering("1 / 0"))
    done = call(embedded, function)[0]
    page = said(ada.get(at(function, f"executions/{done.id}"), {"at": done.at.isoformat()}))
    assert "ZeroDivisionError: division by zero" in page
    assert "500" in page


# logs


def test_logs_start_with_the_newest_lines_and_where_to_go_on(ada, live, telemetry):
    for number in range(250):
        line(telemetry, live, f"line-{number:03}")
    page = ada.get(at(live, "logs")).content.decode()
    assert page.count('<span class="log-text">') == 200
    assert "line-249" in page
    assert "line-049" not in page
    assert 'data-stream-after="250"' in page


def test_logs_are_filtered_by_text_and_stream(ada, live, telemetry):
    line(telemetry, live, "an apple")
    line(telemetry, live, "a pear", stream="stderr")
    part = ada.get(at(live, "logs"), {"text": "apple"}, headers=HTMX)
    assert not is_whole_page(part)
    assert "an apple" in said(part)
    assert "a pear" not in said(part)
    assert "a pear" in said(ada.get(at(live, "logs"), {"stream": "stderr"}))
    assert "No line matches the filter yet." in said(ada.get(at(live, "logs"), {"text": "plum"}))


@pytest.mark.parametrize("asked", [{"stream": "stdin"}, {"text": "x" * 201}])
def test_filters_that_can_t_be_are_refused(ada, live, asked):
    assert ada.get(at(live, "logs"), asked).status_code == 400


def test_logs_are_downloaded_as_text(ada, live, telemetry):
    line(telemetry, live, "한국어 <b>")
    answer = ada.get(at(live, "logs"), {"download": "1"})
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="greet.log"'
    assert answer.content.decode().endswith("stdout 한국어 <b>\n")


def test_logs_of_a_store_that_is_away_say_so(ada, embedded, live, monkeypatch):
    def away(*_args, **_more):
        raise LogsUnavailable("The log store does not answer.")

    monkeypatch.setattr(type(embedded.platform.logs.store), "tail", away)
    answer = ada.get(at(live, "logs"))
    assert answer.status_code == 200
    assert "The log store does not answer." in said(answer)


# metrics


def test_metrics_as_a_page_and_as_rows(ada, embedded, live, telemetry):
    call(embedded, live, times=3)
    latest = int(time.time()) // 15 * 15
    for number in range(1, 9):
        telemetry.execute("INSERT INTO samples VALUES (?, ?, ?)", (live.id, latest - 15 * number, 6_000_000_000))
    assert "Invocations 3 last hour" in said(ada.get(at(live, "metrics")))
    answer = ada.get(at(live, "metrics"), headers={"accept": "application/json"})
    rows = answer.json()
    assert len(rows["minutes"]) == 61
    assert sum(row[1] for row in rows["minutes"]) == 3
    assert max(row[1] for row in rows["cpu"]) == pytest.approx(0.4)
    assert "Accept" in answer["Vary"]


def test_metrics_without_data_are_dashes(ada, greet):
    assert "Median duration \N{EN DASH} p50" in said(ada.get(at(greet, "metrics")))


def test_metrics_of_a_store_that_is_away_say_so(ada, embedded, live, monkeypatch):
    def away(*_args):
        raise MetricsUnavailable("The metric store does not answer.")

    monkeypatch.setattr(type(embedded.platform.metrics.store), "cpu", away)
    assert "The metric store does not answer." in said(ada.get(at(live, "metrics")))
    rows = ada.get(at(live, "metrics"), headers={"accept": "application/json"}).json()
    assert (rows["cpu"], rows["problem"]) == ([], "The metric store does not answer.")
