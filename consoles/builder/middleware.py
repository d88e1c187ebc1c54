"""What happens around every request to the Builder Service."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import cast
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from consoles.api import cors
from consoles.builder.errors import phrase, refusal_of, refused
from consoles.http import ConsoleRequest
from consoles.identity import address_of
from consoles.middleware import provide

logger = logging.getLogger(__name__)
URLS = "consoles.builder.urls"
View = Callable[[HttpRequest], HttpResponseBase]


def door(get_response: View) -> View:
    return Door(get_response)


class Door:
    """The service's own addresses; JSON whatever happens, CORS for all of it, and a line in the log without secrets."""

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        began = time.monotonic()
        request.urlconf = URLS
        provide(request)
        answer = _preflight(request) or self._answer(request)
        cors.allow(request, answer)
        took = (time.monotonic() - began) * 1000
        name = cast("ConsoleRequest", request).request_id
        path, address = quote(request.path), address_of(request)
        logger.info("%s %s %s from %s, %.0f ms, %s", request.method, path, answer.status_code, address, took, name)
        return answer

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        # With and without a slash at the end it is the same thing, without a redirect that would lose the body.
        if len(request.path_info) > 1:
            request.path_info = request.path_info.removesuffix("/")
        answer = self.get_response(request)
        told = answer.headers.get("Content-Type", "").startswith("application/json")
        if answer.status_code < 400 or told:
            return answer
        refusal = refused(answer.status_code, phrase(answer.status_code))
        if "Allow" in answer.headers:
            refusal["Allow"] = answer.headers["Allow"]
        return refusal

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse:
        return refusal_of(request, error)


def _preflight(request: HttpRequest) -> HttpResponse | None:
    answer = cors.preflight(request)
    if answer is not None and answer.status_code >= 400:
        return refused(answer.status_code, "Pages of this origin may not call this service: see CORS_ORIGINS.")
    return answer
