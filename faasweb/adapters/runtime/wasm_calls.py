"""Calls of wasmhost: a request on its way in, an answer while its frames arrive."""

from __future__ import annotations

import asyncio
import string
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from urllib.parse import quote
from weakref import WeakKeyDictionary

import httpx

from faasweb.domain.errors import InvocationFailed
from faasweb.domain.invocations import Head, InvocationRequest, PrintedLine, Report
from faasweb.wasmhost import frames
from faasweb.wasmhost.client import HostAnswer, HostClient, HostGone

PRINTABLE = string.digits + string.ascii_letters + string.punctuation  # what a request line may hold
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer", "content-length", "host"}

Pair = tuple[bytes, bytes]


class NobodyListens(InvocationFailed):
    """The process is not there, so nothing was sent and another one may be asked."""


class Lane:
    """One wasmhost process: its socket, how many calls it serves for us, and a client per event loop."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.calls = 0
        self.clients: WeakKeyDictionary[asyncio.AbstractEventLoop, HostClient] = WeakKeyDictionary()

    async def call(
        self, method: str, target: bytes, headers: Iterable[Pair], body: bytes, timeout_s: float
    ) -> WasmAnswer:
        """The answer, read up to its head. Raises InvocationFailed when wasmhost itself gives none."""
        self.calls += 1
        answer = None
        try:
            arriving = await self._client().send(method, target, headers, body, timeout_s)
            answer = WasmAnswer(self, arriving)
            await answer.begin()
        except (HostGone, frames.BrokenFrames, StopAsyncIteration) as exc:
            if isinstance(exc, HostGone) and exc.timed_out:
                raise InvocationFailed("The function's host did not answer in time.") from exc
            kind = NobodyListens if isinstance(exc, HostGone) and exc.unsent else InvocationFailed
            raise kind("The function's host is not running; it is being restarted.") from exc
        finally:
            if answer is None:
                self.calls -= 1
            elif answer.head is None and answer.end is None:
                await answer.close()
        return answer

    def _client(self) -> HostClient:
        loop = asyncio.get_running_loop()
        if loop not in self.clients:
            self.clients[loop] = HostClient(self.socket)
        return self.clients[loop]

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        if client := self.clients.pop(asyncio.get_running_loop(), None):
            await client.aclose()

    def blocking_client(self, timeout_s: float) -> httpx.Client:
        if not self.socket.exists():  # httpcore leaks a socket for each failed connect to a path that is not there
            raise httpx.ConnectError("no wasmhost listens")
        return httpx.Client(transport=httpx.HTTPTransport(uds=str(self.socket)), timeout=timeout_s)


class WasmAnswer:
    """An answer of wasmhost while its frames arrive."""

    def __init__(self, lane: Lane, arriving: HostAnswer) -> None:
        self.lane = lane
        self.arriving = arriving
        self.frames = arriving.frames()
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
        try:
            async for frame in self.frames:
                match frame:
                    case frames.Data(body):
                        yield body
                    case frames.End() as end:
                        self.end = end
        except (HostGone, frames.BrokenFrames):
            self.end = frames.End("trap", "The connection to the function broke off.")

    def report(self) -> Report:
        return report_of(self.end or frames.End("error", "The caller went away before the function had answered."))

    async def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.lane.calls -= 1
            await self.frames.aclose()
            self.arriving.abort()


def report_of(end: frames.End) -> Report:
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


def target_of(function_id: str, request: InvocationRequest) -> bytes:
    """What wasmhost is asked for, byte for byte: resolving ``/../`` in it would reach another function."""
    return f"/invoke/{function_id}{quote(request.target, safe=PRINTABLE)}".encode()


def forwarded(request: InvocationRequest) -> Sequence[Pair]:
    """The caller's headers as they are, but for those that belong to the caller's own connection."""
    kept = [
        (k, v) for k, v in request.headers if k.lower() not in HOP_BY_HOP and not k.lower().startswith("x-faasweb-")
    ]
    return [(_header_bytes(name), _header_bytes(value)) for name, value in kept]


def _header_bytes(text: str) -> bytes:
    """Latin-1 as it came over HTTP; what a person typed may be more, and goes as UTF-8."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()


def control_headers(request: InvocationRequest, request_id: str) -> Sequence[Pair]:
    return [
        (b"x-faasweb-request-id", request_id.encode()),
        (b"x-faasweb-host", _header_bytes(request.host)),
        (b"x-faasweb-scheme", request.scheme.encode()),
    ]
