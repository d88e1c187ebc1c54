"""Small things that several pages do the same way."""

from __future__ import annotations

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django_htmx.http import HttpResponseClientRedirect

from consoles.pages.request import PageRequest


def wants_partial(request: PageRequest) -> bool:
    """Whether htmx asks for a part of the page. Boosted links and history restores want the whole."""
    return bool(request.htmx) and not request.htmx.boosted and not request.htmx.history_restore_request


def went_to(request: PageRequest, name: str, *args: object) -> HttpResponseBase:
    """A redirect that htmx follows as a page load."""
    target = redirect(name, *args)
    return HttpResponseClientRedirect(target.url) if wants_partial(request) else target


def deletion_confirmed(request: PageRequest, name: str) -> bool:
    """Whether the person typed the name of what is about to be deleted."""
    return request.POST.get("confirm_name", "").strip() == name.strip()


def download(content: str, filename: str) -> HttpResponse:
    answer = HttpResponse(content, content_type="text/plain; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{filename}"'
    return answer
