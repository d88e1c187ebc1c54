"""How a page lets somebody in: the URL names a workspace and a function, the view gets the things themselves."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec
from urllib.parse import urlencode, urlsplit

from django.contrib.auth.views import redirect_to_login
from django.http import HttpResponseBase
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect

from consoles.pages.request import PageRequest, place_of
from faasweb.domain.access import Actor, Need
from faasweb.domain.errors import MethodNotAllowed
from faasweb.domain.functions import Function, FunctionRef
from faasweb.domain.workspaces import Workspace

P = ParamSpec("P")
ActorView = Callable[Concatenate[PageRequest, Actor, P], HttpResponseBase]
WorkspaceView = Callable[Concatenate[PageRequest, Workspace, P], HttpResponseBase]
FunctionView = Callable[Concatenate[PageRequest, Function, P], HttpResponseBase]
UrlView = Callable[..., HttpResponseBase]


def to_sign_in(request: PageRequest) -> HttpResponseBase:
    """To the sign-in page and back; htmx is told to load it as a page."""
    if request.htmx:
        came_from = urlsplit(request.htmx.current_url or "/").path
        return HttpResponseClientRedirect(f"{reverse('sign-in')}?{urlencode({'next': came_from})}")
    return redirect_to_login(place_of(request))


def takes(*methods: str) -> Callable[[UrlView], UrlView]:
    """A page for these methods. Others are refused with a page, where Django's own decorators send an empty one."""

    def decorate(view: UrlView) -> UrlView:
        @wraps(view)
        def door(request: PageRequest, *args: object, **kwargs: object) -> HttpResponseBase:
            allowed = ("HEAD", *methods) if "GET" in methods else methods
            if request.method not in allowed:
                raise MethodNotAllowed(_("Nothing can be read here: go back to the page before."), allowed=allowed)
            return _for_one_reader(view(request, *args, **kwargs))

        door.methods = methods  # type: ignore[attr-defined]  # for tests that walk all pages
        return door

    return decorate


def _for_one_reader(answer: HttpResponseBase) -> HttpResponseBase:
    """Pages hold what one person may see now: going back asks again, and a part is never taken for the page."""
    patch_vary_headers(answer, ["HX-Request"])
    answer.headers.setdefault("Cache-Control", "private, no-store")
    return answer


def signed_in(view: ActorView[P]) -> UrlView:
    """For pages of no workspace: ``view(request, actor, ...)``."""

    @wraps(view)
    def door(request: PageRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if request.actor is None:
            return to_sign_in(request)
        return view(request, request.actor, *args, **kwargs)

    return door


def in_workspace(need: Need = Need.READ) -> Callable[[WorkspaceView[P]], UrlView]:
    """``view(request, workspace, ...)`` for somebody who may do what is needed there."""

    def decorate(view: WorkspaceView[P]) -> UrlView:
        @wraps(view)
        def door(request: PageRequest, workspace: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if request.actor is None:
                return to_sign_in(request)
            entered = request.platform.access.enter(request.actor, workspace, need)
            request.workspace = entered
            request.role = request.platform.access.role(request.actor, workspace)
            return view(request, entered, *args, **kwargs)

        return door

    return decorate


def at_function(need: Need = Need.READ) -> Callable[[FunctionView[P]], UrlView]:
    """``view(request, function, ...)``; ``request.workspace`` is the workspace entered on the way."""

    def decorate(view: FunctionView[P]) -> UrlView:
        def door(
            request: PageRequest, workspace: Workspace, /, function: str, *args: P.args, **kwargs: P.kwargs
        ) -> HttpResponseBase:
            found = request.platform.functions.get(FunctionRef(workspace.id, function))
            return view(request, found, *args, **kwargs)

        return wraps(view)(in_workspace(need)(door))

    return decorate


def actor_of(request: PageRequest) -> Actor:
    """The actor behind one of the doors above, where there always is one."""
    if request.actor is None:
        raise TypeError("this view has no door")
    return request.actor
