from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from faasweb.domain import clock
from faasweb.domain.builds import Artifact, BuildStatus, Diagnostic, LogLine, PushTarget
from faasweb.domain.errors import Conflict, NotFound
from faasweb.domain.functions import Function
from faasweb.domain.workspaces import Workspace
from faasweb.ports import Repositories
from tests.contract.repositories import make

ARTIFACT = Artifact("sha256:" + "0" * 64, 12_345_678, "build-artifacts/1/app.wasm")


def lines(first: int, count: int, text: str = "compiling") -> list[LogLine]:
    return [LogLine(number, clock.now(), "build", f"{text} {number}") for number in range(first, first + count)]


def test_a_build_is_read_back_as_it_was_added(store: Repositories, workspace: Workspace, function: Function):
    push = PushTarget("registry:5000/team", "v1", "user", "secret")
    build = make.build(workspace, function, push=push)
    store.builds.add(build)
    assert store.builds.get(build.id) == build
    assert list(store.builds.list(workspace.id)) == [build]


def test_everything_that_can_be_saved_is_saved(store: Repositories, workspace: Workspace):
    build = make.build(workspace, push=PushTarget("registry", password="secret"))
    store.builds.add(build)
    diagnostic = Diagnostic("app.py", 3, 7, "Name 'x' is not defined", "name-defined", blocking=False)
    saved = store.builds.save(build.attempted())
    assert saved.revision == 2
    saved = store.builds.save(saved.waiting("external-1").built(ARTIFACT))
    assert store.builds.get(build.id) == saved
    saved = store.builds.save(replace(saved.done(ARTIFACT, "registry/app:1"), diagnostics=(diagnostic,)))
    assert store.builds.get(build.id) == saved
    assert (saved.push, saved.status, saved.diagnostics) == (None, BuildStatus.DONE, (diagnostic,))


def test_an_id_is_taken_once(store: Repositories, workspace: Workspace):
    build = make.build(workspace)
    store.builds.add(build)
    other = Workspace.create("Other")
    store.workspaces.add(other)
    for again in (build, replace(build, workspace_id=other.id)):
        with pytest.raises(Conflict):
            store.builds.add(again)
    assert store.builds.list(other.id) == []


@pytest.mark.parametrize("build_id", ["", "x" * 4000, "\ud800", "METADATA", "00000000-0000-4000-8000-000000000000"])
def test_an_unknown_build_is_not_found_with_the_words_clients_know(store: Repositories, build_id: str):
    with pytest.raises(NotFound) as caught:
        store.builds.get(build_id)
    assert caught.value.message == f"Task not found: {build_id}"


def test_the_list_is_newest_first_and_only_of_its_workspace(store: Repositories, workspace: Workspace):
    other = Workspace.create("Other")
    store.workspaces.add(other)
    store.builds.add(make.build(other))
    now = clock.now()
    builds = [make.build(workspace, created_at=now + timedelta(milliseconds=number)) for number in range(12)]
    for build in sorted(builds, key=lambda build: build.id):
        store.builds.add(build)
    assert list(store.builds.list(workspace.id)) == builds[::-1]
    assert list(store.builds.list(workspace.id, limit=3)) == builds[:-4:-1]


def test_saving_what_somebody_else_changed_is_a_conflict(store: Repositories, workspace: Workspace):
    build = make.build(workspace)
    store.builds.add(build)
    store.builds.save(build.attempted())
    with pytest.raises(Conflict):
        store.builds.save(build.failed("late"))
    with pytest.raises(NotFound):
        store.builds.save(make.build(workspace))
    assert store.builds.get(build.id).status is BuildStatus.BUILDING


def test_a_build_is_open_work_until_it_is_finished(store: Repositories, workspace: Workspace):
    first, second = make.build(workspace), make.build(workspace)
    store.builds.add(first)
    store.builds.add(second)
    store.builds.save(first.attempted())
    assert set(store.maintenance.open_work().builds) == {first.id, second.id}
    store.builds.save(second.failed("it did not compile"))
    assert list(store.maintenance.open_work().builds) == [first.id]


def test_endless_tool_output_fits(store: Repositories, workspace: Workspace):
    build = make.build(workspace)
    store.builds.add(build)
    diagnostics = [Diagnostic("가" * 5000, 1, 1, "나" * 100_000)] * 60
    saved = store.builds.save(build.failed("다" * 1_000_000, diagnostics))
    found = store.builds.get(build.id)
    assert (found.error, len(found.diagnostics)) == (saved.error, 50)


def test_the_log_is_read_from_any_line_on(store: Repositories, workspace: Workspace):
    build = make.build(workspace)
    store.builds.add(build)
    written = lines(1, 3) + lines(4, 1) + lines(5, 20)
    for chunk in (written[:3], written[3:4], written[4:]):
        store.builds.append_log(build.id, chunk)
    for after in range(26):
        assert list(store.builds.read_log(build.id, after)) == written[after:]
    assert list(store.builds.read_log("unknown", 3)) == []


def test_writing_a_chunk_again_changes_nothing(store: Repositories, workspace: Workspace):
    build = make.build(workspace)
    store.builds.add(build)
    written = lines(1, 5)
    store.builds.append_log(build.id, written)
    store.builds.append_log(build.id, lines(1, 5, "again"))
    store.builds.append_log(build.id, [])
    assert list(store.builds.read_log(build.id)) == written


def test_a_log_of_megabytes_is_kept(store: Repositories, workspace: Workspace):
    build = make.build(workspace)
    store.builds.add(build)
    written = lines(1, 600, "가" * 1000)
    store.builds.append_log(build.id, written)
    assert list(store.builds.read_log(build.id)) == written
    assert list(store.builds.read_log(build.id, 333)) == written[333:]


def test_nothing_is_kept_for_what_was_removed(store: Repositories, workspace: Workspace, function: Function):
    store.builds.append_log("unknown", lines(1, 2))
    assert list(store.builds.read_log("unknown")) == []
    store.functions.remove(function)
    with pytest.raises(NotFound):
        store.builds.add(make.build(workspace, function))
    store.workspaces.remove(workspace)
    with pytest.raises(NotFound):
        store.builds.add(make.build(workspace))
    assert list(store.builds.list(workspace.id)) == []


def test_a_build_is_found_by_its_image_with_and_without_the_digest(store: Repositories, workspace: Workspace):
    first, second = make.build(workspace), make.build(workspace)
    for build, digest in ((first, "a" * 64), (second, "b" * 64)):
        store.builds.add(build)
        store.builds.save(build.done(ARTIFACT, f"local/resize:v1@sha256:{digest}"))
    assert store.builds.find_by_image(f"local/resize:v1@sha256:{'a' * 64}").id == first.id
    assert store.builds.find_by_image("local/resize:v1").id == second.id


@pytest.mark.parametrize("image", ["", "local/resize:v2", "x" * 4000, "\ud800"])
def test_an_image_that_was_not_built_here_is_not_found(store: Repositories, image: str):
    with pytest.raises(NotFound):
        store.builds.find_by_image(image)


def test_an_image_is_forgotten_with_its_build_but_not_with_an_earlier_one(store: Repositories, workspace: Workspace):
    other = Workspace.create("Other")
    store.workspaces.add(other)
    for home in (workspace, other):
        build = make.build(home)
        store.builds.add(build)
        store.builds.save(build.done(ARTIFACT, "local/resize:v1"))
    store.maintenance.erase_workspace(store.workspaces.remove(workspace))
    assert store.builds.find_by_image("local/resize:v1").workspace_id == other.id
    store.maintenance.erase_workspace(store.workspaces.remove(other))
    with pytest.raises(NotFound):
        store.builds.find_by_image("local/resize:v1")
