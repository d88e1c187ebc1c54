from __future__ import annotations

from urllib.parse import urlsplit

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from consoles.http import ConsoleRequest
from faasweb.domain.access import Role
from faasweb.domain.workspaces import Workspace


class PageRequest(ConsoleRequest):
    """A request inside the pages; the doors set ``workspace`` and ``role`` on their way in."""

    htmx: HtmxDetails
    workspace: Workspace
    role: Role | None


def place_of(request: HttpRequest) -> str:
    """The page somebody is at, to come back to: the address, or that of the form when one was sent."""
    if request.method in ("GET", "HEAD"):
        return request.get_full_path()
    came_from = urlsplit(request.headers.get("Referer", ""))
    return came_from.path if came_from.netloc == request.get_host() and came_from.path.startswith("/") else "/"
