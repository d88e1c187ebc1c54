"""What the supervisor decides and writes, without starting anything."""

import asyncio
import os
from pathlib import Path
from threading import Thread

import pytest

from faasweb.supervisor.backoff import Backoff
from faasweb.supervisor.checks import CannotStart, check_cache_folder, check_data_folder, lock_data_folder
from faasweb.supervisor.machine import greeting
from faasweb.supervisor.output import LONGEST_LINE, relay_lines
from faasweb.supervisor.parts import Machine, builder_alone, everything, workers
from faasweb.supervisor.processes import describe_exit
from faasweb.supervisor.status import PartStatus, State, read_status, write_status
from faasweb.supervisor.terminal import Terminal


def test_the_wait_doubles_from_half_a_second_to_thirty():
    backoff = Backoff()
    assert [backoff.after(lifetime=1) for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_a_life_of_a_minute_starts_the_wait_over():
    backoff = Backoff()
    for _ in range(5):
        backoff.after(lifetime=1)
    assert backoff.after(lifetime=60) == 0.5
    assert backoff.after(lifetime=1) == 1


def test_status_reads_back_as_written(tmp_path):
    parts = {
        "web": PartStatus(State.RUNNING, pid=7, restarts=2, last_exit="exit status 1", since=1.5),
        "prepare": PartStatus(State.DONE),
    }
    write_status(tmp_path / "status.json", parts)
    assert read_status(tmp_path / "status.json") == parts
    assert [path.name for path in tmp_path.iterdir()] == ["status.json"]


def test_status_that_can_not_be_written_is_no_error(tmp_path):
    write_status(tmp_path / "missing" / "status.json", {"web": PartStatus()})
    write_status(tmp_path / "missing" / ("x" * 300), {"web": PartStatus()})


@pytest.mark.parametrize("content", ["", "{", "[]", '{"parts": 3}', '{"parts": {"web": {"state": "flying"}}}'])
def test_status_that_makes_no_sense_is_empty(tmp_path, content):
    path = tmp_path / "status.json"
    path.write_text(content)
    assert read_status(path) == {}
    assert read_status(tmp_path / "absent.json") == {}


def test_a_full_disk_does_not_stop_the_terminal():
    with Path("/dev/full").open("w") as full:
        Terminal.on(full).say("lost")


def test_each_line_of_a_part_comes_behind_its_name_and_in_its_colour(tmp_path):
    with (tmp_path / "out").open("w+") as out:
        Terminal(out.fileno()).relay("web", "hello")
        Terminal(out.fileno(), coloured=True).relay("web", "hello")
        out.seek(0)
        plain, coloured = out.read().splitlines()
    assert plain == "web      | hello"
    assert coloured == "\x1b[36mweb      |\x1b[0m hello"


def lines_of(data: bytes) -> list[str]:
    lines: list[str] = []
    reading, writing = os.pipe()

    def write():
        with os.fdopen(writing, "wb") as end:
            end.write(data)

    writer = Thread(target=write)
    writer.start()
    with os.fdopen(reading, "rb") as start:
        asyncio.run(relay_lines(start, lines.append))
    writer.join()
    return lines


def test_output_is_relayed_line_by_line_without_the_empty_ones():
    assert lines_of(b"one\n\ntwo\r\n\xff\nlast") == ["one", "two", "\N{REPLACEMENT CHARACTER}", "last"]


def test_a_line_without_end_comes_in_pieces():
    pieces = lines_of(b"x" * 5 * LONGEST_LINE)
    assert len(pieces) > 1
    assert max(map(len, pieces)) <= 2 * LONGEST_LINE
    assert sum(map(len, pieces)) == 5 * LONGEST_LINE


def test_exits_are_described_in_words():
    assert describe_exit(0) == "exit status 0"
    assert describe_exit(-9) == "killed by SIGKILL"
    assert describe_exit(-62) == "killed by signal 62"


def test_a_data_folder_is_made_for_its_owner_only(tmp_path):
    data = tmp_path / "a" / "data"
    check_data_folder(data)
    assert data.stat().st_mode & 0o777 == 0o700
    assert (data / "run").is_dir()
    assert list(data.iterdir()) == [data / "run"]


def test_a_data_folder_below_a_file_is_refused_with_advice(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotStart, match=r"can't be written \(not a directory\): choose another .*FAASWEB_DATA="):
        check_data_folder(tmp_path / "file" / "data")


def test_a_cache_folder_below_a_file_is_refused_with_advice(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotStart, match="FAASWEB_CACHE"):
        check_cache_folder(tmp_path / "file" / "cache")


def test_a_data_folder_too_deep_for_unix_sockets_is_refused(tmp_path):
    with pytest.raises(CannotStart, match="too long for unix sockets"):
        check_data_folder(tmp_path / ("x" * 100))


def test_a_data_folder_is_locked_for_one_faasweb(tmp_path):
    check_data_folder(tmp_path)
    lock = lock_data_folder(tmp_path)
    with pytest.raises(CannotStart, match=f"Another faasweb .process {os.getpid()}. is running"):
        lock_data_folder(tmp_path)
    os.close(lock)
    os.close(lock_data_folder(tmp_path))


def machine(tmp_path, **changes) -> Machine:
    given = {"data": tmp_path, "cache": tmp_path, "bind": "127.0.0.1", "port": 8000, "wasmhosts": 2} | changes
    return Machine(**given)


def test_one_machine_runs_both_stacks_both_queues_and_functions(tmp_path):
    parts = everything(machine(tmp_path))
    assert [part.name for part in parts] == ["web", "wasm-0", "wasm-1", "worker", "builds", "prepare"]
    assert str(tmp_path / "run" / "wasmhost-1.sock") in parts[2].command


def test_functions_that_run_elsewhere_need_nothing_prepared_here(tmp_path):
    assert [part.name for part in everything(machine(tmp_path, wasmhosts=0))] == ["web", "worker", "builds"]


@pytest.mark.parametrize(
    ("bind", "address"),
    [("127.0.0.1", "http://127.0.0.1:8000/"), ("0.0.0.0", "http://127.0.0.1:8000/"), ("::", "http://[::1]:8000/")],
)
def test_the_greeting_names_an_address_that_opens_here(tmp_path, bind, address):
    assert address in greeting(machine(tmp_path, bind=bind), None)


def test_the_greeting_shows_the_sign_in_link_while_there_is_one(tmp_path):
    assert "Sign in once" in greeting(machine(tmp_path), "http://127.0.0.1:8000/sign-in/x")
    later = greeting(machine(tmp_path), None)
    assert "Sign in once" not in later
    assert "manage.py sign_in_link operator" in later


def test_a_builder_service_beside_the_console_listens_on_this_machine_only(tmp_path):
    beside = Machine(tmp_path, tmp_path, "0.0.0.0", 8000, wasmhosts=0, builder_port=8010)
    (builder,) = [part for part in everything(beside) if part.name == "builder"]

    assert builder.environment == {"FAASWEB_BIND": "127.0.0.1", "PORT": "8010"}
    assert "http://127.0.0.1:8010/" in greeting(beside, None)
    without = Machine(tmp_path, tmp_path, "127.0.0.1", 8000, wasmhosts=0)
    assert "builder" not in [part.name for part in everything(without)]


def test_a_builder_service_alone_has_all_that_it_needs(tmp_path):
    names = [part.name for part in builder_alone(Machine(tmp_path, tmp_path, "0.0.0.0", 8000, wasmhosts=2))]
    assert names == ["builder", "wasm-0", "wasm-1", "worker", "builds", "prepare"]


def test_a_worker_may_work_on_one_queue():
    assert [part.name for part in workers("builds")] == ["builds"]
    assert [part.name for part in workers()] == ["worker", "builds"]
