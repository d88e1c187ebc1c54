"""`manage.py schedules`: what workers do by themselves, registered anew."""

from typing import Any

from django.core.management.base import BaseCommand

from consoles.schedules import EVERY_MINUTES, begin_work


class Command(BaseCommand):
    help = "Register the recurring tasks, and queue a look for open work. Running it again is harmless."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Register, and say what there is."""
        begin_work()
        for task, minutes in EVERY_MINUTES.items():
            self.stdout.write(f"{task.name}: every {minutes} min, queue {task.queue}")
