"""What workers do without being asked: rows of django-q2's schedule, made or put right at every start."""

from __future__ import annotations

import logging

from django.db import DatabaseError, transaction
from django_q.models import Schedule

from faasweb.bootstrap import get_platform
from faasweb.domain.errors import FaaswebError
from faasweb.usecases.tasks import PRUNE, REAP, Task

logger = logging.getLogger(__name__)
EVERY_MINUTES: dict[Task, int] = {REAP: 1, PRUNE: 10}
AFTER_LEASES_S = 40.0  # by then nobody holds what a killed worker was at


@transaction.atomic
def register() -> None:
    """Running it again changes nothing but what an operator changed by mistake; the next run stays as planned."""
    for task, minutes in EVERY_MINUTES.items():
        plan = {
            "func": f"consoles.tasks.{task.name}",
            "schedule_type": Schedule.MINUTES,
            "minutes": minutes,
            "repeats": -1,
            "cluster": task.queue,
        }
        same = Schedule.objects.select_for_update().filter(name=task.name).order_by("pk")
        first = same.first()
        if first is None:
            Schedule.objects.create(name=task.name, **plan)
        else:
            same.exclude(pk=first.pk).delete()
            same.update(**plan)


def begin_work() -> None:
    """Called before workers start: schedules, and a look at what the last ones left, now and when leases are over."""
    queue = get_platform().upkeep.queue
    try:
        register()
        REAP.enqueue(queue)
        REAP.enqueue(queue, delay_s=AFTER_LEASES_S)
    except (FaaswebError, DatabaseError) as exc:
        logger.warning("workers start without a look at what the last ones left: %s", exc)
