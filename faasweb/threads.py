"""A WSGI application behind an ASGI server: each request on one of a few threads.

An answer that is ready at once, which nearly every one is, costs one change of threads there and one back.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from faasweb.routing import BrokenOff

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Environ = dict[str, Any]
WsgiApp = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

AT_ONCE_BYTES = 512 * 1024
"""An answer up to this size is put together on its thread. Parts of a longer one wait for the caller to take them."""
PATIENCE_S = 60
"""For how long a caller may leave a part of a long answer untaken: meanwhile it holds a thread."""


class OnThreads:
    """Serves ``app`` on ``threads`` threads. The request's body has to be at hand: see ``routing.bounded``."""

    def __init__(self, app: WsgiApp, threads: int) -> None:
        self._app = app
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="web")

    async def __call__(self, scope: Any, receive: Callable[[], Awaitable[Message]], send: Send) -> None:
        environ = environ_of(scope, await _body(receive))
        loop = asyncio.get_running_loop()
        answering = _Answering(self._app, environ, loop, send)
        await _sent(send, await loop.run_in_executor(self._threads, copy_context().run, answering.run))


async def _body(receive: Callable[[], Awaitable[Message]]) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


@dataclass(slots=True)
class _Answering:
    """One request on its thread."""

    app: WsgiApp
    environ: Environ
    loop: asyncio.AbstractEventLoop
    send: Send
    start: Message = field(default_factory=dict)
    ready: list[bytes] = field(default_factory=list)

    def run(self) -> list[Message]:
        """Answer. What is returned is left to be sent: all of a short answer, the end of a long one."""
        parts = self.app(self.environ, self._begin)
        try:
            return self._taken(iter(parts))
        finally:
            # Here and not where it is sent: Django puts away what belongs to this thread, database connections too.
            getattr(parts, "close", lambda: None)()

    def _begin(self, status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Callable[[bytes], object]:
        pairs = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        self.start = {"type": "http.response.start", "status": int(status[:3]), "headers": pairs}
        return self.ready.append

    def _taken(self, parts: Iterator[bytes]) -> list[Message]:
        size, begun = 0, False
        for part in parts:
            self.ready.append(part)
            size += len(part)
            if size > AT_ONCE_BYTES:
                self._hand_over(self._messages(begun=begun, more=True))
                size, begun = 0, True
        return self._messages(begun=begun, more=False)

    def _messages(self, *, begun: bool, more: bool) -> list[Message]:
        body: Message = {"type": "http.response.body", "body": b"".join(self.ready), "more_body": more}
        self.ready.clear()
        return [body] if begun else [self.start, body]

    def _hand_over(self, messages: list[Message]) -> None:
        """Wait until the caller has taken them. BrokenOff when that takes too long."""
        sending = asyncio.run_coroutine_threadsafe(_sent(self.send, messages), self.loop)
        try:
            sending.result(PATIENCE_S)
        except TimeoutError as exc:
            sending.cancel()
            raise BrokenOff("the caller does not take the answer") from exc


async def _sent(send: Send, messages: list[Message]) -> None:
    for message in messages:
        await send(message)


def environ_of(scope: Any, body: bytes) -> Environ:
    """The request in WSGI's words."""
    server, port = scope.get("server") or ("localhost", 80)
    client, client_port = scope.get("client") or ("", 0)
    environ: Environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": scope["path"].encode("utf-8", "surrogateescape").decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": server,
        "SERVER_PORT": str(port or 0),
        "REMOTE_ADDR": client,
        "REMOTE_PORT": str(client_port),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in scope["headers"]:
        if b"_" not in name:  # X_Real_Name would pass for X-Real-Name
            _add_header(environ, name.decode("latin-1").upper().replace("-", "_"), value.decode("latin-1"))
    return environ


def _add_header(environ: Environ, name: str, value: str) -> None:
    key = name if name in ("CONTENT_LENGTH", "CONTENT_TYPE") else f"HTTP_{name}"
    if key in environ:
        value = f"{environ[key]}{'; ' if name == 'COOKIE' else ','}{value}"
    environ[key] = value
