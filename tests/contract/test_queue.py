"""What every queue promises: django-q2's table, and the one in memory that tests use."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import django.db
import pytest
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from faasweb.adapters.queue.djangoq import DjangoQueue
from faasweb.adapters.queue.inline import InlineQueue
from faasweb.domain.errors import Unavailable
from faasweb.ports import Queue

CLUSTERS: dict[str, Any] = Conf.conf
Task = tuple[str, tuple[str, ...]]


@dataclass
class Scene:
    """``deliver(queue)`` gives what a worker of that queue would run now; ``later`` lets the time of delays pass."""

    queue: Queue
    deliver: Callable[[str], list[Task]]
    later: Callable[[float], None]


def django_scene() -> Scene:
    return Scene(DjangoQueue(), lambda queue: [task for _, task in taken(queue)], rewind)


def taken(queue: str) -> list[tuple[int, Task]]:
    """What a cluster of that name takes, as its pusher does; not acknowledged yet."""
    found = []
    while OrmQ.objects.filter(key=queue, lock__lt=timezone.now()).exists():
        for pk, payload in ORM(list_key=queue).dequeue():
            package = unpacked(payload)
            found.append((pk, (package["func"].removeprefix("consoles.tasks."), tuple(package["args"]))))
    return found


def unpacked(payload: str) -> dict[str, Any]:
    package: Any = SignedPackage.loads(payload)
    return dict(package)


def rewind(seconds: float) -> None:
    OrmQ.objects.update(lock=F("lock") - timedelta(seconds=seconds))


def inline_scene() -> Scene:
    ran: list[Task] = []
    queue = InlineQueue(lambda task, args: ran.append((task, args)), at_once=False)
    passed = 0.0

    def later(seconds: float) -> None:
        nonlocal passed
        passed += seconds

    def deliver(name: str) -> list[Task]:
        queue.work(queue=name, delayed=passed > 0)
        found = ran.copy()
        ran.clear()
        return found

    return Scene(queue, deliver, later)


@pytest.fixture(params=["django", "inline"])
def scene(request) -> Scene:
    if request.param == "inline":
        return inline_scene()
    request.getfixturevalue("db")
    return django_scene()


@pytest.fixture
def django_queue(db) -> Scene:
    return django_scene()


# --- every queue -------------------------------------------------------------------------------------------------


def test_a_task_arrives_with_its_arguments_once(scene):
    scene.queue.enqueue("clear_away", "fn-abcdefgh", 'a "text", 안녕')
    assert scene.deliver("default") == [("clear_away", ("fn-abcdefgh", 'a "text", 안녕'))]
    assert scene.deliver("default") == []


def test_a_task_needs_no_arguments_and_the_same_one_may_wait_twice(scene):
    scene.queue.enqueue("prune")
    scene.queue.enqueue("prune")
    assert scene.deliver("default") == [("prune", ()), ("prune", ())]


def test_a_queue_gets_its_own_tasks_only(scene):
    scene.queue.enqueue("run_build", "1", queue="builds")
    scene.queue.enqueue("prune")
    assert scene.deliver("default") == [("prune", ())]
    assert scene.deliver("builds") == [("run_build", ("1",))]


def test_a_delayed_task_waits(scene):
    scene.queue.enqueue("later", delay_s=5)
    scene.queue.enqueue("now")
    assert scene.deliver("default") == [("now", ())]
    scene.later(6)
    assert scene.deliver("default") == [("later", ())]


@pytest.mark.parametrize("task", ["", "a.b", "os.system", "A", "x y", "__import__", "x\n"])
def test_only_a_task_of_the_product_can_be_named(scene, task):
    with pytest.raises(ValueError, match="not the name of a function"):
        scene.queue.enqueue(task)


def test_a_queue_that_no_worker_reads_is_refused(scene):
    with pytest.raises(ValueError, match="not one of the queues"):
        scene.queue.enqueue("prune", queue="bilds")


@pytest.mark.parametrize("delay_s", [-1, float("nan"), float("inf")])
def test_an_impossible_delay_is_refused(scene, delay_s):
    with pytest.raises(ValueError, match="a delay of"):
        scene.queue.enqueue("prune", delay_s=delay_s)


def test_arguments_are_text(scene):
    with pytest.raises(TypeError):
        scene.queue.enqueue("prune", 3)


# --- django-q2 ---------------------------------------------------------------------------------------------------


def test_what_is_enqueued_in_a_transaction_that_is_rolled_back_never_runs(django_queue):
    class Oops(Exception):
        pass

    def fail_after_enqueuing() -> None:
        with transaction.atomic():
            django_queue.queue.enqueue("prune")
            raise Oops

    with pytest.raises(Oops):
        fail_after_enqueuing()
    assert django_queue.deliver("default") == []


def test_a_task_whose_worker_died_is_given_out_again_and_an_acknowledged_one_is_not(django_queue):
    django_queue.queue.enqueue("dies")
    django_queue.queue.enqueue("ends")
    first = {task: pk for pk, (task, _) in taken("default")}
    ORM(list_key="default").acknowledge(first["ends"])
    assert django_queue.deliver("default") == []
    rewind(CLUSTERS["retry"] + 1)
    assert django_queue.deliver("default") == [("dies", ())]


def test_a_failed_task_counts_as_delivered(django_queue):
    django_queue.queue.enqueue("prune")
    assert unpacked(OrmQ.objects.get().payload)["ack_failure"] is True


def test_the_settings_have_a_cluster_for_each_queue():
    assert CLUSTERS["name"] == "default"
    assert "builds" in CLUSTERS["ALT_CLUSTERS"]


def test_enqueuing_takes_no_time(django_queue):
    used = time.process_time()
    for _ in range(20):
        django_queue.queue.enqueue("prune", delay_s=60)
    assert time.process_time() - used < 1


def test_a_database_that_does_not_answer_is_unavailable(django_queue, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise django.db.OperationalError("database is locked: /secret/path")

    monkeypatch.setattr(OrmQ.objects, "using", fail)
    with pytest.raises(Unavailable) as caught:
        django_queue.queue.enqueue("prune")
    assert "secret" not in caught.value.message


# --- in memory ---------------------------------------------------------------------------------------------------


def test_inline_runs_at_once_and_what_a_task_enqueues_begins_after_it():
    ran: list[str] = []

    def run(task: str, args: tuple[str, ...]) -> None:
        ran.append(f"{task} begins")
        if task == "first":
            queue.enqueue("second")
        ran.append(f"{task} ends")

    queue = InlineQueue(run)
    queue.enqueue("first")
    assert ran == ["first begins", "first ends", "second begins", "second ends"]


def test_inline_delivers_twice_when_asked():
    ran: list[str] = []
    InlineQueue(lambda task, args: ran.append(task), deliveries=2).enqueue("prune")
    assert ran == ["prune", "prune"]


def test_inline_keeps_a_task_that_raised():
    attempts: list[str] = []

    def run(task: str, args: tuple[str, ...]) -> None:
        attempts.append(task)
        if len(attempts) == 1:
            raise RuntimeError("killed")

    queue = InlineQueue(run)
    with pytest.raises(RuntimeError, match="killed"):
        queue.enqueue("prune")
    assert queue.work() == 1
    assert queue.work() == 0
    assert attempts == ["prune", "prune"]


def test_inline_stops_a_task_that_enqueues_itself_without_end():
    queue = InlineQueue(lambda task, args: queue.enqueue(task))
    with pytest.raises(RuntimeError, match="without end"):
        queue.enqueue("poll")
