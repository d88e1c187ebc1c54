"""Just enough HTTP/1.1 for a unix socket between two processes of faasweb: read a request, write an answer.

Strict on purpose: one way to say how long a body is, no folding, no trailers.
"""

import re
import socket
from dataclasses import dataclass

MAX_HEAD_BYTES = 128 << 10
MAX_HEADERS = 200
MAX_DISCARDED = 64 << 20
READ_PIECE = 256 << 10
IDLE_TIMEOUT_S = 75.0
READ_TIMEOUT_S = 30.0
TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
TARGET = re.compile(rb"/[\x21-\x7e\x80-\xff]*")
CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,8}")
REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 413: "Content Too Large", 503: "Service Unavailable"}


class BadRequest(Exception):
    """The bytes are not a request this server takes; the connection is of no further use."""


class Disconnected(Exception):
    """The other side closed the connection, or said nothing for too long."""


@dataclass(slots=True)
class Request:
    """One request. Header names are lower-case; ``body`` is None when it was over the limit."""

    method: str
    target: str
    headers: list[tuple[str, bytes]]
    body: bytes | None = b""

    def header(self, name: str) -> str | None:
        """The last value of a header."""
        return next((value.decode("latin-1") for key, value in reversed(self.headers) if key == name), None)


class Connection:
    """A client's connection, used by one thread."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._buffer = bytearray()

    def read_request(self, max_body: int) -> Request:
        """The next request. Raises Disconnected or BadRequest."""
        head = self._read_head()
        request = _parse_head(head)
        self.sock.settimeout(READ_TIMEOUT_S)
        request.body = self._read_body(request, max_body)
        return request

    def _read_head(self) -> bytes:
        self.sock.settimeout(IDLE_TIMEOUT_S)
        searched = 0
        while (end := self._buffer.find(b"\r\n\r\n", searched)) < 0:
            if len(self._buffer) > MAX_HEAD_BYTES:
                raise BadRequest("the head of the request is too large")
            searched = max(0, len(self._buffer) - 3)
            self._fill()
        head = bytes(self._buffer[:end])
        del self._buffer[: end + 4]
        return head

    def _fill(self) -> None:
        try:
            piece = self.sock.recv(READ_PIECE)
        except OSError as error:
            raise Disconnected from error
        if not piece:
            raise Disconnected
        self._buffer += piece

    def _take(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._fill()
        piece = bytes(self._buffer[:count])
        del self._buffer[:count]
        return piece

    def _read_body(self, request: Request, max_body: int) -> bytes | None:
        lengths = {value for key, value in request.headers if key == "content-length"}
        codings = [value.lower() for key, value in request.headers if key == "transfer-encoding"]
        if codings and (lengths or codings != [b"chunked"]):
            raise BadRequest("the length of the body is ambiguous")
        if not codings and not lengths:
            return b""
        if request.header("expect"):
            self.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        return self._read_chunks(max_body) if codings else self._read_length(lengths, max_body)

    def _read_length(self, lengths: set[bytes], max_body: int) -> bytes | None:
        text = lengths.pop()
        if lengths or not text.isdigit() or len(text) > 12:
            raise BadRequest("the length of the body is not a number")
        length = int(text)
        if length <= max_body:
            return self._take(length)
        if length > MAX_DISCARDED:
            raise BadRequest("the body is too large")
        while length:
            length -= len(self._take(min(length, READ_PIECE)))
        return None

    def _read_chunks(self, max_body: int) -> bytes | None:
        body, total = bytearray(), 0
        while size := self._chunk_size():
            total += size
            if total > MAX_DISCARDED:
                raise BadRequest("the body is too large")
            piece = self._take(size)
            if total <= max_body:
                body += piece
            self._expect_line_end()
        self._expect_line_end()
        return bytes(body) if total <= max_body else None

    def _chunk_size(self) -> int:
        while (end := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > 256:
                raise BadRequest("a chunk has no size")
            self._fill()
        text = bytes(self._buffer[:end]).partition(b";")[0].strip()
        del self._buffer[: end + 2]
        if not CHUNK_SIZE.fullmatch(text):
            raise BadRequest("the size of a chunk is not a number")
        return int(text, 16)

    def _expect_line_end(self) -> None:
        if self._take(2) != b"\r\n":
            raise BadRequest("a chunk does not end where it should")

    def answer(self, status: int, content_type: str, body: bytes, *, close: bool = False) -> None:
        """Write a whole answer."""
        head = (
            f"HTTP/1.1 {status} {REASONS[status]}\r\ncontent-type: {content_type}\r\n"
            f"content-length: {len(body)}\r\n{'connection: close' if close else 'connection: keep-alive'}\r\n\r\n"
        )
        self.sock.sendall(head.encode() + body)


def _parse_head(head: bytes) -> Request:
    request_line, *lines = head.split(b"\r\n")
    parts = request_line.split(b" ")
    if len(parts) != 3 or parts[2] != b"HTTP/1.1" or not TOKEN.fullmatch(parts[0]) or not TARGET.fullmatch(parts[1]):
        raise BadRequest("the request line cannot be read")
    if len(lines) > MAX_HEADERS:
        raise BadRequest("the request has too many headers")
    headers = []
    for line in lines:
        name, colon, value = line.partition(b":")
        value = value.strip(b" \t")
        if not colon or not TOKEN.fullmatch(name) or b"\0" in value or b"\r" in value or b"\n" in value:
            raise BadRequest("a header cannot be read")
        headers.append((name.decode("ascii").lower(), value))
    return Request(parts[0].decode("ascii"), parts[1].decode("latin-1"), headers)


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked answer."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def chunked_head(content_type: str) -> bytes:
    """The head of an answer whose length is not known yet."""
    return (
        f"HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ntransfer-encoding: chunked\r\n"
        "connection: keep-alive\r\n\r\n"
    ).encode()


LAST_CHUNK = b"0\r\n\r\n"
