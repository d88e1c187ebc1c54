"""What every door shares: the typed request, and which status stands for which kind of error."""

from __future__ import annotations

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from faasweb.bootstrap import Platform
from faasweb.domain import errors
from faasweb.domain.access import Actor, Role
from faasweb.domain.workspaces import Workspace


class ConsoleRequest(HttpRequest):
    """A request as the middleware hands it to a view."""

    platform: Platform
    actor: Actor | None
    request_id: str
    workspace: Workspace
    role: Role | None
    htmx: HtmxDetails
    csp_nonce: str


# First match wins, so a subclass comes before its base.
STATUS: dict[type[errors.FaaswebError], int] = {
    errors.InvalidInput: 400,
    errors.Unauthenticated: 401,
    errors.NotAllowed: 403,
    errors.NotFound: 404,
    errors.MethodNotAllowed: 405,
    errors.Conflict: 409,
    errors.Stale: 409,
    errors.NotReady: 400,
    errors.TooLarge: 413,
    errors.RateLimited: 429,
    errors.TimedOut: 504,
    errors.Unavailable: 503,
}


def status_of(error: errors.FaaswebError) -> int:
    return next(status for kind, status in STATUS.items() if isinstance(error, kind))


def error_body(error: errors.FaaswebError) -> dict[str, object]:
    """The one shape of errors in the JSON API."""
    return {"error": {"code": error.code, "message": error.message, "details": error.details}}
