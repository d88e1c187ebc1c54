from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any, cast

import pytest

from faasweb.domain import ids
from faasweb.domain.errors import (
    InvalidInput,
    InvocationFailed,
    MethodNotAllowed,
    NotReady,
    RateLimited,
    TimedOut,
    TooLarge,
    Unavailable,
)
from faasweb.domain.executions import BODY_LIMIT, Execution
from faasweb.domain.functions import FunctionStatus
from faasweb.domain.invocations import REQUEST_BODY_LIMIT, Head, InvocationRequest, PrintedLine, Report
from faasweb.domain.source import Source
from faasweb.domain.usage import Minute
from faasweb.ports import BuildFailure, Site
from faasweb.usecases.invocations import Invocations, method_for
from faasweb.usecases.observing import Logs, Metrics
from faasweb.usecases.recording import BATCH_LIMIT, Recorder
from tests.unit.usecases.world import HELLO, World

GET = InvocationRequest("GET")


class GivenAnswer:
    """An answer that arrives in the given chunks."""

    def __init__(self, head: Head | None, chunks: Sequence[bytes], report: Report) -> None:
        self.head = head
        self.chunks = chunks
        self.told = report
        self.closed = 0

    async def body(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            yield chunk

    def report(self) -> Report:
        return self.told

    async def close(self) -> None:
        self.closed += 1


class GivenRuntime:
    def __init__(self, answer: GivenAnswer | Exception) -> None:
        self.answer = answer

    async def invoke(self, function, request, request_id):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def run(self, release, request, request_id):
        return await self.invoke(None, request, request_id)


def answered(status: int = 200, *chunks: bytes, **report: Any) -> GivenAnswer:
    head = Head(status, [("Content-Type", "text/plain")])
    return GivenAnswer(head, chunks, Report(report.pop("outcome", "ok"), 12.5, 3.5, **report))


def unanswered(outcome: str, error: str = "why") -> GivenAnswer:
    return GivenAnswer(None, (), Report(outcome, error=error))


def invocations(world: World, answer: GivenAnswer | Exception) -> Invocations:
    runtime = cast(Any, GivenRuntime(answer))
    platform = world.platform.invocations
    return replace(platform, runtime=runtime, drafts=runtime, recorder=Recorder(world.stored.executions))


def recorded(world: World, function) -> list[Execution]:
    return list(world.stored.executions.list(function.id, 10)[0])


def test_a_call_is_recorded_as_it_was_answered(world: World):
    function = world.deployed()
    lines = (PrintedLine(1, "stdout", "hello"),)
    answer = answered(201, b"a", b"b", logs=lines, version=1, mode="baked")
    use = invocations(world, answer)
    invocation, execution = asyncio.run(use.call(function, replace(GET, path="/x", query="y=1"), "api"))
    assert recorded(world, function)[0].id == execution.id
    assert (execution.status, execution.status_code, execution.response_body.text) == ("success", 201, "ab")
    assert (execution.path, execution.response_type, execution.logs) == ("/x?y=1", "text/plain", ("hello",))
    assert (execution.duration_ms, execution.cpu_ms, execution.version) == (12.5, 3.5, 1)
    assert answer.closed == 1
    assert invocation.request_id == execution.request_id
    assert world.now(function).usage.invocations == 1


@pytest.mark.parametrize(("status", "succeeded"), [(204, True), (302, False), (404, False), (500, False)])
def test_only_a_2xx_answer_is_a_success_and_none_of_them_is_an_error_of_the_platform(world: World, status, succeeded):
    function = world.deployed()
    invocation, execution = asyncio.run(invocations(world, answered(status)).call(function, GET, "api"))
    assert execution.succeeded is succeeded
    assert invocation.failure() is None


@pytest.mark.parametrize(
    ("outcome", "status", "kind"),
    [
        ("timeout", 504, TimedOut),
        ("too_large", 413, TooLarge),
        ("over_capacity", 429, RateLimited),
        ("not_found", 503, NotReady),
        ("not_ready", 503, InvocationFailed),
        ("no_response", 503, InvocationFailed),
        ("trap", 503, InvocationFailed),
        ("error", 503, InvocationFailed),
        ("what is new", 503, InvocationFailed),
    ],
)
def test_a_run_without_an_answer_is_recorded_and_raised(world: World, outcome, status, kind):
    function = world.deployed()
    with pytest.raises(kind, match="why"):
        asyncio.run(invocations(world, unanswered(outcome)).call(function, GET, "api"))
    execution = recorded(world, function)[0]
    assert (execution.status_code, execution.error, execution.succeeded) == (status, "why", False)


def test_over_capacity_says_when_to_ask_again(world: World):
    with pytest.raises(RateLimited) as caught:
        asyncio.run(invocations(world, unanswered("over_capacity")).call(world.deployed(), GET, "api"))
    assert caught.value.details["retry_after_s"]


def test_a_runtime_that_can_not_be_reached_is_recorded_too(world: World):
    function = world.deployed()
    with pytest.raises(InvocationFailed, match="refused"):
        asyncio.run(invocations(world, InvocationFailed("refused")).call(function, GET, "route"))
    execution = recorded(world, function)[0]
    assert (execution.status_code, execution.trigger) == (503, "route")
    assert world.now(function).usage.errors == 1


def test_what_breaks_off_after_the_head_is_an_error_with_the_status_the_caller_saw(world: World):
    function = world.deployed()
    use = invocations(world, answered(200, b"half", outcome="trap", error="stopped"))
    invocation, execution = asyncio.run(use.call(function, GET, "api"))
    assert (execution.status_code, execution.succeeded, execution.error) == (200, False, "stopped")
    assert invocation.failure() is None


def test_refusals_are_raised_and_not_recorded(world: World):
    fresh, function = world.function(name="fresh"), world.deployed()
    use = invocations(world, answered())
    refusals = [
        (replace(function, status=FunctionStatus.DISABLED), GET, NotReady),
        (fresh, GET, NotReady),
        (function, InvocationRequest("POST"), MethodNotAllowed),
        (function, replace(GET, body=b"x" * (REQUEST_BODY_LIMIT + 1)), TooLarge),
    ]
    for called, request, kind in refusals:
        with pytest.raises(kind):
            asyncio.run(use.call(called, request, "api"))
    assert recorded(world, function) == []


def test_a_large_answer_passes_and_its_begin_is_kept(world: World):
    function = world.deployed()
    chunk = b"x" * 50_000
    invocation, execution = asyncio.run(invocations(world, answered(200, *[chunk] * 5)).call(function, GET, "api"))
    assert execution.response_body.size == 250_000
    assert execution.response_body.cut
    assert len(execution.response_body.text) == BODY_LIMIT
    assert len(invocation.kept) < 3 * BODY_LIMIT


def test_a_caller_that_goes_away_is_recorded(world: World):
    function = world.deployed()
    answer = answered(200, b"a", b"b")
    use = invocations(world, answer)

    async def hang_up() -> None:
        invocation = await use.open(function, GET, "route")
        async for _ in invocation.body():
            break
        await invocation.finish()

    asyncio.run(hang_up())
    assert recorded(world, function)[0].response_body.text == "a"
    assert answer.closed == 1


def test_a_draft_run_is_neither_recorded_nor_deployed(world: World):
    function = world.function()
    source = world.platform.functions.with_source(function).source
    assert source is not None
    run = asyncio.run(invocations(world, answered(200, b"hello")).run_draft(function, source, GET))
    assert (run.body.text, run.report.outcome) == ("hello", "ok")
    assert recorded(world, function) == []
    assert world.now(function).live is None


def test_a_draft_run_installs_its_packages_and_says_so(world: World):
    function = world.function()
    source = Source({"app.py": HELLO, "requirements.txt": "markdown"})
    world.builder.packages = Site("a" * 64, {"markdown": "3.8"})
    run = asyncio.run(invocations(world, answered(200, b"hello")).run_draft(function, source, GET))
    assert (run.body.text, run.report.outcome) == ("hello", "ok")
    assert [(line.stream, line.text) for line in run.report.logs] == [("system", "installing")]


def test_a_draft_whose_packages_cannot_be_used_is_not_run(world: World):
    function = world.function()
    source = Source({"app.py": HELLO, "requirements.txt": "numpy"})
    world.builder.packages = BuildFailure("numpy has no pure-Python wheel.")
    run = asyncio.run(invocations(world, AssertionError("it ran")).run_draft(function, source, GET))
    assert (run.head, run.report.outcome, run.report.error) == (None, "error", "numpy has no pure-Python wheel.")
    assert [line.text for line in run.report.logs] == ["installing"]


def test_the_method_of_a_caller_who_names_none(world: World):
    function = world.function()
    both = replace(function, settings=replace(function.settings, http_methods=("GET", "POST")))
    assert (method_for(function), method_for(both)) == ("GET", "POST")


def test_the_newest_executions_of_several_functions_are_merged(world: World):
    first = world.deployed()
    second = world.function(name="second")
    world.stored.functions.save(replace(world.now(second), live=world.now(first).live))
    use = invocations(world, answered())
    for function in (first, second, first):
        asyncio.run(use.call(world.now(function), GET, "api"))
        world.later(seconds=1)
    recent = use.recent([world.now(first), world.now(second)], 2)
    assert [item.function_id for item in recent] == [first.id, second.id]


# --- recording ---------------------------------------------------------------------------------------------------


def execution(number: int = 0) -> Execution:
    at = datetime(2026, 11, 21, tzinfo=UTC)
    return Execution(f"e{number}", "fn-22222222", "ws-22222222", at, 200, 1.0, 1.0, "r", "GET", "/", "api")


class Groups:
    """Remembers the groups it is given; ``refuse`` says which executions it can't take."""

    def __init__(self, refuse=lambda group: None) -> None:
        self.groups: list[list[str]] = []
        self.refuse = refuse

    def record(self, executions: Sequence[Execution]) -> None:
        self.refuse(executions)
        self.groups.append([item.id for item in executions])


def record_all(groups: Groups, count: int) -> None:
    async def all_at_once() -> None:
        recorder = Recorder(cast(Any, groups))
        async with asyncio.timeout(10):
            await asyncio.gather(*(recorder.record(execution(number)) for number in range(count)))

    asyncio.run(all_at_once())


def test_what_arrives_while_a_group_is_written_makes_up_the_next():
    groups = Groups()
    record_all(groups, 3 * BATCH_LIMIT)
    assert [len(group) for group in groups.groups] == [BATCH_LIMIT] * 3
    assert sorted(chain.from_iterable(groups.groups)) == sorted(f"e{number}" for number in range(3 * BATCH_LIMIT))


@pytest.mark.parametrize("error", [Unavailable("away"), RuntimeError("a defect")])
def test_a_storage_that_fails_costs_the_record_and_never_the_caller(error: Exception, caplog):
    def refuse(group):
        raise error

    record_all(Groups(refuse), 5)
    assert "5 executions were not recorded" in caplog.text


def test_an_execution_that_is_refused_costs_no_other():
    def refuse(group):
        if any(item.id == "e3" for item in group):
            raise InvalidInput("can't be stored")

    groups = Groups(refuse)
    record_all(groups, 6)
    assert sorted(chain.from_iterable(groups.groups)) == ["e0", "e1", "e2", "e4", "e5"]


def test_a_caller_that_gives_up_waiting_stops_no_other():
    groups = Groups()

    async def go() -> None:
        recorder = Recorder(cast(Any, groups))
        first = asyncio.create_task(recorder.record(execution(1)))
        second = asyncio.create_task(recorder.record(execution(2)))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait_for(second, 10)

    asyncio.run(go())
    assert groups.groups == [["e1", "e2"]]


# --- watching ----------------------------------------------------------------------------------------------------


class Minutes:
    def __init__(self, minutes) -> None:
        self.found = minutes
        self.since: datetime | None = None

    def minutes(self, function_id, since):
        self.since = since
        return self.found


def test_traffic_sums_its_minutes_and_mixes_their_durations(clock):
    start = datetime(2026, 11, 21, 3, 30, tzinfo=UTC)
    minutes = [Minute(start, 3, 1, {0: 2, 5: 1}), Minute(start + timedelta(minutes=1), 1, 0, {5: 1})]
    store = Minutes(minutes)
    traffic = Metrics(cast(Any, None), cast(Any, store)).traffic("fn-22222222", timedelta(hours=1))
    assert (traffic.invocations, traffic.errors) == (4, 1)
    assert traffic.p50_ms == 2.0
    assert traffic.p95_ms is not None
    assert 35 < traffic.p95_ms <= 50
    assert store.since == datetime(2026, 11, 21, 3, 0, tzinfo=UTC)


def test_no_traffic_has_no_percentiles(clock):
    traffic = Metrics(cast(Any, None), cast(Any, Minutes([]))).traffic(ids.function_id())
    assert (traffic.invocations, traffic.p50_ms, traffic.p95_ms) == (0, None, None)


@pytest.mark.parametrize("wrong", [{"stream": "stdin"}, {"text": "x" * 201}])
def test_a_filter_of_logs_is_checked(wrong):
    with pytest.raises(InvalidInput):
        Logs(cast(Any, None)).tail("fn-22222222", **wrong)


def test_what_is_no_id_never_leaves_the_house():
    for ask in (Logs(cast(Any, None)).tail, Metrics(cast(Any, None), cast(Any, None)).cpu):
        with pytest.raises(InvalidInput):
            ask('fn-"} or 1')
