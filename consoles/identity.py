"""Who is at the door: a token in the Authorization header, a signed-in browser, or open mode's anonymous caller."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from importlib import import_module
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware

from faasweb.bootstrap import get_platform
from faasweb.domain.access import OPEN_ACTOR, Actor
from faasweb.domain.errors import NotAllowed, Unauthenticated, Unavailable

SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")


def address_of(request: HttpRequest) -> str:
    """Who calls. What a balancer says of that counts only where `FAASWEB_PROXIES` names the balancer.

    Each of them adds whom it was called by at the end; what stands before the last stranger may be anybody's invention.
    """
    peer = str(request.META.get("REMOTE_ADDR") or "")[:64]
    told = [] if not settings.PROXIES else str(request.META.get("HTTP_X_FORWARDED_FOR") or "").split(",")
    for address in map(str.strip, reversed(told)):
        if not address or not _is_proxy(peer):
            break
        peer = address[:64]
    return peer


def _is_proxy(address: str) -> bool:
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(known in network for network in settings.PROXIES)


def authenticate(request: HttpRequest) -> Actor:
    """The caller of the JSON API. Raises Unauthenticated; NotAllowed when a web page elsewhere made the call."""
    address = address_of(request)
    if (token := token_of(request)) is not None:
        return token_actor(token, address)
    if (actor := session_actor(user_of(request), address)) is not None:
        check_csrf(request)
        return actor
    if (actor := open_actor(request)) is not None:
        check_origin(request)
        return actor
    raise Unauthenticated("Send an API token (Authorization: Bearer ...), or sign in.")


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


def user_of(request: HttpRequest) -> AbstractBaseUser | AnonymousUser | User:
    """The signed-in user. The edge stack has no session middleware: there the session is read here, when needed."""
    if not hasattr(request, "user"):
        key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
        if key:
            request.session = import_module(settings.SESSION_ENGINE).SessionStore(key)
            request.user = _loaded(request)
        else:
            request.user = AnonymousUser()
    return request.user


def _loaded(request: HttpRequest) -> User | AnonymousUser:
    try:
        user = get_user(request)
    except DatabaseError as exc:
        raise Unavailable("The database of users does not answer.") from exc
    return user if isinstance(user, User) else AnonymousUser()


def session_actor(user: AbstractBaseUser | AnonymousUser | User, address: str = "") -> Actor | None:
    if not user.is_authenticated or not isinstance(user, User):
        return None
    return Actor(user.pk, user.get_username(), is_operator=user.is_superuser, address=address)


def open_actor(request: HttpRequest) -> Actor | None:
    """Open mode's caller; None when the mode is off.

    Only under a name of this machine: a web page elsewhere can point a name of its own at 127.0.0.1, and then the
    browser takes its calls for calls of the same origin.
    """
    if not settings.OPEN_MODE or not is_loopback(request.get_host()):
        return None
    return replace(OPEN_ACTOR, address=address_of(request))


def is_loopback(host: str) -> bool:
    name = urlsplit(f"//{host}").hostname or ""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def check_origin(request: HttpRequest) -> None:
    """An anonymous change must not come from a web page elsewhere. Raises NotAllowed."""
    origin = request.headers.get("Origin")
    if request.method in SAFE_METHODS or origin is None:
        return
    own = f"{request.scheme}://{request.get_host()}"
    if origin not in (own, *settings.CORS_ORIGINS, *settings.CSRF_TRUSTED_ORIGINS):
        raise NotAllowed("A page of another origin can't do that here: add it to CORS_ORIGINS.", origin=origin[:200])


def check_csrf(request: HttpRequest) -> None:
    """A browser sends its session with every page's call: a change needs the CSRF token too. Raises NotAllowed."""
    check = CsrfViewMiddleware(_nothing)
    request.csrf_processing_done = False  # type: ignore[attr-defined]
    check.process_request(request)
    if check.process_view(request, _nothing, (), {}) is not None:
        raise NotAllowed("The CSRF token is missing or wrong: reload the page, or use an API token.")


def _nothing(request: HttpRequest) -> HttpResponse:
    return HttpResponse()
