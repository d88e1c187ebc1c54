from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from faasweb.domain import clock
from faasweb.domain.builds import Build
from faasweb.domain.deployments import Deployment
from faasweb.domain.errors import Conflict, FaaswebError, NotFound
from faasweb.ports import (
    Builder,
    CodeStore,
    FunctionRepository,
    ImageRegistry,
    Maintenance,
    OpenWork,
    Queue,
    Removal,
    Runtime,
)
from faasweb.usecases.builds import LEASE, Builds
from faasweb.usecases.deployments import Deployments
from faasweb.usecases.tasks import CLEAR_AWAY, GO_ON_DEPLOYING, RUN_BUILD

logger = logging.getLogger(__name__)
BUSY_WAIT_S = 10.0
ALL_BUILDS = 100_000
GIVEN_UP = "An operator ended it."


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What keeps promises after a crash: picks up orphaned work, clears away what was deleted, forgets what expired."""

    maintenance: Maintenance
    functions: FunctionRepository
    builds: Builds
    deployments: Deployments
    code: CodeStore
    runtime: Runtime
    registry: ImageRegistry
    queue: Queue

    def reap(self) -> OpenWork:
        """Queue again what no worker is at. Running it twice is harmless; one that fails keeps no other waiting."""
        work = self.maintenance.open_work()
        for build_id in work.builds:
            with _logged(build_id):
                self._reap_build(self.builds.get(build_id))
        for deployment_id in work.deployments:
            with _logged(deployment_id):
                self._reap_deployment(self.deployments.get(deployment_id))
        for removal in work.removals:
            with _logged(removal.id):
                self.queue_again(removal.kind, removal.id)
        return work

    def _reap_build(self, build: Build) -> None:
        if build.overdue:
            self.builds.give_up(build)
        elif clock.now() - build.updated_at > LEASE:
            self.queue_again("build", build.id)

    def _reap_deployment(self, deployment: Deployment) -> None:
        waited = clock.now() - (deployment.entered_at or deployment.created_at)
        if not deployment.leased and (waited > LEASE or deployment.attempts):
            self.queue_again("deployment", deployment.id)

    # what an operator may do to work that is stuck

    def stuck(self) -> tuple[Sequence[Build], Sequence[Deployment], Sequence[Removal]]:
        """Everything that has begun and not ended, for the operators."""
        work = self.maintenance.open_work()
        builds, deployments = [], []
        for build_id in work.builds:
            with contextlib.suppress(NotFound):
                builds.append(self.builds.get(build_id))
        for deployment_id in work.deployments:
            with contextlib.suppress(NotFound):
                deployments.append(self.deployments.get(deployment_id))
        return builds, deployments, work.removals

    def queue_again(self, kind: str, work_id: str) -> None:
        """``kind`` is build, deployment, function or workspace; the last two are removals."""
        task = {"build": RUN_BUILD, "deployment": GO_ON_DEPLOYING}.get(kind, CLEAR_AWAY)
        task.enqueue(self.queue, work_id)

    def give_up(self, kind: str, work_id: str) -> None:
        """End a build or deployment as failed. A removal can't be given up: it promised to forget."""
        if kind == "build":
            self.builds.give_up(self.builds.get(work_id), GIVEN_UP)
        elif kind == "deployment":
            self.deployments.give_up(work_id, GIVEN_UP)

    # removals

    def clear_away(self, removal_id: str) -> None:
        """Remove everything a deleted function or workspace owned. Each step may be repeated.

        A worker that is still at a build or deployment of it would put things back: then it is tried again later.
        """
        removals = self.maintenance.open_work().removals
        removal = next((item for item in removals if item.id == removal_id), None)
        if removal is None:
            return
        if self._is_busy(removal):
            CLEAR_AWAY.enqueue(self.queue, removal_id, delay_s=BUSY_WAIT_S)
        elif removal.kind == "workspace":
            self._clear_workspace(removal)
        else:
            self._clear_function(removal)

    def _is_busy(self, removal: Removal) -> bool:
        """Whether a worker is at something of it. What nobody is at ends at its next step, as all is gone."""
        builds, deployments, _removals = self.stuck()
        working: list[Build | Deployment] = [item for item in builds if self.builds.is_running(item)]
        working += [item for item in deployments if item.leased]
        return any(removal.id in (item.function_id, item.workspace_id) for item in working)

    def _clear_function(self, removal: Removal) -> None:
        self.runtime.remove(removal.id, removal.app_name)
        self.registry.remove(removal.app_name)
        for build in self.builds.list(removal.workspace_id, ALL_BUILDS):
            if build.function_id == removal.id:
                self._delete_files(build)
        self.code.delete_prefix(f"{removal.workspace_id}/{removal.id}/")
        self.code.delete(f"{removal.workspace_id}/{removal.id}.py")  # where the earlier system kept its code
        self.maintenance.erase_function(removal)
        self.maintenance.finish_removal(removal)

    def _clear_workspace(self, removal: Removal) -> None:
        for function in self.maintenance.functions_left(removal.id):
            with contextlib.suppress(NotFound):
                self._clear_function(self.functions.remove(function))
        for left in self.maintenance.open_work().removals:
            if left.kind == "function" and left.workspace_id == removal.id:
                self._clear_function(left)
        for build in self.builds.list(removal.id, ALL_BUILDS):
            self._delete_files(build)
        self.code.delete_prefix(f"{removal.id}/")
        self.code.delete_prefix(f"build-sources/{removal.id}/")
        self.deployments.accounts.forget_workspace(removal.id)
        self.maintenance.erase_workspace(removal)
        self.maintenance.finish_removal(removal)

    def _delete_files(self, build: Build) -> None:
        self.code.delete_prefix(f"build-artifacts/{build.id}/")
        self.code.delete_prefix(f"build-sources/{build.workspace_id}/{build.id}/")

    def prune(self) -> int:
        return self.maintenance.prune(clock.now())


@contextlib.contextmanager
def _logged(what: str) -> Iterator[None]:
    try:
        yield
    except (NotFound, Conflict):
        pass  # it ended, or somebody took it up, at this moment
    except FaaswebError as exc:
        logger.error("%s is left to the next round: %s", what, exc.message)


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether every part can do its work."""

    maintenance: Maintenance
    code: CodeStore
    builder: Builder
    registry: ImageRegistry
    runtime: Runtime

    def problems(self) -> Mapping[str, str]:
        """A sentence by the name of each part that can't work now; empty when all can."""
        checks = {
            "storage": self.maintenance.ping,
            "code store": self.code.ping,
            "builder": self.builder.ready,
            "registry": self.registry.ready,
            "runtime": self.runtime.ready,
        }
        found: dict[str, str] = {}
        for part, check in checks.items():
            try:
                problem = check()
            except FaaswebError as exc:
                problem = exc.message
            if problem:
                found[part] = problem
        return found
