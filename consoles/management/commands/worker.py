"""`manage.py worker`: the task queues alone, for a container."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import connections

from consoles.schedules import begin_work
from faasweb.supervisor import machine, parts


class Command(BaseCommand):
    help = "Work on both task queues, or on one. SIGTERM stops it."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the options of the command line."""
        parser.add_argument("queue", nargs="?", default="", choices=["", "default", "builds"], help="both, if left out")

    def handle(self, *args: Any, **options: Any) -> None:
        """Look after what was left, then supervise a cluster for each queue."""
        begin_work()
        connections.close_all()
        sys.exit(machine.run_alone(parts.workers(options["queue"])))
