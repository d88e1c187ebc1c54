"""What runs functions, by the settings."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from django.conf import settings

from faasweb.bootstrap.building import builder_service
from faasweb.domain.spinapps import AppDefaults
from faasweb.ports import Cluster, CodeStore, Runtime

if TYPE_CHECKING:
    from faasweb.adapters.runtime.http_calls import UrlCalls
    from faasweb.adapters.runtime.wasm import WasmRuntime


def runtime(wasm: WasmRuntime) -> Runtime:
    from faasweb.adapters.runtime.address import AddressRuntime

    calls = _url_calls()
    if settings.RUNTIME == "embedded":
        return AddressRuntime(wasm, calls)
    if settings.RUNTIME == "builder":
        return AddressRuntime(_builder_runtime(calls), calls)
    return AddressRuntime(_kubernetes_runtime(calls), calls)


def _kubernetes_runtime(calls: UrlCalls) -> Runtime:
    from faasweb.adapters.runtime.kubernetes import KubernetesRuntime

    return KubernetesRuntime(cluster(), calls, namespaces())


def namespaces() -> tuple[str, ...]:
    return tuple(dict.fromkeys([settings.NAMESPACE, *settings.NAMESPACES]))


@cache
def cluster() -> Cluster:
    """The Kubernetes cluster of this installation; nothing is asked of it before it is used."""
    from faasweb.adapters.runtime.kubernetes_cluster import KubernetesCluster
    from faasweb.adapters.runtime.kubernetes_connection import ClusterAddress, Connection

    return KubernetesCluster(Connection(ClusterAddress(settings.KUBECONFIG, settings.KUBE_CONTEXT)), app_defaults())


def _builder_runtime(calls: UrlCalls) -> Runtime:
    from faasweb.adapters.runtime.builder import BuilderRuntime, Placement

    place = Placement(settings.NAMESPACE, settings.AUTOSCALING, settings.REPLICAS, settings.USE_SPOT)
    return BuilderRuntime(builder_service(), calls, place)


def app_defaults() -> AppDefaults:
    return AppDefaults(
        executor=settings.EXECUTOR,
        service_account=settings.SERVICE_ACCOUNT,
        pull_secrets=tuple(settings.PULL_SECRETS),
        cpu_limit=settings.CPU_LIMIT,
        memory_limit=settings.MEMORY_LIMIT,
        cpu_request=settings.CPU_REQUEST,
        memory_request=settings.MEMORY_REQUEST,
        autoscaling=settings.AUTOSCALING,
        replicas=settings.REPLICAS,
        max_replicas=settings.MAX_REPLICAS,
        cpu_percent=settings.CPU_PERCENT,
        use_spot=settings.USE_SPOT,
    )


def _url_calls() -> UrlCalls:
    from faasweb.adapters.runtime.addresses import AddressRules
    from faasweb.adapters.runtime.http_calls import UrlCalls

    suffixes = tuple(f".{namespace}.svc.cluster.local" for namespace in namespaces())
    return UrlCalls(AddressRules(suffixes, frozenset(settings.INVOCATION_HOSTS)))


def wasm_runtime(code: CodeStore) -> WasmRuntime:
    """Runs functions, embedded; drafts always."""
    from faasweb.adapters.runtime.wasm import WasmRuntime

    sockets = [settings.DATA_DIR / "run" / f"wasmhost-{i}.sock" for i in range(settings.WASMHOST_PROCESSES)]
    return WasmRuntime(settings.DATA_DIR, code, sockets)
