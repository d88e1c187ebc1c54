from __future__ import annotations

from django_htmx.middleware import HtmxDetails

from consoles.http import ConsoleRequest
from faasweb.domain.access import Role
from faasweb.domain.workspaces import Workspace


class PageRequest(ConsoleRequest):
    """A request inside the pages; the doors set ``workspace`` and ``role`` on their way in."""

    htmx: HtmxDetails
    workspace: Workspace
    role: Role | None
