"""One faasweb for measuring: started by `manage.py up` in a folder of its own, signed in, filled, and stopped again."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil

ROOT = Path(__file__).parents[2]
READY_S = 180


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Machine:
    """``with Machine() as machine:`` serves on ``machine.port`` in open mode; ``machine.browser`` is signed in."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="faasweb-bench-")
        self.data = Path(self.folder.name)
        self.port = free_port()
        self.lines: list[str] = []
        given = {"FAASWEB_DATA": str(self.data), "FAASWEB_OPEN": "1", "FAASWEB_REGISTRIES": "*"}
        self.environment = os.environ | given | {"PORT": str(self.port)}

    def __enter__(self) -> Machine:
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "up"],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()
        self.api = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=60)
        until("everything is ready", lambda: self._ok("/readyz"), READY_S)
        self.browser = self._sign_in()
        return self

    def __exit__(self, *exc: object) -> None:
        self.process.terminate()
        self.process.wait(15)
        self.api.close()
        self.browser.close()
        self.folder.cleanup()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self.lines.append(line)

    def _ok(self, path: str) -> bool:
        try:
            return self.api.get(path).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def _sign_in(self) -> httpx.Client:
        link = re.search(r"http://\S+/sign-in/link/\S+", "".join(self.lines))
        if link is None:
            raise RuntimeError("no sign-in link was printed:\n" + "".join(self.lines[-30:]))
        client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=60)
        client.get(link[0])
        answer = client.post(link[0] + "/redeem", headers=csrf(client))
        if answer.status_code not in (302, 303):
            raise RuntimeError(f"signing in answered {answer.status_code}")
        return client

    def create(self, path: str, content: dict[str, Any]) -> dict[str, Any]:
        answer = self.api.post(path, json=content)
        answer.raise_for_status()
        return dict(answer.json())

    def cpu_seconds(self) -> dict[str, float]:
        """What the processes that serve requests have computed until now."""
        seconds = {"front": 0.0, "wasmhost": 0.0}
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                line = " ".join(child.cmdline())
                name = "wasmhost" if "faasweb.wasmhost" in line else "front" if "granian" in line else ""
                if name:
                    times = child.cpu_times()
                    seconds[name] += times.user + times.system
        return seconds

    @property
    def sockets(self) -> list[Path]:
        return sorted((self.data / "run").glob("wasmhost-*.sock"))


def csrf(client: httpx.Client) -> dict[str, str]:
    return {"X-CSRFToken": client.cookies.get("csrftoken") or ""}


def until(what: str, done: Callable[[], object], seconds: float = 60, every: float = 0.01) -> float:
    """Ms until ``done()`` holds."""
    begin = time.perf_counter()
    while time.perf_counter() - begin < seconds:
        if done():
            return (time.perf_counter() - begin) * 1e3
        time.sleep(every)
    raise TimeoutError(f"not within {seconds} s: {what}")
