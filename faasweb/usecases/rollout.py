from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from faasweb.domain import clock
from faasweb.domain.builds import Build, BuildStatus
from faasweb.domain.deployments import Deployment, DeploymentStatus
from faasweb.domain.errors import Conflict, FaaswebError, NotFound, TimedOut, Unavailable
from faasweb.domain.functions import Function, FunctionRef, FunctionStatus, code_key
from faasweb.domain.source import Source
from faasweb.domain.versions import Version
from faasweb.ports import DeploymentRepository, FunctionRepository, Health, Release, Runtime, VersionRepository
from faasweb.usecases.builds import Builds
from faasweb.usecases.claims import Claim
from faasweb.usecases.releases import Releases, silent


@dataclass(frozen=True, slots=True)
class Rollout:
    """The steps of a deployment. Each is leased to one worker, ends with one save, and may be repeated.

    ``queued`` check the types, serve the source instantly where the runtime can; ``building`` wait for the build, which
    pulls where an image is deployed, and make a version of it; ``applying`` hand it to the runtime; ``checking`` health
    request, then switch. What follows from a decision (to switch, to fail) is done by the step after the one that
    stored it.
    """

    repository: DeploymentRepository
    functions: FunctionRepository
    versions: VersionRepository
    builds: Builds
    releases: Releases
    runtime: Runtime

    def waits(self, deployment: Deployment) -> bool:
        """For the worker that is at it, or for its build."""
        if deployment.leased:
            return True
        if deployment.status is not DeploymentStatus.BUILDING or deployment.error or deployment.overdue:
            return False
        build = self._stored_build(deployment)
        return build is not None and not build.status.finished

    def step(self, deployment: Deployment) -> Deployment:
        hopeless = _hopeless(deployment)
        deployment = self.repository.save(deployment.attempted())
        try:
            return self._work(deployment, hopeless)
        except Unavailable as exc:
            self.repository.save(deployment.waiting(exc.message))
            raise
        except Conflict:
            raise
        except FaaswebError as exc:
            return self._fail(deployment, exc.message)

    def _work(self, deployment: Deployment, hopeless: str | None) -> Deployment:
        try:
            # Read after the lease is stored: whoever clears away a deleted function waits for leases.
            function = self.functions.get(FunctionRef(deployment.workspace_id, deployment.function_id))
        except NotFound:
            return self.repository.save(deployment.failed("The function was deleted."))
        if function.deploying != deployment.id:
            return self._end(deployment, function)
        if deployment.error is not None:
            return self._undo(deployment, function)
        if hopeless is not None:
            return self._fail(deployment, hopeless)
        steps: dict[DeploymentStatus, Callable[[Deployment, Function], Deployment]] = {
            DeploymentStatus.QUEUED: self._start,
            DeploymentStatus.BUILDING: self._take_build,
            DeploymentStatus.APPLYING: self._apply,
            DeploymentStatus.CHECKING: self._check,
        }
        return steps[deployment.status](deployment, function)

    # queued

    def _start(self, deployment: Deployment, function: Function) -> Deployment:
        if deployment.rollback_to is not None:
            return self._enter(deployment, DeploymentStatus.APPLYING, version=deployment.rollback_to)
        build = self._stored_build(deployment)
        if build and build.status is BuildStatus.DONE:
            return self._enter(deployment, DeploymentStatus.BUILDING)
        if deployment.image is not None:
            self.builds.start(build or self._new_build(deployment, function, ""))
            return self._enter(deployment, DeploymentStatus.BUILDING)
        key = code_key(function.workspace_id, function.id, deployment.code_hash)
        if deployment.instant_at is None:
            return self._first_look(deployment, function, build or self._new_build(deployment, function, key))
        release = self.releases.instant(function, deployment.id, deployment.code_hash)
        self._claim(deployment).serve(release, deployment.code_hash, FunctionStatus.BUILDING)
        return self._begin_build(deployment, build or self._new_build(deployment, function, key))

    def _first_look(self, deployment: Deployment, function: Function, build: Build) -> Deployment:
        """Check the source, and let it answer instantly where that is possible."""
        source = self.releases.source(build.code_key)
        instantly = self.runtime.instant and self.runtime.ready() is None
        warning = self._packages_missing(source) if instantly else None
        check = self.builds.check(source)
        if check.blocking:
            return self._fail(deployment, "\n".join(str(item) for item in check.blocking))
        if not instantly or warning:
            return self._begin_build(deployment, build, warning)
        health = self._try_instant(deployment, function)
        if health.ok:
            return self.repository.save(deployment.moved(instant_at=clock.now(), warning=None))
        if not self.releases.packages(source, silent):
            return self._fail(deployment, health.error or "The function did not start.")
        reason = f"It can't answer before it is built, perhaps because of its packages: {health.error}"
        return self._begin_build(deployment, build, reason)

    def _begin_build(self, deployment: Deployment, build: Build, warning: str | None = None) -> Deployment:
        self.builds.start(build)
        return self._enter(deployment, DeploymentStatus.BUILDING, warning=warning)

    def _packages_missing(self, source: Source) -> str | None:
        """Installs the packages of a source. What can't be had quickly is left to the build, which has more time."""
        try:
            self.releases.packages(source, silent)
        except (TimedOut, Unavailable) as exc:
            return f"It answers once it is built: {exc.message}"
        return None

    def _try_instant(self, deployment: Deployment, function: Function) -> Health:
        """Whether the source itself may answer while its component is being built."""
        release = self.releases.instant(function, deployment.id, deployment.code_hash)
        self.runtime.apply(release)
        return self.runtime.check(release)

    def _stored_build(self, deployment: Deployment) -> Build | None:
        with contextlib.suppress(NotFound):
            return self.builds.get(deployment.build_id or "")
        return None

    def _new_build(self, deployment: Deployment, function: Function, key: str) -> Build:
        return Build.create(
            function.workspace_id,
            function.app_name,
            key,
            deployment.code_hash,
            build_id=deployment.build_id,
            function_id=function.id,
            origin=deployment.image,
            settings=function.settings,
        )

    # building

    def _take_build(self, deployment: Deployment, function: Function) -> Deployment:
        build = self.builds.get(deployment.build_id or "")
        if build.status is BuildStatus.FAILED:
            return self._fail(deployment, build.error or "The build failed.")
        if (number := deployment.version) is None:  # only the holder of the claim gives out numbers: this one is free
            return self.repository.save(deployment.moved(version=function.last_version + 1))
        self._claim(deployment).change(lambda now: replace(now, last_version=number))
        version = Version(
            function.id,
            function.workspace_id,
            number,
            clock.now(),
            deployment.code_hash,
            _code_key(deployment),
            function.settings,
            build.id,
            build.artifact,
            build.image,
            deployment.created_by,
        )
        with contextlib.suppress(Conflict):  # stored by an attempt that died before it could say so
            self.versions.add(version)
        return self._enter(deployment, DeploymentStatus.APPLYING)

    # applying and checking

    def _apply(self, deployment: Deployment, function: Function) -> Deployment:
        self.runtime.apply(self._release(deployment, function))
        return self._enter(deployment, DeploymentStatus.CHECKING)

    def _check(self, deployment: Deployment, function: Function) -> Deployment:
        release = self._release(deployment, function)
        if deployment.passed_at is None:
            health = self.runtime.check(release)
            if not health.ok:
                return self._fail(deployment, f"The health request failed: {health.error}")
            return self.repository.save(deployment.moved(passed_at=clock.now(), warning=_health_warning(health)))
        claim = self._claim(deployment)
        claim.serve(release, deployment.code_hash, FunctionStatus.ACTIVE)
        return self._end(deployment, claim.give_back(FunctionStatus.ACTIVE))

    def _release(self, deployment: Deployment, function: Function) -> Release:
        version = self.versions.get(function.id, deployment.version or 0)
        return self.releases.version(function, deployment.id, version)

    # ends

    def _enter(self, deployment: Deployment, status: DeploymentStatus, **changes: object) -> Deployment:
        return self.repository.save(deployment.entering(status, **changes))

    def _fail(self, deployment: Deployment, reason: str) -> Deployment:
        """Decide that it fails; the next step undoes what it began."""
        return self.repository.save(deployment.failing(reason))

    def _undo(self, deployment: Deployment, function: Function) -> Deployment:
        """Bring back what was live before, and let the next deployment begin."""
        claim = self._claim(deployment)
        try:
            if not deployment.beyond_undoing:
                claim.restore(function, self.repository.list(function.id))
        except (Unavailable, Conflict):
            raise
        except FaaswebError as exc:
            reason = f"What was live before could not be brought back: {exc.message}"
            deployment = self.repository.save(replace(deployment, warning=reason))
        return self._end(deployment, claim.give_back(FunctionStatus.FAILED))

    def _end(self, deployment: Deployment, function: Function) -> Deployment:
        """The claim is given back already: only to be written down is how it ended."""
        self._settle(function, deployment)
        if deployment.error is None and deployment.passed_at is None:
            return self.repository.save(deployment.failed("Another deployment took its place."))
        is_live = function.live is not None and function.live.deployment_id == deployment.id
        passed = DeploymentStatus.LIVE if is_live else DeploymentStatus.REPLACED
        status = passed if deployment.error is None else DeploymentStatus.FAILED
        return self._enter(deployment, status, warning=deployment.warning, version=self._made_version(deployment))

    def _made_version(self, deployment: Deployment) -> int | None:
        """Its number, unless it failed between taking the number and making the version."""
        with contextlib.suppress(NotFound):
            return self.versions.get(deployment.function_id, deployment.version or 0).number
        return None

    def _settle(self, function: Function, ended: Deployment) -> None:
        """Of the earlier deployments the one that answers is live; those that answered before it are replaced."""
        answering = function.live.deployment_id if function.live else None
        for other in self.repository.list(function.id):
            status = DeploymentStatus.LIVE if other.id == answering else DeploymentStatus.REPLACED
            went_live = other.status in (DeploymentStatus.LIVE, DeploymentStatus.REPLACED)
            if other.id != ended.id and went_live and other.status is not status:
                self.repository.save(replace(other, status=status))

    def _claim(self, deployment: Deployment) -> Claim:
        return Claim(deployment, self.functions, self.versions, self.releases, self.runtime)


def _code_key(deployment: Deployment) -> str:
    """Empty where an image was deployed, because its source is not known."""
    known = deployment.code_hash
    return code_key(deployment.workspace_id, deployment.function_id, known) if known else ""


def _hopeless(deployment: Deployment) -> str | None:
    """Why it must not be tried any longer."""
    if deployment.overdue:
        reason = f" {deployment.warning}" if deployment.warning else ""
        return f"It stayed {deployment.status} past its deadline.{reason} Deploy again to retry."
    if deployment.worn_out:
        return f"It was tried {deployment.attempts} times while {deployment.status}. Deploy again to retry."
    return None


def _health_warning(health: Health) -> str | None:
    if health.status is not None and health.status >= 500:
        reason = f": {health.error}" if health.error else ""
        return f"It answered its health request (GET /) with {health.status}{reason}. Other requests may be fine."
    return None
