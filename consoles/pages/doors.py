"""How a page lets somebody in: the URL names a workspace and a function, the view gets the things themselves."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec
from urllib.parse import urlencode, urlsplit

from django.contrib.auth.views import redirect_to_login
from django.http import HttpResponseBase
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect

from consoles.pages.request import PageRequest
from faasweb.domain.access import Actor, Need
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
    return redirect_to_login(request.get_full_path())


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
