"""The embedded runtime: writes what is live where wasmhost reads it, and calls wasmhost over its sockets."""

from __future__ import annotations

import asyncio
import base64
import itertools
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote
from weakref import WeakKeyDictionary

import httpx

from faasweb.domain.errors import InvocationFailed, Unavailable
from faasweb.domain.functions import Function
from faasweb.domain.invocations import Head, InvocationRequest, PrintedLine, Report
from faasweb.ports import CodeStore, Health, Release
from faasweb.wasmhost import frames, live

COMPILE_TIMEOUT_S = 120
HEALTH_TIMEOUT_S = 20.0
GRACE_S = 10.0  # wasmhost itself ends a run at its timeout; past that much more it is wasmhost that hangs
CONCURRENCY = 16
PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


class WasmRuntime:
    """Runtime and DraftRunner on the wasmhost processes of this machine."""

    instant = True

    def __init__(self, data: Path, code: CodeStore, sockets: Sequence[Path]) -> None:
        self.data = data
        self.code = code
        self.lanes = [_Lane(path) for path in sockets]
        self.turn = itertools.count()

    # what is live

    def apply(self, release: Release) -> None:
        if release.artifact is not None and release.source is None:
            self._provide(release.artifact.digest.removeprefix("sha256:"), release.artifact.key)
        with _disk():
            live.write_release(self.data, _live_release(release), "candidate")

    def _provide(self, sha256: str, key: str) -> None:
        """The component and its compiled form, where wasmhost looks for them."""
        wasm = self.data / "components" / f"{sha256}.wasm"
        wasm.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not wasm.exists():
            self.code.fetch(key, wasm)
        compiled = wasm.with_suffix(".cwasm")
        if compiled.exists():
            return
        command = [sys.executable, "-m", "faasweb.wasmhost.compile", str(wasm), str(compiled)]
        try:
            done = subprocess.run(  # noqa: S603 - our own module on our own file
                command, capture_output=True, timeout=COMPILE_TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired as exc:
            raise Unavailable(f"Compiling the component took over {COMPILE_TIMEOUT_S} s.") from exc
        if done.returncode:
            raise Unavailable("The component could not be compiled to machine code; it will be tried again.")

    def check(self, release: Release) -> Health:
        request = InvocationRequest("GET", headers=(("user-agent", "faasweb-health"),))
        head, report = None, None
        try:
            for frame in self._call_candidate(release, request):
                match frame:
                    case frames.Head(status, headers):
                        head = Head(status, headers)
                    case frames.End():
                        report = _report(frame)
        except (httpx.HTTPError, frames.BrokenFrames) as exc:
            raise Unavailable("wasmhost does not answer the health request.") from exc
        if report is None or report.outcome == "not_ready":
            raise Unavailable((report and report.error) or "wasmhost gave no complete answer to the health request.")
        if head is None:
            return Health(ok=False, error=report.error or "It gave no answer.")
        # A source whose import fails answers 500 to everything; a handler that only dislikes GET / may be fine.
        started = not (report.outcome == "error" and _fails_at_import(report.error))
        return Health(ok=started, status=head.status, error=report.error)

    def _call_candidate(self, release: Release, request: InvocationRequest) -> list[frames.Frame]:
        headers = {**_control_headers(request, "health"), "x-faasweb-slot": "candidate"}
        timeout = min(float(release.settings.timeout_s), HEALTH_TIMEOUT_S) + GRACE_S
        with self._lane().blocking_client(timeout) as client:
            answer = client.get(f"http://wasmhost/invoke/{release.function_id}/", headers=headers)
            answer.raise_for_status()
            return list(frames.decode(answer.content))

    def switch(self, release: Release) -> None:
        wanted = _live_release(release)
        with _disk():
            try:
                candidate = live.read_release(live.release_path(self.data, release.function_id, "candidate"))
                if (candidate.release, candidate.mode) == (wanted.release, wanted.mode):
                    live.promote_candidate(self.data, release.function_id)
                    return
            except FileNotFoundError:
                pass
            # Switched before by an attempt that could not say so any more, or overwritten: write it again.
            live.write_release(self.data, wanted)

    def update_settings(self, release: Release) -> None:
        with _disk():
            live.write_release(self.data, _live_release(release))

    def remove(self, function_id: str, app_name: str) -> None:
        with _disk():
            live.remove_release(self.data, function_id)
            live.remove_release(self.data, function_id, "candidate")
            shutil.rmtree(self.data / "state" / function_id, ignore_errors=True)
        telemetry = self.data / "telemetry.db"
        if telemetry.exists():
            with suppress(sqlite3.Error), closing(sqlite3.connect(telemetry, timeout=20)) as database, database:
                database.execute("DELETE FROM lines WHERE function_id = ?", (function_id,))
                database.execute("DELETE FROM samples WHERE function_id = ?", (function_id,))

    # calls

    async def invoke(self, function: Function, request: InvocationRequest, request_id: str) -> WasmAnswer:
        message = httpx.Request(
            request.method,
            "http://wasmhost/",
            headers=[*_forwarded(request), *_as_bytes(_control_headers(request, request_id))],
            content=request.body,
            extensions=_timeout(function.settings.timeout_s) | {"target": _target(function.id, request)},
        )
        return await _send(self._lane(), message)

    async def run(self, release: Release, request: InvocationRequest, request_id: str) -> WasmAnswer:
        content = {
            "release": _as_json(_live_release(release)),
            "request": {
                "method": request.method,
                "path": request.target,
                "headers": [list(pair) for pair in request.headers],
                "body_base64": base64.b64encode(request.body).decode(),
            },
            "request_id": request_id,
        }
        extensions = _timeout(release.settings.timeout_s)
        message = httpx.Request("POST", "http://wasmhost/draft", json=content, extensions=extensions)
        return await _send(self._lane(), message)

    async def aclose(self) -> None:
        """Close the connections of the running event loop, before it ends."""
        for lane in self.lanes:
            if client := lane.clients.pop(asyncio.get_running_loop(), None):
                await client.aclose()

    def _lane(self) -> _Lane:
        """The process with the fewest calls under way; among equals, in turn."""
        shift = next(self.turn) % len(self.lanes)
        return min(self.lanes[shift:] + self.lanes[:shift], key=lambda lane: lane.calls)

    def ready(self) -> str | None:
        for lane in self.lanes:
            try:
                with lane.blocking_client(3) as client:
                    answer = client.get("http://wasmhost/readyz")
            except httpx.HTTPError:
                return "wasmhost does not answer."
            if answer.status_code != httpx.codes.OK:
                return str(answer.json().get("reason", "wasmhost is not ready."))
        return None


class _Lane:
    """One wasmhost process: its socket, how many calls it serves for us, and a client per event loop."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.calls = 0
        self.clients: WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient] = WeakKeyDictionary()

    def blocking_client(self, timeout_s: float) -> httpx.Client:
        self._expect_socket()
        return httpx.Client(transport=httpx.HTTPTransport(uds=str(self.socket)), timeout=timeout_s)

    def _expect_socket(self) -> None:
        """httpcore leaks a socket for each failed connect to a path that is not there: don't let it try."""
        if not self.socket.exists():
            raise httpx.ConnectError("no wasmhost listens")

    def client(self) -> httpx.AsyncClient:
        self._expect_socket()
        loop = asyncio.get_running_loop()
        if loop not in self.clients:
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=64)
            transport = httpx.AsyncHTTPTransport(uds=str(self.socket), limits=limits)
            self.clients[loop] = httpx.AsyncClient(transport=transport)
        return self.clients[loop]


class WasmAnswer:
    """An answer of wasmhost while its frames arrive."""

    def __init__(self, lane: _Lane, response: httpx.Response) -> None:
        self.lane = lane
        self.response = response
        self.frames = frames.decode_stream(response.aiter_raw())
        self.head: Head | None = None
        self.end: frames.End | None = None
        self.closed = False

    async def begin(self) -> None:
        """Read up to the head, or to the end of a run that gave none."""
        match await anext(self.frames):
            case frames.Head(status, headers):
                self.head = Head(status, headers)
            case frames.End() as end:
                self.end = end

    async def body(self) -> AsyncIterator[bytes]:
        if self.end is not None:
            return
        try:
            async for frame in self.frames:
                match frame:
                    case frames.Data(body):
                        yield body
                    case frames.End() as end:
                        self.end = end
        except (httpx.HTTPError, frames.BrokenFrames):
            self.end = frames.End("trap", "The connection to the function broke off.")

    def report(self) -> Report:
        return _report(self.end or frames.End("error", "The caller went away before the function had answered."))

    async def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.lane.calls -= 1
            await self.response.aclose()


async def _send(lane: _Lane, message: httpx.Request) -> WasmAnswer:
    answer = None
    lane.calls += 1
    try:
        answer = WasmAnswer(lane, await lane.client().send(message, stream=True))
        await answer.begin()
    except httpx.TimeoutException as exc:
        raise InvocationFailed("The function's host did not answer in time.") from exc
    except (httpx.HTTPError, frames.BrokenFrames, StopAsyncIteration) as exc:
        raise InvocationFailed("The function's host is not running; it is being restarted.") from exc
    finally:
        if answer is None:
            lane.calls -= 1
        elif answer.head is None and answer.end is None:
            await answer.close()
    return answer


def _timeout(function_timeout_s: float) -> dict[str, object]:
    return {"timeout": httpx.Timeout(function_timeout_s + GRACE_S).as_dict()}


def _report(end: frames.End) -> Report:
    return Report(
        outcome=end.outcome,
        duration_ms=end.duration_ms,
        cpu_ms=end.cpu_ms,
        error=end.error,
        mode=end.mode,
        version=end.version,
        logs=[PrintedLine(line.ts, line.stream, line.text) for line in end.logs],
        logs_dropped=end.logs_dropped,
    )


def _fails_at_import(error: str | None) -> bool:
    return error is not None and "import" in error.lower()


def _live_release(release: Release) -> live.LiveRelease:
    settings = release.settings
    return live.LiveRelease(
        function_id=release.function_id,
        workspace_id=release.workspace_id,
        release=release.deployment_id,
        version=release.version,
        mode="instant" if release.source else "baked",
        module=release.source.module if release.source else "app",
        files=dict(release.source.files) if release.source else {},
        component=release.artifact.digest.removeprefix("sha256:") if release.artifact and not release.source else None,
        environment={variable.name: variable.value for variable in settings.environment},
        variables={variable.name.lower(): variable.value for variable in settings.environment},
        allowed_outbound_hosts=list(settings.allowed_outbound_hosts),
        memory_mb=settings.memory_mb,
        timeout_s=settings.timeout_s,
        concurrency=CONCURRENCY,
    )


def _as_json(release: live.LiveRelease) -> Mapping[str, object]:
    return {name: getattr(release, name) for name in release.__dataclass_fields__}


def _target(function_id: str, request: InvocationRequest) -> bytes:
    """What wasmhost is asked for, byte for byte: httpx would resolve ``/../`` in it, and so reach another function."""
    return f"/invoke/{function_id}{quote(request.target, safe=PRINTABLE)}".encode()


def _forwarded(request: InvocationRequest) -> list[tuple[bytes, bytes]]:
    """The caller's headers as they are, but for those that belong to the caller's own connection."""
    hop = {"connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer", "content-length", "host"}
    kept = [(k, v) for k, v in request.headers if k.lower() not in hop and not k.lower().startswith("x-faasweb-")]
    return [(_header_bytes(name), _header_bytes(value)) for name, value in kept]


def _header_bytes(text: str) -> bytes:
    """Latin-1 as it came over HTTP; what a person typed may be more, and goes as UTF-8."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()


def _control_headers(request: InvocationRequest, request_id: str) -> dict[str, str]:
    return {
        "x-faasweb-request-id": request_id,
        "x-faasweb-host": request.host,
        "x-faasweb-scheme": request.scheme,
    }


def _as_bytes(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


class _disk:  # noqa: N801 - used as a with-statement word
    """A disk that refuses (full, read-only) is a part that is away, not a crash."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, exc: BaseException | None, trace: object) -> None:
        if isinstance(exc, OSError):
            raise Unavailable(f"The data folder can't be written: {exc.strerror or 'input/output error'}.") from exc
