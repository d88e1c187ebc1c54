"""A runtime and a toolchain without WebAssembly, for tests of what is around them.

They keep the promises of their ports and no others: code is really run, what is applied is a candidate until the
switch, and a source that does not compile does not build.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import sys
import time
import traceback
import types
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from faasweb.domain.builds import Diagnostic
from faasweb.domain.errors import InvocationFailed, NotReady, Unavailable
from faasweb.domain.functions import Function
from faasweb.domain.invocations import Head, InvocationRequest, PrintedLine, Report
from faasweb.domain.source import Source
from faasweb.domain.spinapps import AppOptions
from faasweb.ports import BuildFailure, Check, CodeStore, Completion, Component, Health, Release, Say, Site

MAGIC = b"\0asm-of-tests\n"


@dataclass
class Request:
    method: str
    uri: str
    headers: dict[str, str]
    body: bytes | None


@dataclass
class Response:
    """``body`` may be a list of bytes: then each is sent on its own, ``pause_s`` after the one before."""

    status: int
    headers: Any = field(default_factory=dict)
    body: Any = b""
    pause_s: float = 0.0


class IncomingHandler:
    def handle_request(self, request: Request) -> Response:
        raise NotImplementedError  # as in the SDK: functions override it


def provide_sdk() -> None:
    """The names that a function imports, in this process."""
    http = types.ModuleType("spin_sdk.http")
    http.__dict__.update(Request=Request, Response=Response, IncomingHandler=IncomingHandler)
    sdk = types.ModuleType("spin_sdk")
    sdk.__dict__.update(http=http)
    sys.modules.setdefault("spin_sdk", sdk)
    sys.modules.setdefault("spin_sdk.http", http)


@dataclass
class InProcessAnswer:
    """What a run gave, as an Answer: ``chunks`` are what its body is sent in."""

    head: Head | None
    chunks: list[bytes]
    result: Report
    pause_s: float = 0.0
    closed: bool = False
    sent: int = 0

    async def body(self) -> AsyncIterator[bytes]:
        for number, chunk in enumerate(self.chunks):
            if number and self.pause_s:
                await asyncio.sleep(self.pause_s)
            self.sent += 1
            yield chunk

    def report(self) -> Report:
        if self.sent < len(self.chunks):
            return replace(self.result, outcome="error", error="The caller went away.")
        return self.result

    async def close(self) -> None:
        self.closed = True


@dataclass
class InProcessRuntime:
    """Runs handlers in this process. ``away`` makes it unreachable, ``full`` over capacity."""

    code: CodeStore
    instant: bool = True
    away: bool = False
    full: bool = False
    live: dict[str, Release] = field(default_factory=dict)
    candidates: dict[str, Release] = field(default_factory=dict)
    answers: list[InProcessAnswer] = field(default_factory=list)
    requests: list[InvocationRequest] = field(default_factory=list)

    def apply(self, release: Release) -> None:
        self._reach()
        self.candidates[release.function_id] = release

    def check(self, release: Release) -> Health:
        self._reach()
        answer = self._run(self.candidates[release.function_id], InvocationRequest("GET"))
        failed = answer.result.outcome == "error" and "import" in (answer.result.error or "")
        return Health(not failed, answer.head.status if answer.head else None, answer.result.error)

    def switch(self, release: Release) -> None:
        self._reach()
        self.live[release.function_id] = self.candidates.pop(release.function_id, release)

    def update_settings(self, release: Release) -> None:
        self._reach()
        self.live[release.function_id] = release

    def check_options(self, options: AppOptions) -> None:
        """They are a cluster's alone."""

    def remove(self, function_id: str, app_name: str) -> None:
        self.live.pop(function_id, None)
        self.candidates.pop(function_id, None)

    async def invoke(self, function: Function, request: InvocationRequest, request_id: str) -> InProcessAnswer:
        if self.away:
            raise InvocationFailed("The function's host is not running; it is being restarted.")
        if function.id not in self.live:
            raise NotReady("Nothing is live.")
        self.requests.append(request)
        return await self._within_time(self.live[function.id], request)

    async def run(self, release: Release, request: InvocationRequest, request_id: str) -> InProcessAnswer:
        return await self._within_time(release, request)

    async def _within_time(self, release: Release, request: InvocationRequest) -> InProcessAnswer:
        if self.full:
            answer = InProcessAnswer(None, [], Report("over_capacity", error="Too many calls at once."))
        else:
            run = asyncio.to_thread(self._run, release, request)
            try:
                answer = await asyncio.wait_for(run, release.settings.timeout_s)
            except TimeoutError:
                answer = InProcessAnswer(None, [], Report("timeout", error="It ran into its time limit."))
        self.answers.append(answer)
        return answer

    def _run(self, release: Release, request: InvocationRequest) -> InProcessAnswer:
        printed, begin = io.StringIO(), time.perf_counter()
        head, chunks, outcome, error, pause_s = None, [b""], "ok", None, 0.0
        try:
            with contextlib.redirect_stdout(printed):
                answer = self._handler(release).handle_request(
                    Request(request.method, request.target, dict(request.headers), request.body)
                )
            pairs = list(answer.headers.items() if isinstance(answer.headers, dict) else answer.headers)
            head, pause_s = Head(answer.status, pairs), answer.pause_s
            chunks = answer.body if isinstance(answer.body, list) else [answer.body or b""]
        except SystemExit:
            outcome, error = "trap", "The function exited."
        except Exception as exc:
            head, outcome, error = Head(500, []), "error", traceback.format_exception_only(exc)[-1].strip()
        lines = [PrintedLine(time.time_ns(), "stdout", text) for text in printed.getvalue().splitlines()]
        took = (time.perf_counter() - begin) * 1000
        report = Report(outcome, took, took, error, release.mode, release.version, lines)
        return InProcessAnswer(head, chunks, report, pause_s)

    def _handler(self, release: Release) -> Any:
        if release.source is not None:
            text = release.source.text
        elif release.artifact is not None:
            text = self.code.get(release.artifact.key).removeprefix(MAGIC).decode()
        else:
            raise AssertionError("a release with nothing to run")
        provide_sdk()
        names: dict[str, Any] = {"__name__": "app"}
        exec(compile(text, "app.py", "exec"), names)  # noqa: S102 - that is what this runtime is for
        return names["IncomingHandler"]()

    def ready(self) -> str | None:
        return "The runtime of the tests is away." if self.away else None

    def _reach(self) -> None:
        if self.away:
            raise Unavailable("The runtime of the tests is away.")


@dataclass
class SyntaxToolchain:
    """Checks the syntax; a component is the source with a mark before it. ``missing`` says why it can't work now."""

    folder: Path
    missing: str | None = None

    def check(self, source: Source) -> Check:
        if self.missing:
            raise Unavailable(self.missing)
        try:
            compile(source.text, "app.py", "exec")
        except SyntaxError as exc:
            return Check([Diagnostic("app.py", exc.lineno or 1, exc.offset or 1, exc.msg)])
        return Check([])

    def dependencies(self, source: Source, say: Say, patience_s: float = 300.0) -> Site | BuildFailure | None:
        return None

    def build(self, source: Source, say: Say) -> Component | BuildFailure:
        if found := self.check(source).blocking:
            return BuildFailure("\n".join(map(str, found)), found)
        content = MAGIC + source.text.encode()
        digest = hashlib.sha256(content).hexdigest()
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{digest}.wasm"
        path.write_bytes(content)
        say("build", f"{len(content)} bytes")
        return Component(path, f"sha256:{digest}", len(content))

    def complete(self, source: Source, path: str, line: int, column: int) -> list[Completion]:
        """The project's own modules."""
        if self.missing:
            raise Unavailable(self.missing)
        names = sorted(name.removesuffix(".py") for name in source.files if name.endswith(".py"))
        return [Completion(name, "module", f"at {path}:{line}:{column}", name) for name in names]

    def ready(self) -> str | None:
        return self.missing
