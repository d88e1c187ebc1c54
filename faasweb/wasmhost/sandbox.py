"""One request: what its guest may see and use, until when, and why it was stopped.

Everything here belongs to one guest instance and is thrown away with it. The guest runs on one thread; other threads
(the watcher of the client's connection, outgoing requests) only call ``stop`` and ``notify``.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from faasweb.wasmhost.abi import ResourceTable
from faasweb.wasmhost.live import LiveRelease
from faasweb.wasmhost.request_log import RequestLog

if TYPE_CHECKING:
    from faasweb.wasmhost.interfaces.filesystem import MemoryFilesystem

MAX_RESPONSE_BODY = 16 << 20
MAX_HELD_BYTES = 128 << 20
MAX_HEADERS = 128
ERROR_HEADER = "x-faasweb-error"
# They describe a connection; the one to the client is not the guest's.
HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
MAX_HEADER_BYTES = 64 << 10

StopReason = Literal["timeout", "slow_reader", "cancelled", "shutdown", "response_too_large", "headers_too_large"]
Headers = list[tuple[str, bytes]]


class Stopped(Exception):
    """Raised inside host calls to end the guest."""

    def __init__(self, reason: StopReason) -> None:
        super().__init__(reason)
        self.reason = reason


class TooMuchHeld(Exception):
    """The guest has the host keep more than its share."""


class Sink(Protocol):
    """Where the response goes. Each method may raise Stopped when the reader is gone or too slow."""

    def head(self, status: int, headers: Headers) -> None: ...

    def body(self, data: bytes) -> None: ...

    def flush(self) -> None: ...


class Waitable(Protocol):
    """Something a guest can wait for: ready now, at a known time (``due_ns``, monotonic), or after a ``notify``."""

    due_ns: int | None

    def ready(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class GuestRequest:
    """The HTTP request as the guest sees it."""

    method: str
    path: str
    scheme: str = "http"
    authority: str = "localhost"
    headers: Headers = field(default_factory=list)
    body: bytes = b""


class Sandbox:
    """The host side of one guest instance."""

    def __init__(
        self,
        release: LiveRelease,
        request: GuestRequest,
        sink: Sink,
        log: RequestLog,
        filesystems: "tuple[MemoryFilesystem, ...]",
        state: Path,
    ) -> None:
        self.release = release
        self.request = request
        self.sink = sink
        self.log = log
        self.filesystems = filesystems
        self.state = state
        self.table = ResourceTable()
        self.host_failure: BaseException | None = None
        self.stop_reason: StopReason | None = None
        self.status: int | None = None
        self.reported_error: str | None = None
        self.body_bytes = 0
        self.deadline_ns = time.monotonic_ns() + int(release.timeout_s * 1e9)
        self.databases: dict[Path, sqlite3.Connection] = {}
        self.outgoing = 0
        self.held_bytes = 0
        self._changed = threading.Condition()
        self._closers: list[Callable[[], None]] = []

    # Time and stopping

    def left_s(self) -> float:
        """Seconds until the deadline, never negative."""
        return max(0.0, (self.deadline_ns - time.monotonic_ns()) / 1e9)

    def stop(self, reason: StopReason) -> None:
        """End the guest soon, from any thread. The first reason counts."""
        with self._changed:
            self.stop_reason = self.stop_reason or reason
            self._changed.notify_all()

    def check(self) -> None:
        """Raises Stopped when the guest must not go on."""
        if self.stop_reason is None and time.monotonic_ns() >= self.deadline_ns:
            self.stop_reason = "timeout"
        if self.stop_reason is not None:
            raise Stopped(self.stop_reason)

    def refuse(self, reason: StopReason) -> Stopped:
        """The error to raise from a host call that ends the guest."""
        self.stop_reason = self.stop_reason or reason
        return Stopped(self.stop_reason)

    def notify(self) -> None:
        """Something a guest may be waiting for has changed."""
        with self._changed:
            self._changed.notify_all()

    def wait_any(self, waitables: Sequence[Waitable]) -> list[int]:
        """Positions of the ready ones, as soon as there is one. Raises Stopped at the deadline."""
        self.flush()
        while True:
            with self._changed:
                ready = [position for position, waitable in enumerate(waitables) if waitable.ready()]
                if ready:
                    return ready
                self.check()
                dues = [waitable.due_ns for waitable in waitables if waitable.due_ns is not None]
                until = min([self.deadline_ns, *dues])
                self._changed.wait(max(0.0, (until - time.monotonic_ns()) / 1e9))

    def charge(self, size: int) -> None:
        """Count bytes that the host keeps for this guest outside of its memory. Raises TooMuchHeld over the limit."""
        self.held_bytes += size
        if self.held_bytes > MAX_HELD_BYTES:
            raise TooMuchHeld(f"more than {MAX_HELD_BYTES >> 20} MB of headers and bodies")

    # The response

    def answer(self, status: int, headers: Headers) -> None:
        """Send the head. Raises Stopped when the headers are over their limit."""
        headers = self._without_reported_error(status, headers)
        headers = [(name, value) for name, value in headers if name.lower() not in HOP_BY_HOP]
        size = sum(len(name) + len(value) for name, value in headers)
        if len(headers) > MAX_HEADERS or size > MAX_HEADER_BYTES:
            raise self.refuse("headers_too_large")
        self.status = status
        self._sending(lambda: self.sink.head(status, headers))

    def _without_reported_error(self, status: int, headers: Headers) -> Headers:
        """The base of instant mode says in a header why it answers 500."""
        if self.release.mode != "instant" or status != 500:
            return headers
        reported = next((value for name, value in headers if name == ERROR_HEADER), None)
        if reported is None:
            return headers
        self.reported_error = reported.decode("utf-8", "replace")
        return [(name, value) for name, value in headers if name != ERROR_HEADER]

    def write_body(self, data: bytes) -> None:
        """Send a piece of the body, after waiting for a slow reader. Raises Stopped over the body limit."""
        self.check()
        self.body_bytes += len(data)
        if self.body_bytes > MAX_RESPONSE_BODY:
            raise self.refuse("response_too_large")
        self._sending(lambda: self.sink.body(data))

    def flush(self) -> None:
        """Send what is still buffered."""
        if self.status is not None:
            self._sending(self.sink.flush)

    def _sending(self, send: Callable[[], None]) -> None:
        try:
            send()
        except Stopped as stopped:
            raise self.refuse(stopped.reason) from stopped

    # The end

    def on_close(self, closer: Callable[[], None]) -> None:
        """Have ``closer`` called once when the request is over."""
        self._closers.append(closer)

    def close(self) -> None:
        """Let go of connections and of everything the guest still held."""
        for closer in self._closers:
            closer()
        for database in self.databases.values():
            database.close()
        self.table.clear()
