"""What every log store promises: on wasmhost's database, and on a Loki that keeps the recorded one's rules."""

from __future__ import annotations

import json
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faasweb.adapters.logs.embedded import EmbeddedLogStore
from faasweb.adapters.logs.loki import LokiLogStore
from faasweb.domain.errors import InvalidInput, LogsUnavailable
from faasweb.domain.telemetry import LogEntry
from faasweb.ports import LogStore
from faasweb.wasmhost import telemetry
from faasweb.wasmhost.frames import LogLine

FUNCTION, OTHER = "fn-a2b2c3d4", "fn-e5f6a7b8"
SECOND = 1_000_000_000
NOW = 1_795_226_500 * SECOND
FIXTURES = Path(__file__).parent.parent / "fixtures" / "loki"


@dataclass
class Printed:
    at: int
    text: str
    stream: str = "stdout"
    function: str = FUNCTION
    request_id: str = ""
    version: int | None = None
    pod: str = "p1"


@dataclass
class LokiServer:
    """The rules of fixtures/loki that a reader depends on; every one of them was seen on Loki 3.4.6."""

    lines: list[Printed] = field(default_factory=list)
    ready: bool = True
    requests: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.path == "/ready":
            return httpx.Response(200 if self.ready else 503, text="ready" if self.ready else "Starting: 5")
        params = request.url.params
        start, end, limit = int(params["start"]), int(params["end"]), int(params["limit"])
        if start >= end or limit > 5000 or end - start > 721 * 3600 * SECOND:
            return httpx.Response(400, text="end timestamp must not be before or equal to start time")
        found = [line for line in self._matching(params["query"]) if start <= line.at < end]
        if params["direction"] == "backward":
            found.reverse()
        return httpx.Response(200, json=_answer(found[:limit]))

    def _matching(self, query: str) -> list[Printed]:
        parsed = re.fullmatch(r'\{(.+?)\}(?: \|= ("(?:[^"\\]|\\.)*"))?(?: \| request_id=("[^"]*"))?', query)
        assert parsed, f"not LogQL: {query}"
        labels = dict(re.findall(r'(\w+)="([^"]*)"', parsed[1]))
        text = json.loads(parsed[2]) if parsed[2] else ""
        request_id = json.loads(parsed[3]) if parsed[3] else None
        found = [
            line
            for line in self.lines
            if line.function == labels["function_id"]
            and line.stream == labels.get("stream", line.stream)
            and text in line.text
            and (request_id is None or line.request_id == request_id)
        ]
        return sorted(found, key=lambda line: line.at)


def _answer(lines: Sequence[Printed]) -> dict[str, Any]:
    streams: dict[tuple[str, str, str], list[list[object]]] = {}
    for line in lines:
        extra = {"detected_level": "unknown", "request_id": line.request_id}
        if line.version is not None:
            extra["version"] = str(line.version)
        value: list[object] = [str(line.at), line.text, {"structuredMetadata": extra}]
        streams.setdefault((line.function, line.pod, line.stream), []).append(value)
    result = [
        {"stream": {"function_id": function, "pod": pod, "stream": stream, "service_name": "x"}, "values": values}
        for (function, pod, stream), values in reversed(streams.items())
    ]
    return {"status": "success", "data": {"resultType": "streams", "result": result}}


@dataclass
class Scene:
    store: LogStore
    write: Callable[[Sequence[Printed]], None]

    def print(self, *texts: str, **more: Any) -> None:
        self.write([Printed(NOW - 100 * SECOND + i, text, **more) for i, text in enumerate(texts)])


def loki_scene() -> tuple[Scene, LokiServer]:
    server = LokiServer()
    return Scene(loki(server), server.lines.extend), server


def loki(handler: Callable[[httpx.Request], httpx.Response]) -> LokiLogStore:
    client = httpx.Client(base_url="http://loki:3100", transport=httpx.MockTransport(handler))
    return LokiLogStore(client, clock=lambda: NOW)


def embedded_scene(path: Path) -> Scene:
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.executescript(telemetry.SCHEMA)
    database.close()

    def write(lines: Sequence[Printed]) -> None:
        rows = [(line.function, line.at, line.stream, line.request_id, line.version, line.text) for line in lines]
        with sqlite3.connect(path) as database:
            database.executemany(telemetry.ADD_LINE, rows)
        database.close()

    return Scene(EmbeddedLogStore(path), write)


@pytest.fixture(params=["embedded", "loki"])
def scene(request, tmp_path) -> Scene:
    return embedded_scene(tmp_path / "telemetry.db") if request.param == "embedded" else loki_scene()[0]


def texts(entries: Sequence[LogEntry]) -> list[str]:
    return [entry.text for entry in entries]


def follow(store: LogStore, cursor: str, limit: int = 3, **filters: str) -> tuple[list[str], str]:
    """Everything after ``cursor``, page by page."""
    found: list[str] = []
    for _ in range(1000):
        page = store.tail(FUNCTION, cursor, limit, **filters)
        assert len(page.entries) <= limit
        found += texts(page.entries)
        cursor = page.cursor
        if not page.entries:
            return found, cursor
    raise AssertionError("the tail never ends")


# --- every log store ---------------------------------------------------------------------------------------------


def test_a_function_that_printed_nothing_has_an_empty_page_and_a_cursor_to_go_on_from(scene):
    scene.print("somebody else's", function=OTHER)
    page = scene.store.tail(FUNCTION, None, 10)
    assert page.entries == ()
    scene.write([Printed(NOW + 1, "first")])
    assert follow(scene.store, page.cursor)[0] == ["first"]


def test_the_newest_page_is_oldest_first(scene):
    scene.print("one", "two", "three", "four")
    assert texts(scene.store.tail(FUNCTION, None, 3).entries) == ["two", "three", "four"]


def test_a_tail_goes_on_where_the_newest_page_ended(scene):
    scene.print("one", "two", "three")
    cursor = scene.store.tail(FUNCTION, None, 2).cursor
    assert follow(scene.store, cursor)[0] == []
    scene.write([Printed(NOW + i, f"new {i}") for i in range(7)])
    found, cursor = follow(scene.store, cursor)
    assert found == [f"new {i}" for i in range(7)]
    assert follow(scene.store, cursor)[0] == []


def test_lines_of_the_same_nanosecond_are_neither_skipped_nor_repeated(scene):
    scene.print("before")
    cursor = scene.store.tail(FUNCTION, None, 10).cursor
    scene.write([Printed(NOW, f"same {i}", pod=f"p{i % 2}") for i in range(8)])
    found, cursor = follow(scene.store, cursor, limit=3)
    assert sorted(found) == [f"same {i}" for i in range(8)]
    scene.write([Printed(NOW, "same, later")])
    assert follow(scene.store, cursor)[0] == ["same, later"]


def test_a_reader_can_go_on_from_any_entry(scene):
    scene.write([Printed(NOW - 50, "a"), Printed(NOW - 40, "b"), Printed(NOW - 40, "c"), Printed(NOW - 30, "d")])
    page = scene.store.tail(FUNCTION, None, 10)
    for position, entry in enumerate(page.entries):
        assert follow(scene.store, entry.cursor)[0] == ["a", "b", "c", "d"][position + 1 :]


def test_an_entry_tells_time_stream_request_and_version(scene):
    scene.write([Printed(NOW - 123_456_789, "x", stream="stderr", request_id="r1", version=4)])
    (entry,) = scene.store.tail(FUNCTION, None, 10).entries
    told = (entry.at_ns, entry.text, entry.stream, entry.request_id, entry.version)
    assert told == (NOW - 123_456_789, "x", "stderr", "r1", 4)


@pytest.mark.parametrize(
    "text", ['"', "\\", "`", "%", "_", "50%", "안녕", "a\nb", "\x1b[31m", "<script>", '"} or {', "]"]
)
def test_a_filter_finds_its_text_literally(scene, text):
    scene.print("plain", f"begin {text} end", "PLAIN")
    assert texts(scene.store.tail(FUNCTION, None, 10, text=text).entries) == [f"begin {text} end"]


def test_a_filter_is_case_sensitive(scene):
    scene.print("Error", "error")
    assert texts(scene.store.tail(FUNCTION, None, 10, text="error").entries) == ["error"]


def test_a_stream_can_be_chosen(scene):
    scene.print("out")
    scene.print("err", stream="stderr")
    assert texts(scene.store.tail(FUNCTION, None, 10, stream="stderr").entries) == ["err"]


def test_a_filtered_tail_finds_what_comes_later_and_nothing_twice(scene):
    scene.print("no", "yes 0", "no")
    page = scene.store.tail(FUNCTION, None, 10, text="yes")
    cursor = page.cursor
    for turn in range(1, 4):
        scene.write([Printed(NOW + turn * 10 + i, "no") for i in range(5)])
        assert scene.store.tail(FUNCTION, cursor, 3, text="yes").entries == ()
        scene.write([Printed(NOW + turn * 10 + 5 + i, f"yes {turn}{i}") for i in range(4)])
        found, cursor = follow(scene.store, cursor, text="yes")
        assert found == [f"yes {turn}{i}" for i in range(4)]


def test_the_lines_of_one_request_are_found_among_others(scene):
    scene.print("mine 1", "mine 2", request_id="aaaa")
    scene.print("not mine", request_id="bbbb")
    scene.print("other function", request_id="aaaa", function=OTHER)
    at = datetime.fromtimestamp(NOW / SECOND, UTC)
    assert texts(scene.store.of_request(FUNCTION, "aaaa", at).entries) == ["mine 1", "mine 2"]
    assert scene.store.of_request(FUNCTION, "cccc", at).entries == ()


@pytest.mark.parametrize("function_id", ["", 'x"', 'x"} or {a="b', "fn-\\", "a b", "a\n", "a" * 64, "-a"])
def test_an_id_that_is_not_one_is_refused(scene, function_id):
    with pytest.raises(InvalidInput):
        scene.store.tail(function_id, None, 10)
    with pytest.raises(InvalidInput):
        scene.store.of_request(function_id, "r", datetime.now(UTC))


def test_a_request_id_that_is_not_one_is_refused(scene):
    with pytest.raises(InvalidInput):
        scene.store.of_request(FUNCTION, 'r" or "', datetime.now(UTC))


@pytest.mark.parametrize("cursor", ["", "x", "-1", "1.5", "1 ", "1.abc", "9" * 19, "9" * 40])
def test_a_cursor_that_is_not_one_is_refused(scene, cursor):
    with pytest.raises(InvalidInput):
        scene.store.tail(FUNCTION, cursor, 10)


@pytest.mark.parametrize(
    "wrong",
    [{"limit": 0}, {"limit": 5001}, {"text": "x" * 501}, {"text": "\ud800"}, {"stream": "std out"}, {"stream": '"'}],
)
def test_a_question_out_of_bounds_is_refused(scene, wrong):
    with pytest.raises(InvalidInput):
        scene.store.tail(FUNCTION, None, **{"limit": 10, **wrong})


@settings(max_examples=60, deadline=None)
@given(
    batches=st.lists(
        st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["p1", "p2"])), max_size=12), min_size=1, max_size=6
    ),
    limit=st.integers(1, 7),
)
def test_loki_tails_give_every_line_once_however_they_are_grouped(batches, limit):
    scene, _ = loki_scene()
    cursor = scene.store.tail(FUNCTION, None, 5).cursor
    at, expected, found = NOW, [], []
    for number, batch in enumerate(batches):
        lines = []
        for position, (step, pod) in enumerate(batch):
            at += step
            lines.append(Printed(at, f"{number}-{position}", pod=pod))
        scene.write(lines)
        expected += [line.text for line in lines]
        more, cursor = follow(scene.store, cursor, limit)
        found += more
    assert sorted(found) == sorted(expected)


# --- wasmhost's database -----------------------------------------------------------------------------------------


def test_without_a_database_or_a_table_nothing_was_printed_yet(tmp_path):
    path = tmp_path / "telemetry.db"
    store = EmbeddedLogStore(path)
    assert store.tail(FUNCTION, None, 10).entries == ()
    sqlite3.connect(path).close()
    cursor = store.tail(FUNCTION, None, 10).cursor
    assert store.of_request(FUNCTION, "r", datetime.now(UTC)).entries == ()
    embedded_scene(path).print("first")
    assert texts(store.tail(FUNCTION, cursor, 10).entries) == ["first"]


def test_a_live_tail_reads_what_wasmhost_writes(tmp_path):
    path = tmp_path / "telemetry.db"
    store = EmbeddedLogStore(path)
    cursor = store.tail(FUNCTION, None, 10).cursor
    writer = telemetry.Telemetry(path)
    writer.start()
    for number in range(200):
        writer.line(FUNCTION, LogLine(NOW, "stdout", f"line {number}"), "r1", 1)
    writer.close(5.0)
    assert follow(store, cursor, 64)[0] == [f"line {number}" for number in range(200)]


def test_no_line_of_several_writers_is_missed_or_repeated(tmp_path):
    scene = embedded_scene(tmp_path / "telemetry.db")

    def write(name: str) -> None:
        for number in range(30):
            scene.write([Printed(NOW, f"{name} {number} {i}") for i in range(3)])

    writers = [threading.Thread(target=write, args=(name,)) for name in "ab"]
    found: list[str] = []
    cursor = scene.store.tail(FUNCTION, None, 10).cursor
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        more, cursor = follow(scene.store, cursor, 10)
        found += more
        time.sleep(0.002)
    found += follow(scene.store, cursor, 10)[0]
    assert sorted(found) == sorted(f"{name} {number} {i}" for name in "ab" for number in range(30) for i in range(3))


def test_a_filtered_tail_does_not_read_the_filtered_lines_again(tmp_path):
    scene = embedded_scene(tmp_path / "telemetry.db")
    scene.print("no", "no", "no")
    assert scene.store.tail(FUNCTION, "0", 10, text="yes").cursor == "3"
    scene.print("yes", "yes", "no")
    assert scene.store.tail(FUNCTION, "3", 1, text="yes").cursor == "4"
    assert scene.store.tail(FUNCTION, "4", 2, text="yes").cursor == "6"


def test_after_the_database_was_made_anew_a_tail_begins_with_the_newest_lines(tmp_path):
    scene = embedded_scene(tmp_path / "telemetry.db")
    scene.print("one", "two")
    page = scene.store.tail(FUNCTION, "777", 1)
    assert (texts(page.entries), page.cursor) == (["two"], "2")


def test_pruned_lines_do_not_move_the_cursor_back(tmp_path):
    path = tmp_path / "telemetry.db"
    scene = embedded_scene(path)
    scene.print("one", "two")
    with sqlite3.connect(path) as database:
        database.execute("DELETE FROM lines")
    database.close()
    assert scene.store.tail(FUNCTION, None, 10).cursor == "2"


def test_a_page_tells_how_many_lines_wasmhost_says_are_missing(tmp_path):
    scene = embedded_scene(tmp_path / "telemetry.db")
    scene.print("[12 lines dropped]", "... 3 lines dropped", stream="system")
    scene.print("99 lines dropped, says the function")
    assert scene.store.tail(FUNCTION, None, 10).dropped == 15


def test_a_damaged_database_is_told_as_unavailable(tmp_path):
    path = tmp_path / "telemetry.db"
    path.write_bytes(b"this is not a database, it only looks like a file" * 100)
    with pytest.raises(LogsUnavailable) as caught:
        EmbeddedLogStore(path).tail(FUNCTION, None, 10)
    assert caught.value.message == "The log database can't be read."


# --- Loki --------------------------------------------------------------------------------------------------------


def recorded(case: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FIXTURES / f"{case}.json").read_text())
    return loaded


def replay(case: str) -> Callable[[httpx.Request], httpx.Response]:
    answer = recorded(case)["response"]

    def handler(request: httpx.Request) -> httpx.Response:
        content = json.dumps(answer["body"]) if "body" in answer else answer["text"]
        return httpx.Response(answer["status"], text=content, headers={"content-type": answer["content_type"] or ""})

    return handler


def test_recorded_streams_are_merged_by_time():
    page = loki(replay("range_several_streams_stdout_stderr_backward")).tail(OTHER, None, 100)
    expected = [f"{'err' if i % 2 else 'out'} line {i}" for i in range(10)]
    assert texts(page.entries) == expected
    assert [entry.stream for entry in page.entries] == ["stderr" if i % 2 else "stdout" for i in range(10)]


@pytest.mark.parametrize("case", ["range_backward_small", "range_categorize_labels"])
def test_recorded_values_of_two_and_three_items_are_read(case):
    page = loki(replay(case)).tail(FUNCTION, None, 10)
    assert texts(page.entries)[-3:] == ["same-ts pod2 d", "same-ts pod2 e", "DEBUG last line of pod2"]
    assert page.entries[-1].at_ns == 1_795_226_451_000_000_000


def test_a_line_is_known_again_however_loki_groups_its_streams():
    cursor = loki(replay("range_categorize_labels")).tail(FUNCTION, None, 7).cursor
    again = loki(replay("range_backward_small")).tail(FUNCTION, cursor, 10)
    assert again.entries == ()


def test_recorded_structured_metadata_does_not_disturb():
    page = loki(replay("range_structured_metadata_categorized")).tail("fn-meta", None, 10)
    assert texts(page.entries) == ["with metadata", "without metadata"]


def test_the_filter_is_escaped_as_the_recorded_one():
    asked: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return replay("range_filter_escaped_quote")(request)

    page = loki(handler).tail("fn-a1b2c3d4", None, 100, text='quote " and backslash \\')
    expected = recorded("range_filter_escaped_quote")["request"]["params"]["query"]
    assert asked[0].url.params["query"] == expected
    assert asked[0].headers["X-Loki-Response-Encoding-Flags"] == "categorize-labels"
    assert len(page.entries) == 1


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        ("range_bad_query_400", "Loki answered with status 400."),
        ("range_limit_over_max_400", "Loki answered with status 400."),
        ("ready_before_503", "Loki answered with status 503."),
        ("unknown_path_404", "Loki answered with status 404."),
        ("wrong_method_405", "Loki answered with status 405."),
        ("ready_after_200", "Loki's answer can't be read."),
    ],
)
def test_recorded_refusals_become_a_sentence_without_lokis_text(case, sentence):
    with pytest.raises(LogsUnavailable) as caught:
        loki(replay(case)).tail(FUNCTION, None, 10)
    assert caught.value.message == sentence


@pytest.mark.parametrize(
    "body",
    [
        {"status": "error"},
        {"status": "success"},
        [],
        "x",
        {"status": "success", "data": {"result": [{"stream": {}, "values": [["x", "y"]]}]}},
        {"status": "success", "data": {"result": [{"values": []}]}},
        {"status": "success", "data": {"result": [{"stream": {}, "values": [[]]}]}},
    ],
)
def test_an_answer_of_another_shape_is_unavailable(body):
    with pytest.raises(LogsUnavailable):
        loki(lambda request: httpx.Response(200, json=body)).tail(FUNCTION, None, 10)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (httpx.ReadTimeout("10 s"), "Loki did not answer in time."),
        (httpx.ConnectError("refused"), "Loki can't be reached."),
        (httpx.RemoteProtocolError("gone"), "Loki can't be reached."),
    ],
)
def test_a_loki_that_does_not_answer_is_unavailable(error, sentence):
    def fail(request: httpx.Request) -> httpx.Response:
        raise error

    with pytest.raises(LogsUnavailable) as caught:
        loki(fail).tail(FUNCTION, None, 10)
    assert caught.value.message == sentence


def test_a_loki_that_is_still_starting_is_not_taken_for_an_empty_log():
    def handler(request: httpx.Request) -> httpx.Response:
        return replay("ready_before_503" if request.url.path == "/ready" else "query_before_ready")(request)

    with pytest.raises(LogsUnavailable) as caught:
        loki(handler).tail(FUNCTION, None, 10)
    assert caught.value.message == "Loki is still starting."


def test_a_line_that_reaches_loki_late_is_still_given():
    scene, _ = loki_scene()
    scene.write([Printed(NOW - 10 * SECOND, "early"), Printed(NOW - 2 * SECOND, "newest")])
    cursor = scene.store.tail(FUNCTION, None, 10).cursor
    scene.write([Printed(NOW - 5 * SECOND, "late", pod="p2")])
    found, cursor = follow(scene.store, cursor)
    assert found == ["late"]
    assert follow(scene.store, cursor)[0] == []


def test_a_full_newest_page_does_not_bring_older_lines_afterwards():
    scene, _ = loki_scene()
    scene.write([Printed(NOW - 20 + i, f"{i}") for i in range(10)])
    cursor = scene.store.tail(FUNCTION, None, 4).cursor
    assert follow(scene.store, cursor)[0] == []


def test_a_busy_function_does_not_make_cursors_grow():
    scene, _ = loki_scene()
    cursor = scene.store.tail(FUNCTION, None, 10).cursor
    scene.write([Printed(NOW + i, f"{i}") for i in range(3000)])
    found, cursor = follow(scene.store, cursor, limit=1000)
    assert found == [f"{i}" for i in range(3000)]
    assert len(cursor) < 1000


def test_an_idle_tail_asks_for_a_short_time_and_an_old_cursor_for_no_more_than_loki_gives():
    scene, server = loki_scene()
    cursor = str(NOW - 40 * 86_400 * SECOND)
    page = scene.store.tail(FUNCTION, cursor, 10)
    scene.store.tail(FUNCTION, page.cursor, 10)
    spans = [int(r.url.params["end"]) - int(r.url.params["start"]) for r in server.requests]
    assert spans == [7 * 86_400 * SECOND + 60 * SECOND, 660 * SECOND]


def test_more_lines_in_one_nanosecond_than_loki_shows_do_not_stop_a_tail():
    scene, _ = loki_scene()
    cursor = scene.store.tail(FUNCTION, None, 10).cursor
    scene.write([Printed(NOW, f"{i}") for i in range(5200)])
    scene.write([Printed(NOW + 1, "next")])
    found: list[str] = []
    for _ in range(3):
        page = scene.store.tail(FUNCTION, cursor, 5000)
        found += texts(page.entries)
        cursor = page.cursor
    assert len(found) == len(set(found))
    assert found[-1] == "next"
