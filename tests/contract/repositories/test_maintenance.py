from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from faasweb.adapters.repositories.table import Item, Table
from faasweb.domain import clock
from faasweb.domain.builds import LogLine
from faasweb.domain.deployments import Deployment
from faasweb.domain.errors import NotFound
from faasweb.domain.functions import Function
from faasweb.domain.source import Source
from faasweb.domain.workspaces import Workspace
from faasweb.ports import Draft, OpenWork, Repositories
from tests.contract.repositories import make


def fill(store: Repositories, workspace: Workspace, function: Function) -> list[str]:
    """Everything a function can own; the partitions it lies in."""
    deployment = Deployment.create(function.id, workspace.id, function.code_hash, "kim")
    store.deployments.begin(deployment, function)
    build = make.build(workspace, function)
    store.builds.add(build)
    store.builds.append_log(build.id, [LogLine(1, clock.now(), "build", "line")])
    store.versions.add(make.version(function))
    store.executions.record([make.execution(function) for _ in range(60)])
    store.drafts.save(Draft(function.id, "kim", Source({"app.py": "x" * 800_000}), function.code_hash, clock.now()))
    return [f"FN#{function.id}", f"BUILD#{build.id}", f"DEPLOYMENT#{deployment.id}"]


def left(table: Table, partitions: list[str]) -> list[Item]:
    return [item for partition in partitions for item in table.query(partition, keys_only=True)]


def test_a_removed_function_leaves_nothing_but_its_neighbours(
    table: Table, store: Repositories, workspace: Workspace, function: Function
):
    other = store.functions.add(make.function(workspace, name="stays"))
    kept = fill(store, workspace, other)
    before = len(left(table, kept))
    partitions = fill(store, workspace, function)
    assert len(left(table, partitions)) > 60
    removal = store.functions.remove(store.functions.get(function.ref))
    for _ in range(2):
        store.maintenance.erase_function(removal)
        store.maintenance.finish_removal(removal)
    assert left(table, [*partitions, f"APP#default#{function.app_name}"]) == []
    assert len(left(table, kept)) == before
    assert [build.function_id for build in store.builds.list(workspace.id)] == [other.id]
    work = store.maintenance.open_work()
    assert (len(work.builds), len(work.deployments), len(work.removals)) == (1, 1, 0)


def test_a_removed_workspace_leaves_nothing(table: Table, store: Repositories, workspace: Workspace):
    functions = [store.functions.add(make.function(workspace, name=name)) for name in ("a", "b")]
    partitions = [name for function in functions for name in fill(store, workspace, function)]
    build = make.build(workspace)
    store.builds.add(build)
    store.builds.append_log(build.id, [LogLine(1, clock.now(), "build", "line")])
    already = store.functions.remove(store.functions.get(functions[0].ref))
    removal = store.workspaces.remove(workspace)
    assert [function.id for function in store.maintenance.functions_left(workspace.id)] == [functions[1].id]
    lefts = [
        already,
        *(store.functions.remove(function) for function in store.maintenance.functions_left(workspace.id)),
    ]
    for one in lefts:
        store.maintenance.erase_function(one)
        store.maintenance.finish_removal(one)
    store.maintenance.erase_workspace(removal)
    store.maintenance.finish_removal(removal)
    assert left(table, [*partitions, f"BUILD#{build.id}", f"WS#{workspace.id}", "WORKSPACES", "OPEN"]) == []
    assert store.maintenance.open_work() == OpenWork([], [], [])
    with pytest.raises(NotFound):
        store.functions.remove(functions[1])


def test_clearing_a_workspace_keeps_functions_that_are_still_there(
    store: Repositories, workspace: Workspace, function: Function
):
    removal = store.workspaces.remove(workspace)
    store.maintenance.erase_workspace(removal)
    assert [left.id for left in store.maintenance.functions_left(workspace.id)] == [function.id]


def test_old_counters_are_pruned_and_young_ones_kept(
    table: Table, store: Repositories, workspace: Workspace, function: Function
):
    now = clock.now()
    store.executions.record([make.execution(function, at=now - timedelta(hours=hours)) for hours in (0, 5, 30, 40)])
    assert store.maintenance.prune(now) >= 2
    assert store.maintenance.prune(now) == 0
    for key in ((f"WS#{workspace.id}", f"USAGE#{function.id}"), ("WORKSPACES", f"WS#{workspace.id}")):
        item = table.get(key)
        assert item
        assert len([name for name in item if name.startswith("i_")]) == 2
    assert store.workspaces.get(workspace.id).usage == store.functions.get(function.ref).usage
    assert store.workspaces.get(workspace.id).usage.invocations == 2


def test_removing_a_function_after_its_workspace_was_pruned_leaves_no_debt(
    store: Repositories, workspace: Workspace, function: Function
):
    now = clock.now()
    store.executions.record([make.execution(function, at=now - timedelta(hours=30)), make.execution(function)])
    store.maintenance.prune(now)
    store.functions.remove(function)
    usage = store.workspaces.get(workspace.id).usage
    assert (usage.invocations, usage.errors, usage.duration_ms) == (0, 0, 0.0)


def test_the_storage_says_that_it_works(store: Repositories):
    store.maintenance.ping()
    store.maintenance.ping()


def test_removals_are_listed_with_what_is_needed_to_finish_them(
    store: Repositories, workspace: Workspace, function: Function
):
    removals = [store.functions.remove(function), store.workspaces.remove(workspace)]
    assert sorted(store.maintenance.open_work().removals, key=lambda removal: removal.kind) == removals
    assert replace(removals[0], since=removals[1].since).workspace_id == workspace.id
