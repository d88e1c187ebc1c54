import sqlite3
import time

from faasweb.wasmhost.frames import LogLine
from faasweb.wasmhost.telemetry import BUCKET_S, KEEP_LINES_S, KEEP_SAMPLES_S, Telemetry, prune


def rows(path, query):
    with sqlite3.connect(path) as database:
        found = database.execute(query).fetchall()
    database.close()
    return found


def test_lines_keep_their_order_and_their_request(tmp_path):
    path = tmp_path / "telemetry.db"
    telemetry = Telemetry(path)
    telemetry.start()
    for number in range(1200):
        telemetry.line("fn-1", LogLine(number, "stdout", f"line {number}"), "req-1", 3)
    telemetry.close(5)
    found = rows(path, "SELECT function_id, ts_ns, stream, request_id, version, text FROM lines ORDER BY id")
    assert found == [("fn-1", number, "stdout", "req-1", 3, f"line {number}") for number in range(1200)]


def test_a_line_is_stored_soon(tmp_path):
    path = tmp_path / "telemetry.db"
    telemetry = Telemetry(path)
    telemetry.start()
    telemetry.line("fn-1", LogLine(1, "stdout", "now"), "r", None)
    time.sleep(0.5)
    assert rows(path, "SELECT text FROM lines") == [("now",)]
    telemetry.close(5)


def test_samples_of_two_processes_add_up(tmp_path):
    path = tmp_path / "telemetry.db"
    for _ in range(2):
        telemetry = Telemetry(path)
        telemetry.start()
        telemetry.sample("fn-1", 100)
        telemetry.sample("fn-1", 50)
        telemetry.close(5)
    found = rows(path, "SELECT sum(cpu_ns), sum(requests), min(bucket % 15) FROM samples")
    assert found == [(300, 4, 0)]
    assert BUCKET_S == 15


def test_what_does_not_fit_is_counted_and_marked(tmp_path):
    path = tmp_path / "telemetry.db"
    telemetry = Telemetry(path, max_waiting=10)
    for number in range(25):
        telemetry.line("fn-1", LogLine(number, "stdout", "x"), "r", None)
    telemetry.start()
    telemetry.close(5)
    assert rows(path, "SELECT count(*) FROM lines WHERE stream = 'stdout'") == [(10,)]
    assert rows(path, "SELECT function_id, text FROM lines WHERE stream = 'system'") == [("fn-1", "[15 lines dropped]")]


def test_a_locked_database_loses_nothing_that_fits(tmp_path):
    path = tmp_path / "telemetry.db"
    Telemetry(path).sample("fn-0", 1)
    first = Telemetry(path)
    first.start()
    first.sample("fn-0", 1)
    first.close(5)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    telemetry = Telemetry(path)
    telemetry.start()
    started = time.monotonic()
    telemetry.line("fn-1", LogLine(1, "stdout", "late"), "r", None)
    telemetry.sample("fn-1", 7)
    assert time.monotonic() - started < 2
    time.sleep(2.5)
    other.execute("COMMIT")
    other.close()
    time.sleep(1.5)
    telemetry.close(5)
    assert rows(path, "SELECT text FROM lines") == [("late",)]
    assert rows(path, "SELECT cpu_ns FROM samples WHERE function_id = 'fn-1'") == [(7,)]


def test_old_lines_and_samples_are_pruned(tmp_path, monkeypatch):
    monkeypatch.setattr("faasweb.wasmhost.telemetry.KEEP_LINES", 5)
    path = tmp_path / "telemetry.db"
    telemetry = Telemetry(path)
    telemetry.start()
    now = time.time()
    telemetry.line("fn-old", LogLine(int((now - KEEP_LINES_S - 60) * 1e9), "stdout", "old"), "r", None)
    for number in range(12):
        telemetry.line("fn-1", LogLine(int(now * 1e9), "stdout", str(number)), "r", None)
    telemetry.close(5)
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("INSERT INTO samples VALUES ('fn-1', ?, 1, 1)", (int(now) - KEEP_SAMPLES_S - 60,))
    prune(database, {"fn-1"}, now)
    assert [row[0] for row in database.execute("SELECT text FROM lines ORDER BY id")] == ["7", "8", "9", "10", "11"]
    assert database.execute("SELECT count(*) FROM samples").fetchone() == (0,)
    database.close()


def test_a_folder_that_cannot_be_written_does_not_hurt(tmp_path):
    telemetry = Telemetry(tmp_path / "none" / "telemetry.db")
    telemetry.start()
    telemetry.line("fn-1", LogLine(1, "stdout", "x"), "r", None)
    telemetry.sample("fn-1", 1)
    time.sleep(0.2)
    telemetry.close(0.1)
