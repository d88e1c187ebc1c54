from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from faasweb.domain.functions import Function
from faasweb.domain.spinapps import LiveApp
from faasweb.ports import Cluster, FunctionRepository, VersionRepository, WorkspaceRepository
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
class Clusters:
    """What runs in the cluster, beside what should. ``cluster`` is None where functions run elsewhere."""

    cluster: Cluster | None
    namespaces: tuple[str, ...]
    workspaces: WorkspaceRepository
    functions: FunctionRepository
    versions: VersionRepository
    releases: Releases

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
        return self.releases.options(function.live.deployment_id).replicas if function.live else None

    def _namespace_of(self, function: Function) -> str:
        options = self.releases.options(function.live.deployment_id) if function.live else None
        return (options.namespace if options else None) or self.namespaces[0]
