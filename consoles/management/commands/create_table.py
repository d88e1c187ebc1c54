"""`manage.py create_table`: the table in DynamoDB that DYNAMODB_TABLE_NAME names."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from faasweb import bootstrap
from faasweb.domain.errors import FaaswebError


class Command(BaseCommand):
    help = "Make the table in DynamoDB that DYNAMODB_TABLE_NAME names. One that exists is kept; again is harmless."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Make it, and say what was done."""
        try:
            bootstrap.create_table(self.stdout.write)
        except (FaaswebError, ImproperlyConfigured) as exc:
            raise CommandError(str(exc)) from exc
