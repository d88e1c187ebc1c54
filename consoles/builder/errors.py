"""Refusals as clients of a Builder Service read them: ``{"detail": ...}``."""

from __future__ import annotations

import logging
from http import HTTPStatus

from django.core.exceptions import DisallowedHost, RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from ninja.errors import HttpError, ValidationError

from consoles.http import UNREADABLE, UNREADABLE_REASON, error_answer, error_body, json_answer, status_of
from faasweb.domain import errors

logger = logging.getLogger(__name__)
BODY_SOURCES = ("body", "form", "file")


def refused(status: int, detail: object, **more: object) -> HttpResponse:
    return json_answer({"detail": detail, **more}, status)


def refusal_of(request: HttpRequest, error: Exception) -> HttpResponse:
    """Any exception. What was not expected goes to the log; its caller learns nothing but where to look."""
    match error:
        case ValidationError():
            return refused(422, [_problem(item["type"], item["loc"], item["msg"]) for item in error.errors])
        case errors.NamespaceMissing():
            return refused(400, error.message, **error_body(error))
        case errors.InvalidInput():
            place = ("body", str(error.details.get("field", "body")))
            return refused(422, [_problem("value_error", place, error.message)])
        case errors.FaaswebError():
            return _expected(error)
        case Http404():
            return refused(404, "Not Found")
        case HttpError():
            return refused(422, [_problem("json_invalid", ("body",), "The body can't be read: send JSON in UTF-8.")])
        case RequestDataTooBig():
            return refused(413, "The request is larger than this service takes.")
        case DisallowedHost():
            return refused(400, "The Host header names no host of this service: see FAASWEB_HOSTS.")
    if isinstance(error, UNREADABLE):
        return refused(400, UNREADABLE_REASON)
    name = getattr(request, "request_id", "")
    logger.error("request %s: %s %s failed", name, request.method, request.path, exc_info=error)
    return refused(500, f"Internal server error: the log has it as request {name}.")


def _expected(error: errors.FaaswebError) -> HttpResponse:
    answer = refused(status_of(error), error.message)
    like = error_answer(error)  # knows which header belongs to which kind
    for name in ("Allow", "Retry-After", "WWW-Authenticate"):
        if name in like:
            answer[name] = like[name]
    return answer


def _problem(kind: str, place: tuple[str | int, ...], message: str) -> dict[str, object]:
    """The value that was sent stays out: it may be a password."""
    source, *rest = place
    first = "body" if source in BODY_SOURCES else source
    if rest and rest[0] == "body":
        rest = rest[1:]
    return {"type": kind, "loc": [first, *rest], "msg": message, "input": None}


def phrase(status: int) -> str:
    return HTTPStatus(status).phrase
