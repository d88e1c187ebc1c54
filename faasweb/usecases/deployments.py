from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from faasweb.domain import clock, ids
from faasweb.domain.access import Actor
from faasweb.domain.builds import Build, BuildStatus
from faasweb.domain.deployments import Deployment, DeploymentStatus
from faasweb.domain.errors import Conflict, FaaswebError, NotFound, NotReady, Unavailable
from faasweb.domain.functions import Function, FunctionRef, FunctionStatus, Live, code_key
from faasweb.domain.versions import Version
from faasweb.ports import (
    Accounts,
    DeploymentRepository,
    FunctionRepository,
    Health,
    Queue,
    Release,
    Runtime,
    VersionRepository,
)
from faasweb.usecases.builds import Builds
from faasweb.usecases.releases import Releases
from faasweb.usecases.retry import on_conflict

TASK = "advance_deployment"


@dataclass(frozen=True, slots=True)
class Deployments:
    """From saved code to live, as a state machine that short tasks push forward; each step may run twice.

    ``queued`` check the types, serve the source instantly where the runtime can; ``building`` wait for the build;
    ``applying`` make a version of it and hand it to the runtime; ``checking`` health request, then switch.
    """

    repository: DeploymentRepository
    functions: FunctionRepository
    versions: VersionRepository
    builds: Builds
    releases: Releases
    runtime: Runtime
    queue: Queue
    accounts: Accounts

    def deploy(self, actor: Actor, ref: FunctionRef, *, build: Build | None = None) -> Deployment:
        """Bring the saved code live, or the code of a ``build`` already made. Conflict while another one runs."""
        function = self.functions.get(ref)
        deployment = Deployment.create(
            function.id,
            function.workspace_id,
            build.code_hash if build else function.code_hash,
            actor.name,
            build_id=build.id if build else ids.build_id(),
            previous_version=function.live.version if function.live else None,
        )
        self._begin(function, deployment)
        self.queue.enqueue(TASK, deployment.id)
        self.accounts.audit(actor, "function.deploy", function.id, {"deployment": deployment.id})
        return deployment

    def roll_back(self, actor: Actor, ref: FunctionRef, number: int) -> Deployment:
        """Switch to an earlier version now, in this call: nothing is built, so it takes well under a second.

        The settings stay those of now. When the runtime does not answer, the deployment goes on as a task.
        """
        function = self.functions.get(ref)
        version = self.versions.get(function.id, number)
        if version.artifact is None and version.image is None:
            raise NotReady(f"Version {number} was never built.")
        deployment = Deployment.create(
            function.id,
            function.workspace_id,
            version.code_hash,
            actor.name,
            rollback_to=number,
            previous_version=function.live.version if function.live else None,
        )
        self._begin(function, deployment)
        self.accounts.audit(actor, "function.roll_back", function.id, {"version": number})
        try:
            return self.advance(deployment.id)
        except Unavailable:
            self.queue.enqueue(TASK, deployment.id)
            return self.repository.get(deployment.id)

    def _begin(self, function: Function, deployment: Deployment) -> None:
        if function.status is FunctionStatus.DISABLED:
            raise NotReady("The function is disabled. Enable it, then deploy.")
        self.repository.begin(deployment, replace(function, status=FunctionStatus.BUILDING))

    def get(self, deployment_id: str) -> Deployment:
        return self.repository.get(deployment_id)

    def list(self, function_id: str, limit: int = 50) -> Sequence[Deployment]:
        return self.repository.list(function_id, limit)

    def list_versions(self, function_id: str, limit: int = 100) -> Sequence[Version]:
        return self.versions.list(function_id, limit)

    def advance(self, deployment_id: str) -> Deployment:
        """Take a deployment as far as it goes now. Safe to repeat and to run twice at once.

        Every attempt is stored before its work, so that a step that kills its worker ends the deployment.
        """
        deployment = self.repository.get(deployment_id)
        while not deployment.status.finished:
            try:
                before = deployment.status
                deployment = self._step(deployment)
            except Conflict:
                return self.repository.get(deployment_id)  # another worker is at it
            if deployment.status is before:
                break
        return deployment

    def _step(self, deployment: Deployment) -> Deployment:
        try:
            function = self.functions.get(FunctionRef(deployment.workspace_id, deployment.function_id))
        except NotFound:
            return self.repository.save(deployment.failed("The function was deleted."))
        if deployment.overdue or deployment.worn_out:
            return self._fail(deployment, function, _given_up(deployment))
        steps: dict[DeploymentStatus, Callable[[Deployment, Function], Deployment]] = {
            DeploymentStatus.QUEUED: self._start,
            DeploymentStatus.BUILDING: self._follow_build,
            DeploymentStatus.APPLYING: self._apply,
            DeploymentStatus.CHECKING: self._check,
        }
        if deployment.status is not DeploymentStatus.BUILDING:
            deployment = self.repository.save(deployment.attempted())
        try:
            return steps[deployment.status](deployment, function)
        except Conflict:
            raise
        except Unavailable as exc:
            # Waiting for a part that is away is no attempt: the state's deadline ends it, with this reason.
            self.repository.save(replace(deployment, attempts=deployment.attempts - 1, warning=exc.message))
            raise
        except FaaswebError as exc:
            return self._fail(deployment, function, exc.message)

    # queued

    def _start(self, deployment: Deployment, function: Function) -> Deployment:
        if deployment.rollback_to is not None:
            return self._enter(deployment, DeploymentStatus.APPLYING, version=deployment.rollback_to)
        check = self.builds.check(self.releases.source(self._code_key(deployment)))
        if check.blocking:
            return self._fail(deployment, function, "\n".join(str(item) for item in check.blocking))
        if self.runtime.instant and deployment.instant_at is None and self.runtime.ready() is None:
            release = self.releases.instant(function, deployment.id, deployment.code_hash)
            health = self._serve(deployment, release)
            if not health.ok:
                return self._fail(deployment, function, health.error or "The function did not start.")
            deployment = replace(deployment, instant_at=clock.now())
        self.builds.start(self._build_of(deployment, function))
        return self._enter(deployment, DeploymentStatus.BUILDING)

    def _build_of(self, deployment: Deployment, function: Function) -> Build:
        if deployment.build_id:
            with contextlib.suppress(NotFound):
                return self.builds.get(deployment.build_id)
        return Build.create(
            deployment.workspace_id,
            function.app_name,
            self._code_key(deployment),
            deployment.code_hash,
            build_id=deployment.build_id,
            function_id=function.id,
        )

    def _code_key(self, deployment: Deployment) -> str:
        if deployment.build_id:
            with contextlib.suppress(NotFound):
                return self.builds.get(deployment.build_id).code_key
        return code_key(deployment.workspace_id, deployment.function_id, deployment.code_hash)

    # building

    def _follow_build(self, deployment: Deployment, function: Function) -> Deployment:
        build = self.builds.get(deployment.build_id or "")
        if not build.status.finished:
            return deployment
        if build.status is BuildStatus.FAILED:
            return self._fail(deployment, function, build.error or "The build failed.")
        number = deployment.version or self._next_number(function.ref)
        version = Version(
            function.id,
            function.workspace_id,
            number,
            clock.now(),
            deployment.code_hash,
            build.code_key,
            function.settings,
            build.id,
            build.artifact,
            build.image,
            deployment.created_by,
        )
        with contextlib.suppress(Conflict):  # stored by an attempt that died before it could say so
            self.versions.add(version)
        return self._enter(deployment, DeploymentStatus.APPLYING, version=number)

    def _next_number(self, ref: FunctionRef) -> int:
        def take() -> int:
            function = self.functions.get(ref)
            number = function.last_version + 1
            self.functions.save(replace(function, last_version=number))
            return number

        return on_conflict(take)

    # applying and checking

    def _apply(self, deployment: Deployment, function: Function) -> Deployment:
        self.runtime.apply(self._release(deployment, function))
        return self._enter(deployment, DeploymentStatus.CHECKING)

    def _check(self, deployment: Deployment, function: Function) -> Deployment:
        release = self._release(deployment, function)
        health = self.runtime.check(release)
        if not health.ok:
            return self._fail(deployment, function, f"The health request failed: {health.error}")
        self.runtime.switch(release)
        self._store_live(deployment.id, release, deployment.code_hash, FunctionStatus.ACTIVE, finished=True)
        for replaced in self._live_deployments(function.id, but=deployment.id):
            self.repository.save(replace(replaced, status=DeploymentStatus.REPLACED))
        warning = _health_warning(health)
        return self._enter(deployment, DeploymentStatus.LIVE, warning=warning)

    def _release(self, deployment: Deployment, function: Function) -> Release:
        version = self.versions.get(function.id, deployment.version or 0)
        return self.releases.version(function, deployment.id, version)

    def _serve(self, deployment: Deployment, release: Release) -> Health:
        """Instant mode: the source answers while its component is being built."""
        self.runtime.apply(release)
        health = self.runtime.check(release)
        if health.ok:
            self.runtime.switch(release)
            self._store_live(deployment.id, release, deployment.code_hash, FunctionStatus.BUILDING)
        return health

    def _store_live(
        self, deployment_id: str, release: Release, code_hash: str, status: FunctionStatus, *, finished: bool = False
    ) -> None:
        live = Live(deployment_id, release.mode, release.version, code_hash, clock.now())

        def save() -> Function:
            function = self.functions.get(FunctionRef(release.workspace_id, release.function_id))
            shown = function.status if function.status is FunctionStatus.DISABLED else status
            deploying = None if finished else function.deploying
            return self.functions.save(replace(function.serving(live), status=shown, deploying=deploying))

        on_conflict(save)

    def _live_deployments(self, function_id: str, *, but: str) -> Sequence[Deployment]:
        recent = self.repository.list(function_id, 20)
        return [item for item in recent if item.status is DeploymentStatus.LIVE and item.id != but]

    # ends

    def _enter(self, deployment: Deployment, status: DeploymentStatus, **changes: object) -> Deployment:
        return self.repository.save(deployment.entering(status, **changes))

    def _fail(self, deployment: Deployment, function: Function, reason: str) -> Deployment:
        """End it, bring back what was live before, and let the next deployment begin."""
        if function.live and function.live.deployment_id == deployment.id:
            self._restore(deployment, function)
        self._release_claim(deployment)
        return self.repository.save(deployment.failed(reason))

    def _restore(self, deployment: Deployment, function: Function) -> None:
        if deployment.previous_version is None:
            return  # nothing came before: the instant release stays, it answered its health request
        version = self.versions.get(function.id, deployment.previous_version)
        before = next(iter(self._live_deployments(function.id, but=deployment.id)), deployment)
        release = self.releases.version(function, before.id, version)
        self.runtime.apply(release)
        self.runtime.switch(release)
        self._store_live(before.id, release, version.code_hash, FunctionStatus.FAILED)

    def _release_claim(self, deployment: Deployment) -> None:
        def save() -> None:
            function = self.functions.get(FunctionRef(deployment.workspace_id, deployment.function_id))
            if function.deploying == deployment.id:
                status = function.status if function.status is FunctionStatus.DISABLED else FunctionStatus.FAILED
                self.functions.save(replace(function, deploying=None, status=status))

        with contextlib.suppress(NotFound):
            on_conflict(save)


def _given_up(deployment: Deployment) -> str:
    if deployment.overdue:
        reason = f" {deployment.warning}" if deployment.warning else ""
        return f"It stayed {deployment.status} past its deadline.{reason} Deploy again to retry."
    return f"It was tried {deployment.attempts} times while {deployment.status}. Deploy again to retry."


def _health_warning(health: Health) -> str | None:
    if health.status is not None and health.status >= 500:
        reason = f": {health.error}" if health.error else ""
        return f"It answered its health request (GET /) with {health.status}{reason}. Other requests may be fine."
    return None
