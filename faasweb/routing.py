"""The first thing a request meets: which stack answers it, and how much body it may bring."""

import asyncio
import contextlib
import json
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from http import HTTPStatus
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Any, Any, Any], Awaitable[None]]
Headers = Sequence[tuple[str, str]]
WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

MAX_BODY_BYTES = 8 * 1024 * 1024
BODY_TIME_S = 120
# What waits for somebody else: live streams, function routes, and invocations through the API.
EDGE_PATHS = re.compile(r"/(stream|fn|run)/|/api/.*/invoke/?$")
# A proxy may chunk a request without body; these methods are not worth reading one for.
BODYLESS = ("GET", "HEAD", "OPTIONS", "TRACE")


class Refused(Exception):
    """The request can't be taken; `status` says why."""

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.content = {"error": {"code": code, "message": message, "details": {}}}


class BrokenOff(Exception):
    """The answer ends in its middle. The caller's connection is cut, for a proper end would tell that it is whole."""


class Router:
    """An ASGI application that hands each request to one of two others.

    `/health` is answered here, without Django: it says that this process serves, and must stay true under load.
    """

    edge_paths = EDGE_PATHS

    def __init__(self, edge: App, web: App, origins: Sequence[str] = ()) -> None:
        """``origins`` are those of pages elsewhere that may read the API."""
        self.edge = edge
        self.web = web
        self.origins = origins

    def refusal(self, refused: Refused) -> dict[str, Any]:
        """The body of a refusal, in the shape that this application's callers know."""
        return refused.content

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, or the server's start and stop."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
        elif scope["path"] == "/health":
            await _answer(send, HTTPStatus.OK, {"status": "healthy"})
        else:
            await self._route(scope, receive, send)

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self.edge if self.edge_paths.match(scope["path"]) else self.web
        try:
            scope, receive = await bounded(scope, receive)
        except Refused as refusal:
            origin = dict(scope["headers"]).get(b"origin", b"").decode("latin-1")
            more = readable_from(origin, scope["path"], self.origins)
            await _answer(send, refusal.status, self.refusal(refusal), more)
        else:
            with contextlib.suppress(BrokenOff):  # the server cuts what never got its last message
                await app(scope, receive, send)


class BoundedWsgi:
    """The same front door for the web stack alone: `/health`, and no body over `MAX_BODY_BYTES`.

    WSGI knows no body of unknown length: Django would read an empty one, so it is refused with 411.
    """

    def __init__(self, app: WsgiApp, origins: Sequence[str] = ()) -> None:
        self.app = app
        self.origins = origins

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Serve one request."""
        if environ["PATH_INFO"] == "/health":
            return _answer_wsgi(start_response, HTTPStatus.OK, {"status": "healthy"})
        try:
            length = check_length(environ.get("CONTENT_LENGTH") or None)
            if length is None and environ.get("HTTP_TRANSFER_ENCODING"):
                raise Refused(HTTPStatus.LENGTH_REQUIRED, "LENGTH_REQUIRED", "send a Content-Length")
        except Refused as refusal:
            more = readable_from(environ.get("HTTP_ORIGIN", ""), environ["PATH_INFO"], self.origins)
            return _answer_wsgi(start_response, refusal.status, refusal.content, more)
        return self.app(environ, start_response)


def readable_from(origin: str, path: str, origins: Sequence[str]) -> Headers:
    """Headers that let a web page elsewhere read what the API refuses, if its origin is on the list."""
    if not origins or not path.startswith("/api/"):
        return []
    allowed = [("access-control-allow-origin", origin), ("access-control-allow-credentials", "true")]
    return [("vary", "Origin"), *(allowed if origin in origins else [])]


def check_length(declared: str | None) -> int | None:
    """Give back Content-Length in bytes. Raises Refused when it is no number or over `MAX_BODY_BYTES`."""
    if declared is None:
        return None
    if not (declared.isascii() and declared.isdigit()):
        raise Refused(HTTPStatus.BAD_REQUEST, "BAD_REQUEST", "Content-Length is no number")
    if int(declared) > MAX_BODY_BYTES:
        raise _too_large()
    return int(declared)


async def bounded(scope: Scope, receive: Receive) -> tuple[Scope, Receive]:
    """Give back the request with its whole body at hand, its length known and allowed.

    A stack never waits for a caller: eight that send slowly would hold every thread that pages have. WSGI knows no
    body without Content-Length (chunked, HTTP/2), so it gets one.
    Raises Refused over `MAX_BODY_BYTES` or `BODY_TIME_S`, and when the client hangs up meanwhile.
    """
    headers: dict[bytes, bytes] = dict(scope["headers"])
    declared = headers.get(b"content-length")
    length = check_length(declared.decode("latin-1") if declared is not None else None)
    unknown = length is None and (scope["method"] not in BODYLESS or b"transfer-encoding" in headers)
    if not length and not unknown:
        return scope, _replay([], receive)
    try:
        async with asyncio.timeout(BODY_TIME_S):
            body = await _read(receive)
    except TimeoutError as exc:
        message = f"the request did not arrive within {BODY_TIME_S} s"
        raise Refused(HTTPStatus.REQUEST_TIMEOUT, "TIMEOUT", message) from exc
    if unknown:
        kept = [header for header in scope["headers"] if header[0] != b"transfer-encoding"]
        scope = {**scope, "headers": [*kept, (b"content-length", str(len(body)).encode())]}
    return scope, _replay([{"type": "http.request", "body": body, "more_body": False}], receive)


async def _read(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            # The client hung up, and nobody reads the answer; or what came can't be read: bad chunks look the same.
            raise Refused(HTTPStatus.BAD_REQUEST, "BAD_REQUEST", "the request's body broke off")
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            raise _too_large()
        if not message.get("more_body", False):
            return bytes(body)


def _replay(waiting: list[Message], receive: Receive) -> Receive:
    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def _too_large() -> Refused:
    message = f"the request is larger than {MAX_BODY_BYTES // 1024 // 1024} MB"
    return Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "TOO_LARGE", message)


def _prepare(status: HTTPStatus, content: dict[str, Any], more: Headers) -> tuple[Headers, bytes]:
    body = json.dumps(content).encode()
    headers = [
        ("content-type", "application/json"),
        ("content-length", str(len(body))),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        *more,
    ]
    if status >= HTTPStatus.BAD_REQUEST:
        # The rest of the body stays unread: this connection can't carry another request.
        headers.append(("connection", "close"))
    return headers, body


async def _answer(send: Send, status: HTTPStatus, content: dict[str, Any], more: Headers = ()) -> None:
    pairs, body = _prepare(status, content, more)
    headers = [(name.encode(), value.encode()) for name, value in pairs]
    await send({"type": "http.response.start", "status": status.value, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _answer_wsgi(
    start_response: Callable[..., Any], status: HTTPStatus, content: dict[str, Any], more: Headers = ()
) -> list[bytes]:
    headers, body = _prepare(status, content, more)
    start_response(f"{status.value} {status.phrase}", list(headers))
    return [body]
