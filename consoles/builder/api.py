"""The Builder Service as one ninja application."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from ninja.errors import HttpError, ValidationError

from consoles.api.api import VERSION, JsonApi
from consoles.api.wire import CompactJson, StrictJson
from consoles.builder import apps, builds
from consoles.builder.access import ServiceDoor
from consoles.builder.errors import refusal_of

api = JsonApi(
    title="faasweb Builder Service",
    version=VERSION,
    description="Builds Python files to WebAssembly, pushes them as images and deploys images. "
    'Every refusal is `{"detail": ...}`.',
    urls_namespace="builder",
    openapi_url=None,  # served at the root
    auth=ServiceDoor(),
    renderer=CompactJson(),
    parser=StrictJson(),
)
api.add_router("", builds.router, tags=["builds"])
api.add_router("", apps.router, tags=["apps"])


@api.exception_handler(Exception)
def on_exception(request: HttpRequest, error: Exception) -> HttpResponse:
    return refusal_of(request, error)


@api.exception_handler(ValidationError)  # in place of ninja's own
def on_invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    return refusal_of(request, error)


@api.exception_handler(HttpError)
def on_refusal(request: HttpRequest, error: HttpError) -> HttpResponse:
    return refusal_of(request, error)


@api.exception_handler(Http404)
def on_unknown(request: HttpRequest, error: Http404) -> HttpResponse:
    return refusal_of(request, error)
