"""Ways in without a password: one-time links, the first of them printed at the start."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth import get_user_model
from django.urls import reverse

from faasweb.bootstrap import get_platform
from faasweb.domain.access import SYSTEM_ACTOR

OPERATOR = "operator"


def first_operator_link(base_url: str) -> str | None:
    """A one-time link that signs the first operator in; None as soon as somebody has signed in before.

    On the very first start it makes that operator, without a password: one is set after signing in.
    """
    users = get_user_model().objects
    if users.exclude(last_login=None).exists():
        return None
    if not users.exists():
        users.create_superuser(OPERATOR)
    operator = users.filter(is_superuser=True, is_active=True).order_by("pk").first()
    return link_for(operator.get_username(), base_url) if operator else None


def link_for(username: str, base_url: str) -> str:
    """A link that signs this user in once. NotFound."""
    secret = get_platform().credentials.sign_in_link(SYSTEM_ACTOR, username)
    return base_url.rstrip("/") + reverse("sign-in-link", args=[secret])


def own_address() -> str:
    """Where this console is reached from this machine, as far as the settings tell."""
    host = "127.0.0.1" if settings.BIND in ("0.0.0.0", "::") else settings.BIND  # noqa: S104 - compared, not bound
    return f"http://[{host}]:{settings.PORT}" if ":" in host else f"http://{host}:{settings.PORT}"
