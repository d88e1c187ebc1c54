"""django-q2's tables: what waits, what failed, what recurs."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite, action, display
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy
from django_q.admin import resubmit_task
from django_q.models import Failure, OrmQ, Schedule, Success

from consoles.operator.reading import ReadOnly


def register(site: AdminSite) -> None:
    site.register(OrmQ, QueueAdmin)
    site.register(Failure, FailureAdmin)
    site.register(Success, SuccessAdmin)
    site.register(Schedule, ScheduleAdmin)


class Deletable(ReadOnly):
    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True


class QueueAdmin(Deletable):
    """A row is deleted when its task is done; one whose lock lies in the future is taken, or delayed."""

    list_display = ("id", "queue", "task_name", "arguments", "lock")
    list_filter = ("key",)
    fields = ("queue", "task_name", "arguments", "lock")

    @display(description=gettext_lazy("queue"), ordering="key")
    def queue(self, row: Any) -> str:
        return str(row.key)

    @display(description=gettext_lazy("task"))
    def task_name(self, row: Any) -> str:
        return str(_told(row, "func")).removeprefix("consoles.tasks.")

    @display(description=gettext_lazy("arguments"))
    def arguments(self, row: Any) -> str:
        return " ".join(str(item) for item in _told(row, "args") or ())


def _told(row: Any, name: str) -> Any:
    """Of a payload whose signature is right; another key signed what an earlier installation left."""
    task = row.task() if callable(row.task) else row.task
    return task.get(name, "") if isinstance(task, dict) else ""


class Ended(Deletable):
    list_filter = ("cluster", "func", "started")
    search_fields = ("name", "func")
    fields = ("name", "func", "args", "cluster", "started", "stopped", "seconds", "result")

    @display(description=gettext_lazy("seconds"))
    def seconds(self, task: Any) -> str:
        return f"{task.time_taken():.3f}"


class FailureAdmin(Ended):
    list_display = ("func", "args", "cluster", "started", "seconds", "reason")
    actions = (resubmit_task,)

    @display(description=gettext_lazy("reason"))
    def reason(self, task: Any) -> str:
        """The last line of a traceback says most."""
        lines = str(task.result or "").strip().splitlines()
        return lines[-1][:160] if lines else ""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).filter(success=False)


class SuccessAdmin(Ended):
    list_display = ("func", "args", "cluster", "started", "seconds")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).filter(success=True)


class ScheduleAdmin(ReadOnly):
    """`manage.py schedules` writes these rows: a task's name is code, and nothing to type into a form."""

    list_display = ("name", "func", "minutes", "cluster", "next_run")
    fields = ("name", "func", "schedule_type", "minutes", "cluster", "next_run", "task")
    actions = ("run_now",)

    @action(description=gettext_lazy("Run at the next tick (within 30 s)"))
    def run_now(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        queryset.update(next_run=timezone.now())
