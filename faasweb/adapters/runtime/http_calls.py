"""Calls of functions that answer at a URL: a request on its way there, an answer while it arrives."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from urllib.parse import quote
from weakref import WeakKeyDictionary

import httpx

from faasweb.adapters.runtime.addresses import AddressRules, target_of
from faasweb.adapters.runtime.wasm_calls import PRINTABLE, forwarded
from faasweb.domain.errors import InvocationFailed
from faasweb.domain.invocations import Head, InvocationRequest, Report
from faasweb.wasmhost.outbound import DEFAULT_PORTS, Address, Target

CONNECT_S = 5.0
TRIES = 3  # of the addresses that a name has
LIMITS = httpx.Limits(max_connections=500, max_keepalive_connections=50, keepalive_expiry=15)


def new_transport() -> httpx.AsyncBaseTransport:
    """A transport alone: it follows no redirect, keeps no cookie, knows no proxy, and unpacks nothing."""
    return httpx.AsyncHTTPTransport(limits=LIMITS)


class UrlCalls:
    """Calls URLs by ``rules``, with a pool of connections per event loop."""

    def __init__(self, rules: AddressRules, transport: Callable[[], httpx.AsyncBaseTransport] = new_transport) -> None:
        self.rules = rules
        self.transport = transport
        self.pools: WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncBaseTransport] = WeakKeyDictionary()

    async def call(
        self, url: str, request: InvocationRequest, request_id: str, timeout_s: float, version: int | None = None
    ) -> UrlAnswer:
        """The answer, read up to its head; without one when the time ran out. InvocationFailed when nothing answers."""
        target, base = target_of(url)
        answer = UrlAnswer(timeout_s, version)
        try:
            async with asyncio.timeout_at(answer.deadline):
                addresses = await self.rules.resolve(target)
                answer.begin(await self._send(addresses, target, base, request, request_id))
        except (TimeoutError, httpx.ReadTimeout, httpx.WriteTimeout):
            answer.time_out()
        except httpx.HTTPError as exc:
            raise InvocationFailed(f"The function does not answer at {target}.") from exc
        return answer

    async def _send(
        self, addresses: Sequence[Address], target: Target, base: str, request: InvocationRequest, request_id: str
    ) -> httpx.Response:
        """To the first address that takes a connection: the others have not seen the request."""
        *others, last = addresses[:TRIES]
        for address in others:
            try:
                return await self._pool().handle_async_request(_request(address, target, base, request, request_id))
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await self._pool().handle_async_request(_request(last, target, base, request, request_id))

    def _pool(self) -> httpx.AsyncBaseTransport:
        loop = asyncio.get_running_loop()
        if loop not in self.pools:
            self.pools[loop] = self.transport()
        return self.pools[loop]

    async def aclose(self) -> None:
        """Close the connections of the running event loop, before it ends."""
        if pool := self.pools.pop(asyncio.get_running_loop(), None):
            await pool.aclose()


def _request(address: Address, target: Target, base: str, request: InvocationRequest, request_id: str) -> httpx.Request:
    """To the address that was checked, under the name that was meant; path and query byte for byte."""
    host = f"[{address}]" if address.version == 6 else str(address)
    named = f"[{target.host}]" if ":" in target.host else target.host
    authority = named if target.port == DEFAULT_PORTS[target.scheme] else f"{named}:{target.port}"
    headers = [(b"host", authority.encode()), *forwarded(request)]
    if not any(name.lower() == b"x-request-id" for name, _ in headers):
        headers.append((b"x-request-id", request_id.encode()))
    extensions = {
        "target": quote(base + request.target, safe=PRINTABLE).encode(),
        "sni_hostname": target.host,
        "timeout": {"connect": CONNECT_S, "pool": CONNECT_S, "read": None, "write": None},
    }
    url = f"{target.scheme}://{host}:{target.port}/"
    return httpx.Request(request.method, url, headers=headers, content=request.body, extensions=extensions)


class UrlAnswer:
    """An answer while it arrives. Everything of it, to the last byte, has to come within ``timeout_s``."""

    def __init__(self, timeout_s: float, version: int | None) -> None:
        self.timeout_s = timeout_s
        self.version = version
        self.started = time.perf_counter()
        self.deadline = asyncio.get_running_loop().time() + timeout_s
        self.head: Head | None = None
        self.response: httpx.Response | None = None
        self.ended: tuple[str, str | None] | None = None  # outcome and error
        self.duration_ms = 0.0

    def begin(self, response: httpx.Response) -> None:
        self.response = response
        pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw]
        self.head = Head(response.status_code, pairs)

    async def body(self) -> AsyncIterator[bytes]:
        """As it came over the wire, packed or not. A body that breaks off ends, and the report says why."""
        if self.response is None or not isinstance(self.response.stream, httpx.AsyncByteStream):
            return
        arriving = aiter(self.response.stream)
        try:
            while self.ended is None:
                async with asyncio.timeout_at(self.deadline):
                    chunk = await anext(arriving, None)
                if chunk is None:
                    self._end("ok")
                else:
                    yield chunk
        except TimeoutError:
            self.time_out()
        except httpx.HTTPError:
            self._end("trap", "The connection to the function broke off.")

    def time_out(self) -> None:
        self._end("timeout", f"The function ran into its time limit of {self.timeout_s:g} s.")

    def _end(self, outcome: str, error: str | None = None) -> None:
        if self.ended is None:
            self.ended = (outcome, error)
            self.duration_ms = (time.perf_counter() - self.started) * 1000

    def report(self) -> Report:
        """CPU and lines are not known here: the cluster's own metrics and logs have them."""
        gone = ("error", "The caller went away before the function had answered.")
        outcome, error = self.ended or gone
        duration = self.duration_ms or (time.perf_counter() - self.started) * 1000
        return Report(outcome, duration, error=error, mode="baked", version=self.version)

    async def close(self) -> None:
        if self.response is not None:
            await self.response.aclose()
