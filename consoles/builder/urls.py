"""Every address of the Builder Service: an URL root of its own, chosen by its middleware."""

from __future__ import annotations

from functools import cache

from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views.decorators.http import require_safe

from consoles.api.docs import swagger
from consoles.api.root import readyz
from consoles.builder.api import api
from consoles.builder.errors import refused
from consoles.builder.openapi import PREFIX, description
from consoles.http import json_answer, json_text


@require_safe
def health(request: HttpRequest) -> HttpResponse:
    return json_answer({"status": "healthy"})


@require_safe
def openapi(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_described(), content_type="application/json")


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    return swagger.render_page(request, api)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return refused(404, "Not Found")


def server_error(request: HttpRequest) -> HttpResponse:
    return refused(500, "Internal server error: the log has it.")


@cache
def _described() -> bytes:
    return json_text(description())


urlpatterns = [
    path("health", health),
    path("readyz", readyz),
    path("openapi.json", openapi, name="openapi"),
    path("docs", docs, name="api-docs"),
    path(PREFIX[1:], api.urls),
    path("", include("consoles.gateway.urls")),
]
handler404 = "consoles.builder.urls.not_found"
handler500 = "consoles.builder.urls.server_error"
