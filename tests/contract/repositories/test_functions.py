from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from faasweb.domain import clock
from faasweb.domain.errors import Conflict, NotFound, TooLarge
from faasweb.domain.functions import (
    EnvironmentVariable,
    Function,
    FunctionRef,
    FunctionSettings,
    FunctionStatus,
    Live,
)
from faasweb.domain.source import Source
from faasweb.domain.workspaces import Workspace
from faasweb.ports import Repositories
from tests.contract.repositories import make

SETTINGS = FunctionSettings(
    memory_mb=512,
    timeout_s=60,
    http_methods=("POST", "GET"),
    environment=(
        EnvironmentVariable("zone", "서울"),
        EnvironmentVariable("STATUS", "", plain=True),
        EnvironmentVariable("A", "1"),
    ),
    allowed_outbound_hosts=("https://api.example.com",),
)


def test_a_function_is_read_back_as_it_was_added(store: Repositories, workspace: Workspace):
    added = store.functions.add(make.function(workspace, settings=SETTINGS, description="what it does"))
    assert added.app_name == "resize"
    for found in (
        store.functions.get(added.ref),
        store.functions.find(added.id),
        store.functions.find_by_app_name(workspace.id, "resize"),
        store.functions.list(workspace.id)[0],
    ):
        assert found == added


def test_everything_that_can_be_saved_is_saved(store: Repositories, function: Function):
    live = Live("dp-22222222", "instant", None, function.code_hash, clock.now())
    changed = replace(
        function.edited(
            name="Größe",
            description="d",
            settings=SETTINGS,
            status=FunctionStatus.FAILED,
            invocation_url="http://x",
            source=Source.single("new"),
        ).serving(live),
        deploying="dp-33333333",
        last_version=7,
    )
    saved = store.functions.save(changed)
    assert saved == replace(changed, revision=2)
    assert store.functions.get(function.ref) == saved
    cleared = replace(saved, live=None, deploying=None, invocation_url=None, last_deployed=None, description="")
    assert store.functions.save(cleared) == store.functions.get(function.ref)


def test_inlined_code_is_a_source_like_any_other(store: Repositories, function: Function):
    found = store.functions.get(function.ref).source
    assert found
    assert function.source
    assert (found == function.source, function.source == found) == (True, True)
    assert (found.text, found.hash, found.base64) == (
        function.source.text,
        function.source.hash,
        function.source.base64,
    )
    assert (dict(found.files), found.size, "other.py" in found.files) == (dict(function.source.files), 32, False)


def test_large_code_stays_in_the_code_store(store: Repositories, function: Function):
    source = make.source_of(500_000)
    store.functions.save(function.edited(source=source))
    found = store.functions.get(function.ref)
    assert (found.source, found.code_hash) == (None, source.hash)
    again = store.functions.save(found.edited(name="renamed"))
    assert store.functions.get(function.ref).code_hash == again.code_hash == source.hash


def test_a_function_of_another_workspace_is_not_found(store: Repositories, function: Function):
    other = Workspace.create("Other")
    store.workspaces.add(other)
    with pytest.raises(NotFound):
        store.functions.get(FunctionRef(other.id, function.id))
    with pytest.raises(NotFound):
        store.functions.find_by_app_name(other.id, function.app_name)
    assert store.functions.list(other.id) == []


@pytest.mark.parametrize("hostile", ["", "fn-\ud800", "x" * 3000, "#", "FN#", "..", "\U0010ffff"])
def test_hostile_ids_are_not_found(store: Repositories, workspace: Workspace, function: Function, hostile: str):
    for read in (
        lambda: store.functions.get(FunctionRef(workspace.id, hostile)),
        lambda: store.functions.get(FunctionRef(hostile, function.id)),
        lambda: store.functions.find(hostile),
        lambda: store.functions.find_by_app_name(workspace.id, hostile),
    ):
        with pytest.raises(NotFound):
            read()
    assert store.functions.list(hostile) == []


def test_a_function_needs_a_workspace(store: Repositories, workspace: Workspace):
    store.workspaces.remove(workspace)
    function = make.function(workspace)
    with pytest.raises(NotFound):
        store.functions.add(function)
    with pytest.raises(NotFound):
        store.functions.find(function.id)


def test_app_names_are_unique_across_workspaces(store: Repositories, function: Function):
    other = Workspace.create("Other")
    store.workspaces.add(other)
    second = store.functions.add(make.function(other))
    assert second.app_name == f"resize-{second.id.removeprefix('fn-').lower()}"
    assert store.functions.find_by_app_name(other.id, second.app_name) == second


def test_a_name_without_letters_gets_an_app_name_from_its_id(store: Repositories, workspace: Workspace):
    function = store.functions.add(make.function(workspace, name="--all"))
    korean = store.functions.add(make.function(workspace, name="크기 조정"))
    assert function.app_name == "all"
    assert korean.app_name == korean.id.lower()


def test_an_id_is_taken_once(store: Repositories, workspace: Workspace, function: Function):
    with pytest.raises(Conflict):
        store.functions.add(replace(function, app_name="", name="another"))
    assert store.workspaces.get(workspace.id).function_count == 1


def test_the_list_is_by_name_and_reads_past_a_megabyte(store: Repositories, workspace: Workspace):
    source = make.source_of(32_000)
    names = [f"{'B' if number % 2 else 'b'}-{number:02}" for number in range(40)]
    for name in reversed(names):
        store.functions.add(make.function(workspace, name=name, source=source))
    listed = store.functions.list(workspace.id)
    assert [function.name for function in listed] == names
    assert all(function.source == source for function in listed)
    assert store.workspaces.get(workspace.id).function_count == 40


def test_the_list_shows_what_get_shows(store: Repositories, workspace: Workspace, function: Function):
    store.executions.record([make.execution(function, status=status) for status in (200, 204, 404, 502)])
    listed = store.functions.list(workspace.id)[0]
    assert listed == store.functions.get(function.ref)
    assert (listed.usage.invocations, listed.usage.errors, listed.usage.average_ms) == (4, 2, 12.5)


def test_a_save_never_touches_counters(store: Repositories, function: Function):
    store.executions.record([make.execution(function)])
    store.functions.save(function.edited(name="renamed"))
    assert store.functions.get(function.ref).usage.invocations == 1


def test_saving_what_somebody_else_changed_is_a_conflict(store: Repositories, function: Function):
    store.functions.save(function.edited(name="first"))
    with pytest.raises(Conflict):
        store.functions.save(function.edited(name="second"))
    assert store.functions.get(function.ref).name == "first"


def test_a_function_past_400_kb_is_too_large(store: Repositories, function: Function):
    environment = tuple(EnvironmentVariable(f"KEY_{number}", "가" * 20_000) for number in range(7))
    huge = replace(function, settings=replace(function.settings, environment=environment))
    with pytest.raises(TooLarge):
        store.functions.save(huge)
    fits = replace(function, settings=replace(function.settings, environment=environment[:6]))
    store.functions.save(fits)
    assert store.functions.get(function.ref).settings == fits.settings


def test_a_removed_function_is_gone_for_every_reader(store: Repositories, workspace: Workspace, function: Function):
    removal = store.functions.remove(function)
    assert (removal.kind, removal.id, removal.app_name) == ("function", function.id, "resize")
    assert store.functions.list(workspace.id) == []
    assert store.workspaces.get(workspace.id).function_count == 0
    assert list(store.maintenance.open_work().removals) == [removal]
    for read in (
        lambda: store.functions.get(function.ref),
        lambda: store.functions.find(function.id),
        lambda: store.functions.find_by_app_name(workspace.id, "resize"),
    ):
        with pytest.raises(NotFound):
            read()


def test_a_removed_function_is_not_brought_back(store: Repositories, workspace: Workspace, function: Function):
    store.functions.remove(function)
    with pytest.raises(NotFound):
        store.functions.save(function.edited(name="late"))
    with pytest.raises(NotFound):
        store.functions.remove(function)
    assert store.functions.list(workspace.id) == []
    assert store.workspaces.get(workspace.id).function_count == 0


def test_a_workspace_forgets_the_calls_of_a_removed_function(store: Repositories, workspace: Workspace):
    first, second = (store.functions.add(make.function(workspace, name=name)) for name in ("one", "two"))
    yesterday = clock.now() - timedelta(hours=20)
    store.executions.record([make.execution(first, status=500, at=yesterday), make.execution(first)])
    store.executions.record([make.execution(second)])
    store.functions.remove(first)
    usage = store.workspaces.get(workspace.id).usage
    assert (usage.invocations, usage.errors, usage.duration_ms) == (1, 0, 12.5)


def test_the_app_name_stays_taken_until_the_removal_is_finished(store: Repositories, workspace: Workspace):
    first = store.functions.add(make.function(workspace))
    removal = store.functions.remove(first)
    assert store.functions.add(make.function(workspace)).app_name != "resize"
    store.maintenance.finish_removal(removal)
    third = store.functions.add(make.function(workspace))
    assert third.app_name == "resize"
    store.maintenance.finish_removal(removal)
    assert store.functions.find_by_app_name(workspace.id, "resize") == third


@pytest.mark.parametrize("size", [10, 50_000])
def test_a_function_of_several_files_keeps_them_while_they_are_small(store: Repositories, workspace, size: int):
    source = Source.project({"app.py": b"x = 1\n", "pkg/a.py": b"#" * size, "a.bin": b"\xff"})
    added = store.functions.add(Function.create(workspace.id, "parts", "", FunctionSettings(), source))
    found = store.functions.get(added.ref)
    assert found.code_hash == source.hash
    assert found.code_key.endswith(".zip")
    if size == 10:
        assert found.source == source
        assert found.source.hash == source.hash
        assert store.functions.save(found).source == source
    else:
        assert found.source is None
