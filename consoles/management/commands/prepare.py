"""`manage.py prepare`: what building and running functions needs, made ahead."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Make the toolchain and the base of instant functions in the cache folder, unless they are there."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Prepare, and say how it goes."""
        from faasweb.supervisor.preparation import prepare

        prepare(settings.CACHE_DIR, self._say)

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
