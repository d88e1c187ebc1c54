"""What must be decided before the Builder Service is served. Imports nothing that needs Django to be set up."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


def check_settings(*, is_local: bool | None = None) -> None:
    """ImproperlyConfigured, unless it is decided who may use the service, and it builds by itself.

    ``is_local`` says whether only this machine can reach it; None: as this process's settings have it.
    """
    local = settings.BUILDER_IS_LOCAL if is_local is None else is_local
    if not (settings.BUILDER_TOKEN or settings.BUILDER_OPEN or local):
        raise ImproperlyConfigured(
            "set FAASWEB_BUILDER_TOKEN (or FAASWEB_BUILDER_TOKEN_FILE) to what callers of the Builder Service have to "
            "send, at least 20 characters; or FAASWEB_BUILDER_OPEN=1 where the network lets nobody else through"
        )
    if settings.BUILDER_SERVICE_URL or settings.RUNTIME == "builder":
        raise ImproperlyConfigured(
            "a Builder Service builds and deploys by itself: unset BUILDER_SERVICE_URL, and FAASWEB_RUNTIME=builder"
        )
