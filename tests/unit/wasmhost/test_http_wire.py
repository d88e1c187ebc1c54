import socket

import pytest

from faasweb.wasmhost.http_wire import BadRequest, Connection, Disconnected


def read(data, max_body=100, count=1):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        connection = Connection(ours)
        requests = [connection.read_request(max_body) for _ in range(count)]
        return requests[-1]


def test_a_request_is_read():
    request = read(b"POST /a%20b?c=d HTTP/1.1\r\nHost: x\r\nX-A:  b \r\nContent-Length: 3\r\n\r\nabc")
    assert (request.method, request.target, request.body) == ("POST", "/a%20b?c=d", b"abc")
    assert request.headers == [("host", b"x"), ("x-a", b"b"), ("content-length", b"3")]


def test_a_chunked_body_is_put_together():
    request = read(b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n")
    assert request.body == b"abcde"


def test_requests_follow_each_other_on_one_connection():
    first = b"POST /1 HTTP/1.1\r\ncontent-length: 2\r\n\r\nhi"
    assert read(first + b"GET /2 HTTP/1.1\r\n\r\n", count=2).target == "/2"


@pytest.mark.parametrize(
    "data",
    [
        b"PUT / HTTP/1.1\r\ncontent-length: 200\r\n\r\n" + b"x" * 200,
        b"PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nc8\r\n" + b"x" * 200 + b"\r\n0\r\n\r\n",
    ],
)
def test_a_body_over_the_limit_is_read_but_not_kept(data):
    assert read(data).body is None
    assert read(data + b"GET /next HTTP/1.1\r\n\r\n", count=2).target == "/next"


@pytest.mark.parametrize(
    "data",
    [
        b"GET /\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET http://x/ HTTP/1.1\r\n\r\n",
        b"GET /a b HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\n folded: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nx : y\r\n\r\n",
        b"GET / HTTP/1.1\r\nx: a\nb: c\r\n\r\n",
        b"GET / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        b"GET / HTTP/1.1\r\ncontent-length: +1\r\n\r\na",
        b"GET / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 300 + b"\r\n",
        b"GET / HTTP/1.1\r\na: " + b"b" * 140_000,
    ],
)
def test_what_is_ambiguous_or_too_much_is_refused(data):
    with pytest.raises(BadRequest):
        read(data)


@pytest.mark.parametrize("data", [b"", b"GET / HT", b"PUT / HTTP/1.1\r\ncontent-length: 5\r\n\r\nab"])
def test_a_client_that_goes_away_is_noticed(data):
    with pytest.raises(Disconnected):
        read(data)
