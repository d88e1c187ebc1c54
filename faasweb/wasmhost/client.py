"""The caller's end of wasmhost's socket, for an event loop.

A call passes through here on its way in and out, and a general HTTP client cost half of what the console spends on it.
It speaks only what ``http_wire`` does: HTTP/1.1 with Content-Length in, chunked frames out, connections kept.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Iterable
from pathlib import Path

from faasweb.wasmhost.frames import Decoder, Frame

IDLE_LIMIT = 64
IDLE_S = 60.0  # wasmhost itself hangs up after 75 s
LINE_LIMIT = 64 << 10

Pair = tuple[bytes, bytes]


class HostGone(Exception):
    """wasmhost does not listen (``unsent``), said nothing in time (``timed_out``), or hung up (neither)."""

    def __init__(self, message: str, *, timed_out: bool = False, unsent: bool = False) -> None:
        super().__init__(message)
        self.timed_out = timed_out
        self.unsent = unsent


class HostClient:
    """Connections to one wasmhost process. Belongs to one event loop."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.idle: list[tuple[float, asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def send(
        self, method: str, target: bytes, headers: Iterable[Pair], body: bytes, timeout_s: float
    ) -> HostAnswer:
        """Send one request and read the head of its answer; all of it has ``timeout_s``. Raises HostGone."""
        deadline = time.monotonic() + timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                reader, writer = await self._connection()
                writer.write(_request(method, target, headers, body))
                answer = HostAnswer(self, reader, writer, deadline)
                try:
                    await writer.drain()
                    answer.status = _status(await reader.readuntil(b"\r\n\r\n"))
                except BaseException:
                    answer.abort()
                    raise
                return answer
        except TimeoutError as error:
            raise HostGone("no answer in time", timed_out=True) from error
        except (OSError, EOFError, asyncio.LimitOverrunError, ValueError) as error:
            raise HostGone(str(error)) from error

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self.idle:
            since, reader, writer = self.idle.pop()
            if not reader.at_eof() and not writer.is_closing() and time.monotonic() - since < IDLE_S:
                return reader, writer
            writer.close()
        try:
            return await asyncio.open_unix_connection(str(self.socket), limit=LINE_LIMIT)
        except OSError as error:
            raise HostGone(str(error), unsent=True) from error

    def keep(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take back a connection whose answer was read to its end."""
        if len(self.idle) < IDLE_LIMIT:
            self.idle.append((time.monotonic(), reader, writer))
        else:
            writer.close()

    async def aclose(self) -> None:
        """Close what is idle."""
        connections, self.idle = self.idle, []
        for _since, _reader, writer in connections:
            writer.close()
            await writer.wait_closed()


class HostAnswer:
    """An answer while it arrives. Read ``frames`` to the end or ``abort``."""

    def __init__(
        self, client: HostClient, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, deadline: float
    ) -> None:
        self.client = client
        self.reader = reader
        self.writer = writer
        self.deadline = deadline
        self.status = 0
        self.done = False

    async def frames(self) -> AsyncGenerator[Frame, None]:
        """Frames as they come. Raises HostGone or BrokenFrames when they stop in the middle."""
        decoder = Decoder()
        while piece := await self._chunk():
            for frame in decoder.feed(piece):
                yield frame
        decoder.finish()
        self.done = True
        self.client.keep(self.reader, self.writer)

    async def _chunk(self) -> bytes:
        """The next chunk's content; empty at the end."""
        try:
            async with asyncio.timeout(max(0.0, self.deadline - time.monotonic())):
                size = int(await self.reader.readuntil(b"\r\n"), 16)
                return (await self.reader.readexactly(size + 2))[:-2]
        except TimeoutError as error:
            raise HostGone("the answer stopped arriving", timed_out=True) from error
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
            raise HostGone(f"the answer broke off: {error}") from error

    def abort(self) -> None:
        """Hang up; wasmhost ends the run. Nothing happens after the end of an answer."""
        if not self.done:
            self.done = True
            self.writer.transport.abort()


def _request(method: str, target: bytes, headers: Iterable[Pair], body: bytes) -> bytes:
    lines = [b"%b %b HTTP/1.1" % (method.encode("ascii"), target)]
    for name, value in headers:
        if b"\n" in value or b"\r" in value or b"\n" in name or b"\r" in name:
            raise ValueError("a header holds a line break")
        lines.append(b"%b: %b" % (name, value))
    lines.append(b"content-length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def _status(head: bytes) -> int:
    if not head.startswith(b"HTTP/1.1 ") or b"transfer-encoding: chunked" not in head:
        raise ValueError("an answer without frames")
    return int(head[9:12])
