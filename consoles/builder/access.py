"""Who may use the Builder Service: whoever knows its token, or, where the operator wants it so, whoever reaches it."""

from __future__ import annotations

import hmac
from dataclasses import replace

from django.conf import settings
from django.http import HttpRequest
from ninja.security.base import AuthBase

from consoles import ratelimits
from consoles.identity import address_of, check_origin, is_loopback, token_of
from faasweb.domain.access import OPEN_ACTOR, Actor
from faasweb.domain.errors import NotAllowed, Unauthenticated

SERVICE_ACTOR = Actor(user_id=None, name="builder service", is_operator=True)
"""A program that knows the token. It works for the workspaces that it names."""


class ServiceDoor(AuthBase):
    """Without end for nobody: each address has the calls of ``FAASWEB_RATE_API``, and strangers count too."""

    openapi_type = "http"
    openapi_scheme = "bearer"

    def __call__(self, request: HttpRequest) -> Actor:
        ratelimits.api_calls.take(f"builder's caller {address_of(request)}")
        actor = caller(request)
        request.actor = actor  # type: ignore[attr-defined]
        return actor


def caller(request: HttpRequest) -> Actor:
    """Unauthenticated; NotAllowed when a web page elsewhere made a browser call."""
    address = address_of(request)
    if settings.BUILDER_TOKEN:
        token = token_of(request)
        if token is None or not hmac.compare_digest(token.encode(), settings.BUILDER_TOKEN.encode()):
            raise Unauthenticated("Send this service's token: Authorization: Bearer ...")
        return replace(SERVICE_ACTOR, address=address)
    if not settings.BUILDER_OPEN and not is_loopback(request.get_host()):
        # A web page can point a name of its own at 127.0.0.1: then a browser takes its calls for calls of one origin.
        raise NotAllowed("Without a token this service is called as 127.0.0.1 or localhost.")
    check_origin(request)
    return replace(OPEN_ACTOR, address=address)
