"""What waits, on the edge stack: runs of the editor's code, test calls, and live streams."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from dataclasses import dataclass
from typing import Any

import pytest

from consoles.pages import streams
from faasweb.domain.access import SYSTEM_ACTOR
from faasweb.domain.errors import LogsUnavailable
from faasweb.domain.source import Source
from tests.integration.api.test_observing import WASMHOST_TABLES
from tests.integration.conftest import HELLO, Edge, answering
from tests.integration.pages.conftest import at, said

pytestmark = pytest.mark.django_db(transaction=True)


class Tab(Edge):
    """One tab of somebody's browser: the cookies of its session, and the CSRF token that its pages carry."""

    def __init__(self, client=None, *, csrf=True):
        super().__init__()
        if client:
            client.get("/")
            self.headers["cookie"] = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
            if csrf:
                self.headers["x-csrftoken"] = client.cookies["csrftoken"].value

    def run(self, function, kind="draft", **fields):
        form = {"method": "GET", "path": "/", "headers": "", "body": "", **fields}
        return self.call("POST", f"/run/{function.workspace_id}/{function.id}/{kind}", data=form)

    def stream(self, function, place, **more):
        return events_of(self.call("GET", f"/stream/{function.workspace_id}/{function.id}/{place}", **more))


@dataclass(frozen=True)
class Event:
    name: str
    data: dict[str, Any]
    id: str | None


def events_of(answer):
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.headers["cache-control"] == "no-store"
    found = []
    for block in answer.text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        if "event" in fields:
            found.append(Event(fields["event"], json.loads(fields["data"]), fields.get("id")))
    return found


@pytest.fixture
def tab(ada):
    return Tab(ada)


@pytest.fixture
def live(embedded, workspace):
    return embedded.deployed(workspace)


@pytest.fixture
def short(monkeypatch):
    """Streams end after a moment, as they do after ten minutes."""
    monkeypatch.setattr(streams, "POLL_S", 0.01)
    monkeypatch.setattr(streams, "LIFETIME_S", 0.15)


@pytest.fixture
def telemetry(embedded):
    database = sqlite3.connect(embedded.data / "telemetry.db", isolation_level=None, check_same_thread=False)
    database.executescript(WASMHOST_TABLES)
    yield database
    database.close()


def line(telemetry, function, text, stream="stdout"):
    row = (function.id, time.time_ns(), "r1", stream, 1, text)
    telemetry.execute(
        "INSERT INTO lines(function_id, ts_ns, request_id, stream, version, text) VALUES (?,?,?,?,?,?)", row
    )


# running the draft


def test_a_draft_runs_without_being_saved_or_recorded(tab, embedded, greet):
    answer = tab.run(greet, code=HELLO, method="POST", body='{"a": 1}')
    shown = said(answer)
    assert "200" in shown
    assert '"hello": { "a": 1 }' in shown
    assert "called with POST" in shown
    assert "draft, nothing deployed" in shown
    assert embedded.platform.functions.get(greet.ref) == greet
    assert embedded.platform.invocations.list(greet.id, 10) == ([], None)


def test_a_draft_is_given_the_request_that_was_typed(tab, greet):
    code = answering("Response(200, {}, repr([request.method, request.uri, request.headers, request.body]).encode())")
    answer = said(
        tab.run(greet, code=code, method="PUT", path="a/b?x=1&y=2", headers="X-Two: 2\n\nAccept: a:b", body="hi")
    )
    assert "'PUT', '/a/b?x=1&y=2'" in answer
    assert "'x-two': '2'" in answer
    assert "'accept': 'a:b'" in answer
    assert "'content-type': 'application/json'" in answer
    assert "b'hi'" in answer


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"code": ""}, "The code is empty"),
        ({"code": "x" * 2_000_000}, "the limit is 1,000,000"),
        ({"code": HELLO, "headers": "no colon"}, "Write headers as Name: value"),
        ({"code": answering("1 / 0")}, "division by zero"),
        ({"code": "import sys\nsys.exit()"}, "The function exited."),
    ],
)
def test_what_goes_wrong_is_shown_where_the_answer_would_be(tab, greet, fields, sentence):
    answer = tab.run(greet, **fields)
    assert answer.status_code == 200
    assert sentence in said(answer)


def test_an_answer_can_t_become_a_part_of_the_page(tab, greet):
    code = answering("Response(200, {'x': '<script>'}, b'<script>alert(1)</script>')")
    assert b"<script>" not in tab.run(greet, code=code).content


def test_a_large_answer_is_cut_and_one_that_is_no_text_is_shown(tab, greet):
    large = said(tab.run(greet, code=answering("Response(200, {}, b'x' * 100_000)")))
    assert "only the first 64 KB are shown" in large
    assert "97.7" in large
    assert tab.run(greet, code=answering("Response(200, {}, bytes(range(256)))")).status_code == 200


# calling what is live


def test_a_test_call_is_recorded_and_can_be_opened(tab, ada, embedded, live):
    answer = tab.run(live, "test", method="POST", path="/x")
    assert "called with POST" in said(answer)
    assert "v1" in said(answer)
    done = embedded.platform.invocations.list(live.id, 10)[0][0]
    assert (done.trigger, done.path) == ("console", "/x")
    link = answer.text.partition('href="')[2].partition('"')[0]
    assert ada.get(link.replace("&amp;", "&")).status_code == 200


def test_a_test_call_that_can_t_be_says_why(tab, embedded, live, greet):
    assert "not deployed yet" in said(tab.run(greet, "test"))
    assert "not BREW" in said(tab.run(live, "test", method="BREW"))
    embedded.runtime.full = True
    assert "Too many calls at once." in said(tab.run(live, "test"))
    embedded.runtime.full, embedded.runtime.away = False, True
    assert "is being restarted" in said(tab.run(live, "test"))


# who may


def test_running_needs_the_csrf_token(ada, greet):
    answer = Tab(ada, csrf=False).run(greet, code=HELLO)
    assert answer.status_code == 403
    assert "CSRF" in said(answer)


@pytest.mark.parametrize("kind", ["draft", "test"])
def test_strangers_and_viewers_run_nothing(browser, person, member, greet, kind):
    person("eve")
    assert Tab(browser("eve")).run(greet, kind).status_code == 404
    assert Tab(member("viewer")).run(greet, kind).status_code == 403


def test_after_the_session_has_ended_it_says_so_in_a_sentence(tab, ada, greet):
    ada.logout()
    ada.get("/sign-in")
    tab = Tab()
    token = ada.cookies["csrftoken"].value
    tab.headers = {"cookie": f"csrftoken={token}", "x-csrftoken": token, "hx-request": "true"}
    answer = tab.run(greet, code=HELLO)
    assert (answer.status_code, answer.headers["content-type"]) == (401, "text/plain; charset=utf-8")
    assert answer.text == "Sign in again: your session has ended."


def test_streams_are_for_members(browser, person, member, greet, embedded, short):
    person("eve")
    for place in ("logs", "deployments/dp-none"):
        path = f"/stream/{greet.workspace_id}/{greet.id}/{place}"
        assert Tab().call("GET", path).status_code == 401
        assert Tab(browser("eve")).call("GET", path).status_code == 404
    assert Tab(member("viewer")).stream(greet, "logs") is not None


# following logs


def test_lines_come_as_they_are_printed_and_carry_the_cursor(tab, live, telemetry, monkeypatch):
    monkeypatch.setattr(streams, "POLL_S", 0.01)
    monkeypatch.setattr(streams, "LIFETIME_S", 0.6)
    line(telemetry, live, "before")
    later = threading.Timer(0.2, line, (telemetry, live, "while it is open", "stderr"))
    later.start()
    events = tab.stream(live, "logs")
    lines = [event for event in events if event.name == "line"]
    assert [(event.data["text"], event.data["stream"], event.id) for event in lines] == [
        ("before", "stdout", "1"),
        ("while it is open", "stderr", "2"),
    ]
    assert lines[0].data["at"] == pytest.approx(time.time() * 1000, abs=10_000)
    assert lines[0].data["request"] == "r1"
    assert events[-1] == Event("cursor", {}, "2")


def test_a_stream_goes_on_where_the_one_before_ended(tab, live, telemetry, short):
    for number in range(3):
        line(telemetry, live, f"line {number}")

    def texts(**more):
        return [
            event.data["text"] for event in tab.stream(live, more.pop("place", "logs"), **more) if event.name == "line"
        ]

    assert texts() == ["line 0", "line 1", "line 2"]
    assert texts(place="logs?after=1") == ["line 1", "line 2"]
    assert texts(headers={"Last-Event-ID": "2"}) == ["line 2"]
    assert texts(place="logs?after=0", headers={"Last-Event-ID": "3"}) == []


def test_filters_hold_for_what_comes(tab, live, telemetry, short):
    line(telemetry, live, "an apple")
    line(telemetry, live, "a pear", "stderr")
    events = tab.stream(live, "logs?text=apple&after=0")
    assert [event.data["text"] for event in events if event.name == "line"] == ["an apple"]
    assert events[-1] == Event("cursor", {}, "2")
    events = tab.stream(live, "logs?stream=stderr&after=0")
    assert [event.data["text"] for event in events if event.name == "line"] == ["a pear"]


def test_lines_that_are_missing_are_counted(tab, live, telemetry, short):
    line(telemetry, live, "7 lines dropped", "system")
    events = tab.stream(live, "logs?after=0")
    assert Event("dropped", {"count": 7}, None) in events


def test_a_log_store_that_is_away_is_told_once_and_when_it_is_back(tab, embedded, live, telemetry, short, monkeypatch):
    store = type(embedded.platform.logs.store)
    tail, calls = store.tail, iter([1, 1, 1])

    def sometimes(*args, **more):
        if next(calls, None):
            raise LogsUnavailable("The log store does not answer.")
        return tail(*args, **more)

    monkeypatch.setattr(store, "tail", sometimes)
    line(telemetry, live, "found again")
    events = tab.stream(live, "logs")
    assert [event.data for event in events if event.name == "problem"] == [
        {"message": "The log store does not answer."},
        {"message": ""},
    ]
    assert "found again" in [event.data.get("text") for event in events]


def test_a_quiet_stream_shows_that_it_lives(tab, live, telemetry, monkeypatch):
    monkeypatch.setattr(streams, "POLL_S", 0.2)
    monkeypatch.setattr(streams, "HEARTBEAT_S", 0.05)
    monkeypatch.setattr(streams, "LIFETIME_S", 0.4)
    assert Event("ping", {}, None) in tab.stream(live, "logs")


# following a deployment


def test_a_deployment_is_followed_from_the_queue_to_its_end(tab, ada, embedded, greet, monkeypatch):
    monkeypatch.setattr(streams, "POLL_S", 0.01)
    ada.post(at(greet, "deploy"))
    deployment = embedded.platform.deployments.list(greet.id)[0]
    later = threading.Timer(0.1, embedded.work)
    later.start()
    events = tab.stream(greet, f"deployments/{deployment.id}")
    later.join()

    states = [event.data["status"] for event in events if event.name == "state"]
    assert states[0] == "queued"
    assert states[-1] == "live"
    assert events[-1] == Event("end", {}, None)
    last = [event.data for event in events if event.name == "state"][-1]
    assert (last["version"], last["error"], last["instant"]) == (1, None, True)
    lines = [event for event in events if event.name == "line"]
    assert [event.id for event in lines] == [str(number + 1) for number in range(len(lines))]
    assert any("bytes" in event.data["text"] for event in lines)


def test_the_output_of_a_deployment_is_not_repeated_after_a_break(tab, embedded, live, short):
    deployment = embedded.platform.deployments.list(live.id)[0]
    place = f"deployments/{deployment.id}"
    every = [event.id for event in tab.stream(live, place) if event.name == "line"]
    assert len(every) >= 2
    rest = [event.id for event in tab.stream(live, f"{place}?after={every[0]}") if event.name == "line"]
    assert rest == every[1:]
    rest = [event.id for event in tab.stream(live, place, headers={"Last-Event-ID": every[-1]}) if event.name == "line"]
    assert rest == []
    assert tab.stream(live, f"{place}?after=nonsense")[-1].name == "end"


def test_a_failed_deployment_ends_with_its_reason(tab, embedded, greet):
    source = Source.single("x = (\n")
    broken = embedded.platform.functions.create(SYSTEM_ACTOR, greet.workspace_id, "broken", source)
    deployment = embedded.platform.deployments.deploy(SYSTEM_ACTOR, broken.ref)
    embedded.work()
    last = [event.data for event in tab.stream(broken, f"deployments/{deployment.id}") if event.name == "state"][-1]
    assert last["status"] == "failed"
    assert "app.py:1" in last["error"]


def test_a_deployment_of_another_function_is_not_found(tab, embedded, live, greet):
    deployment = embedded.platform.deployments.list(live.id)[0]
    path = f"/stream/{greet.workspace_id}/{greet.id}/deployments/{deployment.id}"
    assert tab.call("GET", path).status_code == 404
