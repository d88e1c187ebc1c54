from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from faasweb.domain import clock
from faasweb.domain.access import Actor
from faasweb.domain.builds import ATTEMPT_LIMIT, Build, LogLine, PushTarget
from faasweb.domain.declared import declared
from faasweb.domain.errors import Conflict, FaaswebError, NotFound, Unavailable
from faasweb.domain.functions import FunctionSettings
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
from faasweb.usecases.beats import Heartbeat
from faasweb.usecases.build_log import BuildLog
from faasweb.usecases.pulls import Pulls
from faasweb.usecases.releases import UPLOADS, stored_source
from faasweb.usecases.retry import on_conflict
from faasweb.usecases.tasks import GO_ON_DEPLOYING, RUN_BUILD

WAIT_S = 5.0  # until a part that is away is asked again
LEASE = timedelta(seconds=35)
"""A build whose worker has not been heard of for so long is taken over."""
JUST_ASKED = timedelta(seconds=2)
"""A Builder Service that was asked so short a time ago is asked again by whoever asked it."""


@dataclass(frozen=True, slots=True)
class Builds:
    repository: BuildRepository
    functions: FunctionRepository
    code: CodeStore
    builder: Builder
    queue: Queue
    accounts: Accounts
    pulls: Pulls

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
        settings = declared(FunctionSettings(), source.manifest)
        build = Build.create(workspace_id, app_name, "", source.hash, push=push, settings=settings)
        build = replace(build, code_key=f"{UPLOADS}{workspace_id}/{build.id}/{_key_part(filename)}")
        self.code.put(build.code_key, source.packed)
        self.start(build)
        self.accounts.audit(actor, "build.submit", build.id, {"workspace": workspace_id, "app_name": app_name})
        return build

    def reject(self, actor: Actor, workspace_id: str, app_name: str, reason: str) -> Build:
        """A task that ended before it began, for callers who look for every refusal in the task."""
        build = Build.create(workspace_id, app_name, "", "").failed(reason)
        self.repository.add(build)
        self.repository.append_log(build.id, [LogLine(1, clock.now(), "system", reason[:2000])])
        self.accounts.audit(actor, "build.reject", build.id, {"workspace": workspace_id, "app_name": app_name})
        return build

    def start(self, build: Build) -> None:
        """Store and queue it; when it was stored before, only queue it again."""
        with contextlib.suppress(Conflict):
            self.repository.add(build)
        RUN_BUILD.enqueue(self.queue, build.id)

    def get(self, build_id: str) -> Build:
        return self.repository.get(build_id)

    def list(self, workspace_id: str, limit: int = 50) -> Sequence[Build]:
        return self.repository.list(workspace_id, limit)

    def by_image(self, workspace_id: str, image: str) -> Build:
        """The newest finished build of the workspace that was pushed as ``image``. NotFound.

        Found at once by the image's own item, unless another workspace pushed the same name later, or an earlier
        release made the build: then among the newest of the workspace.
        """
        with contextlib.suppress(NotFound):
            build = self.repository.find_by_image(image)
            if build.workspace_id == workspace_id:
                return build
        for build in self.repository.list(workspace_id, 200):
            if build.image and image in (build.image, build.image.partition("@")[0]):
                return build
        raise NotFound(f"Image {image} was not built in this workspace", image=image)

    def find_by_image(self, image: str) -> Build:
        """The newest finished build of any workspace that was pushed as ``image``. NotFound."""
        return self.repository.find_by_image(image)

    def log(self, build_id: str, after: int = 0) -> Sequence[LogLine]:
        return self.repository.read_log(build_id, after)

    def source_location(self, build: Build) -> str:
        """Of a rejected upload, where its source would be."""
        folder = f"{UPLOADS}{build.workspace_id}/{build.id}"
        return self.code.location(build.code_key) if build.code_key else f"{self.code.location(folder)}/"

    def artifact_location(self, build: Build) -> str | None:
        return self.code.location(build.artifact.key) if build.artifact else None

    def run(self, build_id: str) -> Build:
        """Take the build one step further. Safe to repeat: a finished build is returned as it is.

        The attempt is counted before the work, so that a source that kills its worker ends the build after three.
        To ask a Builder Service how far it is kills nobody and is no attempt: the deadline alone ends the asking.
        """
        build = self.repository.get(build_id)
        if build.status.finished or self.is_running(build) or _was_just_asked(build):
            return build
        if build.overdue or build.worn_out:
            return self.give_up(build)
        if build.external_id is None:
            try:
                build = self.repository.save(build.attempted())
            except Conflict:
                return self.repository.get(build_id)  # another worker was faster
        progress = self._advance(build)
        if progress.again_in_s is not None:
            RUN_BUILD.enqueue(self.queue, build_id, delay_s=progress.again_in_s)
        elif progress.build.status.finished:
            self._tell_deployment(progress.build)
        return progress.build

    def is_running(self, build: Build) -> bool:
        """Whether a worker is at it now."""
        return build.attempts > 0 and not build.external_id and clock.now() - build.updated_at < LEASE

    def give_up(self, build: Build, reason: str | None = None) -> Build:
        """End a build as failed, by default because it used up its time or its attempts.

        One that finished meanwhile stays as it is.
        """
        told = reason or _used_up(build)

        def save() -> Build:
            now = self.repository.get(build.id)
            return now if now.status.finished else self.repository.save(now.failed(told))

        ended = on_conflict(save)
        self._tell_deployment(ended)
        return ended

    def _advance(self, build: Build) -> Progress:
        log = BuildLog(self.repository, build.id)
        with Heartbeat(self.repository, build).beating() as heartbeat, log.flushing():
            if build.attempts > 1 and not build.external_id:
                log.say("system", f"attempt {build.attempts} of {ATTEMPT_LIMIT}: the one before broke off")
            progress = self._ask_builder(build, log)
        return self._keep(progress, heartbeat.revision)

    def _ask_builder(self, build: Build, log: BuildLog) -> Progress:
        try:
            if build.function_id is not None:
                self.functions.find(build.function_id)
            progress = self._step(build, log)
        except Unavailable as exc:
            log.say_once("system", f"waiting: {exc.message}")
            return Progress(build.held_up(exc.message), again_in_s=WAIT_S)
        except FaaswebError as exc:
            log.say("system", exc.message)
            return Progress(build.failed(exc.message))
        if progress.again_in_s is not None:
            return replace(progress, build=progress.build.moved())
        return progress

    def _step(self, build: Build, log: BuildLog) -> Progress:
        if build.origin is not None:
            return self.pulls.advance(build, log.say)
        return self.builder.advance(build, stored_source(self.code, build.code_key), log.say)

    def _keep(self, progress: Progress, revision: int) -> Progress:
        """Store what came out.

        When a heartbeat got no answer, or another worker took the build over from one that seemed dead, the revision
        has moved: a finished build is right in any case, whoever made it, and so is the task of a Builder Service where
        none is known yet; anything else is left to the other. The reaper goes on with what nobody does.
        """
        try:
            return replace(progress, build=self.repository.save(replace(progress.build, revision=revision)))
        except NotFound:
            self.code.delete_prefix(f"build-artifacts/{progress.build.id}/")
            return Progress(progress.build.failed("It was deleted."))
        except Conflict:
            return Progress(on_conflict(lambda: self._keep_result(progress.build)))

    def _keep_result(self, result: Build) -> Build:
        stored = self.repository.get(result.id)
        handed_in = result.external_id is not None and stored.external_id is None
        if stored.status.finished or not (result.status.finished or handed_in):
            return stored
        return self.repository.save(replace(result, revision=stored.revision))

    def _tell_deployment(self, build: Build) -> None:
        if build.function_id is None:
            return
        with contextlib.suppress(NotFound):
            function = self.functions.find(build.function_id)
            if function.deploying:
                GO_ON_DEPLOYING.enqueue(self.queue, function.deploying)


def _was_just_asked(build: Build) -> bool:
    """Two tasks for one build may be queued, after a crash or by an operator: one of them goes on, the other ends."""
    return build.external_id is not None and timedelta(0) <= clock.now() - build.updated_at < JUST_ASKED


def _used_up(build: Build) -> str:
    reason = "it was not finished within 10 minutes" if build.overdue else f"it failed {build.attempts} times"
    trouble = f" {build.trouble}" if build.trouble else ""
    return f"The build was given up: {reason}.{trouble} Deploy again to retry."


def _key_part(filename: str) -> str:
    """A file name of any language as a part of a key, with its extension: that tells what is in it."""
    stem, dot, extension = filename.rpartition(".")
    kept = re.sub(r"[^A-Za-z0-9._-]+", "-", stem)[-90:].strip(".-") or "app"
    return f"{kept}.{re.sub('[^A-Za-z0-9]+', '-', extension)[:9]}" if dot else kept
