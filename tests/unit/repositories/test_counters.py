from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from faasweb.adapters.repositories.counters import Window, hour_additions, minute_additions, minutes_of, outdated
from faasweb.domain.executions import Execution

NOW = datetime(2026, 11, 21, 4, 30, tzinfo=UTC)
AGES = st.integers(min_value=0, max_value=60 * 72)
CALLS = st.lists(st.tuples(AGES, st.sampled_from([200, 404, 500]), st.integers(0, 900_000)), max_size=60)


def execution(age_minutes: int, status: int, duration_ms: float) -> Execution:
    at = NOW - timedelta(minutes=age_minutes)
    return Execution("id", "fn", "ws", at, status, duration_ms, 0.0, "", "GET", "/", "api")


@given(CALLS)
def test_totals_are_those_of_the_last_24_hours(calls: list[tuple[int, int, int]]):
    executions = [execution(*call) for call in calls]
    item = dict(hour_additions(executions))
    begin = NOW.replace(minute=0) - timedelta(hours=23)
    counted = [call for call in executions if call.at >= begin]
    totals = Window.at(NOW).totals({"id": "fn-1", "name": "i_2026112104", **item})
    assert totals.invocations == len(counted)
    assert totals.errors == sum(not call.succeeded for call in counted)
    assert totals.duration_ms == sum(call.duration_ms for call in counted)


@given(CALLS)
def test_outdated_counters_are_all_that_no_longer_count(calls: list[tuple[int, int, int]]):
    item = dict(hour_additions(execution(*call) for call in calls))
    window = Window.at(NOW)
    before = window.totals(item)
    for name in outdated(item, window.oldest):
        del item[name]
    assert window.totals(item) == before
    assert outdated(item, window.oldest) == []
    assert len(item) <= 72


@given(st.lists(st.tuples(st.integers(0, 59), st.sampled_from([200, 500]), st.integers(0, 100_000)), max_size=60))
def test_minutes_hold_every_call_of_their_hour(calls: list[tuple[int, int, int]]):
    hour = NOW.replace(minute=0)
    executions = [execution(30 - minute, status, duration) for minute, status, duration in calls]
    minutes = minutes_of(dict(minute_additions(executions)), hour)
    assert sum(minute.invocations for minute in minutes) == len(calls)
    assert sum(minute.errors for minute in minutes) == sum(status == 500 for _, status, _ in calls)
    assert [minute.start.minute for minute in minutes] == sorted({minute for minute, _, _ in calls})
