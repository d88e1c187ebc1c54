"""`manage.py builder`: the Builder Service alone, with all that it needs to work."""

import os
import sys
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from consoles.builder.start import check_settings
from consoles.management.commands.up import migrate, starting, this_machine
from consoles.schedules import begin_work
from faasweb.supervisor import machine, servers


class Command(BaseCommand):
    help = "Serve the Builder Service on FAASWEB_BIND and PORT, and work on its task queues. SIGTERM stops it."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the options of the command line."""
        parser.add_argument("--api-only", action="store_true", help="serve only; `manage.py worker` runs elsewhere")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check, migrate where the database is embedded, then supervise until told to stop."""
        check_settings()
        here = replace(this_machine(), builder_port=0)
        if options["api_only"]:
            servers.become(servers.builder(here.bind, here.port), os.environ)
        with starting(self.stderr):
            lock = machine.claim_for_builder(here)
            if lock is not None and not settings.PRODUCTION:
                migrate()
            begin_work()
        sys.exit(machine.run_builder(here if lock is not None else replace(here, wasmhosts=0), lock))
