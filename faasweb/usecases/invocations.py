from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from faasweb.domain import clock, ids
from faasweb.domain.errors import (
    FaaswebError,
    InvalidInput,
    InvocationFailed,
    MethodNotAllowed,
    NotReady,
    RateLimited,
    TimedOut,
    TooLarge,
)
from faasweb.domain.executions import BODY_LIMIT, Execution, RecordedBody
from faasweb.domain.functions import Function, FunctionStatus
from faasweb.domain.invocations import REQUEST_BODY_LIMIT, Head, InvocationRequest, Report
from faasweb.domain.source import Source
from faasweb.domain.telemetry import LogPage
from faasweb.ports import Answer, DraftRunner, ExecutionRepository, LogStore, Release, Runtime
from faasweb.usecases.recording import Recorder
from faasweb.usecases.releases import REQUIREMENTS, Heard, Releases

# How a run that gave no answer looks from outside: the status its record and the caller get, and the error.
_FAILURES: dict[str, tuple[int, type[FaaswebError]]] = {
    "timeout": (504, TimedOut),
    "too_large": (413, TooLarge),
    "over_capacity": (429, RateLimited),
    "not_found": (503, NotReady),
    "not_ready": (503, InvocationFailed),
}
_OF_ITS_CODE = ("error", "trap", "no_response")  # their error is the function's own exception
_OTHER_FAILURE = (503, InvocationFailed)


@dataclass(slots=True)
class Invocation:
    """One call under way: its head first, then the body, then ``finish`` records what happened.

    ``finish`` must be called in every case; after a caller went away too.
    """

    function: Function
    request: InvocationRequest
    request_id: str
    trigger: str
    answer: Answer
    recorder: Recorder
    execution_id: str = field(default_factory=ids.short_id)
    kept: bytearray = field(default_factory=bytearray)
    size: int = 0
    keep: int = BODY_LIMIT  # bytes of the answer that stay at hand in ``kept``

    @property
    def head(self) -> Head | None:
        return self.answer.head

    async def body(self) -> AsyncIterator[bytes]:
        async for chunk in self.answer.body():
            self.size += len(chunk)
            if len(self.kept) <= self.keep:
                self.kept += chunk[: self.keep + 1]
            yield chunk

    async def finish(self) -> Execution:
        await self.answer.close()
        execution = self._execution(self.answer.report())
        await self.recorder.record(execution)
        return execution

    @property
    def broke_off(self) -> bool:
        """Whether the answer, read as far as it came, ended too early. An empty 500 is all a failed handler says."""
        if self.head is None or self.answer.report().outcome == "ok":
            return False
        return self.size > 0 or self.head.status != 500

    def failure(self, *, public: bool = False) -> FaaswebError | None:
        """Why there is no answer; None when there is one. ``public``: without the text of its exception."""
        if self.head is not None:
            return None
        report = self.answer.report()
        if public and report.outcome in _OF_ITS_CODE:
            return InvocationFailed("The function failed. Its executions tell why.", request_id=self.request_id)
        kind = _FAILURES.get(report.outcome, _OTHER_FAILURE)[1]
        details: dict[str, object] = {"retry_after_s": 1} if kind is RateLimited else {}
        return kind(report.error or "The function ended without an answer.", request_id=self.request_id, **details)

    def _execution(self, report: Report) -> Execution:
        status = self.head.status if self.head else _FAILURES.get(report.outcome, _OTHER_FAILURE)[0]
        headers = {name.lower(): value for name, value in self.head.headers} if self.head else {}
        return Execution(
            id=self.execution_id,
            function_id=self.function.id,
            workspace_id=self.function.workspace_id,
            at=clock.now(),
            status_code=status,
            duration_ms=report.duration_ms,
            cpu_ms=report.cpu_ms,
            request_id=self.request_id,
            method=self.request.method,
            path=self.request.target[:2000],
            trigger=self.trigger,
            request_body=RecordedBody.of(self.request.body),
            response_body=RecordedBody.of(bytes(self.kept), size=self.size),
            response_type=headers.get("content-type", "")[:200],
            logs=tuple(line.text for line in report.logs),
            error=report.error,
            version=report.version,
            mode=report.mode,
        )


@dataclass(slots=True)
class _Unreachable:
    """Stands for the answer of a runtime that gave none."""

    reason: str
    head: Head | None = None

    async def body(self) -> AsyncIterator[bytes]:
        return
        yield

    def report(self) -> Report:
        return Report("unreachable", error=self.reason)

    async def close(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Invocations:
    runtime: Runtime
    drafts: DraftRunner
    releases: Releases
    executions: ExecutionRepository
    logs: LogStore
    recorder: Recorder

    async def open(
        self, function: Function, request: InvocationRequest, trigger: str, *, request_id: str = ""
    ) -> Invocation:
        """Call what is live. Refusals (disabled, not deployed, wrong method, too large) are raised and not recorded.

        A runtime that can't be reached is an invocation without an answer, recorded as every other. ``request_id`` is
        the name of the request that makes the call, where it has one.
        """
        _admit(function, request)
        request_id = request_id or new_request_id()
        answer: Answer
        try:
            answer = await self.runtime.invoke(function, request, request_id)
        except InvocationFailed as exc:
            answer = _Unreachable(exc.message)
        return Invocation(function, request, request_id, trigger, answer, self.recorder)

    async def call(
        self,
        function: Function,
        request: InvocationRequest,
        trigger: str,
        *,
        request_id: str = "",
        keep: int = BODY_LIMIT,
    ) -> tuple[Invocation, Execution]:
        """Call and wait for the whole answer, recorded. What the platform could not do is raised, after recording.

        The answer's first ``keep`` bytes are in the invocation's ``kept``.
        """
        invocation = await self.open(function, request, trigger, request_id=request_id)
        invocation.keep = keep
        try:
            async for _ in invocation.body():
                pass
        finally:
            execution = await asyncio.shield(invocation.finish())
        if failure := invocation.failure():
            raise failure
        return invocation, execution

    async def run_draft(self, function: Function, source: Source, request: InvocationRequest) -> DraftRun:
        """Run unsaved code once, with the function's settings and data of its own. Nothing is deployed or recorded."""
        _check_size(request)
        heard = Heard([])
        try:
            release = await self._draft(function, source, heard)
        except InvalidInput as exc:
            return DraftRun(None, RecordedBody.of(b""), Report("error", error=exc.message, logs=heard.lines))
        answer = await self.drafts.run(release, request, new_request_id())
        content, size = bytearray(), 0
        try:
            async for chunk in answer.body():
                size += len(chunk)
                content += chunk[: max(0, BODY_LIMIT - len(content))]
        finally:
            await answer.close()
        report = answer.report()
        report = replace(report, logs=[*heard.lines, *report.logs])
        return DraftRun(answer.head, RecordedBody.of(bytes(content), size=size), report)

    async def _draft(self, function: Function, source: Source, heard: Heard) -> Release:
        """Packages may take a while to install, which must not hold up other runs."""
        if REQUIREMENTS not in source.files:
            return self.releases.draft(function, source, heard)
        return await asyncio.to_thread(self.releases.draft, function, source, heard)

    def list(self, function_id: str, limit: int, before: str | None = None) -> tuple[Sequence[Execution], str | None]:
        """Newest first, and the cursor for older ones."""
        return self.executions.list(function_id, limit, before)

    def get(self, function_id: str, execution_id: str, at: datetime) -> Execution:
        """``at`` is the execution's own time, a part of its key. NotFound."""
        return self.executions.get(function_id, execution_id, at)

    def recent(self, functions: Sequence[Function], limit: int) -> Sequence[Execution]:
        """The newest executions of several functions together, newest first."""
        called = [function for function in functions if function.live or function.invocation_url]
        found = [item for function in called for item in self.executions.list(function.id, limit)[0]]
        return sorted(found, key=lambda item: item.at, reverse=True)[:limit]

    def lines(self, execution: Execution) -> LogPage:
        """Everything one execution printed."""
        return self.logs.of_request(execution.function_id, execution.request_id, execution.at)


@dataclass(frozen=True, slots=True)
class DraftRun:
    head: Head | None
    body: RecordedBody
    report: Report


def new_request_id() -> str:
    return secrets.token_hex(8)


def _admit(function: Function, request: InvocationRequest) -> None:
    if function.status is FunctionStatus.DISABLED:
        raise NotReady("The function is disabled.", status=str(function.status))
    if function.live is None and not function.invocation_url:
        raise NotReady("The function is not deployed yet: press Deploy.", status=str(function.status))
    if not _answers(function, request.method):
        allowed = list(function.settings.http_methods)
        raise MethodNotAllowed(f"The function answers {', '.join(allowed)}, not {request.method}.", allowed=allowed)
    _check_size(request)


def _answers(function: Function, method: str) -> bool:
    """HEAD is a GET whose body is left out: who answers the one answers the other."""
    methods = function.settings.http_methods
    return method in methods or (method == "HEAD" and "GET" in methods)


def _check_size(request: InvocationRequest) -> None:
    if len(request.body) > REQUEST_BODY_LIMIT:
        raise TooLarge(f"A request body has at most {REQUEST_BODY_LIMIT:,} bytes.", limit=REQUEST_BODY_LIMIT)


def method_for(function: Function) -> str:
    """The method a caller means who names none: POST when allowed, else the function's first."""
    methods = function.settings.http_methods
    return "POST" if "POST" in methods else methods[0]
