from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from faasweb.domain import clock
from faasweb.domain.builds import Artifact, Build, BuildStatus, LogLine, PushTarget
from faasweb.domain.errors import Conflict, NotFound, Unavailable
from faasweb.domain.source import Source
from faasweb.ports import Progress
from faasweb.usecases.beats import Heartbeat, every
from faasweb.usecases.build_log import LINE_LIMIT, BuildLog
from tests.unit.usecases.world import ANNA, HELLO, World


def submit(world: World, **more) -> Build:
    return world.platform.builds.submit(ANNA, world.workspace.id, "greet", Source.single(HELLO), "app.py", **more)


def now(world: World, build: Build) -> Build:
    return world.stored.builds.get(build.id)


def texts(world: World, build: Build) -> list[str]:
    lines = world.stored.builds.read_log(build.id)
    assert [line.number for line in lines] == list(range(1, len(lines) + 1))
    return [line.text for line in lines]


def test_an_upload_is_stored_queued_and_built(world: World):
    build = submit(world)
    assert build.status is BuildStatus.PENDING
    assert world.code.get(f"build-sources/{world.workspace.id}/{build.id}/app.py").decode() == HELLO
    assert world.queue.waiting[-1].queue == "builds"
    world.work()
    assert now(world, build).status is BuildStatus.DONE
    assert texts(world, build) == ["checked", "built"]
    assert (
        world.platform.builds.artifact_location(now(world, build)) == f"s3://local/build-artifacts/{build.id}/app.wasm"
    )
    assert ("build.submit", build.id) in world.accounts.audited


@pytest.mark.parametrize("filename", ["인사 말.py", "../../etc/passwd", "...", "", "a b\n.py"])
def test_a_file_name_of_any_kind_becomes_part_of_a_key(world: World, filename: str):
    source = Source.single(HELLO)
    build = world.platform.builds.submit(ANNA, world.workspace.id, "greet", source, filename)
    assert build.code_key.startswith(f"build-sources/{world.workspace.id}/{build.id}/")
    assert world.code.exists(build.code_key)


def test_a_running_build_is_not_begun_twice(world: World, monkeypatch):
    build = submit(world)
    advance = world.builder.advance

    def advance_and_be_disturbed(building, source, say):
        world.platform.builds.run(build.id)
        return advance(building, source, say)

    monkeypatch.setattr(world.builder, "advance", advance_and_be_disturbed)
    world.work()
    assert world.builder.runs == [build.id]


def test_an_orphan_is_taken_over_when_its_lease_is_over(world: World):
    build = submit(world)
    world.stored.builds.save(now(world, build).attempted())
    world.platform.builds.run(build.id)
    assert world.builder.runs == []
    world.later(seconds=36)
    world.platform.builds.run(build.id)
    assert now(world, build).status is BuildStatus.DONE
    assert texts(world, build)[0] == "attempt 2 of 3: the one before broke off"


def test_a_source_that_kills_its_worker_is_tried_three_times(world: World, monkeypatch):
    build = submit(world)
    tries = []

    def burst(building, source, say):
        tries.append(building.attempts)
        raise MemoryError

    monkeypatch.setattr(world.builder, "advance", burst)
    for _ in range(5):
        try:
            world.platform.builds.run(build.id)
        except MemoryError:
            world.later(seconds=36)
    failed = now(world, build)
    assert tries == [1, 2, 3]
    assert failed.status is BuildStatus.FAILED
    assert "failed 3 times" in (failed.error or "")


def test_a_build_that_nobody_came_to_ends_by_its_deadline(world: World):
    build = submit(world)
    world.queue.waiting.clear()
    world.later(minutes=11)
    world.platform.upkeep.reap()
    assert "10 minutes" in (now(world, build).error or "")


def test_a_builder_service_may_be_asked_any_number_of_times(world: World):
    world.builder.polls = 20
    build = submit(world)
    for _ in range(21):
        world.work()
        world.later(seconds=2)
    assert now(world, build).status is BuildStatus.DONE


def test_a_builder_that_is_away_is_waited_for_and_the_log_says_so_once(world: World):
    world.builder.away = "The toolchain is being prepared."
    build = submit(world)
    for _ in range(10):
        world.work()
        world.later(seconds=5)
    assert texts(world, build) == ["waiting: The toolchain is being prepared."]
    world.builder.away = ""
    world.work()
    assert now(world, build).status is BuildStatus.DONE


def test_waiting_for_a_builder_ends_by_the_deadline(world: World):
    world.builder.away = "no"
    build = submit(world)
    for _ in range(12):
        world.work()
        world.later(minutes=1)
    assert now(world, build).status is BuildStatus.FAILED


def test_the_log_goes_on_where_the_last_try_ended(world: World):
    build = submit(world)
    world.stored.builds.append_log(build.id, [LogLine(1, clock.now(), "check", "first try")])
    world.work()
    assert texts(world, build) == ["first try", "checked", "built"]


def test_a_source_that_is_gone_fails_the_build(world: World):
    build = submit(world)
    world.code.delete_prefix(f"build-sources/{world.workspace.id}/")
    world.work()
    assert now(world, build).status is BuildStatus.FAILED


def test_a_build_whose_function_was_deleted_is_not_built(world: World):
    function = world.function()
    build = Build.create(world.workspace.id, "greet", function.code_key, "x", function_id=function.id)
    world.platform.builds.start(build)
    world.stored.functions.remove(world.now(function))
    world.work()
    assert world.builder.runs == []
    assert now(world, build).status is BuildStatus.FAILED


def test_the_password_of_a_registry_is_forgotten_when_the_build_ends(world: World):
    build = submit(world, push=PushTarget(password="hunter2"))
    world.work()
    assert now(world, build).push is None


def test_a_finished_build_never_changes_again(world: World):
    build = submit(world)
    world.work()
    done = now(world, build)
    world.platform.builds.give_up(done, "no")
    world.platform.builds.run(build.id)
    assert now(world, build) == done


def test_a_result_counts_although_another_worker_has_taken_the_build_over(world: World, monkeypatch):
    build = submit(world)
    advance = world.builder.advance

    def overtaken(building, source, say):
        world.stored.builds.save(replace(now(world, build), attempts=2, updated_at=clock.now()))
        return advance(building, source, say)

    monkeypatch.setattr(world.builder, "advance", overtaken)
    world.work()
    assert now(world, build).status is BuildStatus.DONE


def test_of_two_results_the_first_stays(world: World, monkeypatch):
    build = submit(world)

    def both(building, source, say):
        artifact = Artifact("sha256:1", 1, "build-artifacts/x/app.wasm")
        world.stored.builds.save(now(world, build).done(artifact, None))
        return Progress(building.failed("late"))

    monkeypatch.setattr(world.builder, "advance", both)
    world.work()
    assert now(world, build).status is BuildStatus.DONE


def test_the_component_of_a_build_that_was_erased_meanwhile_is_not_left_behind(world: World, monkeypatch):
    build = submit(world)
    advance = world.builder.advance

    def erased(building, source, say):
        progress = advance(building, source, say)
        removal = world.stored.workspaces.remove(world.workspace)
        world.stored.maintenance.erase_workspace(removal)
        return progress

    monkeypatch.setattr(world.builder, "advance", erased)
    world.work()
    assert not world.code.exists(f"build-artifacts/{build.id}/app.wasm")
    with pytest.raises(NotFound):
        now(world, build)


def test_the_newest_build_of_an_image_is_found_with_and_without_its_digest(world: World):
    for digest in ("1", "2"):
        build = submit(world)
        image = f"registry/greet:v1@sha256:{digest}"
        world.stored.builds.save(now(world, build).done(None, image))
        world.later(seconds=1)
    found = world.platform.builds.by_image
    assert found(world.workspace.id, "registry/greet:v1").image == "registry/greet:v1@sha256:2"
    assert found(world.workspace.id, "registry/greet:v1@sha256:1").image == "registry/greet:v1@sha256:1"
    with pytest.raises(NotFound):
        found(world.workspace.id, "registry/greet:v2")


def test_an_image_is_found_whatever_was_built_since_and_whoever_pushed_the_same_name(world: World, monkeypatch):
    image = "registry/greet:v1@sha256:1"
    mine = submit(world)
    world.stored.builds.save(now(world, mine).done(None, image))
    there = world.platform.workspaces.create(ANNA, "Another")
    theirs = world.platform.builds.submit(ANNA, there.id, "greet", Source.single(HELLO), "greet.py")
    found = world.platform.builds
    monkeypatch.setattr(type(world.stored.builds), "list", lambda *_: [])
    assert found.by_image(world.workspace.id, image).id == found.find_by_image(image).id == mine.id
    monkeypatch.undo()
    world.stored.builds.save(now(world, theirs).done(None, "registry/greet:v1@sha256:2"))
    assert found.find_by_image("registry/greet:v1").id == theirs.id
    assert found.by_image(world.workspace.id, "registry/greet:v1").id == mine.id


# --- heartbeats and logs -----------------------------------------------------------------------------------------


def test_a_heartbeat_keeps_the_lease_and_knows_the_revision_to_save_with(world: World):
    build = world.stored.builds.save(now(world, submit(world)).attempted())
    heartbeat = Heartbeat(world.stored.builds, build)
    with heartbeat.beating(every_s=0.01):
        for _ in range(3):
            world.later(seconds=20)
            wait_until(lambda: now(world, build).updated_at == clock.now())
            assert world.platform.builds.is_running(now(world, build))
    assert world.stored.builds.save(replace(build, revision=heartbeat.revision)).revision == heartbeat.revision + 1


def wait_until(holds, tries=500):
    import threading

    for _ in range(tries):
        if holds():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it never came")


def test_a_heartbeat_that_finds_the_build_changed_leaves_it(world: World):
    build = world.stored.builds.save(now(world, submit(world)).attempted())
    ended = world.stored.builds.save(build.failed("ended"))
    Heartbeat(world.stored.builds, build).beat()
    assert now(world, build) == ended


def test_what_goes_on_beside_survives_a_failure(caplog):
    calls = []

    def fail():
        calls.append(1)
        raise ValueError("once")

    with caplog.at_level(logging.ERROR), every(0.001, fail):
        wait_until(lambda: len(calls) > 2)
    assert "it goes on" in caplog.text


class FlakyLog:
    """A repository that does not answer every second time, although it has stored the lines."""

    def __init__(self, stored) -> None:
        self.stored = stored
        self.calls = 0

    def append_log(self, build_id, lines) -> None:
        self.calls += 1
        self.stored.append_log(build_id, lines)
        if self.calls % 2:
            raise Unavailable("no answer")

    def read_log(self, build_id, after=0):
        return self.stored.read_log(build_id, after)


def test_lines_whose_arrival_is_unknown_are_told_once_and_in_order(world: World):
    build = submit(world)
    log = BuildLog(FlakyLog(world.stored.builds), build.id)  # type: ignore[arg-type]
    for number in range(6):
        log.say("build", f"line {number}")
        log._try_to_flush()
    log._try_to_flush()
    log._try_to_flush()
    assert texts(world, build) == [f"line {number}" for number in range(6)]


def test_a_log_has_an_end_and_says_so(world: World):
    build = submit(world)
    log = BuildLog(world.stored.builds, build.id)
    for number in range(LINE_LIMIT + 10):
        log.say("build", f"line {number}")
    log.flush()
    told = texts(world, build)
    assert len(told) == LINE_LIMIT
    assert "cut here" in told[-1]


def test_a_log_that_can_not_be_stored_costs_no_build(world: World, monkeypatch):
    build = submit(world)

    def away(_self, build_id, lines):
        raise Unavailable("no")

    monkeypatch.setattr(type(world.stored.builds), "append_log", away)
    world.work()
    assert now(world, build).status is BuildStatus.DONE


def test_a_build_is_stored_once_and_queued_as_often_as_it_is_begun(world: World):
    build = submit(world)
    world.platform.builds.start(build)
    with pytest.raises(Conflict):
        world.stored.builds.add(build)
    assert [item.args for item in world.queue.waiting] == [(build.id,)] * 2
    world.work()
    assert world.builder.runs == [build.id]


def test_a_deadline_is_ten_minutes(world: World):
    build = submit(world)
    assert build.deadline - build.created_at == timedelta(minutes=10)
