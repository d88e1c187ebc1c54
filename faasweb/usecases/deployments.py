from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from faasweb.domain import ids
from faasweb.domain.access import Actor
from faasweb.domain.builds import Build, BuildStatus
from faasweb.domain.deployments import Deployment
from faasweb.domain.errors import Conflict, NotReady, Unavailable
from faasweb.domain.functions import Function, FunctionRef, FunctionStatus
from faasweb.domain.spinapps import NO_OPTIONS, AppOptions
from faasweb.domain.versions import Version
from faasweb.ports import Accounts, DeploymentRepository, FunctionRepository, Queue, Runtime, VersionRepository
from faasweb.usecases.builds import Builds
from faasweb.usecases.releases import Releases
from faasweb.usecases.retry import on_conflict
from faasweb.usecases.rollout import Rollout
from faasweb.usecases.tasks import BEGIN_DEPLOYMENT, GO_ON_DEPLOYING


@dataclass(frozen=True, slots=True)
class Deployments:
    """From saved code to live. A deployment is begun here and goes on in short tasks; ``Rollout`` has its steps."""

    repository: DeploymentRepository
    functions: FunctionRepository
    versions: VersionRepository
    builds: Builds
    releases: Releases
    runtime: Runtime
    queue: Queue
    accounts: Accounts

    def deploy(
        self,
        actor: Actor,
        ref: FunctionRef,
        *,
        build: Build | None = None,
        image: str | None = None,
        options: AppOptions = NO_OPTIONS,
        forgotten: Collection[str] = (),
    ) -> Deployment:
        """Bring the saved code live, or the code of a finished ``build``, or an ``image`` of which no code is known.

        Of the ``options`` those that are not given stay as they are, but for those ``forgotten``, which go back to the
        installation's. Conflict while another deployment runs.
        """
        options = options.checked()
        self.runtime.check_options(options)
        if build and build.status is not BuildStatus.DONE:
            raise NotReady(f"Build {build.id} is {build.status}; only a finished one can be deployed.")
        if build and build.origin:
            image, build = build.image, None
        built_hash = self.releases.keep_source(ref, build.code_key).hash if build else None

        def new(function: Function) -> Deployment:
            return Deployment.create(
                function.id,
                function.workspace_id,
                "" if image else built_hash or function.code_hash,
                actor.name,
                image=image,
                build_id=build.id if build else ids.build_id(),
                previous_version=function.live.version if function.live else None,
                options=options.over(self.options_of(function).without(forgotten)).checked(),
            )

        deployment = self._begin(ref, new, FunctionStatus.BUILDING)
        BEGIN_DEPLOYMENT.enqueue(self.queue, deployment.id)
        details = {"deployment": deployment.id, **({"image": image} if image else {})}
        self.accounts.audit(actor, "function.deploy", ref.id, details)
        return deployment

    def roll_back(self, actor: Actor, ref: FunctionRef, number: int) -> Deployment:
        """Switch to an earlier version now, in this call: nothing is built, so it takes well under a second.

        The settings stay those of now. When the runtime does not answer, the deployment goes on as a task.
        """
        version = self.versions.get(self.functions.get(ref).id, number)
        if version.artifact is None and version.image is None:
            raise NotReady(f"Version {number} was never built.")

        def new(function: Function) -> Deployment:
            return Deployment.create(
                function.id,
                function.workspace_id,
                version.code_hash,
                actor.name,
                rollback_to=number,
                previous_version=function.live.version if function.live else None,
                options=self.options_of(function),
            )

        deployment = self._begin(ref, new, FunctionStatus.DEPLOYING)
        self.accounts.audit(actor, "function.roll_back", ref.id, {"version": number, "deployment": deployment.id})
        try:
            return self.advance(deployment.id)
        except Unavailable:
            GO_ON_DEPLOYING.enqueue(self.queue, deployment.id)
            return self.repository.get(deployment.id)

    def options_of(self, function: Function) -> AppOptions:
        """All that were ever chosen for how it runs in a cluster."""
        return self.releases.options(function.live.deployment_id) if function.live else NO_OPTIONS

    def _begin(self, ref: FunctionRef, new: Callable[[Function], Deployment], status: FunctionStatus) -> Deployment:
        """Claim the function for a new deployment. An edit at the same moment is no reason to refuse."""

        def begin() -> Deployment | None:
            function = self.functions.get(ref)
            if function.status is FunctionStatus.DISABLED:
                raise NotReady("The function is disabled. Enable it, then deploy.")
            if function.deploying:
                return None
            deployment = new(function)
            self.repository.begin(deployment, replace(function, status=status))
            return deployment

        deployment = on_conflict(begin)
        if deployment is None:
            raise Conflict("A deployment of this function is in progress. Wait for its end.")
        return deployment

    def get(self, deployment_id: str) -> Deployment:
        return self.repository.get(deployment_id)

    def list(self, function_id: str, limit: int = 50) -> Sequence[Deployment]:
        return self.repository.list(function_id, limit)

    def list_versions(self, function_id: str, limit: int = 100) -> Sequence[Version]:
        return self.versions.list(function_id, limit)

    def give_up(self, deployment_id: str, reason: str) -> Deployment:
        """End it now, as failed; what was live before comes back. A finished one stays as it is."""

        def decide() -> None:
            deployment = self.repository.get(deployment_id)
            if not deployment.status.finished and deployment.error is None:
                self.repository.save(deployment.failing(reason))

        on_conflict(decide)
        return self.advance(deployment_id)

    def advance(self, deployment_id: str, *, until_serving: bool = False) -> Deployment:
        """Take a deployment as far as it goes now, or only until its code answers. Safe to repeat and to run twice.

        Every step is leased to one worker, and counted before its work, so that a step that kills its worker ends the
        deployment. Raises Unavailable when a part is away: then ask again soon.
        """
        deployment = self.repository.get(deployment_id)
        rollout = Rollout(self.repository, self.functions, self.versions, self.builds, self.releases, self.runtime)
        try:
            while not deployment.status.finished and not rollout.waits(deployment):
                if until_serving and deployment.instant_at:
                    break
                deployment = rollout.step(deployment)
        except Conflict:  # another worker took it up, or an operator ended it
            return self.repository.get(deployment_id)
        return deployment
