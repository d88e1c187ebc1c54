"""The JSON API as one ninja application: how it authenticates, writes, and refuses."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from consoles.api import (
    builds,
    deployments,
    executions,
    functions,
    invocations,
    observing,
    scaffold,
    sources,
    tokens,
    workspaces,
)
from consoles.api.doors import Caller
from consoles.api.wire import CompactJson, StrictJson
from consoles.http import error_answer, plain_error
from consoles.middleware import exception_answer
from faasweb.domain.errors import InvalidInput

VERSION = "0.1.0"


class JsonApi(NinjaAPI):
    def get_content_type(self) -> str:
        return "application/json"  # JSON is UTF-8: it has no charset parameter


api = JsonApi(
    title="faasweb",
    version=VERSION,
    description="Turns a Python file into a live HTTP function. Every error has one shape.",
    urls_namespace="api",
    openapi_url=None,  # served at the root, see consoles/api/docs.py
    auth=Caller(),
    renderer=CompactJson(),
    parser=StrictJson(),
)
api.add_router("/workspaces", workspaces.router, tags=["workspaces"])
api.add_router("", functions.router, tags=["functions"])
api.add_router("", sources.router, tags=["functions"])
api.add_router("", invocations.router, tags=["functions"])
api.add_router("", executions.router, tags=["logs and metrics"])
api.add_router("", observing.router, tags=["logs and metrics"])
api.add_router("/v1", builds.router, tags=["builds"])
api.add_router("/v1", deployments.router, tags=["builds"])
api.add_router("/v1", scaffold.router, tags=["builds"])
api.add_router("/tokens", tokens.router, tags=["tokens"])


@api.exception_handler(Exception)
def on_exception(request: HttpRequest, error: Exception) -> HttpResponse:
    if isinstance(error, InvalidInput) and "field" in error.details:
        error.details.setdefault("errors", [{"field": error.details["field"], "message": error.message}])
    return exception_answer(request, error)


@api.exception_handler(Http404)  # in place of ninja's own
def on_unknown(request: HttpRequest, error: Http404) -> HttpResponse:
    return exception_answer(request, error)


@api.exception_handler(HttpError)
def on_refusal(request: HttpRequest, error: HttpError) -> HttpResponse:
    """ninja's own refusals; the only ones it has here are bodies that can't be read."""
    if error.status_code != 400:
        return plain_error(error.status_code, message=error.message)
    return on_exception(request, InvalidInput("The body can't be read: send a JSON object in UTF-8.", field="body"))


@api.exception_handler(ValidationError)
def on_invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Every wrong field by name. The values stay out: one of them may be a secret."""
    found = [{"field": _field(item["loc"]), "message": item["msg"], "type": item["type"]} for item in error.errors]
    first = found[0]
    message = f"{first['field']}: {first['message']}"
    return error_answer(InvalidInput(message, field=first["field"], errors=found))


def _field(place: tuple[str | int, ...]) -> str:
    """``("body", "body", "memory")`` and ``("query", "limit")`` are ``memory`` and ``limit``."""
    parts = [str(part) for part in place[1:]]
    if parts and parts[0] == "body":
        parts = parts[1:]
    return ".".join(parts) or "body"
