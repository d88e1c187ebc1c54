"""Calling a function through the API. On the edge: it waits for the function, not for this console."""

from __future__ import annotations

import json
from urllib.parse import quote

from django.http import HttpResponse
from django.http.request import RawPostDataException
from ninja import P, QueryEx, Router

from consoles.api.doors import Invoker, function_of
from consoles.api.executions import ExecutionOut
from consoles.api.wire import refuse_constant
from consoles.http import ConsoleRequest, json_answer
from consoles.identity import address_of
from faasweb.domain.errors import InvalidInput
from faasweb.domain.executions import RecordedBody
from faasweb.domain.functions import METHODS, Function
from faasweb.domain.invocations import InvocationRequest
from faasweb.usecases.invocations import method_for

router = Router(by_alias=True, auth=Invoker())
ANY_JSON = {"requestBody": {"required": False, "content": {"application/json": {"schema": {}}}}}
ANSWER_LIMIT = 6 * 1024 * 1024  # bytes; what a function answers beyond it is shown as cut text
Method = QueryEx[str | None, P(description="Default: POST when the function allows it, else its first method")]
Path = QueryEx[str, P(description="Path and query within the function, e.g. /hello?name=x")]


@router.post(
    "/workspaces/{workspace_id}/functions/{function_id}/invoke",
    response=ExecutionOut,
    operation_id="invoke_function",
    openapi_extra=ANY_JSON,
)
async def invoke_function(
    request: ConsoleRequest, workspace_id: str, function_id: str, method: Method = None, path: Path = "/"
) -> HttpResponse:
    """Call it with any JSON and get the record of the call, also when the function itself answered 4xx or 5xx."""
    return await _invoke(request, function_of(request), method, path)


@router.post(
    "/functions/{function_id}/invoke",
    response=ExecutionOut,
    operation_id="invoke_function_by_id",
    openapi_extra=ANY_JSON,
)
async def invoke_function_by_id(
    request: ConsoleRequest, function_id: str, method: Method = None, path: Path = "/"
) -> HttpResponse:
    return await _invoke(request, function_of(request), method, path)


async def _invoke(request: ConsoleRequest, function: Function, method: str | None, path: str) -> HttpResponse:
    call = _request_for(request, function, method, path)
    invocation, execution = await request.platform.invocations.call(
        function, call, "api", request_id=request.request_id, keep=ANSWER_LIMIT
    )
    answered = RecordedBody.of(bytes(invocation.kept), size=invocation.size, limit=ANSWER_LIMIT)
    return json_answer(ExecutionOut.of(execution, answered))


def _request_for(request: ConsoleRequest, function: Function, method: str | None, path: str) -> InvocationRequest:
    method = (method or method_for(function)).upper()
    if method not in METHODS:
        raise InvalidInput(f"{method[:20]!r} is not one of {', '.join(METHODS)}.", field="method")
    if not path.startswith("/"):
        raise InvalidInput("A path begins with /.", field="path")
    place, _mark, query = path.partition("?")
    return InvocationRequest(
        method=method,
        path=quote(place, safe="/%:@!$&'()*+,;=-._~"),
        query=quote(query, safe="/%:@!$&'()*+,;=-._~?"),
        headers=[("content-type", "application/json"), ("x-forwarded-for", address_of(request))],
        body=_json_of(request),
        host=request.get_host(),
        scheme=request.scheme or "http",
    )


def _json_of(request: ConsoleRequest) -> bytes:
    """The caller's JSON byte for byte; ``{}`` for no body or one that is no JSON."""
    try:
        body = request.body
        json.loads(body, parse_constant=refuse_constant)
    except (ValueError, RecursionError, RawPostDataException):
        return b"{}"
    return body
