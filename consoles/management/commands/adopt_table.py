"""`manage.py adopt_table`: a table that the earlier system wrote, made usable."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser

from faasweb import bootstrap
from faasweb.domain.errors import FaaswebError


class Command(BaseCommand):
    help = (
        "Add what the table of the earlier system lacks, so that everything in it can be used. Deletes nothing; may be "
        "broken off and run again."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the options of the command line."""
        parser.add_argument("--dry-run", action="store_true", help="only say what would be done")

    def handle(self, *args: Any, **options: Any) -> None:
        """Adopt, say how it goes, and sum up."""
        try:
            for line in bootstrap.adopt_table(self._say, dry_run=options["dry_run"]):
                self._say(line)
        except (FaaswebError, ImproperlyConfigured) as exc:
            raise CommandError(str(exc)) from exc

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
