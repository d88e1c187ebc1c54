from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from faasweb.domain import clock
from faasweb.domain.errors import InvalidInput, NotFound
from faasweb.domain.executions import RecordedBody
from faasweb.domain.functions import Function
from faasweb.domain.usage import duration_class
from faasweb.domain.workspaces import Workspace
from faasweb.ports import Repositories
from tests.contract.repositories import make


def test_an_execution_is_read_back_as_it_was_recorded(store: Repositories, function: Function):
    expires = datetime(2030, 1, 1, tzinfo=UTC)
    kept = make.execution(function, expires_at=expires)
    failed = make.execution(function, status=504, error="It took longer than 30 s.", version=None, expires_at=expires)
    store.executions.record([kept, failed])
    assert store.executions.get(function.id, kept.id, kept.at) == kept
    assert store.executions.get(function.id, failed.id, failed.at) == failed


def test_bodies_keep_every_type_and_digit(store: Repositories, function: Function):
    body = RecordedBody.of(b'{"a": 1, "b": 1.10, "big": 123456789012345678901234567890.5, "nan": NaN}')
    execution = make.execution(function, request_body=body, response_body=RecordedBody.of(b"\xff\x00\n"))
    store.executions.record([execution])
    found = store.executions.get(function.id, execution.id, execution.at)
    assert (found.request_body, found.response_body) == (body, execution.response_body)


def test_an_execution_is_forgotten_after_two_weeks_unless_it_says_when(store: Repositories, function: Function):
    execution = make.execution(function)
    store.executions.record([execution])
    expires = store.executions.get(function.id, execution.id, execution.at).expires_at
    assert expires == (execution.at + timedelta(days=14)).replace(microsecond=0)


def test_an_execution_too_large_for_an_item_is_shortened_and_counts(store: Repositories, function: Function):
    worst = RecordedBody.of(b"\xff" * 70_000)
    logs = ["가" * 20_000, "나" * 20_000, "last"]
    execution = make.execution(function, request_body=worst, response_body=worst, logs=logs)
    store.executions.record([execution])
    found = store.executions.get(function.id, execution.id, execution.at)
    assert found.response_body.cut
    assert found.response_body.size == 70_000
    assert worst.text.startswith(found.response_body.text)
    assert found.logs[0] == logs[0]
    assert store.functions.get(function.ref).usage.invocations == 1


def test_every_execution_counts_once_however_often_it_is_recorded(
    store: Repositories, workspace: Workspace, function: Function
):
    executions = [make.execution(function, status=500 if number % 3 == 0 else 200) for number in range(9)]
    store.executions.record(executions[:4])
    store.executions.record(executions[:4])
    store.executions.record([*executions[2:], *executions[2:]])
    for usage in (store.functions.get(function.ref).usage, store.workspaces.get(workspace.id).usage):
        assert (usage.invocations, usage.errors, usage.duration_ms) == (9, 3, 112.5)
    assert len(store.executions.list(function.id, 100)[0]) == 9
    assert sum(minute.invocations for minute in store.executions.minutes(function.id, function.created_at)) == 9


def test_hundreds_of_several_functions_are_recorded_at_once(store: Repositories, workspace: Workspace):
    functions = [store.functions.add(make.function(workspace, name=name)) for name in "abc"]
    now = clock.now()
    executions = [
        make.execution(functions[number % 3], at=now - timedelta(minutes=7 * number)) for number in range(150)
    ]
    store.executions.record(executions)
    found = [store.functions.get(function.ref).usage.invocations for function in functions]
    assert [len(store.executions.list(function.id, 1000)[0]) for function in functions] == [50, 50, 50]
    assert sum(found) == store.workspaces.get(workspace.id).usage.invocations


def test_megabytes_of_bodies_are_recorded_at_once(store: Repositories, function: Function):
    body = RecordedBody.of(b"x" * 64 * 1024)
    executions = [make.execution(function, request_body=body, response_body=body) for _ in range(40)]
    store.executions.record(executions)
    found, _ = store.executions.list(function.id, 100)
    assert len(found) == 40
    assert store.functions.get(function.ref).usage.invocations == 40


def test_a_late_execution_brings_nothing_back(store: Repositories, workspace: Workspace, function: Function):
    other = store.functions.add(make.function(workspace, name="stays"))
    store.functions.remove(function)
    late, fine = make.execution(function), make.execution(other)
    store.executions.record([late, fine])
    with pytest.raises(NotFound):
        store.executions.get(function.id, late.id, late.at)
    assert store.executions.list(function.id, 10) == ([], None)
    assert [item.id for item in store.functions.list(workspace.id)] == [other.id]
    assert store.functions.get(other.ref).usage.invocations == 1
    assert store.workspaces.get(workspace.id).usage.invocations == 1
    store.workspaces.remove(workspace)
    store.executions.record([make.execution(other)])
    assert store.workspaces.list() == []
    assert len(store.executions.list(other.id, 10)[0]) == 1


def test_recording_nothing_is_no_error(store: Repositories):
    store.executions.record([])


def test_counters_cover_the_last_24_hours(store: Repositories, workspace: Workspace, function: Function):
    now = clock.now()
    store.executions.record([make.execution(function, at=now - timedelta(hours=hours)) for hours in (0, 1, 23, 24, 30)])
    assert store.functions.get(function.ref).usage.invocations == 3
    assert store.workspaces.get(workspace.id).usage.invocations == 3
    with time_machine.travel(now + timedelta(hours=22, minutes=59 - now.minute), tick=False):
        assert store.functions.list(workspace.id)[0].usage.invocations == 2
    with time_machine.travel(now + timedelta(hours=48), tick=False):
        assert store.workspaces.list()[0].usage.invocations == 0


def test_the_list_is_newest_first_and_goes_on_from_its_cursor(store: Repositories, function: Function):
    now = clock.now()
    executions = [make.execution(function, at=now - timedelta(seconds=number)) for number in range(7)]
    store.executions.record(executions)
    seen, before = [], None
    for _ in range(10):
        page, before = store.executions.list(function.id, 3, before)
        seen += [execution.id for execution in page]
        if before is None:
            break
    assert seen == [execution.id for execution in executions]
    assert store.executions.list(function.id, 7)[1] is None
    assert store.executions.list(function.id, 0) == ([], None)


def test_a_page_of_the_list_may_be_larger_than_a_megabyte(store: Repositories, function: Function):
    body = RecordedBody.of(b"x" * 64 * 1024)
    now = clock.now()
    executions = [
        make.execution(function, at=now - timedelta(seconds=number), response_body=body) for number in range(30)
    ]
    store.executions.record(executions)
    page, before = store.executions.list(function.id, 25)
    rest, end = store.executions.list(function.id, 25, before)
    assert [item.id for item in [*page, *rest]] == [execution.id for execution in executions]
    assert end is None


def test_a_cursor_outlives_what_it_points_to(store: Repositories, function: Function):
    now = clock.now()
    executions = [make.execution(function, at=now - timedelta(seconds=number)) for number in range(4)]
    store.executions.record(executions[:1] + executions[2:])
    _, before = store.executions.list(function.id, 1)
    assert before
    cursor = before.replace(executions[0].id, executions[0].id[:-1])
    page, _ = store.executions.list(function.id, 5, cursor)
    assert [item.id for item in page] == [execution.id for execution in executions[2:]]


@pytest.mark.parametrize("cursor", ["x" * 2000, "\ud800"])
def test_a_cursor_that_can_not_be_one_is_refused(store: Repositories, function: Function, cursor: str):
    with pytest.raises(InvalidInput):
        store.executions.list(function.id, 5, cursor)


@pytest.mark.parametrize("cursor", ["", "zzz", "0", "\0", "\U0010ffff"])
def test_a_made_up_cursor_is_harmless(store: Repositories, function: Function, cursor: str):
    store.executions.record([make.execution(function)])
    page, before = store.executions.list(function.id, 5, cursor)
    assert (len(page) <= 1, before) == (True, None)


def test_minutes_count_errors_and_durations(store: Repositories, function: Function):
    hour = clock.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    at = [
        hour + timedelta(minutes=59, seconds=5),
        hour + timedelta(minutes=59, seconds=50),
        hour + timedelta(minutes=7),
    ]
    store.executions.record([make.execution(function, at=at[0], duration_ms=1.0)])
    store.executions.record([make.execution(function, at=at[1], duration_ms=70_000.0, status=504, error="late")])
    store.executions.record([make.execution(function, at=at[2], duration_ms=12.5)])
    minutes = store.executions.minutes(function.id, hour)
    assert [minute.start.minute for minute in minutes] == [7, 59]
    assert (minutes[1].start, minutes[1].invocations, minutes[1].errors) == (hour + timedelta(minutes=59), 2, 1)
    assert minutes[1].durations == {duration_class(1.0): 1, duration_class(70_000.0): 1}
    assert len(store.executions.minutes(function.id, hour + timedelta(minutes=8))) == 1


def test_minutes_reach_48_hours_back(store: Repositories, function: Function):
    now = clock.now()
    store.executions.record([make.execution(function, at=now - timedelta(hours=hours)) for hours in (47, 49)])
    assert len(store.executions.minutes(function.id, now - timedelta(days=90))) == 1
    assert store.executions.minutes("fn-22222222", now) == []


def test_an_execution_of_another_function_or_time_is_not_found(store: Repositories, function: Function):
    execution = make.execution(function)
    store.executions.record([execution])
    for function_id, execution_id, at in (
        ("fn-22222222", execution.id, execution.at),
        (function.id, "22222222", execution.at),
        (function.id, execution.id, execution.at + timedelta(microseconds=1)),
        (function.id, "\ud800", execution.at),
    ):
        with pytest.raises(NotFound):
            store.executions.get(function_id, execution_id, at)


def test_a_time_in_another_zone_is_the_same_execution(store: Repositories, function: Function):
    execution = make.execution(function)
    local = replace(execution, at=execution.at.astimezone(clock.KST))
    store.executions.record([local])
    store.executions.record([execution])
    assert store.functions.get(function.ref).usage.invocations == 1
    assert store.executions.get(function.id, execution.id, local.at).at == execution.at
