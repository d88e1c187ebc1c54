"""The first way in: a link printed at the start, for as long as nobody has signed in."""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.urls import reverse

from faasweb.bootstrap import get_platform

OPERATOR = "operator"


def first_operator_link(base_url: str) -> str | None:
    """A one-time link that signs the first operator in; None as soon as somebody has signed in before.

    On the very first start it makes that operator, without a password: one is set after signing in.
    """
    users = get_user_model()
    if users.objects.exclude(last_login=None).exists():
        return None
    if not users.objects.filter(username=OPERATOR).exists():
        users.objects.create_superuser(OPERATOR)
    secret = get_platform().accounts.issue_sign_in_link(OPERATOR)
    return base_url.rstrip("/") + reverse("sign-in-link", args=[secret])
