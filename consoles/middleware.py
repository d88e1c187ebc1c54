"""What happens around every view.

The web stack has ``request_id``, ``api_errors`` and ``platform`` among Django's own; the edge stack has ``edge`` alone,
because there each synchronous middleware would cost a change of threads.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable
from inspect import iscoroutinefunction
from typing import cast

from asgiref.sync import markcoroutinefunction
from csp.middleware import CSPMiddleware
from django.conf import settings
from django.core.exceptions import DisallowedHost, RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.decorators import async_only_middleware, sync_and_async_middleware
from django.utils.functional import SimpleLazyObject
from django_htmx.middleware import HtmxDetails

from consoles.api import cors
from consoles.http import (
    INTERNAL,
    UNREADABLE,
    UNREADABLE_REASON,
    ConsoleRequest,
    error_answer,
    in_thread,
    plain_error,
)
from consoles.identity import SAFE_METHODS, address_of, check_csrf, session_actor, user_of
from faasweb.bootstrap import Platform, get_platform
from faasweb.domain.access import Actor
from faasweb.domain.errors import FaaswebError, NotFound, TooLarge

logger = logging.getLogger(__name__)

View = Callable[[HttpRequest], HttpResponseBase]
AsyncView = Callable[[HttpRequest], Awaitable[HttpResponseBase]]
HEADER = "X-Request-Id"


def is_api(request: HttpRequest) -> bool:
    return request.path_info.startswith("/api/") or request.path_info == "/api"


# --- the web stack -----------------------------------------------------------------------------------------------


@sync_and_async_middleware
def request_id(get_response: View | AsyncView) -> View | AsyncView:
    """A name for each request, in the answer and in the lines the log has about it."""
    if iscoroutinefunction(get_response):
        call = cast("AsyncView", get_response)

        async def named_async(request: HttpRequest) -> HttpResponseBase:
            _name(request)
            return _named(request, await call(request))

        return named_async

    call_now = cast("View", get_response)

    def named(request: HttpRequest) -> HttpResponseBase:
        _name(request)
        return _named(request, call_now(request))

    return named


def _name(request: HttpRequest) -> None:
    cast("ConsoleRequest", request).request_id = secrets.token_hex(8)


def _named(request: HttpRequest, answer: HttpResponseBase) -> HttpResponseBase:
    answer.headers.setdefault(HEADER, cast("ConsoleRequest", request).request_id)
    return answer


def api_errors(get_response: View) -> View:
    return ApiErrors(get_response)


class ApiErrors:
    """Whatever happens below ``/api``, the answer is JSON, an error has the one shape, and CORS holds for it."""

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not is_api(request):
            return self.get_response(request)
        if (early := _enter_api(request)) is not None:
            return early
        headed = _as_get(request)
        answer = _leave_api(request, self.get_response(request))
        return _without_body(answer) if headed else answer

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        return exception_answer(request, error) if is_api(request) else None


def _enter_api(request: HttpRequest) -> HttpResponse | None:
    # With and without a slash at the end it is the same thing, without a redirect that would lose the body.
    if request.path_info.endswith("/") and len(request.path_info) > len("/api/"):
        request.path_info = request.path_info[:-1]
    if (answer := cors.preflight(request)) is not None:
        cors.allow(request, answer)
    return answer


def _as_get(request: HttpRequest) -> bool:
    """Whether it is a HEAD, which from here on is the GET that it asks about."""
    if request.method != "HEAD":
        return False
    request.method = request.META["REQUEST_METHOD"] = "GET"
    return True


def _without_body(answer: HttpResponseBase) -> HttpResponseBase:
    if isinstance(answer, HttpResponse):
        answer.headers["Content-Length"] = str(len(answer.content))
        answer.content = b""
    return answer


def _leave_api(request: HttpRequest, answer: HttpResponseBase) -> HttpResponseBase:
    if answer.status_code >= 400 and not answer.headers.get("Content-Type", "").startswith("application/json"):
        refused = plain_error(answer.status_code)
        if "Allow" in answer.headers:
            refused["Allow"] = answer.headers["Allow"]
        answer = refused
    cors.allow(request, answer)
    return answer


def exception_answer(request: HttpRequest, error: Exception) -> HttpResponse:
    """Any exception in the one shape. What was not expected goes to the log, under the request's id."""
    if isinstance(error, FaaswebError):
        return error_answer(error)
    if isinstance(error, RequestDataTooBig):
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        return error_answer(TooLarge(f"The request is larger than {limit:,} bytes.", limit=limit))
    if isinstance(error, Http404):
        return error_answer(NotFound("There is nothing at this address."))
    if isinstance(error, DisallowedHost):
        return plain_error(400, "BAD_REQUEST", "The Host header names no host of this console.")
    if isinstance(error, UNREADABLE):
        return plain_error(400, "BAD_REQUEST", UNREADABLE_REASON)
    name = getattr(request, "request_id", "")
    logger.error("request %s: %s %s failed", name, request.method, request.path, exc_info=error)
    code = "EXECUTION_ERROR" if request.path_info.endswith("/invoke") else INTERNAL
    return plain_error(500, code, f"Something went wrong here; the server's log has it as request {name}.")


def platform(get_response: View) -> View:
    return WithPlatform(get_response)


class WithPlatform:
    """``request.platform`` and ``request.actor`` for pages; a refusal becomes a page. The API finds its own actor."""

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        provide(request)
        if not is_api(request):
            cast("ConsoleRequest", request).actor = session_actor(user_of(request), address_of(request))
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if is_api(request) or not isinstance(error, FaaswebError):
            return None
        return _error_page(request, error)


def provide(request: HttpRequest) -> None:
    typed = cast("ConsoleRequest", request)
    typed.platform = cast("Platform", SimpleLazyObject(get_platform))
    typed.actor = typed.function = None


def _error_page(request: HttpRequest, error: FaaswebError) -> HttpResponse:
    from consoles.pages.errors import render_error  # pages use this module's neighbours; at import it would be a circle

    return render_error(request, error)


# --- the edge stack ----------------------------------------------------------------------------------------------


@async_only_middleware
def edge(get_response: AsyncView) -> AsyncView:
    return Edge(get_response)


class Edge:
    """All of the web stack that function routes, invocations, runs and streams need, without leaving the event loop.

    A function route touches neither session nor database here: whoever may call it is decided by the function.
    """

    def __init__(self, get_response: AsyncView) -> None:
        self.get_response = get_response
        markcoroutinefunction(self)

    async def __call__(self, request: HttpRequest) -> HttpResponseBase:
        _name(request)
        try:
            request.get_host()
        except DisallowedHost as exc:
            return _named(request, exception_answer(request, exc))
        provide(request)
        return _named(request, await self._answer(request))

    async def _answer(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info.startswith("/fn/"):
            return await self.get_response(request)
        if is_api(request):
            answer = _enter_api(request) or _leave_api(request, await self.get_response(request))
            answer.headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
            return _secured(answer)
        if request.path_info.startswith(("/run/", "/stream/")):
            return _secured(await self._page(request))
        return plain_error(404)

    async def _page(self, request: HttpRequest) -> HttpResponseBase:
        cast("ConsoleRequest", request).htmx = HtmxDetails(request)
        _csp.process_request(request)
        translation.activate(translation.get_language_from_request(request))
        try:
            cast("ConsoleRequest", request).actor = await in_thread(_session_caller, request)
            answer = await self.get_response(request)
        except FaaswebError as exc:
            answer = _error_page(request, exc)
        return _csp.process_response(request, answer)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if request.path_info.startswith(("/fn/", "/api/")):
            return exception_answer(request, error)
        return _error_page(request, error) if isinstance(error, FaaswebError) else None


def _no_response(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


_csp = CSPMiddleware(_no_response)  # its two steps are called one by one: they only compute


def _session_caller(request: HttpRequest) -> Actor | None:
    actor = session_actor(user_of(request), address_of(request))
    if request.method not in SAFE_METHODS:
        check_csrf(request)
    return actor


def _secured(answer: HttpResponseBase) -> HttpResponseBase:
    answer.headers.setdefault("X-Content-Type-Options", "nosniff")
    answer.headers.setdefault("Referrer-Policy", settings.SECURE_REFERRER_POLICY)
    answer.headers.setdefault("X-Frame-Options", settings.X_FRAME_OPTIONS)
    if settings.SECURE_HSTS_SECONDS:
        answer.headers.setdefault("Strict-Transport-Security", f"max-age={settings.SECURE_HSTS_SECONDS}")
    return answer
