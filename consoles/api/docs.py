"""The API's own description: for programs at ``/openapi.json``, for people at ``/docs``."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_safe
from ninja import NinjaAPI
from ninja.openapi.docs import Swagger

from consoles.api.api import api
from consoles.api.openapi import description
from consoles.http import json_text


class LocalSwagger(Swagger):
    """ninja's own copy of Swagger UI: nothing is fetched from elsewhere, and no script is inline."""

    def get_openapi_url(self, api: NinjaAPI, path_params: dict[str, Any]) -> str:
        return reverse("openapi")


swagger = LocalSwagger({"validatorUrl": None, "docExpansion": "list", "defaultModelsExpandDepth": 0})


@require_safe
def openapi(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_described(), content_type="application/json")


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    return swagger.render_page(request, api)


@require_safe
def redoc(request: HttpRequest) -> HttpResponse:
    """There is one page of the description; who knows the other name of it from earlier is sent there."""
    return HttpResponseRedirect(reverse("api-docs"))


@cache
def _described() -> bytes:
    return json_text(description())
