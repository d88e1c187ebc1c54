"""Running a tool: live lines, limits, and nothing left of it."""

import os
import sys
import time

import pytest

from faasweb.adapters.toolchain import process


def run(tmp_path, code, timeout_s=20.0, on_line=lambda line: None, on_tick=lambda seconds: None, tick_s=5.0):
    command = [sys.executable, "-IuB", "-c", code]
    options = {"timeout_s": timeout_s, "on_line": on_line, "on_tick": on_tick, "tick_s": tick_s}
    return process.run(command, folder=tmp_path, environment={"A": "1"}, **options)


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def ends_soon(pid):
    until = time.monotonic() + 2
    while is_alive(pid) and time.monotonic() < until:
        time.sleep(0.02)
    return not is_alive(pid)


def test_lines_come_while_the_tool_runs(tmp_path):
    arrivals = []
    code = "import time; print('one'); time.sleep(0.4); print('two')"
    finished = run(tmp_path, code, on_line=lambda line: arrivals.append((line, time.monotonic())))
    assert [line for line, _ in arrivals] == ["one", "two"]
    assert arrivals[1][1] - arrivals[0][1] > 0.3
    assert (finished.status, finished.timed_out, finished.lines) == (0, False, ["one", "two"])
    assert finished.peak_mb > 1
    assert finished.cpu_seconds > 0


def test_a_tool_sees_only_the_environment_it_is_given(tmp_path, monkeypatch):
    monkeypatch.setenv("FAASWEB_SECRET_KEY", "do not show")
    assert run(tmp_path, "import os; print(sorted(os.environ))").lines == ["['A', 'LC_CTYPE']"]


def test_a_tool_that_takes_too_long_is_killed_with_its_children(tmp_path):
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid)\ntime.sleep(60)\n"
    )
    started = time.monotonic()
    finished = run(tmp_path, code, timeout_s=1.0)
    assert finished.timed_out
    assert finished.status == -9
    assert time.monotonic() - started < 5
    assert ends_soon(int(finished.lines[0]))


def test_a_tool_that_closes_its_output_is_still_bounded(tmp_path):
    finished = run(tmp_path, "import os, time; os.close(1); os.close(2); time.sleep(60)", timeout_s=0.5)
    assert finished.timed_out


def test_a_cancelled_tool_is_gone_when_the_caller_goes_on(tmp_path):
    pids = []

    def cancel(line):
        pids.append(int(line))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, "import os, time; print(os.getpid()); time.sleep(60)", on_line=cancel)
    assert not is_alive(pids[0])
    with pytest.raises(ChildProcessError):
        os.waitpid(pids[0], 0)


def test_output_without_end_fills_no_memory(tmp_path):
    finished = run(tmp_path, "for _ in range(3000): print('x' * 500)\nprint('y' * 5_000_000)\nprint('last', end='')")
    assert len(finished.lines) == process.LINES_KEPT
    assert max(map(len, finished.lines)) == process.LINE_LENGTH
    assert finished.lines[-1] == "last"


def test_silence_is_reported(tmp_path):
    ticks = []
    run(tmp_path, "import time; time.sleep(0.5)", on_tick=ticks.append, tick_s=0.1)
    assert len(ticks) >= 2
    assert ticks == sorted(ticks)


def test_a_failing_tool_has_its_status(tmp_path):
    assert run(tmp_path, "raise SystemExit(3)").status == 3
