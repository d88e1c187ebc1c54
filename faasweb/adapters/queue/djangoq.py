"""The task queue in Django's database, worked off by ``manage.py qcluster``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import django.db
from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.tasks import async_task

from faasweb.adapters.queue.asked import check
from faasweb.domain.errors import Unavailable


class DelayedBroker(ORM):
    """django-q2's broker in the database, for tasks that wait.

    A worker takes a row once its ``lock`` has passed: the same column that hides a taken row until its retry.
    """

    def __init__(self, queue: str, delay_s: float) -> None:
        super().__init__(list_key=queue)
        self.delay = timedelta(seconds=delay_s)

    def enqueue(self, task: str) -> int:
        rows = self.get_connection()
        row = rows.create(key=self.list_key, payload=task, lock=timezone.now() + self.delay)
        return int(row.pk)


@dataclass(frozen=True, slots=True)
class DjangoQueue:
    """A row per task, in the transaction that is open, if one is: what is rolled back never runs.

    A queue is a cluster of the same name (``Q_CLUSTER["name"]`` and ``ALT_CLUSTERS``). A task whose worker dies is
    given out again after the cluster's ``retry``: it must bear to run twice.
    """

    def enqueue(self, task: str, *args: str, queue: str = "default", delay_s: float = 0) -> None:
        check(task, args, queue, delay_s)
        try:
            async_task(f"consoles.tasks.{task}", *args, cluster=queue, broker=DelayedBroker(queue, delay_s))
        except django.db.Error as exc:
            raise Unavailable("The task queue did not take the task.") from exc
