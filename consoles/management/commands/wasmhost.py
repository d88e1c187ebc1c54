"""`manage.py wasmhost`: the processes that run functions alone, for a container."""

import sys
from typing import Any

from django.core.management.base import BaseCommand

from consoles.management.commands.up import this_machine
from faasweb.supervisor import machine, parts


class Command(BaseCommand):
    help = "Run functions behind unix sockets in the data folder. SIGTERM stops it."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Supervise the function processes of this machine, and prepare what they need unless it is there."""
        sys.exit(machine.run_alone([*parts.wasmhosts(this_machine()), parts.preparation()]))
