"""Writes a guest's response as frames to the client's connection, as the guest produces it."""

import socket
from http import HTTPStatus

from faasweb.wasmhost.frames import CONTENT_TYPE, Data, End, Head, encode
from faasweb.wasmhost.http_wire import LAST_CHUNK, chunk, chunked_head
from faasweb.wasmhost.sandbox import Headers, Sandbox, Stopped

SEND_AT = 64 << 10
LAST_WORDS_TIMEOUT_S = 5.0


class FrameSink:
    """Collects small writes and sends them when enough came together or the guest is about to wait.

    Sending blocks while the client does not read, at most until the sandbox's deadline.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._pending = bytearray(chunked_head(CONTENT_TYPE))
        self._body = bytearray()
        self._status: int | None = None
        self._sent = False
        self.sandbox: Sandbox | None = None
        self.broken = False

    def head(self, status: int, headers: Headers) -> None:
        self._status = status
        self._pending += chunk(encode(Head(status, [(name, value.decode("latin-1")) for name, value in headers])))

    def body(self, data: bytes) -> None:
        self._body += data
        if len(self._body) >= SEND_AT:
            self.flush()

    def flush(self) -> None:
        """Raises Stopped when the client is gone or does not read."""
        self._frame_body()
        if self._status is not None and self._pending:
            self._send(self.sandbox.left_s() if self.sandbox else LAST_WORDS_TIMEOUT_S)

    def end(self, end: End) -> None:
        """The last frame. A client that is gone by now is not worth an error."""
        if end.outcome != "ok" and self._status != HTTPStatus.INTERNAL_SERVER_ERROR and not self._sent:
            self._take_back()
        self._frame_body()
        self._pending += chunk(encode(end)) + LAST_CHUNK
        if not self.broken:
            try:
                self._send(LAST_WORDS_TIMEOUT_S)
            except Stopped:
                return

    def _take_back(self) -> None:
        """Forget an answer of which nothing is under way yet: none is better than half of one that looks whole."""
        self._body.clear()
        self._pending = bytearray(chunked_head(CONTENT_TYPE))

    def _frame_body(self) -> None:
        if self._body:
            self._pending += chunk(encode(Data(bytes(self._body))))
            self._body.clear()

    def _send(self, timeout_s: float) -> None:
        try:
            self._sent = True
            self._sock.settimeout(max(0.001, timeout_s))
            self._sock.sendall(self._pending)
        except TimeoutError as error:
            self.broken = True
            raise Stopped("slow_reader") from error
        except OSError as error:
            self.broken = True
            raise Stopped("cancelled") from error
        self._pending.clear()
