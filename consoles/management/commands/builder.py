"""`manage.py builder`: the name under which the image will serve the Builder Service."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "The Builder Service's API; not part of this release."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Refuse: serving the console under this name would look like a Builder that answers 404."""
        raise CommandError(
            "The Builder Service is not part of this release: builds run in the worker (manage.py worker)."
        )
