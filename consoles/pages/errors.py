"""A refusal as a page, or as the small part that htmx shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from consoles.http import status_of
from faasweb.domain.errors import FaaswebError, MethodNotAllowed, NotAllowed, NotFound

SWAPPED = (409, 422)  # what htmx puts into the page (base.html); of other refusals it shows the sentence


def render_error(request: HttpRequest, error: FaaswebError) -> HttpResponse:
    status = status_of(error)
    title = _("Not found") if isinstance(error, NotFound) else _("That did not work")
    if request.headers.get("HX-Request") and status not in SWAPPED:
        answer = HttpResponse(error.message, content_type="text/plain; charset=utf-8", status=status)
    else:
        template = "_error.html" if request.headers.get("HX-Request") else "error.html"
        context = {"title": title, "message": error.message, "status": status}
        answer = render(request, template, context, status=status)
    if isinstance(error, MethodNotAllowed):
        answer["Allow"] = ", ".join(cast(Sequence[str], error.details["allowed"]))
    answer["Cache-Control"] = "private, no-store"
    return answer


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The form is older than the session: signed in or out meanwhile, in another tab. Or another site sent it."""
    return render_error(request, NotAllowed(_("This page was out of date. Reload it and try again.")))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render_error(request, NotFound(_("There is nothing at this address.")))


def server_error(request: HttpRequest) -> HttpResponse:
    """The last resort: no template tags, no database."""
    body = "<!doctype html><title>faasweb</title><h1>Something broke</h1><p>It is in the server's log. Try again.</p>"
    return HttpResponse(body, status=500)
