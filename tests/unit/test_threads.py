"""A WSGI application behind an ASGI server, without a server."""

import asyncio
import threading
from typing import Any

import pytest

from faasweb.routing import BrokenOff
from faasweb.threads import AT_ONCE_BYTES, OnThreads, environ_of

SCOPE: dict[str, Any] = {
    "type": "http",
    "method": "POST",
    "path": "/a b/é",
    "query_string": b"x=1",
    "http_version": "1.1",
    "scheme": "https",
    "server": ("127.0.0.1", 8000),
    "client": ("203.0.113.9", 40000),
    "headers": [],
}


def served(app, *, body: bytes = b"", take: Any = None) -> list[dict[str, Any]]:
    """What is sent for one request. ``take`` is awaited with each message."""
    sent: list[dict[str, Any]] = []

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)
        if take:
            await take(message)

    asyncio.run(OnThreads(app, threads=2)(SCOPE, receive, send))
    return sent


class Parts:
    """An answer that remembers where it was closed."""

    def __init__(self, *parts: bytes) -> None:
        self.parts = parts
        self.made_in, self.closed_in = threading.get_ident(), 0

    def __iter__(self):
        return iter(self.parts)

    def close(self) -> None:
        self.closed_in = threading.get_ident()


def test_a_short_answer_is_sent_whole_and_closed_where_it_was_made():
    made: list[Parts] = []

    def app(environ, start_response):
        start_response("201 Created", [("Content-Type", "text/plain"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
        made.append(Parts(b"got ", environ["wsgi.input"].read()))
        return made[0]

    start, end = served(app, body=b"body")
    assert start["status"] == 201
    assert start["headers"] == [(b"content-type", b"text/plain"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]
    assert (end["body"], end["more_body"]) == (b"got body", False)
    assert made[0].closed_in == made[0].made_in != threading.get_ident()


def test_a_long_answer_is_sent_in_parts_while_it_is_made():
    def app(environ, start_response):
        start_response("200 OK", [])
        return (b"x" * AT_ONCE_BYTES for _ in range(5))

    sent = served(app)
    assert [message["type"] for message in sent] == ["http.response.start", *["http.response.body"] * (len(sent) - 1)]
    assert len(sent) > 3
    assert [message["more_body"] for message in sent[1:]] == [*[True] * (len(sent) - 2), False]
    assert sum(len(message["body"]) for message in sent[1:]) == 5 * AT_ONCE_BYTES


def test_a_caller_who_stops_taking_a_long_answer_gives_its_thread_back(monkeypatch):
    monkeypatch.setattr("faasweb.threads.PATIENCE_S", 0.05)
    made: list[Parts] = []

    def app(environ, start_response):
        start_response("200 OK", [])
        made.append(Parts(*[b"x" * AT_ONCE_BYTES] * 5))
        return made[0]

    async def never(message):
        await asyncio.sleep(30)

    with pytest.raises(BrokenOff):
        served(app, take=never)
    assert made[0].closed_in == made[0].made_in


def test_what_is_written_the_old_way_comes_first():
    def app(environ, start_response):
        start_response("200 OK", [])(b"first, ")
        return [b"then"]

    assert served(app)[1]["body"] == b"first, then"


def test_the_request_in_the_words_of_wsgi():
    headers = [
        (b"content-length", b"4"),
        (b"content-type", b"text/plain"),
        (b"x-forwarded-for", b"a"),
        (b"x-forwarded-for", b"b"),
        (b"cookie", b"a=1"),
        (b"cookie", b"b=2"),
    ]
    environ = environ_of(SCOPE | {"headers": headers}, b"body")
    assert environ["PATH_INFO"] == "/a b/é".encode().decode("latin-1")
    assert (environ["REQUEST_METHOD"], environ["QUERY_STRING"]) == ("POST", "x=1")
    assert (environ["REMOTE_ADDR"], environ["wsgi.url_scheme"]) == ("203.0.113.9", "https")
    assert (environ["CONTENT_LENGTH"], environ["CONTENT_TYPE"]) == ("4", "text/plain")
    assert (environ["HTTP_X_FORWARDED_FOR"], environ["HTTP_COOKIE"]) == ("a,b", "a=1; b=2")


def test_a_header_with_an_underscore_does_not_pass_for_another():
    environ = environ_of(SCOPE | {"headers": [(b"x_forwarded_proto", b"https")]}, b"")
    assert "HTTP_X_FORWARDED_PROTO" not in environ
