from __future__ import annotations

import logging

import pytest

import consoles.tasks
from faasweb.domain.errors import Conflict, Unavailable
from faasweb.domain.source import Source
from faasweb.usecases import tasks
from faasweb.usecases.retry import TRIES, on_conflict
from tests.unit.usecases.world import ANNA, HELLO, World


def test_every_task_that_is_queued_is_there():
    for task in vars(tasks).values():
        if isinstance(task, tasks.Task):
            assert callable(getattr(consoles.tasks, task.name))


def test_an_expected_error_of_a_task_is_one_line_and_its_end(world: World, caplog):
    with caplog.at_level(logging.WARNING):
        consoles.tasks.run_build("no-such-build")
        consoles.tasks.advance_deployment("dp-22222222")
        consoles.tasks.apply_settings("ws-22222222", "fn-22222222")
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "run_build no-such-build",
        "advance_deployment dp-22222222",
        "apply_settings ws-22222222 fn-22222222",
    ]
    assert all(record.exc_info is None for record in caplog.records)


def test_clearing_away_what_is_gone_already_is_no_error(world: World):
    consoles.tasks.clear_away("fn-22222222")


def test_one_that_fails_keeps_no_other_from_being_reaped(world: World, monkeypatch):
    world.deploy(world.function().ref)
    world.deploy(world.function(name="second").ref)
    world.queue.waiting.clear()
    world.later(minutes=1)
    get, once = world.stored.deployments.get, iter([1])

    def get_badly(_self, deployment_id):
        for _ in once:
            raise Unavailable("away")
        return get(deployment_id)

    monkeypatch.setattr(type(world.stored.deployments), "get", get_badly)
    world.platform.upkeep.reap()
    assert len(world.queue.waiting) == 1


def test_what_a_worker_is_at_is_not_reaped(world: World):
    deployment = world.deploy(world.function().ref)
    build = world.platform.builds.submit(ANNA, world.workspace.id, "greet", Source.single(HELLO), "app.py")
    world.stored.deployments.save(world.deployment(deployment.id).attempted())
    world.stored.builds.save(build.attempted())
    world.queue.waiting.clear()
    world.later(seconds=30)
    world.platform.upkeep.reap()
    assert world.queue.waiting == []
    world.later(seconds=10)
    world.platform.upkeep.reap()
    world.platform.upkeep.reap()
    assert {item.task for item in world.queue.waiting} == {"run_build", "advance_deployment"}
    world.settle()


def test_readiness_names_each_part_that_can_not_work(world: World):
    assert dict(world.platform.readiness.problems()) == {}
    world.runtime.away, world.builder.away = True, "The toolchain is being prepared."
    assert dict(world.platform.readiness.problems()) == {
        "runtime": "The runtime is away.",
        "builder": "The toolchain is being prepared.",
    }


def test_a_conflict_is_tried_again_a_few_times():
    tries: list[int] = []

    def step() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise Conflict("changed")
        return "done"

    assert on_conflict(step) == "done"

    def never() -> None:
        tries.append(1)
        raise Conflict("changed")

    tries.clear()
    with pytest.raises(Conflict):
        on_conflict(never)
    assert len(tries) == TRIES
