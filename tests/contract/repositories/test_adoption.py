"""A table of the earlier system, adopted: everything in it can be used, nothing is lost, again changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from faasweb.adapters.codestore.filesystem import FilesystemCodeStore
from faasweb.adapters.repositories.adopted_function import LOST_CODE
from faasweb.adapters.repositories.adoption import Adoption, Report
from faasweb.adapters.repositories.assembly import repositories_over
from faasweb.adapters.repositories.dynamodb import DynamoTable
from faasweb.adapters.repositories.dynamodb_values import from_item, to_item
from faasweb.adapters.repositories.table import Item
from faasweb.domain.builds import BuildStatus
from faasweb.domain.errors import NotFound, Unavailable
from faasweb.domain.functions import FunctionRef, FunctionStatus
from faasweb.domain.source import Source
from faasweb.ports import Repositories
from tests.contract.repositories import earlier_table, make
from tests.contract.repositories.earlier_table import (
    GONE,
    GREET,
    KOREAN,
    LARGE,
    LARGEST,
    LOST,
    OTHER,
    SAME,
    SLOPPY,
    STORED,
    TEAM,
    UUID,
    Killed,
)

ADOPTED = {"workspace": 2, "function": 7, "build": 4}
RIGHT = ADOPTED | {"build": 5}
"""One build lies under an earlier key and under today's."""


@dataclass
class Earlier:
    client: Any
    code: FilesystemCodeStore
    said: list[str] = field(default_factory=list)

    def adopt(self, **options: Any) -> Report:
        return Adoption(self.client, "data", self.code, self.said.append, **options).run()

    def dump(self) -> Mapping[tuple[str, str], Item]:
        return earlier_table.dump(self.client, "data")


@pytest.fixture
def earlier(dynamodb_client: Any, dynamodb_table: DynamoTable, tmp_path: Path) -> Earlier:
    made = Earlier(dynamodb_client, FilesystemCodeStore(tmp_path / "code"))
    earlier_table.fill(made.client, "data", made.code)
    return made


@pytest.fixture
def adopted(earlier: Earlier, dynamodb_table: DynamoTable) -> Repositories:
    assert earlier.adopt().adopted == ADOPTED
    return repositories_over(dynamodb_table)


def test_workspaces_are_listed_with_the_functions_that_are_really_there(adopted: Repositories):
    other, team = adopted.workspaces.list()
    assert (team.id, team.function_count, other.id, other.function_count) == (TEAM, 6, OTHER, 1)
    assert team.created_at == datetime(2025, 12, 7, 3, 0, 0, 123456, UTC)
    assert other.created_at == datetime(2025, 12, 8, 3, tzinfo=UTC)
    assert adopted.workspaces.save(team.edited("Renamed")).name == "Renamed"
    with pytest.raises(NotFound):
        adopted.workspaces.get(GONE)


def test_functions_are_listed_found_and_saved(adopted: Repositories):
    listed = {function.id: function for function in adopted.functions.list(TEAM)}
    assert set(listed) == {GREET, LARGEST, STORED, SLOPPY, LOST, KOREAN}
    for function in listed.values():
        assert adopted.functions.get(function.ref) == adopted.functions.find(function.id) == function
        assert adopted.functions.find_by_app_name(TEAM, function.app_name) == function
        adopted.functions.save(function.edited(description="still editable"))
    assert adopted.functions.list(GONE) == []
    with pytest.raises(NotFound):
        adopted.functions.get(FunctionRef(TEAM, "fn-stub2345"))
    with pytest.raises(NotFound):
        adopted.functions.get(FunctionRef(GONE, "fn-rphan234"))


def test_of_functions_with_one_name_the_second_gets_another_address(adopted: Repositories, earlier: Earlier):
    names = {function_id: adopted.functions.find(function_id).app_name for function_id in (GREET, SAME)}
    assert sorted(names.values()) in (["greet", "greet-same2345"], ["greet", "greet-greet234"])
    assert any("its name is taken by another function: in addresses it is greet-" in line for line in earlier.said)


def test_what_todays_rules_refuse_is_put_right(adopted: Repositories):
    same, korean, sloppy = (adopted.functions.find(id_) for id_ in (SAME, KOREAN, SLOPPY))
    assert (same.settings.memory_mb, same.settings.timeout_s, same.settings.http_methods) == (1024, 30, ("GET",))
    assert (korean.name, korean.app_name) == ("함수", "fn-krean234")
    assert korean.last_modified == datetime(2025, 12, 7, 3, tzinfo=UTC)
    assert sloppy.status is FunctionStatus.ACTIVE
    assert adopted.functions.find(LARGEST).status is FunctionStatus.ACTIVE
    assert [variable.value for variable in same.settings.environment] == ["topsecret"]


@pytest.mark.parametrize(
    ("function_id", "text", "inline"),
    [
        (GREET, earlier_table.CODE, True),
        (LARGEST, LARGE, True),
        (STORED, "print('stored')\n", True),
        (SLOPPY, LARGE, False),
        (LOST, LOST_CODE, True),
    ],
)
def test_code_lies_under_its_hash_wherever_it_was(adopted, earlier, function_id, text, inline):
    function = adopted.functions.find(function_id)
    assert earlier.code.get(function.code_key).decode() == text
    assert function.code_hash == Source({"app.py": text}).hash
    assert (function.source is not None) == inline
    if function.source:
        assert function.source.text == text
    saved = adopted.functions.save(function.edited(name="renamed"))
    assert saved.code_key == function.code_key, "code that is not changed stays where it is"


def test_the_calls_of_the_last_24_hours_count_and_all_are_listed(adopted: Repositories):
    function = adopted.functions.find(GREET)
    assert (function.usage.invocations, function.usage.errors) == (2, 1)
    assert adopted.workspaces.get(TEAM).usage == function.usage
    page, _ = adopted.executions.list(GREET, 10)
    assert [execution.id for execution in page] == ["recent22", "recent33", "earlier2"]
    since = page[1].at
    assert sum(minute.invocations for minute in adopted.executions.minutes(GREET, since)) == 2


def test_new_calls_are_recorded_and_counted(adopted: Repositories):
    function = adopted.functions.find(SAME)
    adopted.executions.record([make.execution(function)])
    assert adopted.functions.find(SAME).usage.invocations == 1
    assert adopted.workspaces.get(OTHER).usage.invocations == 1


def test_builds_of_both_vocabularies_are_listed_by_time_and_found(adopted: Repositories):
    team = adopted.builds.list(TEAM)
    shown = [(build.id, build.status, build.image) for build in team]
    assert shown == [
        (UUID.format(1), BuildStatus.BUILDING, None),
        (UUID.format(3), BuildStatus.DONE, "registry/greet:1"),
        ("22charactersofshortuuid", BuildStatus.DONE, "registry/greet:0"),
    ]
    assert [adopted.builds.get(build.id) for build in team] == team
    assert team[1].code_key == f"build-sources/{TEAM}/x/app.py"
    assert [build.status for build in adopted.builds.list("ws-default")] == [BuildStatus.FAILED]


def test_a_build_that_nobody_is_at_is_open_work_until_it_is_ended(adopted: Repositories):
    assert adopted.maintenance.open_work().builds == [UUID.format(1)]
    build = adopted.builds.get(UUID.format(1))
    assert build.overdue
    adopted.builds.save(build.failed("given up"))
    assert adopted.maintenance.open_work().builds == []


def test_functions_and_workspaces_are_removed_without_a_trace(adopted: Repositories, earlier: Earlier):
    greet = adopted.functions.remove(adopted.functions.find(GREET))
    adopted.maintenance.erase_function(greet)
    adopted.maintenance.finish_removal(greet)
    assert adopted.workspaces.get(TEAM).function_count == 5
    assert not any(GREET in pk + sk for pk, sk in earlier.dump())
    removal = adopted.workspaces.remove(adopted.workspaces.get(TEAM))
    for function in adopted.maintenance.functions_left(TEAM):
        gone = adopted.functions.remove(function)
        adopted.maintenance.erase_function(gone)
        adopted.maintenance.finish_removal(gone)
    adopted.maintenance.erase_workspace(removal)
    adopted.maintenance.finish_removal(removal)
    assert [key for key in earlier.dump() if TEAM in "".join(key)] == [
        (earlier_table.OF_THE_BUILDER["PK"], earlier_table.OF_THE_BUILDER["SK"])
    ]


def test_what_is_left_out_is_named_with_its_reason(earlier: Earlier):
    report = earlier.adopt()
    assert report.skipped == {
        ("workspace", "a leftover without an id: it was deleted"): 1,
        ("function", "a leftover without an id: it was deleted"): 1,
        ("function", "its workspace was deleted"): 1,
        ("build", "its workspace was deleted"): 1,
        ("build", "a leftover without a time"): 1,
    }
    assert f"skipped function WS#{TEAM} FN#fn-stub2345: a leftover without an id: it was deleted" in earlier.said
    assert list(report.lines(dry_run=False))[:2] == [
        "workspaces: 2 adopted, 0 already right",
        "functions: 7 adopted, 0 already right",
    ]
    assert "topsecret" not in "\n".join(earlier.said)


def test_nothing_is_deleted(earlier: Earlier):
    before = earlier.dump()
    earlier.adopt()
    after = earlier.dump()
    assert before.keys() < after.keys()
    for key, item in before.items():
        assert item.keys() <= after[key].keys()


def test_a_second_run_changes_nothing(earlier: Earlier):
    earlier.adopt()
    before = earlier.dump()
    report = earlier.adopt()
    assert (report.adopted, report.right) == ({}, RIGHT)
    assert earlier.dump() == before


def test_a_dry_run_says_the_same_and_writes_nothing(earlier: Earlier):
    before = earlier.dump()
    report = earlier.adopt(dry_run=True)
    foretold, earlier.said = [line for line in earlier.said if "items looked at" not in line], []
    assert earlier.dump() == before
    assert not list(earlier.code.root.rglob(f"{GREET}/*"))
    really = earlier.adopt()
    assert (report.adopted, report.skipped) == (really.adopted, really.skipped)
    assert foretold == [line for line in earlier.said if "items looked at" not in line]


def test_wherever_it_is_killed_another_run_ends_the_work(earlier: Earlier):
    """Each run here dies when it sends its second write, so each adopts one thing more."""
    kills = 0
    for _ in range(30):
        revive = earlier_table.kill_at(earlier.client, 2)
        try:
            report = earlier.adopt()
            break
        except Killed:
            kills += 1
        finally:
            revive()
    assert kills == sum(ADOPTED.values()) - 1
    assert report.adopted + report.right == ADOPTED
    store = repositories_over(DynamoTable(earlier.client, "data"))
    assert [workspace.function_count for workspace in store.workspaces.list()] == [1, 6]
    assert store.functions.find(GREET).usage.invocations == 2
    before = earlier.dump()
    assert earlier.adopt().right == RIGHT
    assert earlier.dump() == before


def test_what_changes_while_it_runs_is_not_overwritten(earlier: Earlier, monkeypatch: pytest.MonkeyPatch):
    """Somebody renames a function, and another gets a name, between reading and writing."""
    key = to_item({"PK": f"WS#{TEAM}", "SK": f"FN#{GREET}"})
    newer = earlier_table.function(TEAM, GREET, "renamed", lastModified="2026-01-01T00:00:00+09:00")
    put = earlier.code.put
    changed: list[object] = []

    def slow(store: FilesystemCodeStore, code_key: str, content: bytes) -> None:
        if GREET in code_key and not changed:
            changed.append(earlier.client.put_item(TableName="data", Item=to_item(newer)))
        put(code_key, content)

    monkeypatch.setattr(FilesystemCodeStore, "put", slow)
    report = earlier.adopt()
    assert report.skipped["function", "it changed meanwhile; run this again"] == 1
    assert from_item(earlier.client.get_item(TableName="data", Key=key)["Item"]) == newer
    assert earlier.adopt().adopted == {"function": 1}
    store = repositories_over(DynamoTable(earlier.client, "data"))
    assert (store.functions.find(GREET).name, store.functions.find(GREET).app_name) == ("renamed", "renamed")


def test_a_table_of_many_pages_is_adopted_whole(earlier: Earlier):
    for number in range(30):
        id_ = f"fn-pages2{'abcdefghjk'[number // 10]}{'abcdefghjk'[number % 10]}"
        row = earlier_table.function(OTHER, id_, f"page {number}", "A" * 300_000)
        earlier.client.put_item(TableName="data", Item=to_item(row))
    assert earlier.adopt().adopted["function"] == 37
    store = repositories_over(DynamoTable(earlier.client, "data"))
    assert store.workspaces.get(OTHER).function_count == 31


def test_a_table_of_somebody_else_is_refused(earlier: Earlier, dynamodb_client: Any):
    for number in range(60):
        item = to_item({"PK": f"CUSTOMER#{number}", "SK": "ORDER#1"})
        dynamodb_client.put_item(TableName="data", Item=item)
    before = earlier.dump()
    with pytest.raises(Unavailable, match="does not look like a table of the earlier system"):
        earlier.adopt()
    assert earlier.dump() == before


def test_a_table_with_other_keys_is_refused(dynamodb_client: Any, tmp_path: Path):
    dynamodb_client.create_table(
        TableName="data",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    with pytest.raises(Unavailable, match="its keys are not PK and SK"):
        Earlier(dynamodb_client, FilesystemCodeStore(tmp_path)).adopt()


def test_an_absent_table_is_said_so(dynamodb_client: Any, tmp_path: Path):
    with pytest.raises(Unavailable, match=r"`manage\.py create_table` makes it"):
        Earlier(dynamodb_client, FilesystemCodeStore(tmp_path)).adopt()


def test_an_empty_table_has_nothing_to_adopt(dynamodb_client: Any, dynamodb_table: DynamoTable, tmp_path: Path):
    report = Earlier(dynamodb_client, FilesystemCodeStore(tmp_path)).adopt()
    assert not report.adopted + report.right
