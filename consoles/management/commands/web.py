"""`manage.py web`: the web stack alone, for a container."""

import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from faasweb.supervisor import servers


class Command(BaseCommand):
    help = "Serve pages, API and operator site on FAASWEB_BIND and PORT."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Become the server."""
        servers.become(servers.web(settings.BIND, settings.PORT), os.environ)
