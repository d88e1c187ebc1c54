"""Images made to run by whoever names one: as functions of this installation, or as apps on its cluster."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from faasweb.domain import names
from faasweb.domain.access import Actor
from faasweb.domain.builds import Build
from faasweb.domain.deployments import Deployment, DeploymentStatus
from faasweb.domain.errors import Conflict, InvalidInput, NamespaceMissing, NotFound, NotReady, Unavailable
from faasweb.domain.functions import METHODS, Function, FunctionSettings, FunctionStatus
from faasweb.domain.ids import DEFAULT_WORKSPACE, is_function_id, is_workspace_id
from faasweb.domain.images import ImageRef
from faasweb.domain.spinapp_manifests import as_yaml, spinapp
from faasweb.domain.spinapps import AppDefaults, AppOptions, AppSpec, completed
from faasweb.domain.workspaces import Workspace
from faasweb.ports import Cluster, WorkspaceRepository
from faasweb.usecases.deployments import Deployments
from faasweb.usecases.functions import Functions
from faasweb.usecases.images import Images

PATIENCE_S = 20.0
LOOK_S = 0.1
AWAY_PATIENCE_S = 5.0  # pods take a while to start; a part that is away may be back as soon
AWAY_LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class Placed:
    """How an app does. ``service_status`` is found, pending or not_found.

    ``function`` is the one of this installation that runs it; without one ``endpoint`` is its bare name in the cluster.
    """

    app_name: str
    service_status: str
    options: AppOptions
    endpoint: str | None = None
    function: Function | None = None


@dataclass(frozen=True, slots=True)
class Apps:
    """An app of a function that is known here is deployed as that function is, another one as a function of its own, or
    on a cluster as it is; ``cluster`` is None where functions run on this machine. All are in ``namespaces``.
    """

    functions: Functions
    deployments: Deployments
    workspaces: WorkspaceRepository
    images: Images
    cluster: Cluster | None = None
    namespaces: Sequence[str] = ("default",)
    defaults: AppDefaults = field(default_factory=AppDefaults)

    def scaffold(self, image: str, component: str | None = None, replicas: int = 1) -> str:
        """The SpinApp manifest of an image, as YAML. InvalidInput. Neither a registry nor the cluster is asked."""
        ref = ImageRef.parse(image)
        if component is not None and not names.app_name(component):
            raise InvalidInput(f"{component[:60]!r} is no name of a component.", field="component")
        options = AppOptions(autoscaling=False, replicas=replicas)
        name = ref.repository.rpartition("/")[2]
        whole = completed(AppSpec(self.namespaces[0], name, str(ref), options=options).checked(), self.defaults)
        manifest = spinapp(whole)
        if component is not None:
            manifest["spec"]["components"] = [component]
        return as_yaml(manifest)

    def deploy(self, actor: Actor, spec: AppSpec) -> Placed:
        """Make an image run, and wait a while until it does; asked again, tell how far it is.

        An empty name is the one of the function, else of the build. InvalidInput, NamespaceMissing, NotFound, Conflict
        when an app of that name belongs to another function, NotReady with the reason when it could not be deployed.
        """
        function = self._known(spec.function_id)
        build = self._build_of(spec.image)
        chosen = function.app_name if function else spec.name or (build.app_name if build else "")
        spec = replace(spec, name=chosen or names.invented()).checked()
        if spec.namespace not in self.namespaces:
            raise NamespaceMissing.of(spec.namespace)
        if self.cluster is not None and function is None:
            return self._to_cluster(actor, self.cluster, spec, build)
        return self._by_function(actor, spec, function, build)

    def _known(self, function_id: str | None) -> Function | None:
        try:
            return self.functions.find(function_id) if function_id and is_function_id(function_id) else None
        except NotFound:
            return None

    def _build_of(self, image: str) -> Build | None:
        try:
            return self.deployments.builds.repository.find_by_image(image)
        except NotFound:
            return None

    # apps of other installations on a cluster

    def _to_cluster(self, actor: Actor, cluster: Cluster, spec: AppSpec, build: Build | None) -> Placed:
        if build is None:
            self._check_registry(spec.image)
        status = cluster.apply(spec)
        details = {"namespace": status.namespace, "image": status.image}
        self.functions.accounts.audit(actor, "app.deploy", status.name, details)
        return Placed(status.name, status.service_status, status.options, status.endpoint)

    def _check_registry(self, image: str) -> None:
        name, rules = ImageRef.parse(image).name, self.images.rules
        if not (rules.allows(name) or rules.is_own(name)):
            problem = "That image's registry is not one of FAASWEB_REGISTRIES, the list of those that are used here."
            raise InvalidInput(problem, field="image_ref")

    # functions of this installation

    def _by_function(self, actor: Actor, spec: AppSpec, function: Function | None, build: Build | None) -> Placed:
        image = None
        if build is None:
            if function is None:
                raise NotFound("No image of that name was built here.", image=spec.image[:300])
            image = self.images.deployable(actor, function, spec.image, ())
        elif function is None:
            function = self._function_of(actor, spec, build)
        options = replace(spec.options, namespace=spec.namespace)
        deployment = self._live(function, build, image, self._decided(function, options))
        deployment = self.settled(deployment or self.begin(actor, function, build, image, options))
        if deployment.error is not None:
            raise NotReady(f"The image could not be deployed: {deployment.error}")
        status = "found" if deployment.status is DeploymentStatus.LIVE else "pending"
        return Placed(function.app_name, status, deployment.options, function=self.functions.get(function.ref))

    def settled(self, deployment: Deployment) -> Deployment:
        """Push it until its code answers, in this call; a worker goes on, or may be at it: then wait a while.

        An image is left to the worker: to pull and to compile it is nothing that a door should wait behind.
        """
        begun = time.monotonic()
        while True:
            pause = LOOK_S
            try:
                if deployment.image:
                    deployment = self.deployments.get(deployment.id)
                else:
                    deployment = self.deployments.advance(deployment.id, until_serving=True)
            except Unavailable:  # its task goes on when the part is back
                deployment, pause = self.deployments.get(deployment.id), AWAY_LOOK_S
                if time.monotonic() - begun > AWAY_PATIENCE_S:
                    return deployment
            if deployment.status.finished or deployment.instant_at or time.monotonic() - begun > PATIENCE_S:
                return deployment
            time.sleep(pause)

    def begin(
        self, actor: Actor, function: Function, build: Build | None, image: str | None, options: AppOptions
    ) -> Deployment:
        """Deploy a build or an image; the deployment in progress when it brings the same live, because callers ask
        again until it answers. NamespaceMissing, InvalidInput, Conflict while something else is deployed.
        """
        options = self._decided(function, options)
        underway = self._in_progress(function, build, image, options)
        return underway or self.deployments.deploy(actor, function.ref, build=build, image=image, options=options)

    def _decided(self, function: Function, options: AppOptions) -> AppOptions:
        """``options`` without what means nothing here; InvalidInput when they don't fit to what they are added to."""
        namespace = options.namespace or self.namespaces[0]
        if namespace not in self.namespaces:
            raise NamespaceMissing.of(namespace)
        whole = options.over(self.deployments.options_of(function))
        spec = AppSpec(namespace, function.app_name, "", options=whole, memory_mb=function.settings.memory_mb)
        decided = completed(spec, self.defaults).options
        return replace(options, replicas=None) if decided.autoscaling else options

    def _in_progress(
        self, function: Function, build: Build | None, image: str | None, options: AppOptions
    ) -> Deployment | None:
        if not function.deploying:
            return None
        try:
            deployment = self.deployments.get(function.deploying)
        except NotFound:
            return None
        if build is None or build.origin:
            same = deployment.image == (build.image if build else image)
        else:
            same = deployment.build_id == build.id
        return deployment if same and _changes_nothing(options, deployment) else None

    def _live(
        self, function: Function, build: Build | None, image: str | None, options: AppOptions
    ) -> Deployment | None:
        live = function.live
        if function.deploying or live is None or live.version is None or function.status is not FunctionStatus.ACTIVE:
            return None
        try:
            deployment = self.deployments.get(live.deployment_id)
            version = self.deployments.versions.get(function.id, live.version)
        except NotFound:
            return None
        same = version.build_id == build.id if build else deployment.image == image
        return deployment if same and _changes_nothing(options, deployment) else None

    def _function_of(self, actor: Actor, spec: AppSpec, build: Build) -> Function:
        """The function that runs under that name where the build was made; a new one when there is none."""
        home = build.workspace_id if is_workspace_id(build.workspace_id) else DEFAULT_WORKSPACE
        try:
            found = self.functions.repository.find_by_app_name(home, spec.name)
        except NotFound:
            return self._created(actor, home, spec, build)
        if spec.function_id and is_function_id(spec.function_id):
            raise _taken(spec.name)
        return found

    def _created(self, actor: Actor, workspace_id: str, spec: AppSpec, build: Build) -> Function:
        if build.origin:
            raise NotFound("That image was only pulled here: create a function for it, and give its function_id.")
        self._provide_workspace(workspace_id)
        given = spec.function_id if spec.function_id and is_function_id(spec.function_id) else None
        source = self.deployments.releases.source(build.code_key)
        settings = FunctionSettings(http_methods=METHODS)
        made = self.functions.create(actor, workspace_id, spec.name, source, settings=settings, function_id=given)
        if made.app_name != spec.name:
            self.functions.remove(actor, made.ref)
            raise _taken(spec.name)
        return made

    def _provide_workspace(self, workspace_id: str) -> None:
        """A Builder Service works for workspaces of other installations."""
        try:
            self.workspaces.get(workspace_id)
        except NotFound:
            made = Workspace.create(workspace_id, "Made for apps that another installation deployed here.")
            try:
                self.workspaces.add(replace(made, id=workspace_id))
            except Conflict:
                return  # somebody was faster


def _changes_nothing(options: AppOptions, deployment: Deployment) -> bool:
    return options.over(deployment.options).checked() == deployment.options


def _taken(app_name: str) -> Conflict:
    return Conflict(f"{app_name} is another function's app: choose another app_name.", app_name=app_name)
