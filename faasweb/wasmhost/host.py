"""Runs functions: finds what is live, waits for a place, runs one guest, reports how it went."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from faasweb.wasmhost.frames import End, LogLine, OutcomeName
from faasweb.wasmhost.functions import Function, Functions
from faasweb.wasmhost.gate import MAX_RUNNING, Gate
from faasweb.wasmhost.live import LiveRelease, Slot
from faasweb.wasmhost.outcome import ending
from faasweb.wasmhost.programs import Instance, NotReady, Program, Programs
from faasweb.wasmhost.request_log import RequestLog
from faasweb.wasmhost.sandbox import GuestRequest, Sandbox, Sink, StopReason
from faasweb.wasmhost.sites import Sites
from faasweb.wasmhost.telemetry import Telemetry

MAX_REQUEST_BODY = 6 << 20
# Guests that have answered but whose memory is still being taken back.
CLOSING = 4

logger = logging.getLogger(__name__)


class EndingSink(Sink, Protocol):
    """A sink that also takes the end of the run."""

    def end(self, end: End) -> None: ...


@dataclass(frozen=True, slots=True)
class Job:
    """One request for one release. ``is_draft`` keeps it away from live data, logs and counters."""

    function: Function
    request: GuestRequest
    request_id: str
    is_draft: bool = False

    @property
    def release(self) -> LiveRelease:
        return self.function.release

    @property
    def place(self) -> str:
        """The name its concurrency is counted under."""
        return f"{self.release.function_id}{'/draft' if self.is_draft else ''}"


class Host:
    """Everything one wasmhost process shares between its requests."""

    def __init__(self, data: Path, cache: Path, *, max_running: int = MAX_RUNNING) -> None:
        self._state = data / "state"
        self.sites = Sites(cache)
        self._functions = Functions(data, self.sites)
        self.programs = Programs(data / "components", cache, max_running + CLOSING)
        self.telemetry = Telemetry(data / "telemetry.db")
        self.gate = Gate(max_running, self._busy)
        self._running: set[Sandbox] = set()
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start the background threads."""
        self.telemetry.start()
        threading.Thread(target=self.programs.tick_forever, name="ticker", daemon=True).start()

    def _busy(self, busy: bool) -> None:
        if busy:
            self.programs.running.set()
        else:
            self.programs.running.clear()

    def stop_all(self, reason: StopReason) -> None:
        """End every guest that runs."""
        with self._lock:
            for sandbox in self._running:
                sandbox.stop(reason)

    def find(self, function_id: str, slot: Slot) -> Function:
        """Raises NotServed or InvalidRelease."""
        return self._functions.find(function_id, slot)

    def run(self, job: Job, sink: EndingSink, on_sandbox: Callable[[Sandbox], None]) -> None:
        """Run ``job`` and write its response and its end to ``sink``; ``on_sandbox`` gets hold of the guest."""
        release = job.release
        if len(job.request.body) > MAX_REQUEST_BODY:
            sink.end(not_run("too_large", f"The request body is larger than {MAX_REQUEST_BODY >> 20} MB.", release))
            return
        if not self.gate.enter(job.place, release.concurrency, release.timeout_s):
            sink.end(not_run("over_capacity", _over_capacity(release), release))
            return
        try:
            program = self.programs.program_for(release)
            self._run(program, job, sink, on_sandbox)
        except NotReady as error:
            sink.end(not_run("not_ready", str(error), release))
        finally:
            self.gate.leave(job.place)

    def _run(self, program: Program, job: Job, sink: EndingSink, on_sandbox: Callable[[Sandbox], None]) -> None:
        started, cpu_started = time.perf_counter_ns(), time.thread_time_ns()
        with (
            closing(self._sandbox(job, sink)) as sandbox,
            closing(self._run_guest(program, sandbox, on_sandbox)) as run,
        ):
            cpu_ns = time.thread_time_ns() - cpu_started
            sandbox.log.close()
            sink.end(_end(job.release, sandbox, run, time.perf_counter_ns() - started, cpu_ns))
        if not job.is_draft:
            self.telemetry.sample(job.release.function_id, cpu_ns)

    def _run_guest(self, program: Program, sandbox: Sandbox, on_sandbox: Callable[[Sandbox], None]) -> Instance:
        with self._lock:
            self._running.add(sandbox)
        try:
            on_sandbox(sandbox)
            return program.run(sandbox)
        finally:
            with self._lock:
                self._running.discard(sandbox)

    def _sandbox(self, job: Job, sink: Sink) -> Sandbox:
        release = job.release
        state = self._state / release.function_id
        log = RequestLog(None if job.is_draft else self._line_store(job))
        return Sandbox(
            release, job.request, sink, log, job.function.filesystems, state / "draft" if job.is_draft else state
        )

    def _line_store(self, job: Job) -> Callable[[LogLine], None]:
        release, request_id = job.release, job.request_id
        return lambda line: self.telemetry.line(release.function_id, line, request_id, release.version)


def _end(release: LiveRelease, sandbox: Sandbox, run: Instance, duration_ns: int, cpu_ns: int) -> End:
    outcome, error = _ending(sandbox, run)
    return End(
        outcome,
        error,
        duration_ms=duration_ns / 1e6,
        cpu_ms=cpu_ns / 1e6,
        release=release.release,
        version=release.version,
        mode=release.mode,
        logs=sandbox.log.first,
        logs_dropped=sandbox.log.not_returned,
    )


def _ending(sandbox: Sandbox, instance: Instance) -> tuple[OutcomeName, str | None]:
    try:
        return ending(sandbox, instance.failure)
    except Exception:  # a guest chose what is looked at here; its caller gets an end frame all the same
        logger.exception("no outcome for a run")
        return "trap", "The function failed in a way that the runtime does not know."


def _over_capacity(release: LiveRelease) -> str:
    return f"Too many requests are running: this function takes {release.concurrency} at once on each runtime process."


def not_run(outcome: OutcomeName, error: str, release: LiveRelease | None = None) -> End:
    """The end of a request that no guest saw."""
    if release is None:
        return End(outcome, error)
    return End(outcome, error, release=release.release, version=release.version, mode=release.mode)
