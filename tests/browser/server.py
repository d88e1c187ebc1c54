"""Boots the whole product on a free port, with data of its own and the machine's prepared cache."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]
START_S = 60
PREPARE_S = 300
STOP_S = 20
LINK = re.compile(r"http://\S+(/sign-in/link/\S+)")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """A running ``manage.py up``. Open mode lets tests make data by the JSON API without signing in."""

    def __init__(self, data: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.said: list[str] = []
        environment = {
            **os.environ,
            "PORT": str(self.port),
            "FAASWEB_DATA": str(data),
            "FAASWEB_STATIC_ROOT": str(data / "static"),
            "FAASWEB_OPEN": "1",
            "FAASWEB_WASMHOST_PROCESSES": "1",
        }
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "up"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.listener = threading.Thread(target=self._listen, daemon=True)
        self.listener.start()

    def _listen(self) -> None:
        assert self.process.stdout
        with self.process.stdout as lines:
            self.said.extend(lines)

    def sign_in_path(self) -> str:
        """The path of the one-time link that was printed."""
        self._wait(lambda: bool(LINK.search("".join(self.said))), START_S)
        found = LINK.search("".join(self.said))
        assert found
        return found[1]

    def wait_until_ready(self) -> None:
        """Functions can run and be built."""
        with httpx.Client(base_url=self.url, timeout=5) as client:
            self._wait(lambda: client.get("/readyz").status_code == httpx.codes.OK, PREPARE_S)

    def _wait(self, done: Callable[[], bool], seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            assert self.process.poll() is None, "".join(self.said)
            try:
                if done():
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise AssertionError("not ready in time:\n" + "".join(self.said))

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.listener.join(STOP_S)


@contextmanager
def serving(data: Path) -> Iterator[Server]:
    server = Server(data)
    try:
        server.sign_in_path()
        server.wait_until_ready()
        yield server
    finally:
        server.stop()
