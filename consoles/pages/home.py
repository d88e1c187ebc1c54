"""The front page: workspaces for people, a status for programs."""

from __future__ import annotations

from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.vary import vary_on_headers

from consoles.api.root import status
from consoles.pages import workspaces
from consoles.pages.doors import takes
from consoles.pages.request import PageRequest


@takes("GET")
@vary_on_headers("Accept")
def index(request: PageRequest) -> HttpResponseBase:
    return workspaces.index(request) if _is_browser(request) else status(request)


def _is_browser(request: PageRequest) -> bool:
    """Browsers name text/html; programs that accept anything get the status they always got."""
    return "text/html" in request.headers.get("Accept", "")


@takes("POST")
def set_language(request: PageRequest) -> HttpResponseBase:
    """Remembers the chosen language in a cookie, so that it survives a sign-out."""
    target = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}):
        target = "/"
    answer = redirect(target)
    chosen = request.POST.get("language", "")
    if translation.check_for_language(chosen):
        answer.set_cookie("django_language", chosen, max_age=365 * 24 * 3600, samesite="Lax")
    return answer
