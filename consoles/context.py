"""What the shell around every page shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from consoles.http import ConsoleRequest
from faasweb.domain.errors import FaaswebError
from faasweb.domain.workspaces import Workspace


def shell(request: HttpRequest) -> Mapping[str, object]:
    """The workspace switcher's entries, read only by pages that show them."""
    if getattr(request, "actor", None) is None:
        return {}
    return {"workspaces": SimpleLazyObject(lambda: _workspaces(cast(ConsoleRequest, request)))}


def _workspaces(request: ConsoleRequest) -> Sequence[Workspace]:
    try:
        return request.platform.access.visible(request.actor) if request.actor else ()
    except FaaswebError:  # a page that says what is wrong must not fail over its own header
        return ()
