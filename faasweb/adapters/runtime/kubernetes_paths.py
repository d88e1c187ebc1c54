"""Where objects are in the API of a cluster."""

from __future__ import annotations

from faasweb.adapters.runtime.kubernetes_connection import segment
from faasweb.domain.spinapp_manifests import API_VERSION


def namespace(name: str) -> str:
    return f"/api/v1/namespaces/{segment(name)}"


def spinapps(namespace: str) -> str:
    return f"/apis/{API_VERSION}/namespaces/{segment(namespace)}/spinapps"


def spinapp(namespace: str, name: str) -> str:
    return f"{spinapps(namespace)}/{segment(name)}"


def deployment(namespace: str, name: str) -> str:
    return f"/apis/apps/v1/namespaces/{segment(namespace)}/deployments/{segment(name)}"


def services(namespace: str) -> str:
    return f"/api/v1/namespaces/{segment(namespace)}/services"


def service(namespace: str, name: str) -> str:
    return f"{services(namespace)}/{segment(name)}"


def pods(namespace: str) -> str:
    return f"/api/v1/namespaces/{segment(namespace)}/pods"


def events(namespace: str) -> str:
    return f"/api/v1/namespaces/{segment(namespace)}/events"


def secrets(namespace: str) -> str:
    return f"/api/v1/namespaces/{segment(namespace)}/secrets"


def secret(namespace: str, name: str) -> str:
    return f"{secrets(namespace)}/{segment(name)}"


def autoscalers(namespace: str, version: str = "v1") -> str:
    """Every server has v1, and shows there what was written as v2."""
    return f"/apis/autoscaling/{version}/namespaces/{segment(namespace)}/horizontalpodautoscalers"


def autoscaler(namespace: str, name: str, version: str = "v1") -> str:
    return f"{autoscalers(namespace, version)}/{segment(name)}"
