"""wasi:http/outgoing-handler: requests a function makes. Each runs on a thread of its own, so they overlap."""

import http.client
import socket
import ssl
import threading
from typing import Any

from faasweb.wasmhost.abi_shapes import Err, Ok
from faasweb.wasmhost.interfaces.http_types import (
    METHODS,
    IncomingResponse,
    OutgoingRequest,
    RequestOptions,
    types,
)
from faasweb.wasmhost.interfaces.io import Pollable
from faasweb.wasmhost.interfaces.registry import Interface, resource
from faasweb.wasmhost.outbound import Denied, NotFound, Target, allowing_rules, connect
from faasweb.wasmhost.sandbox import Headers, Sandbox, TooMuchHeld

outgoing_handler = Interface("wasi:http/outgoing-handler")

MAX_RESPONSE_BODY = 16 << 20
MAX_AT_ONCE = 16
READ_PIECE = 64 << 10
HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade", "host"}

ErrorCode = tuple[str, Any]


class ResponseTooLarge(Exception):
    """The other side sent more than a function may receive."""


def error_code(failure: BaseException) -> ErrorCode:
    """What went wrong, in the words of wasi:http."""
    match failure:
        case Denied():
            return "HTTP-request-denied", None
        case NotFound():
            return "DNS-error", {"rcode": None, "info-code": None}
        case ConnectionRefusedError():
            return "connection-refused", None
        case TimeoutError():
            return "connection-timeout", None
        case ssl.SSLCertVerificationError():
            return "TLS-certificate-error", None
        case ssl.SSLError():
            return "TLS-protocol-error", None
        case ResponseTooLarge() | TooMuchHeld():
            return "HTTP-response-body-size", MAX_RESPONSE_BODY
        case http.client.HTTPException():
            return "HTTP-protocol-error", None
        case ConnectionError():
            return "connection-terminated", None
        case _:
            return "internal-error", str(failure)


@resource("wasi", "future-incoming-response")
class FutureResponse:
    """The answer that will come. ``result`` is set by the request's thread, which then wakes the guest."""

    due_ns: int | None = None

    def __init__(self) -> None:
        self.result: IncomingResponse | ErrorCode | None = None
        self.taken = False

    def ready(self) -> bool:
        return self.result is not None


class Exchange:
    """One outgoing request, from connecting to the last byte of the answer."""

    def __init__(self, guest: Sandbox, request: OutgoingRequest, target: Target, future: FutureResponse) -> None:
        self.guest = guest
        self.request = request
        self.target = target
        self.future = future
        self._socket: socket.socket | None = None

    def start(self) -> None:
        threading.Thread(target=self._run, name="outgoing", daemon=True).start()

    def abort(self) -> None:
        """Unblock the thread when the guest is gone."""
        if self._socket is not None:
            try:
                self._socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # closed already

    def _run(self) -> None:
        try:
            self.future.result = self._exchange()
        except Exception as failure:
            if isinstance(failure, Denied):
                self.guest.log.system(f"Outbound request refused: {failure}.")
            self.future.result = error_code(failure)
        self.guest.notify()

    def _exchange(self) -> IncomingResponse:
        connection = http.client.HTTPConnection(self.target.host, self.target.port)
        try:
            connection.sock = self._connect()
            self._send(connection)
            answer = connection.getresponse()
            headers: Headers = [(name.lower(), value.encode("latin-1")) for name, value in answer.getheaders()]
            return IncomingResponse(answer.status, headers, self._read(answer))
        finally:
            connection.close()

    def _left_s(self) -> float:
        left = self.guest.left_s()
        if left <= 0 or self.guest.stop_reason is not None:
            raise TimeoutError
        return left

    def _connect(self) -> socket.socket:
        plain = connect(self.target, self.guest.release.allowed_outbound_hosts, self._left_s())
        self._socket = plain
        if self.target.scheme == "https":
            context = ssl.create_default_context()
            self._socket = context.wrap_socket(plain, server_hostname=self.target.host)
        return self._socket

    def _send(self, connection: http.client.HTTPConnection) -> None:
        name, other = self.request.method
        path = (self.request.path or "/").replace(" ", "%20")
        connection.putrequest(
            name.upper() if name in METHODS else (other or "GET"),
            path if path.startswith(("/", "*")) else "/" + path,
            skip_host=True,
            skip_accept_encoding=True,
        )
        connection.putheader("host", self.request.authority or self.target.host)
        for header, value in self._headers():
            connection.putheader(header, value)
        connection.endheaders(bytes(self.request.content) or None)

    def _headers(self) -> Headers:
        kept = [
            (name, value)
            for name, value in self.request.headers.entries
            if name.lower() not in HOP_BY_HOP and name.lower() != "content-length"
        ]
        length = str(len(self.request.content)).encode()
        return [*kept, ("content-length", length), ("connection", b"close")]

    def _read(self, answer: http.client.HTTPResponse) -> bytes:
        body = bytearray()
        while True:
            if self._socket is not None:
                self._socket.settimeout(self._left_s())
            piece = answer.read1(READ_PIECE)
            if not piece:
                return bytes(body)
            body += piece
            self.guest.charge(len(piece))
            if len(body) > MAX_RESPONSE_BODY:
                raise ResponseTooLarge


@outgoing_handler.function("handle")
def handle(guest: Sandbox, request: OutgoingRequest, options: RequestOptions | None) -> FutureResponse:
    scheme = (request.scheme or ("HTTPS", None))[0].lower()
    try:
        target = Target.parse(scheme, request.authority or "")
        allowing_rules(target, guest.release.allowed_outbound_hosts)
    except Denied as denied:
        guest.log.system(f"Outbound request refused: {denied}.")
        raise Err(error_code(denied)) from denied
    guest.outgoing += 1
    if guest.outgoing > MAX_AT_ONCE * 4:
        raise Err(("connection-limit-reached", None))
    future = FutureResponse()
    exchange = Exchange(guest, request, target, future)
    guest.on_close(exchange.abort)
    if request.finished or not request.body_taken:
        exchange.start()
    else:
        request.on_finish = exchange.start
    return future


@types.method("future-incoming-response", "subscribe")
def subscribe(guest: Sandbox, future: FutureResponse) -> Pollable:
    return Pollable(future)


@types.method("future-incoming-response", "get")
def get(guest: Sandbox, future: FutureResponse) -> Any:
    if future.result is None:
        return None
    if future.taken:
        return Err(None)
    future.taken = True
    return Ok(future.result if isinstance(future.result, IncomingResponse) else Err(future.result))
