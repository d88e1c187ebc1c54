"""Builds through the API: uploads, their tasks, and what the compiler's line of each log says that it took."""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Callable, Iterator

import httpx

from tests.bench.machine import Machine, csrf

Row = tuple[str, str, str]
CHECKS = 30
IN_A_ROW = 6
WAIT_S = 300
COST = re.compile(r"\((?P<wall>[\d.]+) s, (?P<cpu>[\d.]+) s of CPU, (?P<peak>\d+) MB of memory\)")


def rows(machine: Machine, workspace: str, page: str, source: Callable[[object], str]) -> Iterator[Row]:
    """``source`` makes a text of a mark: every source here is one that this machine has never built."""
    checks = sorted(checked(machine, page, source(f"check {number}")) for number in range(CHECKS))
    yield "type check, warm, p50 / p95", f"{checks[CHECKS // 2]:.0f} / {checks[int(CHECKS * 0.95)]:.0f} ms", "≤ 300 ms"
    begun = time.perf_counter()
    first = finished(machine, upload(machine, workspace, source("cold")))
    yield "build, from the upload until done, cold", f"{time.perf_counter() - begun:.1f} s", ""
    begun = time.perf_counter()
    finished(machine, upload(machine, workspace, source("cold")))
    yield "build of a source that was built before", f"{time.perf_counter() - begun:.1f} s", ""
    begun = time.perf_counter()
    tasks = [upload(machine, workspace, source(f"row {number}")) for number in range(IN_A_ROW)]
    costs = [cost_of(finished(machine, task)) for task in tasks]
    took = time.perf_counter() - begun
    yield f"builds of one worker in an hour ({IN_A_ROW} in a row)", f"{IN_A_ROW / took * 3600:.0f}", ""
    cpu = statistics.mean(cost[1] for cost in costs)
    yield "builds in an hour for each core, by the compiler's CPU", f"{3600 / cpu:.0f} ({cpu:.1f} s each)", ""
    yield "the compiler's most memory", f"{max(cost[2] for cost in [*costs, cost_of(first)]):.0f} MB", "≤ 1500 MB"


def checked(machine: Machine, page: str, code: str) -> float:
    """Ms until the editor knows what is wrong."""
    answer = machine.browser.post(f"{page}/check", data={"code": code}, headers=csrf(machine.browser))
    answer.raise_for_status()
    return answer.elapsed.total_seconds() * 1e3


def upload(machine: Machine, workspace: str, code: str) -> str:
    fields = {"workspace_id": workspace, "app_name": "bench"}
    answer = machine.api.post("/api/v1/build", data=fields, files={"file": ("app.py", code.encode())})
    answer.raise_for_status()
    return str(answer.json()["task_id"])


def finished(machine: Machine, task: str) -> str:
    """The task itself, once it is done."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        answer = machine.api.get(f"/api/v1/tasks/{task}")
        if answer.status_code == httpx.codes.OK and answer.json()["status"] == "done":
            return task
        if answer.status_code == httpx.codes.OK and answer.json()["status"] == "failed":
            raise RuntimeError(f"a build failed: {answer.json()['error']}")
        time.sleep(0.1)
    raise TimeoutError(f"task {task} was not done within {WAIT_S} s")


def cost_of(task: str) -> tuple[float, float, float]:
    """Seconds, seconds of CPU and MB of memory, as the log says it."""
    from faasweb.bootstrap import get_platform

    for line in get_platform().builds.log(task):
        if found := COST.search(line.text):
            return float(found["wall"]), float(found["cpu"]), float(found["peak"])
    raise RuntimeError(f"the log of task {task} says nothing of what the build took: was it built before?")
