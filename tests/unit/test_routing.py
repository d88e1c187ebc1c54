"""Which stack gets a request, and how much body it may bring; no server, no Django."""

import asyncio
import json
from typing import Any

import pytest

from faasweb.routing import MAX_BODY_BYTES, BoundedWsgi, Router


def named(name: str, seen: list[Any]):
    async def app(scope, receive, send):
        message = await receive()
        seen.append((name, message.get("body"), dict(scope["headers"])))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": name.encode()})

    return app


def ask(path: str, *, method: str = "GET", headers=(), chunks=(b"",)) -> tuple[int, bytes, list[Any]]:
    """Status and body of the answer, and what the chosen stack saw."""
    seen: list[Any] = []
    sent: list[Any] = []
    waiting = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    waiting[-1]["more_body"] = False

    async def receive():
        return waiting.pop(0)

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": list(headers)}
    asyncio.run(Router(edge=named("edge", seen), web=named("web", seen))(scope, receive, send))
    return sent[0]["status"], sent[1]["body"], seen


@pytest.mark.parametrize(
    "path",
    ["/stream/builds/1", "/fn/fn-12345678/a/b", "/run/ws/fn", "/api/workspaces/a/functions/b/invoke", "/api/x/invoke/"],
)
def test_what_waits_for_others_goes_to_the_edge(path):
    assert ask(path)[1] == b"edge"


@pytest.mark.parametrize("path", ["/", "/streams", "/fn", "/api/invoker", "/w/fn/stream/", "/api/x/invoke/y"])
def test_what_computes_goes_to_the_web(path):
    assert ask(path)[1] == b"web"


def test_health_is_answered_without_either():
    status, body, seen = ask("/health")
    assert (status, json.loads(body), seen) == (200, {"status": "healthy"}, [])


def test_a_body_of_unknown_length_gets_its_length():
    headers = [(b"transfer-encoding", b"chunked"), (b"x-a", b"1")]
    _, _, seen = ask("/", method="POST", headers=headers, chunks=(b"ab", b"c"))
    assert seen == [("web", b"abc", {b"x-a": b"1", b"content-length": b"3"})]


def test_a_body_declared_too_large_is_refused_unread():
    status, body, seen = ask("/", method="POST", headers=[(b"content-length", b"8388609")])
    assert (status, seen) == (413, [])
    assert json.loads(body)["error"]["message"] == "the request is larger than 8 MB"


def test_a_body_that_grows_too_large_is_refused():
    status, _, seen = ask("/fn/x/", method="POST", chunks=(b"x" * MAX_BODY_BYTES, b"x"))
    assert (status, seen) == (413, [])


def test_no_stack_waits_for_a_body_that_is_still_arriving():
    """Each thread that pages have would soon belong to a caller who sends slowly."""
    headers = [(b"content-length", b"3")]
    _, _, seen = ask("/", method="POST", headers=headers, chunks=(b"a", b"b", b"c"))
    assert seen == [("web", b"abc", {b"content-length": b"3"})]


def test_a_body_that_does_not_arrive_in_time_is_refused(monkeypatch):
    monkeypatch.setattr("faasweb.routing.BODY_TIME_S", 0.05)
    sent: list[Any] = []
    seen: list[Any] = []

    async def receive():
        await asyncio.sleep(5)

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"content-length", b"3")]}
    asyncio.run(Router(edge=named("edge", seen), web=named("web", seen))(scope, receive, send))
    assert (sent[0]["status"], seen) == (408, [])


def test_a_body_that_breaks_off_reaches_no_stack():
    sent: list[Any] = []

    async def receive():
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"transfer-encoding", b"chunked")]}
    asyncio.run(Router(edge=named("edge", []), web=named("web", []))(scope, receive, send))
    assert sent[0]["status"] == 400


@pytest.mark.parametrize("length", [b"-1", b"1e3", b"", b"\xb2"])
def test_a_length_that_is_no_number_is_refused(length):
    assert ask("/", method="POST", headers=[(b"content-length", length)])[0] == 400


def test_starting_and_stopping_the_server_is_acknowledged():
    sent: list[str] = []
    waiting = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

    async def receive():
        return waiting.pop(0)

    async def send(message):
        sent.append(message["type"])

    asyncio.run(Router(edge=named("edge", []), web=named("web", []))({"type": "lifespan"}, receive, send))
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


@pytest.mark.parametrize(
    ("environ", "status"),
    [
        ({"PATH_INFO": "/health"}, "200 OK"),
        ({"PATH_INFO": "/", "CONTENT_LENGTH": ""}, "204 No Content"),
        ({"PATH_INFO": "/", "CONTENT_LENGTH": "8388608"}, "204 No Content"),
        ({"PATH_INFO": "/", "CONTENT_LENGTH": "8388609"}, "413 Request Entity Too Large"),
        ({"PATH_INFO": "/", "HTTP_TRANSFER_ENCODING": "chunked"}, "411 Length Required"),
    ],
)
def test_the_web_stack_alone_keeps_the_same_door(environ, status):
    answers: list[str] = []

    def app(environ, start_response):
        start_response("204 No Content", [])
        return []

    BoundedWsgi(app)(environ, lambda line, headers: answers.append(line))
    assert answers == [status]


@pytest.mark.parametrize(
    ("path", "origin", "readable"),
    [
        ("/api/workspaces", b"https://page.example", True),
        ("/api/workspaces", b"https://other.example", False),
        ("/workspaces", b"https://page.example", False),
    ],
)
def test_a_page_of_a_listed_origin_can_read_what_the_api_refuses_at_the_door(path, origin, readable):
    origins = ["https://page.example"]
    sent: list[Any] = []

    async def receive():
        raise AssertionError("a body that is too large is not read")

    async def send(message):
        sent.append(message)

    headers = [(b"content-length", b"8388609"), (b"origin", origin)]
    scope = {"type": "http", "method": "POST", "path": path, "headers": headers}
    asyncio.run(Router(edge=named("edge", []), web=named("web", []), origins=origins)(scope, receive, send))
    found = dict(sent[0]["headers"])
    assert sent[0]["status"] == 413
    assert (found.get(b"access-control-allow-origin") == origin) is readable
    assert (b"vary" in found) is path.startswith("/api/")

    answers: list[Any] = []
    environ = {"PATH_INFO": path, "CONTENT_LENGTH": "8388609", "HTTP_ORIGIN": origin.decode()}
    BoundedWsgi(lambda *_: [], origins)(environ, lambda line, headers: answers.append(dict(headers)))
    assert (answers[0].get("access-control-allow-origin") == origin.decode()) is readable
