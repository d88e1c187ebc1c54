"""How a caller gets to a thing: signed in, allowed, and told nothing about what is not theirs."""

from __future__ import annotations

from typing import cast

from django.http import HttpRequest
from ninja.security.base import AuthBase

from consoles import ratelimits
from consoles.http import ConsoleRequest, in_thread
from consoles.identity import address_of, authenticate
from faasweb.domain.access import Actor, Need
from faasweb.domain.builds import Build
from faasweb.domain.errors import NotFound, Unauthenticated
from faasweb.domain.functions import Function, FunctionRef
from faasweb.domain.ids import is_function_id, is_workspace_id
from faasweb.domain.workspaces import Workspace


class Caller(AuthBase):
    """An API token, a signed-in browser, or open mode's anonymous caller; none of them without end."""

    openapi_type = "http"
    openapi_scheme = "bearer"
    calls = ratelimits.api_calls

    def __call__(self, request: HttpRequest) -> Actor:
        try:
            actor = authenticate(request)
        except Unauthenticated:
            self.calls.take(f"stranger {address_of(request)}")  # whoever tries out tokens is slowed down
            raise
        self.calls.take(ratelimits.caller_of(actor))
        request.actor = actor  # type: ignore[attr-defined]
        return actor


class Invoker(Caller):
    """The same for invocations: they have a limit of their own, and leave the event loop to others.

    The function that the path names is looked up on the same thread: see ``function_of``.
    """

    calls = ratelimits.invocations

    async def __call__(self, request: HttpRequest) -> Actor:  # type: ignore[override]
        return await in_thread(self._enter, cast("ConsoleRequest", request))

    def _enter(self, request: ConsoleRequest) -> Actor:
        actor = super().__call__(request)
        named = request.resolver_match.kwargs if request.resolver_match else {}
        request.function = function_at(request, named.get("workspace_id"), named["function_id"], Need.INVOKE)
        return actor


def function_of(request: ConsoleRequest) -> Function:
    """What ``Invoker`` found."""
    if request.function is None:
        raise TypeError("this operation has no Invoker")
    return request.function


def actor_of(request: ConsoleRequest) -> Actor:
    if request.actor is None:
        raise Unauthenticated("Send an API token (Authorization: Bearer ...), or sign in.")
    return request.actor


def allow(request: ConsoleRequest, workspace_id: str, need: Need) -> None:
    """May the caller do this in the workspace? NotFound for a stranger, NotAllowed for a member who may not."""
    if not is_workspace_id(workspace_id):
        raise _unknown_workspace(workspace_id)
    request.platform.access.allow(actor_of(request), workspace_id, need)


def enter(request: ConsoleRequest, workspace_id: str, need: Need = Need.READ) -> Workspace:
    if not is_workspace_id(workspace_id):
        raise _unknown_workspace(workspace_id)
    return request.platform.access.enter(actor_of(request), workspace_id, need)


def _unknown_workspace(workspace_id: str) -> NotFound:
    return NotFound(f"Workspace {workspace_id} not found", workspace=workspace_id)


def function_at(
    request: ConsoleRequest, workspace_id: str | None, function_id: str, need: Need = Need.READ
) -> Function:
    """The function by its nested path, or by id alone. Whoever may not see it learns only that it was not found."""
    unknown = NotFound(f"Function {function_id} not found", function=function_id)
    if not is_function_id(function_id):
        raise unknown
    try:
        if workspace_id is None:
            function = request.platform.functions.find(function_id)
        else:
            function = request.platform.functions.get(FunctionRef(workspace_id, function_id))
        allow(request, function.workspace_id, need)
    except NotFound:
        raise unknown from None
    return function


def build_at(request: ConsoleRequest, task_id: str, need: Need = Need.READ) -> Build:
    unknown = NotFound(f"Task not found: {task_id}", task=task_id)
    try:
        build = request.platform.builds.get(task_id)
        allow(request, build.workspace_id, need)
    except NotFound:
        raise unknown from None
    return build
