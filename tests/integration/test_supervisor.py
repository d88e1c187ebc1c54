"""`manage.py up` for real: it serves, brings back what dies, and leaves nothing behind, however it ends."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from faasweb.supervisor.status import PartStatus, State, read_status, status_path

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent.parent
SERVES_WITHIN = 30.0
GONE_WITHIN = 5.0


@dataclass
class Up:
    """A running `manage.py up`."""

    process: "subprocess.Popen[str]"
    data: Path
    port: int

    def parts(self) -> dict[str, PartStatus]:
        return read_status(status_path(self.data))

    def serves(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def everyone(self) -> list[psutil.Process]:
        """The process itself and all its descendants."""
        keeper = psutil.Process(self.process.pid)
        return [keeper, *keeper.children(recursive=True)]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(data: Path, port: int) -> "subprocess.Popen[str]":
    environment = {**os.environ, "FAASWEB_DATA": str(data), "PORT": str(port), "FAASWEB_WASMHOST_PROCESSES": "1"}
    return subprocess.Popen(
        [sys.executable, "manage.py", "up"],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def wait_until(true: Callable[[], object], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run. A zombie is dead: whoever adopted it just has not looked."""
    return [process for process in processes if _runs(process)]


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@contextmanager
def running(data: Path) -> Iterator[Up]:
    """Start everything, wait until all parts run, and leave nothing behind whatever the test does."""
    up = Up(start(data, port := free_port()), data, port)
    seen: list[psutil.Process] = []
    try:
        wait_until(lambda: up.serves() or up.process.poll() is not None, SERVES_WITHIN, "an answer from /health")
        assert up.process.poll() is None, up.process.communicate()[0]
        wait_until(lambda: all(_started(part) for part in up.parts().values()), SERVES_WITHIN, "all parts running")
        seen = up.everyone()
        yield up
    finally:
        for process in alive([*seen, *(up.everyone() if up.process.poll() is None else [])]):
            process.kill()
        up.process.communicate(timeout=10)


def _started(part: PartStatus) -> bool:
    return part.state in (State.RUNNING, State.DONE) or part.restarts > 0


def kill(pid: int | None, number: signal.Signals) -> None:
    assert pid is not None
    os.kill(pid, number)


def test_it_serves_brings_back_what_dies_and_stops_in_time(tmp_path):
    with running(tmp_path / "data") as up:
        worker = up.parts()["worker"]
        wait_until(lambda: len(psutil.Process(worker.pid).children(recursive=True)) >= 4, 20, "the worker's processes")
        cluster = psutil.Process(worker.pid).children(recursive=True)
        kill(worker.pid, signal.SIGKILL)
        wait_until(lambda: up.parts()["worker"].restarts == 1, 5, "the worker's end noticed")
        assert up.parts()["worker"].last_exit == "killed by SIGKILL"
        wait_until(lambda: up.parts()["worker"].state is State.RUNNING, 5, "the worker running again")
        assert alive(cluster) == []
        kill(up.parts()["web"].pid, signal.SIGKILL)
        wait_until(lambda: up.parts()["web"].restarts == 1 and up.serves(), 15, "pages served again")

        everyone = up.everyone()
        stopping = time.monotonic()
        up.process.terminate()
        output = up.process.communicate(timeout=GONE_WITHIN + 1)[0]
        assert time.monotonic() - stopping < GONE_WITHIN
        assert alive(everyone) == []
        assert up.process.returncode == 0, output
        assert f"faasweb serves at http://127.0.0.1:{up.port}/" in output
        assert "worker ended (killed by SIGKILL); it starts again in 0.5 s." in output
        assert {part.state for name, part in up.parts().items() if name != "prepare"} == {State.STOPPED}


@pytest.mark.parametrize("victim", ["keeper", "supervisor"])
def test_killing_it_leaves_no_process(tmp_path, victim):
    with running(tmp_path / "data") as up:
        everyone = up.everyone()
        keeper, supervisor = everyone[0], psutil.Process(everyone[0].pid).children()[0]
        (keeper if victim == "keeper" else supervisor).kill()
        wait_until(lambda: not alive(everyone), GONE_WITHIN, f"no process left after the {victim} was killed")


def test_a_second_one_on_the_same_data_folder_and_a_taken_port_are_refused(tmp_path):
    with running(tmp_path / "data") as up:
        second = start(up.data, free_port())
        assert "is running on the data folder" in second.communicate(timeout=20)[0]
        assert second.returncode == 2
        third = start(tmp_path / "other", up.port)
        expected = f"Port {up.port} is in use: choose another with PORT={up.port + 1} make run."
        assert third.communicate(timeout=20)[0].strip() == expected
        assert third.returncode == 2


def test_a_data_folder_that_can_not_be_made_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    refused = start(tmp_path / "file" / "data", free_port())
    output = refused.communicate(timeout=20)[0]
    assert refused.returncode == 2
    assert "not a directory" in output.lower()
    assert "FAASWEB_DATA" in output
    assert len(output.strip().splitlines()) == 1


STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.close(1), os.close(2)
        time.sleep(60)
print("stubborn" * 20_000, flush=True)
time.sleep(60)
"""
ALONE = f"""
import sys
from faasweb.supervisor.machine import run_alone
from faasweb.supervisor.parts import Part
sys.exit(run_alone([Part("absent", ("/does/not/exist",)), Part("stubborn", (sys.executable, "-c", {STUBBORN!r}))]))
"""


def test_what_can_not_start_ignores_sigterm_or_prints_more_than_anybody_reads_is_no_trouble():
    process = subprocess.Popen([sys.executable, "-c", ALONE], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    keeper = psutil.Process(process.pid)
    wait_until(lambda: len(keeper.children(recursive=True)) == 4, 10, "two generations that ignore SIGTERM")
    time.sleep(1)
    everyone = keeper.children(recursive=True)
    stopping = time.monotonic()
    process.terminate()
    output = process.communicate(timeout=10)[0]
    assert time.monotonic() - stopping < GONE_WITHIN
    assert alive(everyone) == []
    assert process.returncode == 0
    assert "absent ended (not started: [Errno 2] No such file or directory" in output
