"""`manage.py create_operator USERNAME`: somebody who may do everything."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from consoles.signin import link_for, own_address
from faasweb.bootstrap import get_platform
from faasweb.domain.access import SYSTEM_ACTOR
from faasweb.domain.errors import FaaswebError


class Command(BaseCommand):
    help = "Make a user an operator, or a new operator without a password, and print a one-time sign-in link."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the options of the command line."""
        parser.add_argument("username")
        parser.add_argument("--url", default=own_address(), help="where this console is reached (default: %(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make, then print the link."""
        users = get_user_model()
        user = users(username=options["username"])
        user.set_unusable_password()
        existing = users.objects.filter(username=options["username"]).first()
        if existing is None:
            try:
                user.full_clean()
            except ValidationError as exc:
                raise CommandError(" ".join(exc.messages)) from exc
        user = existing or user
        user.is_staff = user.is_superuser = user.is_active = True
        user.save()
        get_platform().accounts.audit(SYSTEM_ACTOR, "user.make_operator", user.get_username())
        try:
            self.stdout.write(link_for(user.get_username(), options["url"]))
        except FaaswebError as exc:
            raise CommandError(exc.message) from exc
