"""What the shell around every page shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from consoles.http import ConsoleRequest
from consoles.pages.request import place_of
from faasweb.domain.access import Need, Role, role_allows
from faasweb.domain.errors import FaaswebError
from faasweb.domain.workspaces import Workspace


def shell(request: HttpRequest) -> Mapping[str, object]:
    """Where somebody is, what they may do there, and the workspace switcher's entries, read only when shown."""
    if getattr(request, "actor", None) is None:
        return {"here": place_of(request)}
    role: Role | None = getattr(request, "role", None)
    return {
        "here": place_of(request),
        "workspaces": SimpleLazyObject(lambda: _workspaces(cast(ConsoleRequest, request))),
        "may_write": role is not None and role_allows(role, Need.WRITE),
        "may_invoke": role is not None and role_allows(role, Need.INVOKE),
        "may_own": role is not None and role_allows(role, Need.OWN),
    }


def _workspaces(request: ConsoleRequest) -> Sequence[Workspace]:
    try:
        return request.platform.access.visible(request.actor) if request.actor else ()
    except FaaswebError:  # a page that says what is wrong must not fail over its own header
        return ()
