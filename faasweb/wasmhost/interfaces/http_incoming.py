"""wasi:http/types: what is received. The request this guest answers, and the answers to its own requests."""

from typing import Any

from faasweb.wasmhost.abi_shapes import Err, Ok
from faasweb.wasmhost.interfaces.http_types import (
    Fields,
    FutureTrailers,
    IncomingBody,
    IncomingRequest,
    IncomingResponse,
    method_variant,
    types,
)
from faasweb.wasmhost.interfaces.io import Always, InputStream, Pollable
from faasweb.wasmhost.sandbox import Sandbox


@types.method("incoming-request", "method")
def request_method(guest: Sandbox, incoming: IncomingRequest) -> tuple[str, str | None]:
    return method_variant(incoming.request.method)


@types.method("incoming-request", "path-with-query")
def request_path(guest: Sandbox, incoming: IncomingRequest) -> str:
    return incoming.request.path


@types.method("incoming-request", "scheme")
def request_scheme(guest: Sandbox, incoming: IncomingRequest) -> tuple[str, None]:
    return ("HTTPS" if incoming.request.scheme == "https" else "HTTP", None)


@types.method("incoming-request", "authority")
def request_authority(guest: Sandbox, incoming: IncomingRequest) -> str:
    return incoming.request.authority


@types.method("incoming-request", "headers")
def request_headers(guest: Sandbox, incoming: IncomingRequest) -> Fields:
    return Fields(incoming.request.headers, fixed=True)


@types.method("incoming-request", "consume")
def consume_request(guest: Sandbox, incoming: IncomingRequest) -> IncomingBody:
    if incoming.consumed:
        raise Err
    incoming.consumed = True
    return IncomingBody(incoming.request.body)


@types.method("incoming-response", "status")
def response_status(guest: Sandbox, response: IncomingResponse) -> int:
    return response.status


@types.method("incoming-response", "headers")
def response_headers(guest: Sandbox, response: IncomingResponse) -> Fields:
    return Fields(response.headers, fixed=True)


@types.method("incoming-response", "consume")
def consume_response(guest: Sandbox, response: IncomingResponse) -> IncomingBody:
    if response.consumed:
        raise Err
    response.consumed = True
    return IncomingBody(response.body)


@types.method("incoming-body", "stream")
def body_stream(guest: Sandbox, body: IncomingBody) -> InputStream:
    if body.taken:
        raise Err
    body.taken = True
    return InputStream(body.content)


@types.static("incoming-body", "finish")
def finish_incoming_body(guest: Sandbox, body: IncomingBody) -> FutureTrailers:
    return FutureTrailers()


@types.method("future-trailers", "subscribe")
def subscribe_trailers(guest: Sandbox, trailers: FutureTrailers) -> Pollable:
    return Pollable(Always())


@types.method("future-trailers", "get")
def get_trailers(guest: Sandbox, trailers: FutureTrailers) -> Any:
    if trailers.taken:
        return Err(None)
    trailers.taken = True
    return Ok(Ok(None))


@types.function("http-error-code")
def http_error_code(guest: Sandbox, error: Any) -> None:
    return None
