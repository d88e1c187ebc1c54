"""wasi:http/types: what is sent. The guest's response, and the requests it makes."""

from typing import Any

from faasweb.wasmhost.abi_shapes import Err
from faasweb.wasmhost.interfaces.http_types import (
    Fields,
    OutgoingBody,
    OutgoingRequest,
    OutgoingResponse,
    RequestOptions,
    ResponseOutparam,
    types,
)
from faasweb.wasmhost.interfaces.io import OutputStream
from faasweb.wasmhost.sandbox import Sandbox


@types.constructor("outgoing-response")
def new_response(guest: Sandbox, headers: Fields) -> OutgoingResponse:
    return OutgoingResponse(headers)


@types.method("outgoing-response", "status-code")
def get_status(guest: Sandbox, response: OutgoingResponse) -> int:
    return response.status


@types.method("outgoing-response", "set-status-code")
def set_status(guest: Sandbox, response: OutgoingResponse, status: int) -> None:
    if not 200 <= status <= 599:
        raise Err
    response.status = status


@types.method("outgoing-response", "headers")
@types.method("outgoing-request", "headers")
def outgoing_headers(guest: Sandbox, message: OutgoingResponse | OutgoingRequest) -> Fields:
    return Fields(message.headers.entries, fixed=True)


@types.method("outgoing-response", "body")
def response_body(guest: Sandbox, response: OutgoingResponse) -> OutgoingBody:
    if response.body_taken:
        raise Err
    response.body_taken = True
    return OutgoingBody(response.write, lambda: None)


@types.static("response-outparam", "set")
def set_response(guest: Sandbox, place: ResponseOutparam, response: OutgoingResponse | Err) -> None:
    if isinstance(response, Err):
        raise ValueError(f"the function answered with an error instead of a response: {response.value}")
    guest.answer(response.status, response.headers.entries)
    response.sent_to = guest
    if response.early_body:
        guest.write_body(bytes(response.early_body))


@types.method("outgoing-body", "write")
def body_write(guest: Sandbox, body: OutgoingBody) -> OutputStream:
    def write(data: bytes) -> None:
        guest.charge(len(data))
        body.sink(data)

    return OutputStream(write)


@types.static("outgoing-body", "finish")
def finish_outgoing_body(guest: Sandbox, body: OutgoingBody, trailers: Fields | None) -> None:
    body.on_finish()


@types.constructor("outgoing-request")
def new_request(guest: Sandbox, headers: Fields) -> OutgoingRequest:
    return OutgoingRequest(headers)


@types.method("outgoing-request", "body")
def request_body(guest: Sandbox, request: OutgoingRequest) -> OutgoingBody:
    if request.body_taken:
        raise Err
    request.body_taken = True
    return OutgoingBody(request.write, request.finish)


def _attribute(name: str, attribute: str) -> None:
    """Register the getter and the setter of one attribute of outgoing-request."""

    @types.method("outgoing-request", name)
    def get(guest: Sandbox, request: OutgoingRequest) -> Any:
        return getattr(request, attribute)

    @types.method("outgoing-request", f"set-{name}")
    def set_(guest: Sandbox, request: OutgoingRequest, value: Any) -> None:
        setattr(request, attribute, value)


def _option(name: str) -> None:
    """Register the getter and the setter of one timeout of request-options."""

    @types.method("request-options", name)
    def get(guest: Sandbox, options: RequestOptions) -> int | None:
        return options.timeouts.get(name)

    @types.method("request-options", f"set-{name}")
    def set_(guest: Sandbox, options: RequestOptions, duration: int | None) -> None:
        options.timeouts[name] = duration


_attribute("method", "method")
_attribute("path-with-query", "path")
_attribute("scheme", "scheme")
_attribute("authority", "authority")
_option("connect-timeout")
_option("first-byte-timeout")
_option("between-bytes-timeout")


@types.constructor("request-options")
def new_options(guest: Sandbox) -> RequestOptions:
    return RequestOptions()
