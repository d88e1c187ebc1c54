from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from faasweb.domain import clock
from faasweb.domain.deployments import Deployment, DeploymentStatus
from faasweb.domain.errors import Conflict
from faasweb.domain.functions import Function, FunctionRef, FunctionStatus, Live
from faasweb.ports import FunctionRepository, Release, Runtime, VersionRepository
from faasweb.usecases.releases import Releases
from faasweb.usecases.retry import on_conflict


@dataclass(frozen=True, slots=True)
class Claim:
    """A deployment's hold on its function: as long as it lasts, nobody else changes what is live.

    Edits of a person go on meanwhile; each change here is made to the function as it is then.
    """

    deployment: Deployment
    functions: FunctionRepository
    versions: VersionRepository
    releases: Releases
    runtime: Runtime

    @property
    def ref(self) -> FunctionRef:
        return FunctionRef(self.deployment.workspace_id, self.deployment.function_id)

    def change(self, change: Callable[[Function], Function]) -> Function:
        """Save a change. Conflict when the claim is held no more, NotFound when the function was deleted."""

        def save() -> Function:
            function = self.functions.get(self.ref)
            if function.deploying != self.deployment.id:
                raise Conflict(f"Deployment {self.deployment.id} has ended meanwhile.")
            changed = change(function)
            return function if changed == function else self.functions.save(changed)

        return on_conflict(save)

    def serve(self, release: Release, code_hash: str, status: FunctionStatus) -> None:
        """Switch to a release that passed its health request."""
        live = Live(self.deployment.id, release.mode, release.version, code_hash, clock.now())
        url = self.runtime.switch(release)
        try:
            function = self.change(lambda now: replace(now.serving(live, url), status=_shown(now, status)))
        except Conflict:
            self._put_back()
            raise
        if function.settings != release.settings:  # edited since the release was put together
            self.runtime.update_settings(self.releases.live(function))

    def _put_back(self) -> None:
        """This deployment was ended while it switched: serve again what the function says is live."""
        function = self.functions.get(self.ref)
        if function.live is not None and function.live.deployment_id != self.deployment.id:
            self._bring_back(self.releases.live(function))

    def restore(self, function: Function, deployments: Sequence[Deployment]) -> None:
        """Serve again what was live before this deployment.

        When nothing was, its instant release stays: it answered its health request. A runtime without instant releases
        is left with nothing of it, for pods that can't start would go on trying. The runtime may serve this
        deployment although the function does not say so yet, or because it keeps no candidate beside what is live, so
        what should be live is brought back in any case.
        """
        live, version = function.live, self.deployment.previous_version
        if not self.deployment.has_reached_runtime:
            return
        if live is None:
            if not self.runtime.instant:
                self.runtime.remove(function.id, function.app_name)
            return
        if live.deployment_id != self.deployment.id:
            self._bring_back(self.releases.live(function))
        elif version is not None:
            stored = self.versions.get(function.id, version)
            before = _deployment_of(version, deployments) or self.deployment
            live = Live(before.id, "baked", version, stored.code_hash, clock.now())
            self._bring_back(self.releases.version(function, before.id, stored))
            self.change(lambda now: replace(now, live=live))

    def _bring_back(self, release: Release) -> None:
        self.runtime.apply(release)
        self.runtime.switch(release)

    def give_back(self, status: FunctionStatus) -> Function:
        """Let the next deployment begin. Giving back twice is no error."""

        def save() -> Function:
            function = self.functions.get(self.ref)
            if function.deploying != self.deployment.id:
                return function
            return self.functions.save(replace(function, deploying=None, status=_shown(function, status)))

        return on_conflict(save)


def _shown(function: Function, status: FunctionStatus) -> FunctionStatus:
    """A person disabled it: that stays."""
    return function.status if function.status is FunctionStatus.DISABLED else status


def _deployment_of(version: int, deployments: Sequence[Deployment]) -> Deployment | None:
    """The newest one that had this version live."""
    went_live = (DeploymentStatus.LIVE, DeploymentStatus.REPLACED)
    return next((item for item in deployments if item.version == version and item.status in went_live), None)
