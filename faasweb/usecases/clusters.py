from __future__ import annotations

import enum
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from faasweb.domain.functions import Function
from faasweb.domain.images import OWN, RegistryRules
from faasweb.domain.spinapp_manifests import preview
from faasweb.domain.spinapps import NO_OPTIONS, AppDefaults, AppOptions, AppSpec, AppStatus, LiveApp, completed
from faasweb.ports import BuildRepository, Cluster, FunctionRepository, Release, VersionRepository, WorkspaceRepository
from faasweb.usecases.releases import Releases


class Difference(enum.StrEnum):
    """``MISSING`` in the cluster; ``ORPHAN``: of no function that is live; the others differ from what was deployed."""

    MISSING = "missing"
    ORPHAN = "orphan"
    IMAGE = "image"
    REPLICAS = "replicas"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference between what the console deployed and what is in the cluster; ``by`` are field managers."""

    difference: Difference
    namespace: str
    app_name: str
    function: Function | None = None
    expected: str = ""
    found: str = ""
    by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    apps: Sequence[LiveApp]
    drifts: Sequence[Drift]


@dataclass(frozen=True, slots=True)
class Preview:
    """What deploying a function would write into a cluster, as YAML.

    ``image`` is the newest one of it that a cluster could pull; None when ``text`` has something to replace instead.
    """

    text: str
    image: str | None


@dataclass(frozen=True, slots=True)
class Clusters:
    """What runs in the cluster, beside what should. ``cluster`` is None where functions run elsewhere."""

    cluster: Cluster | None
    namespaces: tuple[str, ...]
    workspaces: WorkspaceRepository
    functions: FunctionRepository
    versions: VersionRepository
    builds: BuildRepository
    releases: Releases
    rules: RegistryRules
    defaults: AppDefaults

    @property
    def in_use(self) -> bool:
        """Whether functions of this installation run in a cluster that it talks to itself."""
        return self.cluster is not None

    # one function

    def status(self, function: Function) -> AppStatus | None:
        """How its app does, for somebody who looks on; None without a cluster and while it was never deployed.

        NotFound when somebody deleted the app. Unavailable and ClusterRefused tell why it can't be seen.
        """
        if self.cluster is None or function.live is None:
            return None
        return self.cluster.status(self._namespace_of(function), function.app_name, quick=True)

    def preview(self, function: Function, options: AppOptions = NO_OPTIONS, forgotten: Collection[str] = ()) -> Preview:
        """What a deployment with these options would apply: the settings of now, without the values of secrets.

        Without a cluster, as it would be on one with the installation's settings. InvalidInput for wrong options.
        """
        image = self._newest_image(function)
        spec = self._spec(function, image or self._some_image(function), options, forgotten)
        text = self.cluster.preview(spec) if self.cluster else preview(spec, self.defaults)
        return Preview(text, image)

    def chosen(self, function: Function) -> AppOptions:
        """The options that somebody chose for what is live."""
        return self.releases.options(function.live.deployment_id) if function.live else NO_OPTIONS

    def effective(self, function: Function, forgotten: Collection[str] = ()) -> AppOptions:
        """All options as the next deployment would have them; as if the ``forgotten`` had never been chosen."""
        spec = self._spec(function, self._some_image(function), NO_OPTIONS, forgotten)
        return completed(spec.checked(), self.defaults).options

    def _spec(self, function: Function, image: str, options: AppOptions, forgotten: Collection[str]) -> AppSpec:
        merged = options.over(self.chosen(function).without(forgotten)).checked()
        release = Release(
            function.id,
            function.workspace_id,
            function.app_name,
            "preview",
            function.settings,
            image=image,
            options=merged,
        )
        return release.as_app(merged.namespace or self.namespaces[0])

    def _newest_image(self, function: Function) -> str | None:
        """What lies on this machine's disk is left out: no cluster can pull from there."""
        versions, builds = self.versions.list(function.id), self.builds.list(function.workspace_id)
        made = [(version.created_at, version.image) for version in versions]
        made += [(build.created_at, build.image) for build in builds if build.app_name == function.app_name]
        known = [(at, image) for at, image in made if image and not image.startswith(f"{OWN}/")]
        return max(known)[1] if known else None

    def _some_image(self, function: Function) -> str:
        """Where Deploy would push it, as far as that is known before."""
        home = self.rules.home or "REGISTRY"
        return f"{home}:TAG" if "/" in home else f"{home}/{function.app_name}:TAG"

    # all of them

    def compare(self) -> Comparison | None:
        """None without a cluster. A function whose deployment is in progress is left out: it is between two states."""
        if self.cluster is None:
            return None
        apps = [app for namespace in self.namespaces for app in self.cluster.list(namespace)]
        functions = [item for workspace in self.workspaces.list() for item in self.functions.list(workspace.id)]
        busy = {function.id for function in functions if function.deploying}
        live = {item.id: item for item in functions if item.live and item.live.version and item.id not in busy}
        by_function: dict[str, list[LiveApp]] = {}
        for app in apps:
            by_function.setdefault(app.function_id or "", []).append(app)
        drifts = [drift for function in live.values() for drift in self._of(function, by_function.get(function.id, []))]
        drifts += self._orphans(apps, live, busy)
        return Comparison(apps, sorted(drifts, key=lambda item: (item.app_name, item.difference)))

    def _of(self, function: Function, apps: Sequence[LiveApp]) -> Iterator[Drift]:
        namespace = self._namespace_of(function)
        app = next((app for app in apps if (app.namespace, app.name) == (namespace, function.app_name)), None)
        image = self._image_of(function)
        if app is None:
            yield Drift(Difference.MISSING, namespace, function.app_name, function, expected=image)
            return
        if app.image != image:
            yield Drift(Difference.IMAGE, namespace, app.name, function, image, app.image, app.changed_by)
        replicas = self._replicas_of(function)
        if replicas is not None and app.replicas is not None and app.replicas != replicas:
            found = str(app.replicas)
            yield Drift(Difference.REPLICAS, namespace, app.name, function, str(replicas), found, app.changed_by)
        elif app.changed_by and app.image == image:
            yield Drift(Difference.CHANGED, namespace, app.name, function, by=app.changed_by)

    def _orphans(self, apps: Sequence[LiveApp], live: Mapping[str, Function], busy: set[str]) -> Iterator[Drift]:
        for app in apps:
            if app.function_id is None:  # an image that was deployed as no function
                continue
            function = live.get(app.function_id)
            place = (self._namespace_of(function), function.app_name) if function else None
            if app.function_id not in busy and (app.namespace, app.name) != place:
                yield Drift(Difference.ORPHAN, app.namespace, app.name, function, found=app.image, by=app.changed_by)

    def _image_of(self, function: Function) -> str:
        number = function.live.version if function.live else None
        return self.versions.get(function.id, number or 0).image or ""

    def _replicas_of(self, function: Function) -> int | None:
        """Those that somebody chose; with none the installation's are as good as any other."""
        return self.chosen(function).replicas

    def _namespace_of(self, function: Function) -> str:
        return self.chosen(function).namespace or self.namespaces[0]
