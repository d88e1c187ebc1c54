"""`manage.py prepare`: what building and running functions needs, made ahead."""

import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from faasweb.domain.errors import FaaswebError
from faasweb.supervisor.preparation import prepare


class Command(BaseCommand):
    help = "Make the toolchain and the base of instant functions in the cache folder, unless they are there."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the options of the command line."""
        parser.add_argument("--toolchain-only", action="store_true", help="what building needs, for an image")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prepare, and say how it goes. The console serves meanwhile and goes first."""
        os.nice(10)
        try:
            prepare(settings.CACHE_DIR, self._say, base=not options["toolchain_only"])
        except (FaaswebError, RuntimeError, OSError) as exc:
            raise CommandError(f"functions can't be prepared: {exc}") from exc

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
