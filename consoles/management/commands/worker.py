"""`manage.py worker`: the task queues alone, for a container."""

import sys
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connections

from consoles.schedules import begin_work
from faasweb.supervisor import machine, parts


class Command(BaseCommand):
    help = "Work on both task queues. SIGTERM stops it."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Look after what was left, then supervise a cluster for each queue."""
        begin_work()
        connections.close_all()
        sys.exit(machine.run_alone(parts.workers()))
