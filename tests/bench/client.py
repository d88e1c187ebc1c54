"""A lean HTTP/1.1 client for load: on a machine of two cores the client must not be what is measured."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Load:
    """Latencies in ms of all requests, the seconds it took, and how many did not answer 2xx."""

    latencies: Sequence[float]
    seconds: float
    failed: int

    def percentile(self, fraction: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(fraction * len(ordered)))]

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds


class Connection:
    """One keep-alive connection, to a port of 127.0.0.1 or to a unix socket."""

    def __init__(self, target: int | Path) -> None:
        self.target = target

    async def open(self) -> None:
        if isinstance(self.target, Path):
            self.reader, self.writer = await asyncio.open_unix_connection(str(self.target))
        else:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.target)

    async def send(self, request: bytes) -> tuple[int, bytes]:
        """Status and body."""
        self.writer.write(request)
        head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        status = int(head[9:12])
        if b"transfer-encoding: chunked" in head:
            return status, await self._chunks()
        length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
        return status, await self.reader.readexactly(int(length or 0))

    async def _chunks(self) -> bytes:
        body = b""
        while size := int((await self.reader.readuntil(b"\r\n")).split(b";")[0], 16):
            body += (await self.reader.readexactly(size + 2))[:-2]
        await self.reader.readuntil(b"\r\n")
        return body


def request_bytes(method: str, path: str, body: bytes = b"", headers: str = "") -> bytes:
    length = f"Content-Length: {len(body)}\r\nContent-Type: application/json\r\n" if body or method != "GET" else ""
    return f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}{length}\r\n".encode() + body


async def load(target: int | Path, request: bytes, *, connections: int, seconds: float) -> Load:
    """As many requests as ``connections`` get through one after the other in ``seconds``."""
    latencies: list[float] = []
    failed = 0
    begin = time.perf_counter()

    async def one() -> None:
        nonlocal failed
        connection = Connection(target)
        await connection.open()
        while (sent := time.perf_counter()) - begin < seconds:
            status, _body = await connection.send(request)
            latencies.append((time.perf_counter() - sent) * 1e3)
            failed += not 200 <= status < 300
        connection.writer.close()

    await asyncio.gather(*(one() for _ in range(connections)))
    return Load(latencies, time.perf_counter() - begin, failed)


def measure(target: int | Path, request: bytes, *, connections: int = 1, seconds: float = 4.0) -> Load:
    return asyncio.run(load(target, request, connections=connections, seconds=seconds))
