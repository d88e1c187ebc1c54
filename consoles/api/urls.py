from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path, re_path

from consoles.api import docs, root
from consoles.api.api import api
from consoles.http import error_answer
from faasweb.domain.errors import NotFound


def unknown(request: HttpRequest) -> HttpResponse:
    return error_answer(NotFound("There is nothing at this address."))


unknown.csrf_exempt = True  # type: ignore[attr-defined]  # it changes nothing, and says 404 to every method

urlpatterns = [
    path("readyz", root.readyz, name="readyz"),
    path("openapi.json", docs.openapi, name="openapi"),
    path("docs", docs.docs, name="api-docs"),
    path("redoc", docs.redoc),
    path("api/", api.urls),
    re_path(r"^api(?:/|$)", unknown),
]
