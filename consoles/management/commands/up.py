"""`manage.py up`: everything on this machine, in one command."""

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, OutputWrapper
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import Error as DatabaseError

from consoles.builder.start import check_settings
from consoles.schedules import begin_work
from consoles.signin import first_operator_link
from faasweb.domain.errors import FaaswebError
from faasweb.supervisor import machine
from faasweb.supervisor.checks import CannotStart
from faasweb.supervisor.parts import Machine


class Command(BaseCommand):
    help = "Start everything on this machine: pages, functions and workers. Ctrl-C stops it."
    requires_system_checks: list[str] = []  # the tests run them; here they would only cost time

    def handle(self, *args: Any, **options: Any) -> None:
        """Check, migrate, then supervise until told to stop."""
        here = this_machine()
        if here.builder_port:
            check_settings(is_local=not settings.PRODUCTION)
        with starting(self.stderr):
            lock = machine.claim(here)
            migrate()
            link = first_operator_link(here.address)
            begin_work()
        sys.exit(machine.run(here, link, lock))


@contextlib.contextmanager
def starting(stderr: OutputWrapper) -> Iterator[None]:
    """What has to be done before there are processes: what is in the way is said, and ends this one."""
    try:
        yield
        connections.close_all()
    except CannotStart as exc:
        stderr.write(str(exc))
        sys.exit(machine.CANNOT_START)
    except (DatabaseError, FaaswebError, OSError) as exc:
        stderr.write(f"The database can't be used: {exc}")
        sys.exit(machine.CANNOT_START)


def this_machine() -> Machine:
    """Give back what the settings say about this machine."""
    return Machine(
        data=settings.DATA_DIR,
        cache=settings.CACHE_DIR,
        bind=settings.BIND,
        port=settings.PORT,
        wasmhosts=settings.WASMHOST_PROCESSES if settings.RUNTIME != "kubernetes" else 0,
        builder_port=settings.BUILDER_PORT,
    )


def migrate() -> None:
    """Bring Django's database to what the code expects; looking costs much less than migrating."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        sys.stdout.write("Preparing the database\n")
        sys.stdout.flush()
        call_command("migrate", verbosity=0, interactive=False, skip_checks=True)
