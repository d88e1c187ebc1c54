"""Small things that several pages do the same way."""

from __future__ import annotations

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django_htmx.http import HttpResponseClientRedirect

from consoles.http import ConsoleRequest


def wants_partial(request: ConsoleRequest) -> bool:
    """Whether htmx asks for a part of the page. Boosted links and history restores want the whole."""
    return bool(request.htmx) and not request.htmx.boosted and not request.htmx.history_restore_request


def went_to(request: ConsoleRequest, name: str, *args: object) -> HttpResponseBase:
    """A redirect that htmx follows as a page load."""
    target = redirect(name, *args)
    return HttpResponseClientRedirect(target.url) if wants_partial(request) else target


def deletion_confirmed(request: ConsoleRequest, name: str) -> bool:
    """Whether the person typed the name of what is about to be deleted."""
    return request.POST.get("confirm_name", "").strip() == name.strip()


def download(content: str, filename: str) -> HttpResponse:
    answer = HttpResponse(content, content_type="text/plain; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{filename}"'
    return answer
