from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from faasweb.domain import clock
from faasweb.domain.access import Actor
from faasweb.domain.builds import Build, LogLine, PushTarget
from faasweb.domain.errors import Conflict, FaaswebError, NotFound
from faasweb.domain.source import Source
from faasweb.ports import (
    Accounts,
    Builder,
    BuildRepository,
    Check,
    CodeStore,
    FunctionRepository,
    Progress,
    Queue,
)

HEARTBEAT_S = 10.0
LEASE = timedelta(seconds=35)
"""A build whose worker has not been heard of for so long is taken over."""


@dataclass(frozen=True, slots=True)
class Builds:
    repository: BuildRepository
    functions: FunctionRepository
    code: CodeStore
    builder: Builder
    queue: Queue
    accounts: Accounts

    def check(self, source: Source) -> Check:
        return self.builder.check(source)

    def submit(
        self,
        actor: Actor,
        workspace_id: str,
        app_name: str,
        source: Source,
        filename: str,
        push: PushTarget | None = None,
    ) -> Build:
        """A build of an uploaded source, to be pushed when ``push`` is given. Returns at once."""
        build = Build.create(workspace_id, app_name, "", source.hash, push=push)
        build = replace(build, code_key=f"build-sources/{workspace_id}/{build.id}/{filename}")
        self.code.put(build.code_key, source.text.encode())
        self.start(build)
        self.accounts.audit(actor, "build.submit", build.id, {"workspace": workspace_id, "app_name": app_name})
        return build

    def start(self, build: Build) -> None:
        """Store and queue it; when it was stored before, only queue it again."""
        with contextlib.suppress(Conflict):
            self.repository.add(build)
        self.queue.enqueue("run_build", build.id, queue="builds")

    def get(self, build_id: str) -> Build:
        return self.repository.get(build_id)

    def list(self, workspace_id: str, limit: int = 50) -> Sequence[Build]:
        return self.repository.list(workspace_id, limit)

    def by_image(self, workspace_id: str, image: str) -> Build:
        """The newest finished build that was pushed as ``image``. NotFound."""
        for build in self.repository.list(workspace_id, 200):
            if build.image and image in (build.image, build.image.partition("@")[0]):
                return build
        raise NotFound(f"Image {image} was not built in this workspace", image=image)

    def log(self, build_id: str, after: int = 0) -> Sequence[LogLine]:
        return self.repository.read_log(build_id, after)

    def source_location(self, build: Build) -> str:
        return self.code.location(build.code_key)

    def artifact_location(self, build: Build) -> str | None:
        return self.code.location(build.artifact.key) if build.artifact else None

    def run(self, build_id: str) -> Build:
        """Take the build one step further. Safe to repeat: a finished build is returned as it is.

        The attempt is counted before the work, so that a source that kills its worker ends the build after three.
        """
        build = self.repository.get(build_id)
        if build.status.finished or self._is_running_elsewhere(build):
            return build
        if build.overdue or build.worn_out:
            return self.give_up(build)
        build = self.repository.save(build.attempted())
        progress = self._advance(build)
        if progress.again_in_s is not None:
            self.queue.enqueue("run_build", build_id, queue="builds", delay_s=progress.again_in_s)
        else:
            self._tell_deployment(progress.build)
        return progress.build

    def _is_running_elsewhere(self, build: Build) -> bool:
        return build.attempts > 0 and not build.external_id and clock.now() - build.updated_at < LEASE

    def give_up(self, build: Build) -> Build:
        """End a build that has used up its time or its attempts."""
        reason = "it was not finished within 10 minutes" if build.overdue else f"it failed {build.attempts} times"
        build = self.repository.save(build.failed(f"The build was given up: {reason}. Deploy again to retry."))
        self._tell_deployment(build)
        return build

    def _advance(self, build: Build) -> Progress:
        log = BuildLog(self.repository, build.id)
        with log.flushing(), Heartbeat(self.repository, build).beating() as heartbeat:
            try:
                progress = self.builder.advance(build, self._source(build), log.say)
            except FaaswebError as exc:
                log.say("system", exc.message)
                progress = Progress(build.failed(exc.message))
        if build.artifact != progress.build.artifact and progress.build.artifact:
            log.say("system", f"component of {progress.build.artifact.size / 1e6:.1f} MB")
            log.flush()
        saved = self.repository.save(replace(progress.build, revision=heartbeat.revision))
        return replace(progress, build=saved)

    def _source(self, build: Build) -> Source:
        return Source.single(self.code.get(build.code_key).decode())

    def _tell_deployment(self, build: Build) -> None:
        if build.function_id is None:
            return
        with contextlib.suppress(NotFound):
            function = self.functions.find(build.function_id)
            if function.deploying:
                self.queue.enqueue("advance_deployment", function.deploying, queue="builds")


@dataclass
class BuildLog:
    """Collects a build's lines and stores them in chunks a few times a second, so that readers follow it live."""

    repository: BuildRepository
    build_id: str
    pending: list[LogLine] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    last: int = -1

    LINE_LIMIT = 5000

    def say(self, phase: str, text: str) -> None:
        with self.lock:
            if self.last < 0:
                self.last = self._stored()
            if self.last >= self.LINE_LIMIT:
                return
            self.last += 1
            if self.last == self.LINE_LIMIT:
                phase, text = "system", f"The log is cut here: it reached {self.LINE_LIMIT} lines."
            self.pending.append(LogLine(self.last, clock.now(), phase, text[:2000]))

    def _stored(self) -> int:
        """A build that is tried again goes on where the log of its last try ended."""
        lines = self.repository.read_log(self.build_id)
        return lines[-1].number if lines else 0

    def flush(self) -> None:
        with self.lock:
            lines, self.pending = self.pending, []
            if lines:
                self.repository.append_log(self.build_id, lines)

    @contextlib.contextmanager
    def flushing(self, every_s: float = 0.25) -> Iterator[None]:
        with every(every_s, self.flush):
            yield
        self.flush()


@dataclass
class Heartbeat:
    """Keeps a build's ``updated_at`` young while its worker lives; ``revision`` is the one to save next with."""

    repository: BuildRepository
    build: Build

    @property
    def revision(self) -> int:
        return self.build.revision

    def beat(self) -> None:
        with contextlib.suppress(FaaswebError):
            self.build = self.repository.save(replace(self.build, updated_at=clock.now()))

    @contextlib.contextmanager
    def beating(self) -> Iterator[Heartbeat]:
        with every(HEARTBEAT_S, self.beat):
            yield self


@contextlib.contextmanager
def every(seconds: float, action: Callable[[], None]) -> Iterator[None]:
    """Call ``action`` on a thread of its own every ``seconds`` while the block runs; the thread ends with it."""
    stop = threading.Event()

    def loop() -> None:
        while not stop.wait(seconds):
            action()

    thread = threading.Thread(target=loop, name="every", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
