"""What every door shares: the typed request, which status stands for which kind of error, and a way into a thread."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from http import HTTPStatus
from typing import ParamSpec, TypeVar

from django.core.exceptions import SuspiciousOperation
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django_htmx.middleware import HtmxDetails

from faasweb.bootstrap import Platform
from faasweb.domain import errors
from faasweb.domain.access import Actor
from faasweb.domain.functions import Function

P = ParamSpec("P")
T = TypeVar("T")


class ConsoleRequest(HttpRequest):
    """A request as the middleware hands it to a view."""

    platform: Platform
    actor: Actor | None
    function: Function | None  # where the door has looked it up already
    request_id: str
    htmx: HtmxDetails
    csp_nonce: str


# First match wins, so a subclass comes before its base.
STATUS: dict[type[errors.FaaswebError], int] = {
    errors.InvalidInput: 400,
    errors.Unauthenticated: 401,
    errors.NotAllowed: 403,
    errors.NotFound: 404,
    errors.MethodNotAllowed: 405,
    errors.Conflict: 409,
    errors.Stale: 409,
    errors.NotReady: 400,
    errors.TooLarge: 413,
    errors.RateLimited: 429,
    errors.TimedOut: 504,
    errors.BuilderTimedOut: 504,
    errors.BuilderBroken: 502,
    errors.ClusterRefused: 502,
    errors.Unavailable: 503,
}
# Refusals of the framework itself, which know a status only.
CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHENTICATED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    413: "TOO_LARGE",
    429: "RATE_LIMITED",
    503: "UNAVAILABLE",
}
INTERNAL = "INTERNAL_ERROR"
UNREADABLE = (MultiPartParserError, SuspiciousOperation, UnreadablePostError)
"""What the framework raises for requests that it can't read; those with a reason of their own are told apart first."""
UNREADABLE_REASON = "The request can't be read: send a complete form with a few fields and one file."


def status_of(error: errors.FaaswebError) -> int:
    return next(status for kind, status in STATUS.items() if isinstance(error, kind))


def error_body(error: errors.FaaswebError) -> dict[str, object]:
    """The one shape of errors in the JSON API."""
    return {"error": {"code": error.code, "message": error.message, "details": error.details}}


def json_text(content: object) -> bytes:
    """Compact JSON in UTF-8. ValueError for NaN and infinity, which are not JSON."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    # A lone surrogate can come out of a foreign system's escapes; it must not cost the whole answer.
    return text.encode("utf-8", errors="replace")


def json_answer(content: object, status: int = 200) -> HttpResponse:
    return HttpResponse(json_text(content), status=status, content_type="application/json")


def error_answer(error: errors.FaaswebError) -> HttpResponse:
    """The error as JSON, with the header that belongs to its kind."""
    answer = json_answer(error_body(error), status_of(error))
    match error:
        case errors.MethodNotAllowed():
            allowed = error.details.get("allowed")
            answer["Allow"] = ", ".join(map(str, allowed)) if isinstance(allowed, (list, tuple)) else ""
        case errors.RateLimited():
            answer["Retry-After"] = str(error.details.get("retry_after_s", 1))
        case errors.Unauthenticated():
            answer["WWW-Authenticate"] = "Bearer"
    return answer


def plain_error(status: int, code: str = "", message: str = "") -> HttpResponse:
    """The same shape for a refusal that is no FaaswebError."""
    code = code or CODES.get(status) or (INTERNAL if status >= 500 else "BAD_REQUEST")
    message = message or HTTPStatus(status).phrase
    return json_answer({"error": {"code": code, "message": message, "details": {}}}, status)


_threads = ThreadPoolExecutor(max_workers=16, thread_name_prefix="edge")


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run what touches storage from an async view, on a few threads that are kept.

    Not ``sync_to_async``: under Django's ASGI handler that makes a thread for each request.
    """

    def run() -> T:
        close_old_connections()
        try:
            return function(*args, **kwargs)
        finally:
            close_old_connections()

    return await asyncio.get_running_loop().run_in_executor(_threads, copy_context().run, run)
