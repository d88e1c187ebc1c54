"""wasi:http/types: fields, requests, responses and their bodies."""

import re
from collections.abc import Callable, Iterable

from faasweb.wasmhost.abi_shapes import Err
from faasweb.wasmhost.interfaces.registry import Interface, resource
from faasweb.wasmhost.sandbox import GuestRequest, Headers, Sandbox

types = Interface("wasi:http/types")

METHODS = ("get", "head", "post", "put", "delete", "connect", "options", "trace", "patch")
FIELD_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
FORBIDDEN_IN_VALUE = re.compile(rb"[\x00\r\n]")
MAX_OUTGOING_BODY = 6 << 20
FIELD_BYTES = 200


@resource("wasi", "fields", "headers", "trailers")
class Fields:
    """HTTP fields in their order. Those of a received message cannot be changed."""

    def __init__(self, entries: Iterable[tuple[str, bytes]] = (), *, fixed: bool = False) -> None:
        self.entries = list(entries)
        self.fixed = fixed

    def add(self, guest: Sandbox, name: str, value: bytes) -> None:
        """Raises Err(invalid-syntax) for what would break the message apart."""
        guest.charge(FIELD_BYTES + len(name) + len(value))
        if not FIELD_NAME.fullmatch(name) or FORBIDDEN_IN_VALUE.search(value):
            raise Err(("invalid-syntax", None))
        self.entries.append((name, value))

    def values(self, name: str) -> list[bytes]:
        return [value for key, value in self.entries if key.lower() == name.lower()]

    def remove(self, name: str) -> None:
        self.entries = [entry for entry in self.entries if entry[0].lower() != name.lower()]

    def require_open(self) -> None:
        if self.fixed:
            raise Err(("immutable", None))


@resource("wasi", "incoming-body")
class IncomingBody:
    """A received body; its stream can be taken once."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.taken = False


@resource("wasi", "incoming-request")
class IncomingRequest:
    """The request this guest answers."""

    def __init__(self, request: GuestRequest) -> None:
        self.request = request
        self.consumed = False


@resource("wasi", "incoming-response")
class IncomingResponse:
    """The answer to an outgoing request."""

    def __init__(self, status: int, headers: Headers, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.consumed = False


@resource("wasi", "future-trailers")
class FutureTrailers:
    """There are never trailers."""

    def __init__(self) -> None:
        self.taken = False


@resource("wasi", "outgoing-body")
class OutgoingBody:
    """Bytes on their way out, handed to ``sink``; ``on_finish`` is called once when they are complete."""

    def __init__(self, sink: Callable[[bytes], None], on_finish: Callable[[], None]) -> None:
        self.sink = sink
        self.on_finish = on_finish


@resource("wasi", "outgoing-response")
class OutgoingResponse:
    """The guest's answer: buffers its body until the head is sent."""

    def __init__(self, headers: Fields) -> None:
        self.headers = headers
        self.status = 200
        self.body_taken = False
        self.early_body = bytearray()
        self.sent_to: Sandbox | None = None

    def write(self, data: bytes) -> None:
        if self.sent_to is not None:
            self.sent_to.write_body(data)
        elif len(self.early_body) + len(data) > MAX_OUTGOING_BODY:
            raise ValueError("the body is too large to be kept before the response is sent")
        else:
            self.early_body += data


@resource("wasi", "response-outparam")
class ResponseOutparam:
    """The one place a response can be put."""


@resource("wasi", "outgoing-request")
class OutgoingRequest:
    """A request the guest wants to make."""

    def __init__(self, headers: Fields) -> None:
        self.headers = headers
        self.method: tuple[str, str | None] = ("get", None)
        self.path: str | None = None
        self.scheme: tuple[str, str | None] | None = None
        self.authority: str | None = None
        self.content = bytearray()
        self.body_taken = False
        self.finished = False
        self.on_finish: Callable[[], None] = lambda: None

    def write(self, data: bytes) -> None:
        if len(self.content) + len(data) > MAX_OUTGOING_BODY:
            raise ValueError(f"the body of an outgoing request is larger than {MAX_OUTGOING_BODY >> 20} MB")
        self.content += data

    def finish(self) -> None:
        self.finished = True
        self.on_finish()


@resource("wasi", "request-options")
class RequestOptions:
    """Timeouts of an outgoing request, nanoseconds; the function's own deadline bounds them all."""

    def __init__(self) -> None:
        self.timeouts: dict[str, int | None] = {}


def method_variant(method: str) -> tuple[str, str | None]:
    """``GET`` -> ``("get", None)``."""
    name = method.lower()
    return (name, None) if name in METHODS else ("other", method)


# fields


@types.constructor("fields")
def new_fields(guest: Sandbox) -> Fields:
    return Fields()


@types.static("fields", "from-list")
def fields_from_list(guest: Sandbox, entries: Headers) -> Fields:
    fields = Fields()
    for name, value in entries:
        fields.add(guest, name, value)
    return fields


@types.method("fields", "get")
def fields_get(guest: Sandbox, fields: Fields, name: str) -> list[bytes]:
    return fields.values(name)


@types.method("fields", "has")
def fields_has(guest: Sandbox, fields: Fields, name: str) -> bool:
    return bool(fields.values(name))


@types.method("fields", "set")
def fields_set(guest: Sandbox, fields: Fields, name: str, values: list[bytes]) -> None:
    fields.require_open()
    fields.remove(name)
    for value in values:
        fields.add(guest, name, value)


@types.method("fields", "delete")
def fields_delete(guest: Sandbox, fields: Fields, name: str) -> None:
    fields.require_open()
    fields.remove(name)


@types.method("fields", "append")
def fields_append(guest: Sandbox, fields: Fields, name: str, value: bytes) -> None:
    fields.require_open()
    fields.add(guest, name, value)


@types.method("fields", "entries")
def fields_entries(guest: Sandbox, fields: Fields) -> Headers:
    return fields.entries


@types.method("fields", "clone")
def fields_clone(guest: Sandbox, fields: Fields) -> Fields:
    guest.charge(FIELD_BYTES * len(fields.entries))
    return Fields(fields.entries)
