"""The server's side of one request, for what no HTTP client would send and for callers that hang up."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

from faasweb import bootstrap
from faasweb.adapters.runtime.wasm import WasmRuntime


class Caller:
    """``sent`` gets every message of the answer; ``gone`` is set when the client hangs up."""

    def __init__(self, path: str, method: str = "GET", body: bytes = b"", headers: tuple[Any, ...] = ()) -> None:
        place, _mark, query = path.partition("?")
        self.body = body
        self.scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "method": method,
            "path": place,
            "raw_path": place.encode(),
            "query_string": query.encode(),
            "headers": [(b"host", b"localhost"), (b"content-length", str(len(body)).encode()), *headers],
            "scheme": "http",
            "server": ("localhost", 80),
            "client": ("203.0.113.9", 4000),
            "http_version": "1.1",
        }
        self.sent: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
        self.gone = asyncio.Event()
        self.asked = False

    async def receive(self) -> dict[str, Any]:
        if not self.asked:
            self.asked = True
            return {"type": "http.request", "body": self.body, "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        await self.sent.put(message)

    async def run(self) -> None:
        from faasweb.asgi import application

        await application(self.scope, self.receive, self.send)

    def answer(self) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        """Status, headers and body of the whole answer."""

        async def whole() -> None:
            try:
                await self.run()
            finally:
                runtime = bootstrap.get_platform().invocations.runtime
                if isinstance(runtime, WasmRuntime):
                    await runtime.aclose()

        asyncio.run(whole())
        messages = [self.sent.get_nowait() for _ in range(self.sent.qsize())]
        return messages[0]["status"], messages[0]["headers"], b"".join(m.get("body", b"") for m in messages[1:])


async def until(condition: Any, seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)
