"""`manage.py sign_in_link USERNAME`: a way in for somebody without a password."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from consoles.signin import link_for, own_address
from faasweb.domain.errors import FaaswebError


class Command(BaseCommand):
    help = "Print a link that signs this user in once, within 30 minutes."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the options of the command line."""
        parser.add_argument("username")
        parser.add_argument("--url", default=own_address(), help="where this console is reached (default: %(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print it, and nothing else: a script may read it."""
        try:
            self.stdout.write(link_for(options["username"], options["url"]))
        except FaaswebError as exc:
            raise CommandError(exc.message) from exc
