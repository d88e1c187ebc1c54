"""What a builder promises, with a Builder Service behind it that behaves as the one of the earlier system."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
import time_machine

import consoles.tasks
from consoles.http import error_answer
from faasweb.adapters.builder.http import MISS_LIMIT, HttpBuilder
from faasweb.adapters.codestore.filesystem import FilesystemCodeStore
from faasweb.adapters.registry.layout import LayoutRegistry
from faasweb.bootstrap import building, storage
from faasweb.domain.builds import Build, BuildStatus, Diagnostic, PushTarget
from faasweb.domain.errors import BuilderBroken, BuilderTimedOut, BuilderUnavailable, Unavailable
from faasweb.domain.source import Source
from faasweb.ports import Builder, Progress
from tests.contract.builder_service import (
    REGISTRY,
    BuilderService,
    answering,
    broken,
    form_of,
    slow,
    unknown,
    unreachable,
)
from tests.contract.test_builder import PROBLEM, SOURCE, WASM, InstantToolchain, Said, a_build
from tests.unit.test_settings import last_line, read_settings
from tests.unit.usecases.world import ANNA, HELLO, World

WRONG = Source.single("wrong\n")
FUNCTION = "fn-22222222"


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def code(tmp_path: Path) -> FilesystemCodeStore:
    return FilesystemCodeStore(tmp_path / "code")


@pytest.fixture
def service(code: FilesystemCodeStore) -> BuilderService:
    """It shares our bucket, which the embedded code store calls ``local``."""
    return BuilderService(bucket="local", wasm=lambda key: code.put(key, WASM))


@pytest.fixture
def builder(service: BuilderService, code: FilesystemCodeStore) -> Builder:
    return HttpBuilder(service.client(), code, registry_url=REGISTRY)


def until_the_end(builder: Builder, build: Build, said: Said, source: Source = SOURCE) -> Build:
    """All steps, as the use case takes them."""
    for _ in range(50):
        progress = builder.advance(build, source, said)
        build = progress.build
        if progress.again_in_s is None:
            assert build.status.finished
            return build
        assert not build.status.finished
        assert progress.again_in_s == 5
    raise AssertionError("it goes on for ever")


def handed_in(builder: Builder, said: Said, push: PushTarget | None = None) -> Build:
    return builder.advance(a_build(push), SOURCE, said).build


# --- what every builder promises ---------------------------------------------------------------------------------


def test_a_source_becomes_a_component_in_the_code_store(builder, code, said):
    build = until_the_end(builder, a_build(), said)
    assert (build.status, build.image, build.error) == (BuildStatus.DONE, None, None)
    assert build.artifact is not None
    assert build.artifact.key == f"build-artifacts/{build.id}/app.wasm"
    assert build.artifact.digest == f"sha256:{hashlib.sha256(code.get(build.artifact.key)).hexdigest()}"
    assert build.artifact.size == len(WASM)


def test_a_build_with_a_push_target_is_pushed_under_its_tag(builder, said):
    build = until_the_end(builder, a_build(PushTarget(tag="v7")), said)
    assert build.image == f"{REGISTRY}:v7"
    assert said.lines[-1] == ("push", build.image)


def test_a_target_without_a_tag_gets_the_tag_of_the_task(builder, said):
    build = until_the_end(builder, a_build(PushTarget()), said)
    assert build.image == f"{REGISTRY}:task-{build.id}"


def test_a_repeated_build_gives_the_same_image(builder, said):
    build = a_build(PushTarget(tag="v1"))
    first, second = (until_the_end(builder, build, said) for _ in range(2))
    assert (first.image, first.artifact) == (second.image, second.artifact)


@pytest.mark.parametrize("push", [None, PushTarget(tag="v1")])
def test_a_source_that_does_not_build_is_a_failed_build_with_its_diagnostics(builder, said, push):
    build = until_the_end(builder, a_build(push), said, WRONG)
    assert build.status is BuildStatus.FAILED
    assert build.error is not None
    assert "MyPy validation failed:\napp.py:3:5: error: Name 'x' is not defined" in build.error
    assert "/tmp" not in build.error
    assert build.diagnostics == (Diagnostic("app.py", 3, 5, "Name 'x' is not defined", "name-defined"),)
    assert build.artifact is None


def test_the_password_of_a_registry_is_in_no_message(builder, service, said):
    build = handed_in(builder, said, PushTarget("ghcr.io/acme", "v1", "somebody", "hunter2"))
    told = {"task_id": "x", "status": "failed", "error": "Push failed: login as somebody with hunter2 was refused"}
    service.troubles = [answering(200, told)]
    build = builder.advance(build, SOURCE, said).build
    assert build.error == "Push failed: login as somebody with *** was refused"
    assert "hunter2" not in repr(build) + repr(said.lines)


# --- handing in --------------------------------------------------------------------------------------------------


def test_a_build_is_handed_in_once_and_remembered_by_its_task(builder, service, said):
    progress = builder.advance(a_build(), SOURCE, said)
    (task,) = service.tasks.values()
    assert progress == Progress(progress.build, again_in_s=5)
    assert (progress.build.external_id, progress.build.status) == (task.id, BuildStatus.BUILDING)
    assert (task.form["file"], task.form["workspace_id"], task.form["app_name"]) == (
        SOURCE.text,
        "ws-default",
        "greet",
    )
    assert not task.push
    builder.advance(progress.build, SOURCE, said)
    assert len(service.tasks) == 1


@pytest.mark.parametrize(
    ("username", "password"),
    [("", ""), ("AWS", ""), ("AWS", "dummy-password"), ("AWS", None), ("", "dummy-password"), ("", "hunter2")],
)
def test_without_a_password_of_its_own_the_service_uses_its_own_role(builder, service, said, username, password):
    handed_in(builder, said, PushTarget("", "v1", username, password))
    form = form_of(service.requests[-1])
    assert (form["username"], form["password"], form["registry_url"]) == ("", "", REGISTRY)


def test_a_registry_of_ones_own_is_passed_on_with_its_password(builder, service, said):
    handed_in(builder, said, PushTarget("ghcr.io/acme", "v1", "somebody", "hunter2"))
    form = form_of(service.requests[-1])
    assert [form[key] for key in ("registry_url", "tag", "username", "password")] == [
        "ghcr.io/acme",
        "v1",
        "somebody",
        "hunter2",
    ]


def test_a_refusal_fails_the_build_with_the_services_words_and_not_with_what_was_sent(builder, said):
    build = replace(a_build(PushTarget(password="hunter2", username="u")), workspace_id="")
    build = builder.advance(build, SOURCE, said).build
    assert build.status is BuildStatus.FAILED
    assert build.error == "The Builder Service refused: workspace_id: Field required"


@pytest.mark.parametrize(
    ("status", "content"),
    [(413, {"detail": "too large"}), (400, {"error": {"message": "too large"}}), (403, {"detail": "too large"})],
)
def test_every_shape_of_refusal_is_understood(builder, service, said, status, content):
    service.troubles = [answering(status, content)]
    build = builder.advance(a_build(), SOURCE, said).build
    assert build.error == "The Builder Service refused: too large"


@pytest.mark.parametrize(
    ("trouble", "kind", "words"),
    [
        (unreachable, BuilderUnavailable, "can't be reached"),
        (slow, BuilderTimedOut, "did not answer in time"),
        (broken, BuilderBroken, "status 500: Internal server error: boom"),
        (answering(503, text="busy"), BuilderUnavailable, "status 503"),
        (answering(504, text="gateway"), BuilderTimedOut, "status 504"),
        (answering(429, {"detail": "slow down"}), BuilderUnavailable, "slow down"),
        (answering(302, text="moved"), BuilderBroken, "status 302"),
        (answering(200, text="<html>sign in</html>"), BuilderBroken, "no Builder Service"),
        (answering(202, []), BuilderBroken, "no Builder Service"),
        (answering(202, {"status": "pending"}), BuilderBroken, "named no task"),
        (answering(202, {"task_id": 7}), BuilderBroken, "named no task"),
    ],
)
def test_what_may_go_better_later_is_raised_by_its_kind(builder, service, said, trouble, kind, words):
    service.troubles = [trouble]
    with pytest.raises(kind, match=words) as raised:
        builder.advance(a_build(), SOURCE, said)
    assert isinstance(raised.value, Unavailable)
    assert until_the_end(builder, a_build(), said).status is BuildStatus.DONE


# --- asking ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["done", "completed", "success", "DONE", "COMPLETED", "Success", " Done "])
@pytest.mark.parametrize(
    "way", [[], ["pending", "building", "pushing"], ["PENDING", "BUILDING", "PUSHING"], ["in_progress", "RUNNING", "?"]]
)
def test_every_word_for_a_state_is_understood(builder, service, said, way, end):
    service.states = [*way, end]
    assert until_the_end(builder, a_build(PushTarget(tag="v1")), said).image == f"{REGISTRY}:v1"


@pytest.mark.parametrize("word", ["failed", "FAILED"])
def test_a_failure_without_a_reason_says_so(builder, service, said, word):
    service.states = [word]
    build = until_the_end(builder, a_build(), said)
    assert build.error == "The Builder Service says that the build failed, and gives no reason."


def test_the_log_tells_what_is_being_done_once(builder, service, said):
    service.states = ["PENDING", "BUILDING", "PUSHING", "PUSHING", "DONE"]
    build = until_the_end(builder, a_build(PushTarget(tag="v1")), said)
    assert said.phases == ["system", "push", "build"]
    assert [line for phase, line in said.lines if phase == "push"] == [
        "the Builder Service is pushing the image",
        build.image,
    ]


@pytest.mark.parametrize("key", ["image_uri", "image_url", ""])
def test_the_image_is_found_under_every_name_and_without_any(builder, service, said, key):
    service.image_key = key
    assert until_the_end(builder, a_build(PushTarget(tag="v1")), said).image == f"{REGISTRY}:v1"


def test_the_services_own_registry_counts_and_not_the_one_that_was_asked_for(builder, said):
    build = until_the_end(builder, a_build(PushTarget("ghcr.io/acme", "v1")), said)
    assert build.image == f"{REGISTRY}:v1"


def test_without_any_image_the_build_fails(service, code, said):
    service.image_key = ""
    builder = HttpBuilder(service.client(), code)
    build = until_the_end(builder, a_build(PushTarget(tag="v1")), said)
    assert build.error == "The Builder Service is done, but does not say what the image is called."


def test_a_restarted_service_finds_the_task_by_its_workspace(builder, service, said):
    build = handed_in(builder, said)
    service.restart()
    assert until_the_end(builder, build, said).status is BuildStatus.DONE


def test_a_service_that_does_not_know_the_task_once_or_twice_is_asked_again(builder, service, said):
    build = handed_in(builder, said)
    for _ in range(3):
        service.troubles = [unknown] * (MISS_LIMIT - 1)
        for _ in service.troubles.copy():
            build = builder.advance(build, SOURCE, said).build
        assert build.misses == MISS_LIMIT - 1
        service.states.insert(0, "running")
        build = builder.advance(build, SOURCE, said).build
        assert (build.misses, build.trouble) == (0, None)


def test_a_task_that_is_lost_for_good_fails_the_build(builder, service, said):
    build = handed_in(builder, said)
    service.tasks.clear()
    build = until_the_end(builder, build, said)
    assert build.error == f"The Builder Service lost its task {build.external_id}, as if it had been set up anew."
    assert len(service.requests) == 1 + MISS_LIMIT


def test_a_proxy_that_lost_the_service_is_not_the_service_that_lost_the_task(builder, service, said):
    build = handed_in(builder, said)
    service.troubles = [answering(404, text="<h1>404 page not found</h1>")]
    with pytest.raises(BuilderBroken):
        builder.advance(build, SOURCE, said)


@pytest.mark.parametrize("trouble", [unreachable, slow, broken, answering(502, text="bad gateway")])
def test_a_look_that_fails_changes_nothing(builder, service, said, trouble):
    build = handed_in(builder, said)
    service.troubles = [trouble]
    with pytest.raises(BuilderUnavailable):
        builder.advance(build, SOURCE, said)
    assert until_the_end(builder, build, said).status is BuildStatus.DONE


@pytest.mark.parametrize(
    "content", [[], {}, {"status": None}, {"status": ["done"]}, "done", {"status": {"done": True}}, None]
)
def test_nonsense_is_no_state(builder, service, said, content):
    build = handed_in(builder, said)
    service.troubles = [answering(200, content)]
    with pytest.raises(BuilderBroken):
        builder.advance(build, SOURCE, said)


def test_a_task_id_can_not_lead_to_another_address(builder, service, said):
    build = replace(handed_in(builder, said), external_id="../../health?x=1#")
    builder.advance(build, SOURCE, said)
    assert service.requests[-1].url.raw_path.startswith(b"/api/v1/tasks/..%2F..%2Fhealth%3Fx%3D1%23?workspace_id=")


# --- components --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "s3://another-bucket/build-artifacts/1/app.wasm",
        "s3://local/build-artifacts/../secret",
        "s3://local/ws-22222222/fn-22222222/secret.py",
        "s3://local/build-artifacts/absent/app.wasm",
        "s3://local/build-artifacts/1/notes.txt",
        "/tmp/app.wasm",
        None,
        7,
    ],
)
def test_only_a_component_in_our_own_bucket_is_taken(builder, service, code, said, path):
    code.put("ws-22222222/fn-22222222/secret.py", WASM)
    code.put("build-artifacts/1/notes.txt", b"no component")
    build = handed_in(builder, said, PushTarget(tag="v1"))
    result = {"wasm_path": path, "image_url": "registry/greet:v1"}
    service.troubles = [answering(200, {"status": "done", "result": result})]
    build = builder.advance(build, SOURCE, said).build
    assert (build.status, build.artifact, build.image) == (BuildStatus.DONE, None, "registry/greet:v1")


def test_a_function_that_runs_here_needs_its_component_here(service, code, said):
    service.bucket = "another-bucket"
    builder = HttpBuilder(service.client(), code, registry_url=REGISTRY)
    build = until_the_end(builder, replace(a_build(), function_id=FUNCTION), said)
    assert build.error == "The Builder Service is done, but its component is not in this installation's bucket."


def test_a_function_that_runs_elsewhere_needs_an_image_only(service, code, said):
    service.bucket = "another-bucket"
    builder = HttpBuilder(service.client(), code, registry_url=REGISTRY, for_images=True)
    build = until_the_end(builder, replace(a_build(), function_id=FUNCTION), said)
    assert (build.status, build.artifact) == (BuildStatus.DONE, None)
    assert build.image == f"{REGISTRY}:task-{build.id}"


# --- check and readiness -----------------------------------------------------------------------------------------


def test_the_check_is_the_one_of_this_machine_where_it_has_one(service, code, tmp_path):
    toolchain = InstantToolchain(tmp_path)
    assert HttpBuilder(service.client(), code, toolchain).check(WRONG).blocking == [PROBLEM]
    assert HttpBuilder(service.client(), code).check(WRONG).blocking == []


def test_a_toolchain_that_is_being_prepared_holds_nothing_up(service, code):
    class Preparing(InstantToolchain):
        def check(self, source):
            raise Unavailable("The toolchain is being prepared.")

    assert HttpBuilder(service.client(), code, Preparing(Path())).check(SOURCE).blocking == []


def test_it_is_ready_when_the_service_is(builder, service):
    assert builder.ready() is None
    service.troubles = [unreachable]
    assert builder.ready() == "The Builder Service can't be reached."


# --- in the platform ---------------------------------------------------------------------------------------------

NewWorld = Callable[[], World]


@pytest.fixture
def new_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NewWorld]:
    """Whole platforms whose builder is a Builder Service that shares their code store's bucket."""
    worlds: list[World] = []
    with time_machine.travel(datetime(2026, 11, 21, 4, 0, tzinfo=UTC), tick=False) as traveller:

        def new() -> World:
            world = World(tmp_path / str(len(worlds)), traveller)
            service = BuilderService(bucket="local", wasm=lambda key: world.code.put(key, WASM))
            world.builder = HttpBuilder(service.client(), world.code, registry_url=REGISTRY)  # type: ignore[assignment]
            world.service = service  # type: ignore[attr-defined]
            world.platform = world._platform()
            monkeypatch.setattr(consoles.tasks, "get_platform", lambda: world.platform)
            worlds.append(world)
            return world

        yield new
    for world in worlds:
        world.stored.functions.table.close()  # type: ignore[attr-defined]


@pytest.fixture
def world(new_world: NewWorld) -> World:
    return new_world()


def submit(world: World) -> Build:
    push = PushTarget(tag="v1")
    return world.platform.builds.submit(ANNA, world.workspace.id, "greet", Source.single(HELLO), "app.py", push)


def now(world: World, build: Build) -> Build:
    return world.stored.builds.get(build.id)


def looks(world: World) -> int:
    return sum(request.method == "GET" for request in world.service.requests)  # type: ignore[attr-defined]


def test_a_build_of_nine_minutes_is_waited_for_and_never_worn_out(world):
    world.service.states = ["running"] * 108 + ["completed"]
    build = submit(world)
    for _ in range(110):
        world.work()
        assert now(world, build).attempts == 0
        world.later(seconds=5)
    assert now(world, build).status is BuildStatus.DONE
    assert len(world.service.tasks) == 1


def test_what_ends_the_waiting_is_the_deadline_with_the_last_reason(world):
    world.service.states = ["running"]
    build = submit(world)
    for _ in range(60):
        world.work()
        world.later(seconds=5)
    world.service.troubles = [broken] * 1000
    for _ in range(70):
        world.work()
        world.later(seconds=5)
    error = now(world, build).error or ""
    assert error.startswith("The build was given up: it was not finished within 10 minutes. The Builder Service")
    assert "status 500: Internal server error: boom" in error


def test_a_task_is_missed_across_restarts_of_the_worker(world):
    build = submit(world)
    world.work()
    world.service.tasks.clear()
    for _ in range(MISS_LIMIT):
        world.later(seconds=5)
        assert not now(world, build).status.finished
        world.platform = world._platform()
        world.work()
    assert "lost its task" in (now(world, build).error or "")


def test_two_tasks_for_one_build_do_not_ask_twice_as_often(world):
    world.service.states = ["running"]
    build = submit(world)
    world.work()
    for _ in range(5):
        world.platform.upkeep.queue_again("build", build.id)
    before = looks(world)
    for _ in range(10):
        world.later(seconds=5)
        world.work()
    assert looks(world) == before + 10
    assert len(world.queue.waiting) == 1


def test_a_build_that_waits_is_running_nowhere_and_a_lost_look_is_taken_up_by_the_reaper(world):
    build = submit(world)
    world.work()
    assert not world.platform.builds.is_running(now(world, build))
    world.queue.waiting.clear()
    world.later(seconds=36)
    world.platform.upkeep.reap()
    world.settle()
    assert now(world, build).status is BuildStatus.DONE
    assert len(world.service.tasks) == 1


@pytest.mark.parametrize(("after", "lost"), [(False, False), (True, True)], ids=["before", "after-and-lost"])
def test_a_build_killed_at_any_step_ends_and_is_handed_in_again_only_if_its_task_was_not_stored(
    new_world: NewWorld, after: bool, lost: bool
):
    killed, blow_at, twice = True, 0, 0
    while killed:
        blow_at += 1
        world = new_world()
        killed = world.survive(partial(submit, world), blow_at, after=after, lost=lost)
        for build in world.stored.builds.list(world.workspace.id):
            assert build.status is BuildStatus.DONE, (blow_at, build)
            assert build.image == f"{REGISTRY}:v1"
        tasks = world.service.tasks  # type: ignore[attr-defined]
        assert len(tasks) <= 2
        twice += len(tasks) == 2
    assert blow_at > 10
    assert twice <= 3  # while the task's id is on its way into the store


def test_a_deployment_waits_for_the_service_and_goes_live(world):
    function = world.function()
    deployment = world.deploy(function.ref)
    world.settle()
    assert world.deployment(deployment.id).error is None
    assert world.deployment(deployment.id).version == 1
    version = world.stored.versions.get(function.id, 1)
    assert world.code.get(version.artifact.key) == WASM


def test_a_deleted_build_leaves_no_component_behind(world):
    build = submit(world)
    world.work()
    world.platform.workspaces.remove(ANNA, world.workspace.id)
    world.settle()
    assert not world.code.exists(f"build-artifacts/{build.id}/app.wasm")


# --- chosen by settings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status"), [(BuilderUnavailable("x"), 503), (BuilderTimedOut("x"), 504), (BuilderBroken("x"), 502)]
)
def test_every_way_to_fail_has_its_status_at_the_api(error, status):
    answer = error_answer(error)
    assert answer.status_code == status
    assert b"BUILDER_CONNECTION_ERROR" in answer.content


def test_an_address_in_the_settings_chooses_it(settings, code):
    settings.BUILDER_SERVICE_URL = "http://builder.test:8000/base"
    settings.ECR_REGISTRY_URL = REGISTRY
    registry, functions = LayoutRegistry(settings.DATA_DIR / "registry"), storage.repositories().functions
    builder = building.builder(code, registry, InstantToolchain(settings.DATA_DIR), functions)
    assert isinstance(builder, HttpBuilder)
    assert builder.client.base_url == "http://builder.test:8000/base/"
    assert builder.client.timeout.read == 15
    assert (builder.registry_url, builder.for_images) == (REGISTRY, False)
    builder.client.close()


@pytest.mark.parametrize("url", ["builder.test", "ftp://builder.test", "http://", "http://b?x=1"])
def test_an_address_that_is_none_stops_the_start(tmp_path, url):
    line = last_line(read_settings(tmp_path, BUILDER_SERVICE_URL=url, S3_BUCKET_NAME="b"))
    assert "write an address like http://" in line


def test_functions_that_run_here_need_the_bucket_that_the_service_writes_to(tmp_path):
    assert "set S3_BUCKET_NAME" in last_line(read_settings(tmp_path, BUILDER_SERVICE_URL="http://b"))
    assert read_settings(tmp_path, BUILDER_SERVICE_URL="http://b", S3_BUCKET_NAME="b").returncode == 0
