"""Functions on Kubernetes: each is a SpinApp, called at the address of its Service."""

from __future__ import annotations

from faasweb.adapters.runtime.http_calls import UrlAnswer, UrlCalls
from faasweb.adapters.runtime.url_functions import call_live, health_at
from faasweb.domain.errors import NamespaceMissing, NotFound, Unavailable
from faasweb.domain.functions import Function
from faasweb.domain.invocations import InvocationRequest
from faasweb.domain.spinapps import AppOptions, AppStatus
from faasweb.ports import Cluster, Health, Release


class KubernetesRuntime:
    """Runtime on a cluster, which has no candidates: what is applied replaces what is live.

    Kubernetes keeps the earlier pods until the new ones are ready, and a deployment is checked only when all of its
    pods are new. Functions are in the first of ``namespaces`` unless a deployment names another one of them.
    """

    instant = False

    def __init__(self, cluster: Cluster, calls: UrlCalls, namespaces: tuple[str, ...]) -> None:
        self.cluster = cluster
        self.calls = calls
        self.namespaces = namespaces

    # what is live

    def apply(self, release: Release) -> None:
        self.cluster.apply(release.as_app(self._namespace_of(release)))

    def check_options(self, options: AppOptions) -> None:
        """The installation's own namespace needs no look: pressing Deploy waits for no cluster."""
        if options.namespace is not None:
            self.cluster.check_namespace(self._namespace_in(options))

    def _namespace_of(self, release: Release) -> str:
        return self._namespace_in(release.options)

    def _namespace_in(self, options: AppOptions) -> str:
        """Another one is as good as missing: whoever may deploy here must not reach all of the cluster."""
        namespace = options.namespace or self.namespaces[0]
        if namespace not in self.namespaces:
            raise NamespaceMissing.of(namespace)
        return namespace

    def check(self, release: Release) -> Health:
        """A request to its address. Unavailable, with what keeps them, until all of its pods are new and ready."""
        status = self._status(release)
        if status.image != release.image:  # changed by somebody's hand since it was applied
            self.apply(release)
            raise Unavailable("Somebody else changed the app's image: it is deployed again.")
        if not status.rolled_out:
            self.cluster.reschedule(status.namespace, status.name)
            raise Unavailable(status.sentence)
        return health_at(self.calls, _url(status), release)

    def switch(self, release: Release) -> str:
        """The URL it answers at; Unavailable while it has none. What it left in another namespace goes."""
        status = self._status(release)
        url = _url(status)
        for namespace in self.namespaces:
            if namespace != status.namespace:
                self.cluster.remove(namespace, release.app_name, release.function_id)
        return url

    def _status(self, release: Release) -> AppStatus:
        try:
            return self.cluster.status(self._namespace_of(release), release.app_name)
        except NotFound as exc:
            self.apply(release)
            raise Unavailable("Somebody deleted the app from the cluster: it is deployed again.") from exc

    def update_settings(self, release: Release) -> None:
        """Its memory and its variables: Kubernetes starts pods with them, then stops the earlier ones."""
        self.apply(release)

    def remove(self, function_id: str, app_name: str) -> None:
        for namespace in self.namespaces:
            self.cluster.remove(namespace, app_name, function_id)

    # calls

    async def invoke(self, function: Function, request: InvocationRequest, request_id: str) -> UrlAnswer:
        return await call_live(self.calls, function, request, request_id)

    async def aclose(self) -> None:
        """Close the connections of the running event loop, before it ends."""
        await self.calls.aclose()

    def ready(self) -> str | None:
        return self.cluster.ready()


def _url(status: AppStatus) -> str:
    if status.endpoint is None:
        raise Unavailable("The function's Service has no address yet.")
    return f"http://{status.endpoint}"
