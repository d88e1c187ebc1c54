from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from faasweb.domain import clock
from faasweb.domain.errors import Conflict, NotFound
from faasweb.domain.workspaces import Workspace
from faasweb.ports import Repositories
from tests.contract.repositories import make


def test_a_workspace_is_read_back_as_it_was_added(store: Repositories):
    workspace = Workspace.create("결제 팀 'quotes' #1", "A \\ description")
    store.workspaces.add(workspace)
    assert store.workspaces.get(workspace.id) == workspace


def test_an_id_is_taken_once(store: Repositories, workspace: Workspace):
    with pytest.raises(Conflict):
        store.workspaces.add(replace(workspace, name="other"))
    assert store.workspaces.get(workspace.id).name == "Team"


@pytest.mark.parametrize("workspace_id", ["ws-AAAAAAAA", "", "ws-\ud800", "x" * 5000, "#", "WS#ws-default", "\0"])
def test_what_was_never_added_is_not_found(store: Repositories, workspace_id: str):
    with pytest.raises(NotFound):
        store.workspaces.get(workspace_id)


def test_the_list_is_newest_first_with_counters(store: Repositories):
    now = clock.now()
    old, new = (replace(Workspace.create(name), created_at=now + timedelta(seconds=i)) for i, name in enumerate("ab"))
    store.workspaces.add(new)
    store.workspaces.add(old)
    function = store.functions.add(make.function(old))
    store.executions.record([make.execution(function), make.execution(function, status=500)])
    listed = store.workspaces.list()
    assert [item.name for item in listed] == ["b", "a"]
    assert listed[1] == store.workspaces.get(old.id)
    assert (listed[1].function_count, listed[1].usage.invocations, listed[1].usage.error_rate) == (1, 2, 50.0)


def test_saving_changes_name_and_description_and_no_counter(store: Repositories, workspace: Workspace):
    stale = store.workspaces.get(workspace.id)
    store.functions.add(make.function(workspace))
    saved = store.workspaces.save(stale.edited("name", "status"))
    assert saved.revision == 2
    found = store.workspaces.get(workspace.id)
    assert (found.name, found.description, found.revision, found.function_count) == ("name", "status", 2, 1)
    assert store.workspaces.list()[0] == found


def test_a_description_can_be_cleared(store: Repositories, workspace: Workspace):
    saved = store.workspaces.save(workspace.edited(description="something"))
    assert store.workspaces.save(saved.edited(description="")).description == ""
    assert store.workspaces.get(workspace.id).description == ""


def test_saving_what_somebody_else_changed_is_a_conflict(store: Repositories, workspace: Workspace):
    store.workspaces.save(workspace.edited("first"))
    with pytest.raises(Conflict):
        store.workspaces.save(workspace.edited("second"))
    assert store.workspaces.get(workspace.id).name == "first"


def test_a_removed_workspace_is_gone_for_every_reader(store: Repositories, workspace: Workspace):
    function = store.functions.add(make.function(workspace))
    removal = store.workspaces.remove(workspace)
    assert (removal.kind, removal.id) == ("workspace", workspace.id)
    assert store.workspaces.list() == []
    assert store.functions.list(workspace.id) == []
    for read in (
        lambda: store.workspaces.get(workspace.id),
        lambda: store.functions.get(function.ref),
        lambda: store.functions.find(function.id),
        lambda: store.functions.find_by_app_name(workspace.id, function.app_name),
    ):
        with pytest.raises(NotFound):
            read()
    assert list(store.maintenance.open_work().removals) == [removal]


def test_a_removed_workspace_is_not_brought_back_by_a_save(store: Repositories, workspace: Workspace):
    store.workspaces.remove(workspace)
    for late in (store.workspaces.save, store.workspaces.remove):
        with pytest.raises(NotFound):
            late(workspace)
    assert store.workspaces.list() == []
