"""Starts real wasmhost processes for tests, on the machine's prepared base."""

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

from faasweb.wasmhost.base import base_path, prepare_base
from faasweb.wasmhost.frames import Data, End, Head, decode
from faasweb.wasmhost.live import LiveRelease, write_release

ROOT = Path(__file__).parents[2]
FUNCTIONS = ROOT / "tests" / "functions"
START_TIMEOUT_S = 20


def cache_folder():
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("FAASWEB_CACHE") or home / "faasweb")


def toolchain_python(cache):
    """The machine's toolchain environment, or one of the tests' own."""
    found = sorted(cache.glob("toolchain/*/bin/componentize-py"))
    if found:
        return found[0].with_name("python")
    own = cache / "toolchain-of-tests"
    if not (own / "bin" / "componentize-py").exists():
        uv = shutil.which("uv")
        assert uv, "the slow tests need uv, or the toolchain that `make run` prepares"
        subprocess.run([uv, "venv", "-q", "--clear", str(own)], check=True)
        requirements = ROOT / "deploy" / "requirements" / "toolchain.txt"
        install = [uv, "pip", "install", "-q", "--python", str(own / "bin" / "python"), "-r", str(requirements)]
        subprocess.run(install, check=True)
    return own / "bin" / "python"


def prepared_cache():
    cache = cache_folder()
    if not base_path(cache).exists():
        prepare_base(cache, toolchain_python(cache), lambda _message: None)
    return cache


@dataclass(frozen=True)
class Answer:
    """A whole answer of wasmhost. ``head`` is None when the guest never answered."""

    head: Head | None
    body: bytes
    end: End

    @property
    def json(self):
        return httpx.Response(200, content=self.body).json()


def read_answer(content):
    frames = list(decode(content))
    head = next((frame for frame in frames if isinstance(frame, Head)), None)
    return Answer(head, b"".join(frame.body for frame in frames if isinstance(frame, Data)), frames[-1])


class WasmhostProcess:
    """One running process and a client for it."""

    def __init__(self, data, cache, *options):
        self.data = data
        self.socket = data / "run" / "wasmhost-0.sock"
        command = [sys.executable, "-m", "faasweb.wasmhost", "--data", data, "--cache", cache, "--socket", self.socket]
        self.process = subprocess.Popen([*map(str, command), *options], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        self.client = self.new_client()
        self._wait_until_it_listens()

    def new_client(self):
        return httpx.Client(transport=httpx.HTTPTransport(uds=str(self.socket)), base_url="http://host", timeout=30)

    def _wait_until_it_listens(self):
        until = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < until:
            if self.socket.exists():
                self.client.get("/health").raise_for_status()
                return
            time.sleep(0.02)
        raise AssertionError(f"wasmhost did not start: {self.process.poll()}")

    def deploy(self, name, function_id, **settings):
        files = {"app.py": (FUNCTIONS / f"{name}.py").read_text(), "data.txt": "some data"}
        release = LiveRelease(function_id, "ws-1", "r1", **({"version": 1, "files": files} | settings))
        write_release(self.data, release)
        return release

    def call(self, function_id, path="/", method="GET", client=None, **options):
        response = (client or self.client).request(method, f"/invoke/{function_id}{path}", **options)
        assert response.headers["content-type"] == "application/vnd.faasweb.frames"
        return read_answer(response.content)

    def draft(self, source, path="/", **settings):
        release = {"function_id": "fn-draft", "workspace_id": "ws-1", "release": "draft", "files": {"app.py": source}}
        content = {"release": release | settings, "request": {"method": "GET", "path": path}, "request_id": "d1"}
        response = self.client.post("/draft", json=content)
        assert response.status_code == 200, response.text
        return read_answer(response.content)

    def stop(self):
        """Ask it to end; the seconds it took."""
        started = time.monotonic()
        self.client.close()
        self.process.terminate()
        self.process.wait(10)
        self.process.stderr.close()
        return time.monotonic() - started
