from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from faasweb.domain import clock
from faasweb.domain.builds import Build
from faasweb.domain.deployments import Deployment
from faasweb.domain.errors import Conflict, FaaswebError, NotFound
from faasweb.domain.functions import code_key
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

logger = logging.getLogger(__name__)


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
        """Queue again what no worker is at. Running it twice is harmless."""
        work = self.maintenance.open_work()
        for build_id in work.builds:
            with contextlib.suppress(NotFound, Conflict):
                self._reap_build(self.builds.get(build_id))
        for deployment_id in work.deployments:
            with contextlib.suppress(NotFound):
                self._reap_deployment(self.deployments.get(deployment_id))
        for removal in work.removals:
            self.queue.enqueue("clear_away", removal.id)
        return work

    def _reap_build(self, build: Build) -> None:
        if build.overdue:
            self.builds.give_up(build)
        elif clock.now() - build.updated_at > LEASE:
            self.queue.enqueue("run_build", build.id, queue="builds")

    def _reap_deployment(self, deployment: Deployment) -> None:
        if deployment.overdue or clock.now() - (deployment.entered_at or deployment.created_at) > LEASE:
            self.queue.enqueue("advance_deployment", deployment.id, queue="builds")

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

    def clear_away(self, removal_id: str) -> None:
        """Remove everything a deleted function or workspace owned. Each step may be repeated."""
        work = self.maintenance.open_work()
        removal = next((item for item in work.removals if item.id == removal_id), None)
        if removal is None:
            return
        if removal.kind == "workspace":
            self._clear_workspace(removal)
        else:
            self._clear_function(removal)
        self.maintenance.finish_removal(removal)

    def _clear_function(self, removal: Removal) -> None:
        self.runtime.remove(removal.id, removal.app_name)
        self.registry.remove(removal.app_name)
        for build in self.builds.list(removal.workspace_id, 1000):
            if build.function_id == removal.id:
                self._delete_files(build)
        self.code.delete_prefix(code_key(removal.workspace_id, removal.id, "").rpartition("/")[0] + "/")
        self.maintenance.erase_function(removal)

    def _clear_workspace(self, removal: Removal) -> None:
        for function in self.maintenance.functions_left(removal.id):
            with contextlib.suppress(NotFound):
                left = self.functions.remove(function)
                self._clear_function(left)
                self.maintenance.finish_removal(left)
        for left in self.maintenance.open_work().removals:
            if left.kind == "function" and left.workspace_id == removal.id:
                self._clear_function(left)
                self.maintenance.finish_removal(left)
        for build in self.builds.list(removal.id, 100_000):
            self._delete_files(build)
        self.code.delete_prefix(f"{removal.id}/")
        self.code.delete_prefix(f"build-sources/{removal.id}/")
        self.maintenance.erase_workspace(removal)

    def _delete_files(self, build: Build) -> None:
        self.code.delete_prefix(f"build-artifacts/{build.id}/")
        self.code.delete_prefix(f"build-sources/{build.workspace_id}/{build.id}/")

    def prune(self) -> int:
        return self.maintenance.prune(clock.now())


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
