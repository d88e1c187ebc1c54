"""Sandboxes without a guest: files, databases, deadlines, and how a run's end is put into words."""

import sqlite3
import threading
import time

import pytest

from faasweb.wasmhost.abi import MAX_HANDLES, ResourceTable, TooManyHandles
from faasweb.wasmhost.abi_shapes import Err
from faasweb.wasmhost.databases import fence, open_database
from faasweb.wasmhost.interfaces.clocks import Moment
from faasweb.wasmhost.interfaces.filesystem import MemoryFilesystem
from faasweb.wasmhost.interfaces.http_types import Fields
from faasweb.wasmhost.live import LiveRelease
from faasweb.wasmhost.outcome import ending, last_exception
from faasweb.wasmhost.request_log import RequestLog
from faasweb.wasmhost.sandbox import MAX_RESPONSE_BODY, GuestRequest, Sandbox, Stopped, TooMuchHeld


class KeptResponse:
    def __init__(self):
        self.heads, self.size = [], 0

    def head(self, status, headers):
        self.heads.append((status, headers))

    def body(self, data):
        self.size += len(data)

    def flush(self):
        pass


@pytest.fixture
def sandbox(tmp_path):
    release = LiveRelease("fn-1", "ws-1", "r1", files={"app.py": ""}, timeout_s=0.3, memory_mb=64)
    filesystem = MemoryFilesystem("/app", {"app.py": b"x", "pkg/data/a.txt": b"abc", "../out.txt": b"no"})
    sandbox = Sandbox(
        release, GuestRequest("GET", "/"), KeptResponse(), RequestLog(), (filesystem,), tmp_path / "state"
    )
    yield sandbox
    sandbox.close()


def test_files_are_found_below_the_mount_only(sandbox):
    (filesystem,) = sandbox.filesystems
    root, find = filesystem.nodes[""], filesystem.find
    assert root.names == {"app.py", "pkg"}
    assert find(root, "pkg/data/../data/a.txt").read() == b"abc"
    assert find(find(root, "pkg"), "..").names == root.names
    for path, reason in [("../etc/passwd", "not-permitted"), ("/etc/passwd", "not-permitted"), ("none", "no-entry")]:
        with pytest.raises(Err) as refused:
            find(root, path)
        assert refused.value.value == reason


@pytest.mark.parametrize(
    "statement",
    [
        "ATTACH DATABASE '/tmp/faasweb-escape.db' AS other",
        "VACUUM INTO '/tmp/faasweb-escape.db'",
        "SELECT load_extension('x')",
        "PRAGMA max_page_count = 1000000000",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA temp_store_directory = '/'",
        "PRAGMA writable_schema = ON",
        "DETACH DATABASE main",
    ],
)
def test_sql_does_not_leave_its_file(sandbox, statement):
    database = open_database(sandbox, sandbox.state / "a.db")
    fence(database)
    with pytest.raises(sqlite3.DatabaseError):
        database.execute(statement)


def test_ordinary_sql_works_in_the_fence(sandbox):
    database = open_database(sandbox, sandbox.state / "a.db")
    fence(database)
    database.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT)")
    database.execute("BEGIN")
    database.execute("INSERT INTO t(name) VALUES (upper('x'))")
    database.execute("COMMIT")
    assert database.execute("PRAGMA table_info(t)").fetchall()
    assert database.execute("SELECT * FROM t").fetchall() == [(1, "X")]


def test_a_database_has_a_largest_size(sandbox, monkeypatch):
    monkeypatch.setattr("faasweb.wasmhost.databases.MAX_DATABASE_BYTES", 1 << 20)
    sandbox.deadline_ns += 10**10
    database = open_database(sandbox, sandbox.state / "a.db")
    fence(database)
    database.execute("CREATE TABLE t(x)")
    rows = iter([()] * 10)
    with pytest.raises(sqlite3.OperationalError, match="full"):
        database.executemany("INSERT INTO t VALUES (zeroblob(200000))", rows)


def test_a_query_ends_at_the_deadline(sandbox):
    database = open_database(sandbox, sandbox.state / "a.db")
    endless = "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r) SELECT count(*) FROM r"
    started = time.monotonic()
    with pytest.raises(sqlite3.OperationalError, match="interrupted"):
        database.execute(endless)
    assert time.monotonic() - started < 10


def test_waiting_ends_at_the_deadline(sandbox):
    started = time.monotonic()
    with pytest.raises(Stopped):
        sandbox.wait_any([Moment(time.monotonic_ns() + 10**11)])
    assert 0.2 < time.monotonic() - started < 10
    assert ending(sandbox, None) == ("timeout", "The function did not answer within 0.3 s (its timeout).")


def test_waiting_ends_when_another_thread_stops_the_guest(sandbox):
    threading.Timer(0.05, sandbox.stop, ["cancelled"]).start()
    with pytest.raises(Stopped, match="cancelled"):
        sandbox.wait_any([Moment(time.monotonic_ns() + 10**11)])


def test_a_moment_is_waited_for(sandbox):
    moments = [Moment(time.monotonic_ns() + 10**11), Moment(time.monotonic_ns() + 10**7)]
    assert sandbox.wait_any(moments) == [1]


def test_a_body_over_the_limit_ends_the_guest(sandbox):
    sandbox.answer(200, [])
    for _ in range(16):
        sandbox.write_body(bytes(1 << 20))
    with pytest.raises(Stopped):
        sandbox.write_body(b"x")
    assert sandbox.sink.size <= MAX_RESPONSE_BODY
    assert ending(sandbox, None) == ("error", "The response is larger than 16 MB, the limit.")


@pytest.mark.parametrize(("name", "value"), [("a b", b"x"), ("", b"x"), ("a", b"x\r\nb: c"), ("a\n", b"x")])
def test_a_header_cannot_break_the_message(sandbox, name, value):
    with pytest.raises(Err):
        Fields().add(sandbox, name, value)


def test_the_last_traceback_is_the_error():
    text = """Traceback (most recent call last):
  File "/app/app.py", line 3, in a
    b()
KeyError: 'x'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/app/app.py", line 5, in a
    raise ValueError("boom: twice")
ValueError: boom: twice
second line of the message"""
    assert last_exception(text.splitlines()) == "ValueError: boom: twice"


def test_a_syntax_error_has_its_place():
    lines = ['  File "/app/app.py", line 2', "    x = (", "        ^", "SyntaxError: '(' was never closed"]
    assert last_exception(lines) == "SyntaxError: '(' was never closed (app.py, line 2)"


def test_words_that_only_look_like_an_error_are_not_one():
    assert last_exception(["note: all good", "ValueError: printed by hand"]) is None


@pytest.mark.parametrize(
    ("message", "outcome"),
    [
        ("wasm trap: call stack exhausted", "The function recursed too deeply: its call stack is exhausted."),
        ("wasm trap: integer overflow", "The function was stopped by a trap: integer overflow."),
    ],
)
def test_a_trap_is_named(sandbox, message, outcome):
    assert ending(sandbox, RuntimeError(f"error while executing\n\nCaused by:\n    {message}")) == ("trap", outcome)


def test_a_reported_error_is_taken_off_the_headers(sandbox):
    sandbox.answer(500, [("x-faasweb-error", b"MemoryError"), ("content-length", b"0")])
    assert sandbox.sink.heads == [(500, [("content-length", b"0")])]
    assert ending(sandbox, None) == ("error", "The function used more than its 64 MB of memory.")


def test_the_host_keeps_only_so_much_for_a_guest(sandbox):
    fields = Fields()
    for _ in range(127):
        fields.add(sandbox, "x", b"x" * (1 << 20))
    with pytest.raises(TooMuchHeld):
        fields.add(sandbox, "x", b"x" * (1 << 20))


def test_a_guest_holds_only_so_many_handles():
    table = ResourceTable()
    for _ in range(MAX_HANDLES):
        table.add(object())
    with pytest.raises(TooManyHandles):
        table.add(object())
    table.take(1)
    table.add(object())


def test_headers_of_the_connection_are_not_the_guests(sandbox):
    sandbox.answer(200, [("Transfer-Encoding", b"chunked"), ("Connection", b"upgrade"), ("x-own", b"1")])
    assert sandbox.sink.heads == [(200, [("x-own", b"1")])]
