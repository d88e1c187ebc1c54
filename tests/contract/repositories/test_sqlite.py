"""What only the file can promise. Concurrency is tested here alone: moto's transactions are not safe among threads."""

from __future__ import annotations

import multiprocessing
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from faasweb.adapters.repositories import sqlite_connections
from faasweb.adapters.repositories.sqlite import SqliteTable, open_repositories
from faasweb.adapters.repositories.table import Put
from faasweb.domain import clock
from faasweb.domain.deployments import Deployment
from faasweb.domain.errors import Conflict, FaaswebError, NotFound, Unavailable
from faasweb.domain.functions import Function
from faasweb.domain.workspaces import Workspace
from faasweb.ports import Repositories
from tests.contract.repositories import make


@pytest.fixture
def table(sqlite_table: SqliteTable) -> SqliteTable:
    return sqlite_table


@pytest.fixture
def path(tmp_path: Path, table: SqliteTable) -> Path:
    return tmp_path / "data" / "faasweb.db"


def at_once(work: Sequence[Callable[[], object]]) -> list[object]:
    """What each returned or raised, all started together in 8 threads."""

    def caught(step: Callable[[], object]) -> object:
        try:
            return step()
        except FaaswebError as exc:
            return exc

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(caught, work))


def test_of_two_claims_exactly_one_wins(store: Repositories, function: Function):
    def claim() -> Function:
        deployment = Deployment.create(function.id, function.workspace_id, "hash", "kim")
        return store.deployments.begin(deployment, function)

    results = at_once([claim] * 16)
    assert sum(isinstance(result, Function) for result in results) == 1
    assert sum(isinstance(result, Conflict) for result in results) == 15
    assert len(store.maintenance.open_work().deployments) == 1


def test_of_many_removals_one_counts(store: Repositories, workspace: Workspace, function: Function):
    store.functions.add(make.function(workspace, name="stays"))
    results = at_once([lambda: store.functions.remove(function)] * 16)
    assert sum(isinstance(result, NotFound) for result in results) == 15
    assert store.workspaces.get(workspace.id).function_count == 1


def test_counters_are_exact_among_threads(store: Repositories, workspace: Workspace):
    functions = [store.functions.add(make.function(workspace, name=f"f{number}")) for number in range(4)]
    calls = [make.execution(functions[number % 4], status=500 if number % 5 == 0 else 200) for number in range(200)]
    assert at_once([partial(store.executions.record, [call]) for call in calls]) == [None] * 200
    usage = store.workspaces.get(workspace.id).usage
    assert (usage.invocations, usage.errors, usage.duration_ms) == (200, 40, 2500.0)
    assert [item.usage.invocations for item in store.functions.list(workspace.id)] == [50] * 4


def test_a_function_removed_under_load_takes_its_calls_along(store: Repositories, workspace: Workspace):
    function = store.functions.add(make.function(workspace))
    record = [lambda: store.executions.record([make.execution(function)])] * 60
    at_once([*record[:30], lambda: store.functions.remove(function), *record[30:]])
    assert store.functions.list(workspace.id) == []
    found = store.workspaces.get(workspace.id)
    assert (found.function_count, found.usage.invocations) == (0, 0)


WRITER = """
import sys
from pathlib import Path
from faasweb.adapters.repositories.sqlite import open_repositories
from faasweb.domain.functions import FunctionRef
from tests.contract.repositories import make
store = open_repositories(Path(sys.argv[1]))
function = store.functions.find(sys.argv[2])
for number in range(int(sys.argv[3])):
    execution = make.execution(function)
    store.executions.record([execution])
    print(execution.id, execution.at.isoformat(), flush=True)
"""


def writer(path: Path, function: Function, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-c", WRITER, str(path), function.id, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3])


def test_counters_are_exact_among_processes(store: Repositories, path: Path, function: Function):
    writers = [writer(path, function, 100) for _ in range(2)]
    outputs = [process.communicate(timeout=60)[0].split("\n") for process in writers]
    assert [process.returncode for process in writers] == [0, 0]
    assert [len(lines) for lines in outputs] == [101, 101]
    assert store.functions.get(function.ref).usage.invocations == 200


def test_processes_that_open_a_new_file_together_agree(tmp_path: Path):
    code = (
        "import sys; from pathlib import Path; from faasweb.adapters.repositories.sqlite import open_repositories;"
        "open_repositories(Path(sys.argv[1])).maintenance.ping()"
    )
    command = [sys.executable, "-W", "error", "-c", code, str(tmp_path / "new" / "faasweb.db")]
    opened = [subprocess.Popen(command, cwd=Path(__file__).parents[3]) for _ in range(4)]
    assert [process.wait(timeout=60) for process in opened] == [0] * 4


def test_a_killed_writer_loses_nothing_it_was_told_is_stored(store: Repositories, path: Path, function: Function):
    acknowledged: list[list[str]] = []
    for number in range(6):
        process = writer(path, function, 100_000)
        assert process.stdout
        lines = [process.stdout.readline()]
        time.sleep(0.05 + 0.03 * number)
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.read().splitlines()
        process.stdout.close()
        process.wait()
        acknowledged += [parts for parts in (line.split() for line in lines) if len(parts) == 2]
    assert len(acknowledged) > 20
    for execution_id, at in acknowledged:
        store.executions.get(function.id, execution_id, clock.parse(at))
    stored, _ = store.executions.list(function.id, 1_000_000)
    minutes = store.executions.minutes(function.id, function.created_at)
    counted = [
        store.functions.get(function.ref).usage.invocations,
        store.workspaces.get(function.workspace_id).usage.invocations,
        sum(minute.invocations for minute in minutes),
    ]
    assert counted == [len(stored)] * 3
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


def test_a_forked_child_uses_connections_of_its_own(store: Repositories, function: Function):
    """Task workers are forked, and SQLite's connections must not cross a fork."""
    store.executions.record([make.execution(function)])
    context = multiprocessing.get_context("fork")
    children = [
        context.Process(target=lambda: store.executions.record([make.execution(function) for _ in range(5)]))
        for _ in range(3)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join(30)
    assert [child.exitcode for child in children] == [0, 0, 0]
    store.executions.record([make.execution(function)])
    assert store.functions.get(function.ref).usage.invocations == 17


def test_expired_executions_are_pruned_a_part_at_a_time(store: Repositories, function: Function):
    now = clock.now()
    expired = [make.execution(function, expires_at=now - timedelta(seconds=number)) for number in range(700)]
    kept = make.execution(function, expires_at=now + timedelta(seconds=2))
    store.executions.record([*expired, kept])
    assert [store.maintenance.prune(now) for _ in range(3)] == [500, 200, 0]
    assert [item.id for item in store.executions.list(function.id, 10)[0]] == [kept.id]
    assert store.functions.get(function.ref).usage.invocations == 701


def test_the_time_executions_are_kept_can_be_chosen(tmp_path: Path):
    store = open_repositories(tmp_path / "faasweb.db", retention=timedelta(days=1))
    workspace = Workspace.create("Team")
    store.workspaces.add(workspace)
    function = store.functions.add(make.function(workspace))
    store.executions.record([make.execution(function)])
    assert store.maintenance.prune(clock.now() + timedelta(hours=23)) == 0
    assert store.maintenance.prune(clock.now() + timedelta(hours=25)) >= 1


def test_the_file_is_for_its_owner_only(path: Path, table: SqliteTable):
    table.write([Put(("p", "s"), {})])
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name


def test_what_was_written_is_there_after_reopening(path: Path, table: SqliteTable):
    table.write([Put(("p", "s"), {"n": 1})])
    table.close()
    again = SqliteTable(path)
    assert again.get(("p", "s")) == {"PK": "p", "SK": "s", "n": 1}
    again.close()


def test_a_busy_file_is_unavailable_and_works_again_later(
    path: Path, store: Repositories, table: SqliteTable, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sqlite_connections, "BUSY_S", 0.1)
    table.close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable) as caught:
        store.maintenance.ping()
    assert "busy" in caught.value.message
    assert table.get(("p", "s")) is None, "readers never wait for writers"
    other.execute("ROLLBACK")
    other.close()
    store.maintenance.ping()


def test_a_full_disk_is_unavailable_and_breaks_nothing(path: Path, table: SqliteTable):
    table.write([Put(("p", "before"), {})])
    connection = table._connections._idle[0]
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(Unavailable) as caught:
        table.write([Put(("p", "first"), {}), Put(("p", "second"), {"text": "x" * 300_000})])
    assert caught.value.message == "The storage's disk is full."
    assert [item["SK"] for item in table.query("p")] == ["before"]
    table.write([Put(("p", "after"), {})])


@pytest.mark.parametrize("content", [b"this is no database" * 1000, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_file_is_unavailable(tmp_path: Path, content: bytes):
    file = tmp_path / "faasweb.db"
    file.write_bytes(content)
    with pytest.raises(Unavailable) as caught:
        SqliteTable(file)
    assert str(tmp_path) not in caught.value.message


def test_a_place_that_can_not_be_written_is_unavailable(tmp_path: Path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "faasweb.db", tmp_path):
        with pytest.raises(Unavailable) as caught:
            SqliteTable(path)
        assert str(tmp_path) not in caught.value.message


def test_a_file_of_a_later_release_is_refused(path: Path, table: SqliteTable):
    table.close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(Unavailable) as caught:
        SqliteTable(path)
    assert "later release" in caught.value.message
