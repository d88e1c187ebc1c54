"""Who is at the door: a token in the Authorization header, a signed-in browser, or open mode's anonymous caller."""

from __future__ import annotations

from dataclasses import replace

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.http import HttpRequest

from faasweb.bootstrap import get_platform
from faasweb.domain.access import OPEN_ACTOR, Actor
from faasweb.domain.errors import Unauthenticated


def address_of(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR") or "")[:64]


def session_actor(user: AbstractBaseUser | AnonymousUser | User, address: str = "") -> Actor | None:
    if not user.is_authenticated or not isinstance(user, User):
        return None
    return Actor(user.pk, user.get_username(), is_operator=user.is_superuser, address=address)


def token_of(request: HttpRequest) -> str | None:
    """The bearer token of the request, if it brings one."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def token_actor(token: str, address: str = "") -> Actor:
    """Raises Unauthenticated for a token that is unknown, expired or revoked."""
    actor = get_platform().accounts.authenticate(token)
    if actor is None:
        raise Unauthenticated("The API token is unknown, expired or revoked.")
    return replace(actor, address=address)


def open_actor(address: str = "") -> Actor | None:
    """Open mode's caller; None when the mode is off."""
    return replace(OPEN_ACTOR, address=address) if settings.OPEN_MODE else None
