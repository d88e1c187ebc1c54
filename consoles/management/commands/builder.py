"""`manage.py builder`: the Builder Service alone, for a container."""

import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from faasweb.supervisor import servers


class Command(BaseCommand):
    help = "Serve the Builder Service's API on FAASWEB_BIND and PORT."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Become the server; the settings choose the Builder's URLs when FAASWEB_DOOR says so."""
        servers.become(servers.web(settings.BIND, settings.PORT), {**os.environ, "FAASWEB_DOOR": "builder"})
