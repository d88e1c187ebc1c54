"""Which web pages elsewhere may read the JSON API: those of ``CORS_ORIGINS``, on every answer, errors included."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers

from consoles.http import plain_error

METHODS = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
EXPOSED = "X-Request-Id, Retry-After, ETag, Content-Disposition"
PREFLIGHT_LIFETIME_S = 600


def preflight(request: HttpRequest) -> HttpResponse | None:
    """The answer to a browser that asks before it calls; None for any other request."""
    if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
        return None
    if request.headers.get("Origin") not in settings.CORS_ORIGINS:
        return plain_error(400, "ORIGIN_NOT_ALLOWED", "Pages of this origin may not call the API: see CORS_ORIGINS.")
    answer = HttpResponse("OK", content_type="text/plain")
    answer["Access-Control-Allow-Methods"] = METHODS
    answer["Access-Control-Allow-Headers"] = request.headers.get("Access-Control-Request-Headers", "Content-Type")
    answer["Access-Control-Max-Age"] = str(PREFLIGHT_LIFETIME_S)
    patch_vary_headers(answer, ["Access-Control-Request-Headers"])
    return answer


def allow(request: HttpRequest, answer: HttpResponseBase) -> None:
    """Let the page that asked read the answer, if its origin is on the list."""
    if not settings.CORS_ORIGINS:
        return
    patch_vary_headers(answer, ["Origin"])
    origin = request.headers.get("Origin")
    if origin in settings.CORS_ORIGINS:
        answer["Access-Control-Allow-Origin"] = origin
        answer["Access-Control-Allow-Credentials"] = "true"
        answer["Access-Control-Expose-Headers"] = EXPOSED
