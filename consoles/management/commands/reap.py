"""`manage.py reap`: queue again what no worker is at."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from faasweb.bootstrap import get_platform
from faasweb.domain.errors import FaaswebError


class Command(BaseCommand):
    help = "Queue again every build, deployment and removal that has begun and that no worker is at."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Look once, and say how much is open."""
        try:
            work = get_platform().upkeep.reap()
        except FaaswebError as exc:
            raise CommandError(exc.message) from exc
        counts = f"{len(work.builds)} builds, {len(work.deployments)} deployments, {len(work.removals)} removals"
        self.stdout.write(f"open: {counts}")
