"""`manage.py builder`, and `manage.py up` with a port for it, for real."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.integration.test_supervisor import GONE_WITHIN, ROOT, SERVES_WITHIN, alive, free_port, wait_until

pytestmark = pytest.mark.slow


@contextmanager
def running(command: str, data: Path, **environment: str) -> Iterator["subprocess.Popen[str]"]:
    settings = {"FAASWEB_DATA": str(data), "FAASWEB_WASMHOST_PROCESSES": "1", **environment}
    process = subprocess.Popen(
        [sys.executable, "manage.py", command],
        cwd=ROOT,
        env={**os.environ, **settings},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        for each in alive([*children, psutil.Process(process.pid)] if children else []):
            each.kill()
        process.communicate(timeout=10)


@contextmanager
def service_at(port: int, process: "subprocess.Popen[str]") -> Iterator[httpx.Client]:
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10)

    def answers() -> bool:
        assert process.poll() is None, process.communicate()[0]
        try:
            return client.get("/health").status_code == 200
        except httpx.TransportError:
            return False

    with client:
        wait_until(answers, SERVES_WITHIN, "an answer from /health")
        yield client


def hand_in(client: httpx.Client) -> Any:
    answer = client.post("/api/v1/build", files={"file": ("x.rb", b"puts 1")}, data={"workspace_id": "ws-default"})
    assert answer.status_code == 202
    return answer.json()["task_id"]


def test_killed_it_leaves_no_process_behind_and_started_again_it_knows_its_tasks(tmp_path):
    port = free_port()
    with running("builder", tmp_path / "data", PORT=str(port)) as process:
        with service_at(port, process) as client:
            task_id = hand_in(client)
        everyone = psutil.Process(process.pid).children(recursive=True)
        os.kill(process.pid, signal.SIGKILL)
        wait_until(lambda: not alive(everyone), GONE_WITHIN + 5, "the end of all processes")
    with running("builder", tmp_path / "data", PORT=str(port)) as process:
        with service_at(port, process) as client:
            task = client.get(f"/api/v1/tasks/{task_id}").json()
        assert (task["task_id"], task["status"]) == (task_id, "failed")


def test_a_console_serves_it_beside_itself_on_the_same_tasks(tmp_path):
    port, beside = free_port(), free_port()
    settings = {"PORT": str(port), "FAASWEB_BUILDER_PORT": str(beside), "FAASWEB_OPEN": "1"}
    with (
        running("up", tmp_path / "data", **settings) as process,
        service_at(beside, process) as service,
        service_at(port, process) as console,
    ):
        task_id = hand_in(service)
        assert console.get(f"/api/v1/tasks/{task_id}").json()["task_id"] == task_id


def test_in_production_it_refuses_to_start_undecided(tmp_path):
    settings = {
        "ENVIRONMENT": "production",
        "FAASWEB_SECRET_KEY": "x" * 40,
        "FAASWEB_HOSTS": "builder",
        "DATABASE_URL": f"sqlite:///{tmp_path}/django.db",
    }
    with running("builder", tmp_path / "data", **settings) as process:
        said = process.communicate(timeout=SERVES_WITHIN)[0]
    assert process.returncode == 2
    assert said.startswith("set FAASWEB_BUILDER_TOKEN")
