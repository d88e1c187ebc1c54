"""What SpinKube's operator and Kubernetes' controllers would do, made by hand on a server that has neither."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

SPINAPPS = "/apis/core.spinkube.dev/v1alpha1/namespaces/{}/spinapps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/{}/deployments"
SERVICES = "/api/v1/namespaces/{}/services"
SECRETS = "/api/v1/namespaces/{}/secrets"
PODS = "/api/v1/namespaces/{}/pods"
AUTOSCALERS = "/apis/autoscaling/v1/namespaces/{}/horizontalpodautoscalers"
MERGE = {"content-type": "application/merge-patch+json"}


@dataclass(frozen=True)
class Operator:
    """The hands of the cluster in one namespace."""

    client: httpx.Client
    namespace: str

    def get(self, kind: str, name: str) -> Any:
        answer = self.client.get(f"{kind.format(self.namespace)}/{name}")
        return None if answer.status_code == 404 else answer.raise_for_status().json()

    def make(self, kind: str, name: str, /, **content: Any) -> Any:
        metadata = {"name": name, **content.pop("metadata", {})}
        answer = self.client.post(kind.format(self.namespace), json={"metadata": metadata, **content})
        return answer.raise_for_status().json()

    def patch(self, kind: str, name: str, manager: str = "by-hand", /, *, sub: str = "", **content: Any) -> Any:
        path = f"{kind.format(self.namespace)}/{name}{sub}?fieldManager={manager}"
        answer = self.client.patch(path, json=content, headers=MERGE)
        return answer.raise_for_status().json()

    def delete(self, kind: str, name: str) -> None:
        self.client.delete(f"{kind.format(self.namespace)}/{name}").raise_for_status()

    def reconcile(self, name: str) -> None:
        """Make the Deployment and the Service that the SpinApp asks for, as the operator does."""
        app = self.get(SPINAPPS, name)
        assert app is not None
        spec = app["spec"]
        labels = {"core.spinkube.dev/app-name": name}
        container = {"name": name, "image": spec["image"], "resources": spec["resources"]}
        template = {
            "metadata": {"labels": {**labels, **spec["podLabels"]}, "annotations": spec.get("podAnnotations", {})},
            "spec": {"containers": [container]},
        }
        wanted = {"replicas": spec.get("replicas", 1), "template": template}
        if self.get(DEPLOYMENTS, name) is None:
            self.make(DEPLOYMENTS, name, spec={"selector": {"matchLabels": labels}, **wanted})
            self.make(SERVICES, name, spec={"selector": labels, "ports": [{"port": 80}]})
        else:
            self.patch(DEPLOYMENTS, name, "spin-operator", spec=wanted)

    def roll_out(self, name: str, *, ready: int | None = None) -> None:
        """Say of the Deployment that all of its pods are new, and how many are ready."""
        found = self.get(DEPLOYMENTS, name)
        assert found is not None
        replicas = found["spec"]["replicas"]
        ready = replicas if ready is None else ready
        status = {
            "observedGeneration": found["metadata"]["generation"],
            "replicas": replicas,
            "updatedReplicas": replicas,
            "readyReplicas": ready,
            "availableReplicas": ready,
        }
        self.patch(DEPLOYMENTS, name, sub="/status", status=status)

    def add_pod(self, app: str, name: str, **status: Any) -> None:
        spec = {"containers": [{"name": app, "image": "x", "resources": {"limits": {"memory": "384Mi"}}}]}
        self.make(PODS, name, metadata={"labels": {"core.spinkube.dev/app-name": app}}, spec=spec)
        self.patch(PODS, name, sub="/status", status=status)
