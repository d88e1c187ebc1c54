"""Function routes: whatever comes in at ``/fn/<workspace>/<function>/`` goes to that function, and back, as it is."""

from __future__ import annotations

import asyncio
from typing import cast
from urllib.parse import quote, unquote

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from consoles.gateway.answer import Call, FunctionAnswer, has_no_body
from consoles.gateway.headers import for_caller, for_function, is_code_for_the_console
from consoles.http import ConsoleRequest, error_answer, in_thread
from consoles.identity import address_of
from faasweb.domain.errors import FaaswebError, InvocationFailed, NotAllowed, NotFound, Unavailable
from faasweb.domain.functions import Function
from faasweb.domain.ids import is_workspace_id
from faasweb.domain.invocations import InvocationRequest

PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))  # what a path may hold as it is, percent signs included
NO_FUNCTION = "There is no function at this address."


@csrf_exempt
async def call_function(request: HttpRequest, **_decoded: str) -> HttpResponseBase:
    """Open to everybody: a function decides itself whom it answers."""
    typed = cast("ConsoleRequest", request)
    try:
        if not isinstance(request, ASGIRequest):
            raise Unavailable("Function routes are served by the edge process.")
        if is_code_for_the_console(request.headers):
            raise NotAllowed("A page of the console can't load code from a function.")
        return await _call(typed, request)
    except FaaswebError as exc:
        return error_answer(exc)


async def _call(typed: ConsoleRequest, request: ASGIRequest) -> HttpResponseBase:
    workspace_id, key, path = split_path(request)
    function = await in_thread(_resolve, typed, workspace_id, key)
    forwarded, name = _request_for(request, path), typed.request_id
    invocation = await typed.platform.invocations.open(function, forwarded, "route", request_id=name)
    call, head = Call(invocation), invocation.head
    if head is None or not 200 <= head.status <= 599:
        await asyncio.shield(call.end())
        raise invocation.failure(public=True) or InvocationFailed(
            f"The function answered with status {head and head.status}."
        )
    pairs = for_caller(head.headers, name)
    if has_no_body(forwarded.method, head.status, pairs):
        await call.complete()
    return FunctionAnswer(call, head.status, pairs)


def split_path(request: ASGIRequest) -> tuple[str, str, str]:
    """Workspace, function, and the rest byte for byte: what Django hands over is decoded already."""
    raw = request.scope.get("raw_path") or quote(request.path).encode()
    parts = quote(raw.partition(b"?")[0], safe=PRINTABLE).split("/", 4)
    if len(parts) < 4:
        raise NotFound(NO_FUNCTION)
    return unquote(parts[2]), unquote(parts[3]), "/" + (parts[4] if len(parts) > 4 else "")


def _resolve(typed: ConsoleRequest, workspace_id: str, key: str) -> Function:
    if not is_workspace_id(workspace_id):
        raise NotFound(NO_FUNCTION)
    try:
        return typed.platform.functions.resolve(workspace_id, key)
    except NotFound:
        raise NotFound(NO_FUNCTION) from None


def _request_for(request: ASGIRequest, path: str) -> InvocationRequest:
    return InvocationRequest(
        method=request.method or "GET",
        path=path,
        query=quote(request.scope["query_string"], safe=PRINTABLE),
        headers=for_function(request.scope["headers"], address_of(request)),
        body=request.body,
        host=request.get_host(),
        scheme=request.scheme or "http",
    )
