"""What is known of an app from the objects that the cluster has of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from faasweb.adapters.runtime import kubernetes_paths as paths
from faasweb.adapters.runtime.kubernetes_connection import FIELD_MANAGER, Connection
from faasweb.adapters.runtime.kubernetes_pods import STARTING, is_ready, problems
from faasweb.domain.errors import FaaswebError, NotFound
from faasweb.domain.quantities import amount, is_amount
from faasweb.domain.spinapp_manifests import deployed_from
from faasweb.domain.spinapps import AppStatus, LiveApp

Object = Mapping[str, Any]
EVENT_LIMIT = 300
WATCHED = ("image", "replicas", "enableAutoscaling")


def status_of(connection: Connection, namespace: str, name: str, notes: Sequence[str] = ()) -> AppStatus:
    """NotFound when there is no such app."""
    app = connection.find(paths.spinapp(namespace, name))
    if app is None:
        raise NotFound(f"No app {name} runs in namespace {namespace}.")
    found = connection.find(paths.deployment(namespace, name))
    service_status, endpoint, remarks = endpoint_of(connection, namespace, name)
    deployed = deployed_from(app)
    desired, ready, rolled_out = progress(app, found)
    return AppStatus(
        namespace,
        name,
        deployed.image,
        deployed.function_id,
        service_status,
        endpoint,
        ready,
        desired,
        rolled_out,
        deployed.options,
        () if rolled_out else _problems(connection, namespace, app, found),
        (*notes, *remarks),
    )


def endpoint_of(connection: Connection, namespace: str, name: str) -> tuple[str, str | None, tuple[str, ...]]:
    """The Service's status, the bare name it has in the cluster, and what kept us from looking."""
    try:
        service = connection.find(paths.service(namespace, name))
    except FaaswebError as exc:  # the app itself is deployed: it may have one that we can't see
        return "pending", None, (exc.message,)
    if service is None:
        return "not_found", None, ()
    address = (service.get("spec") or {}).get("clusterIP")
    if not address or address == "None":
        return "pending", None, ()
    return "found", f"{name}.{namespace}.svc.cluster.local", ()


def progress(app: Object, deployment: Object | None) -> tuple[int, int, bool]:
    """Pods wanted and ready, and whether all of them run what the app says now."""
    spec, told = app.get("spec") or {}, app.get("status") or {}
    if deployment is None:  # some executors make none
        ready = int(told.get("readyReplicas") or 0)
        return int(spec.get("replicas") or 1), ready, ready > 0
    wanted, status = deployment.get("spec") or {}, deployment.get("status") or {}
    replicas = int(wanted.get("replicas", 1))
    updated, ready = int(status.get("updatedReplicas") or 0), int(status.get("availableReplicas") or 0)
    observed = int(status.get("observedGeneration") or 0) >= int(
        (deployment.get("metadata") or {}).get("generation", 0)
    )
    rolled_out = (
        observed
        and is_of(app, deployment)
        and updated >= replicas
        and int(status.get("replicas") or 0) <= updated
        and ready >= max(1, updated)
    )
    return replicas, ready, rolled_out


def is_of(app: Object, deployment: Object) -> bool:
    """Whether the operator has already made of the Deployment what the app says now."""
    spec = app.get("spec") or {}
    template = (deployment.get("spec") or {}).get("template") or {}
    notes = (template.get("metadata") or {}).get("annotations") or {}
    wanted_notes = spec.get("podAnnotations") or {}
    containers = (template.get("spec") or {}).get("containers") or []
    return all(notes.get(name) == value for name, value in wanted_notes.items()) and any(
        item.get("image") == spec.get("image") and _same_resources(item.get("resources") or {}, spec)
        for item in containers
    )


def _same_resources(found: Object, spec: Object) -> bool:
    wanted = spec.get("resources") or {}
    return all(
        _same(str(value), str((found.get(kind) or {}).get(name)))
        for kind in ("limits", "requests")
        for name, value in (wanted.get(kind) or {}).items()
    )


def _same(one: str, other: str) -> bool:
    """``0.5`` and ``500m`` are the same."""
    if is_amount(one) and is_amount(other):
        return amount(one, "") == amount(other, "")
    return one == other


def _problems(connection: Connection, namespace: str, app: Object, deployment: Object | None) -> tuple[str, ...]:
    labels = (((deployment or {}).get("spec") or {}).get("selector") or {}).get("matchLabels") or {}
    if not labels:
        told = [
            f"SpinKube says: {item.get('message') or item.get('reason')}"
            for item in (app.get("status") or {}).get("conditions") or []
            if item.get("status") == "False" and item.get("type") == "Available"
        ]
        return tuple(told) or ("SpinKube's operator has made no Deployment of it yet",)
    try:
        pods = list(connection.items(paths.pods(namespace), ",".join(f"{k}={v}" for k, v in labels.items())))
    except FaaswebError as exc:
        return (exc.message.rstrip("."),)
    if found := problems(pods, deployment):
        return (_warnings(connection, namespace, pods) or found) if found == (STARTING,) else found
    is_taken_up = deployment is not None and is_of(app, deployment)
    return ("the new pods are being started",) if is_taken_up else ("SpinKube's operator has not taken it up yet",)


def _warnings(connection: Connection, namespace: str, pods: Sequence[Object]) -> tuple[str, ...]:
    """What a node complains of before there is a container that could tell: no runtime for Spin, a missing volume."""
    waiting = next((pod for pod in pods if not is_ready(pod)), {})
    name = str((waiting.get("metadata") or {}).get("name"))
    fields = f"involvedObject.name={name},type=Warning"
    try:
        events = list(connection.items(paths.events(namespace), fields=fields))
    except FaaswebError:  # one reason less
        return ()
    latest = max(events, key=lambda event: str(event.get("lastTimestamp") or ""), default=None)
    text = " ".join(str((latest or {}).get("message") or "").split())[:EVENT_LIMIT]
    return (f"it can't be started ({text.rstrip('.')})",) if text else ()


def live_app(app: Object) -> LiveApp:
    metadata, spec = app.get("metadata") or {}, app.get("spec") or {}
    deployed = deployed_from(app)
    return LiveApp(
        str(metadata.get("namespace") or ""),
        str(metadata.get("name") or ""),
        deployed.image,
        deployed.function_id,
        int((app.get("status") or {}).get("readyReplicas") or 0),
        None if spec.get("enableAutoscaling") else spec.get("replicas"),
        changed_by(app),
    )


def changed_by(app: Object) -> tuple[str, ...]:
    """Other field managers that own a part of how it runs: ``kubectl-scale`` after somebody's hand."""
    owners = set()
    for entry in (app.get("metadata") or {}).get("managedFields") or []:
        owned = (entry.get("fieldsV1") or {}).get("f:spec") or {}
        if entry.get("manager") != FIELD_MANAGER and any(f"f:{name}" in owned for name in WATCHED):
            owners.add(str(entry.get("manager")))
    return tuple(sorted(owners))
