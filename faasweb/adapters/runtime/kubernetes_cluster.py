"""Apps in a cluster with SpinKube: server-side apply of what is ours, and nothing else."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from faasweb.adapters.runtime import kubernetes_paths as paths
from faasweb.adapters.runtime.kubernetes_connection import Connection
from faasweb.adapters.runtime.kubernetes_errors import FieldsOwned
from faasweb.adapters.runtime.kubernetes_removal import Removal
from faasweb.adapters.runtime.kubernetes_state import live_app, status_of
from faasweb.domain import spinapp_manifests as manifests
from faasweb.domain.errors import ClusterRefused, Conflict, FaaswebError, Unavailable
from faasweb.domain.spinapps import NOTHING, AppDefaults, AppSpec, AppStatus, Deployed, LiveApp, completed

logger = logging.getLogger(__name__)
PATIENCE_S = 5.0
LOOK_S = 0.25

Object = dict[str, Any]


class KubernetesCluster:
    """``defaults`` are what the installation gives; ``patience_s`` how long ``apply`` waits for the operator."""

    def __init__(self, connection: Connection, defaults: AppDefaults, patience_s: float = PATIENCE_S) -> None:
        self.connection = connection
        self.defaults = defaults
        self.patience_s = patience_s
        self.autoscaling_version = ""

    # deploying

    def apply(self, spec: AppSpec) -> AppStatus:
        asked = spec.checked()
        try:
            return self._apply(asked)
        except ClusterRefused:
            self.check_namespace(asked.namespace)
            raise

    def _apply(self, asked: AppSpec) -> AppStatus:
        found = self.connection.find(paths.spinapp(asked.namespace, asked.name))
        deployed = manifests.deployed_from(found) if found else None
        if found and deployed:
            _check_owner(asked, found, deployed)
        whole = _with_function(completed(asked, self.defaults, deployed or NOTHING), deployed)
        version = self._apply_secret(whole)
        manifest = manifests.with_chosen(manifests.spinapp(whole, deployed, variables_version=version), asked)
        notes = self._apply_app(whole, manifest, found)
        if asked.variables is not None and not version:
            self._delete_secret(whole)
        self._apply_autoscaler(whole)
        self._wait(whole)
        notes += self._schedule(whole)
        return status_of(self.connection, whole.namespace, whole.name, notes)

    def _apply_secret(self, spec: AppSpec) -> str:
        """Its version, which the pods bear: a changed secret alone would start none of them anew."""
        content = manifests.secret(spec)
        if content is None:
            return ""
        path = paths.secret(spec.namespace, manifests.secret_name(spec.name))
        if (found := self.connection.find(path)) and not _is_of(found, spec):
            raise Conflict(f"Secret {manifests.secret_name(spec.name)} is there already, and not of this app.")
        made = self.connection.apply(path, content, force=True)
        return str(made["metadata"]["resourceVersion"])

    def _delete_secret(self, spec: AppSpec) -> None:
        path = paths.secret(spec.namespace, manifests.secret_name(spec.name))
        found = self.connection.find(path)
        if found and _is_of(found, spec):
            self.connection.delete(path, found["metadata"]["uid"])

    def _apply_app(self, spec: AppSpec, manifest: Object, found: Object | None) -> tuple[str, ...]:
        path = paths.spinapp(spec.namespace, spec.name)
        if found and spec.options.autoscaling and "replicas" in found["spec"]:
            # Whoever owns the number: with it beside autoscaling the operator refuses the app.
            self.connection.merge(path, {"spec": {"enableAutoscaling": True, "replicas": None}})
        try:
            self.connection.apply(path, manifest)
        except FieldsOwned as owned:
            # What was deployed here, or was asked for now, wins; everything else was kept when it was completed.
            self.connection.apply(path, manifest, force=True)
            note = f"{', '.join(owned.owners)} had set {', '.join(owned.fields)}: it is as deployed here again."
            logger.warning("SpinApp %s in namespace %s: %s", spec.name, spec.namespace, note)
            return (note,)
        return ()

    def _apply_autoscaler(self, spec: AppSpec) -> None:
        name = manifests.autoscaler_name(spec.name)
        found = self.connection.find(paths.autoscaler(spec.namespace, name))
        if found and not _scales(found, spec):
            raise Conflict(f"Autoscaler {name} in namespace {spec.namespace} is there already, and not of this app.")
        if not spec.options.autoscaling:
            if found:
                self.connection.delete(paths.autoscaler(spec.namespace, name), found["metadata"]["uid"])
            return
        version = self._version_of_autoscaling()
        content = manifests.autoscaler(spec, self.defaults, version)
        self.connection.apply(paths.autoscaler(spec.namespace, name, version), content or {}, force=True)

    def _version_of_autoscaling(self) -> str:
        """v2, which Kubernetes has since 1.23; older ones have v1, which can say the same."""
        if not self.autoscaling_version:
            group = self.connection.get("/apis/autoscaling")
            served = {item.get("version") for item in group.get("versions") or []}
            self.autoscaling_version = "v2" if "v2" in served else "v1"
        return self.autoscaling_version

    def _wait(self, spec: AppSpec) -> None:
        """Until the operator has made the Deployment and the Service, or patience ends."""
        wanted: Sequence[Callable[[], Object | None]] = (
            lambda: self.connection.find(paths.deployment(spec.namespace, spec.name)),
            lambda: self.connection.find(paths.service(spec.namespace, spec.name)),
        )
        end = time.monotonic() + self.patience_s
        with contextlib.suppress(ClusterRefused):  # what we may not see is told with the status
            while not all(look() for look in wanted) and time.monotonic() < end:
                time.sleep(LOOK_S)

    def _schedule(self, spec: AppSpec) -> tuple[str, ...]:
        """Say where pods may run, on the operator's Deployment. It is never made here: the operator does that."""
        path = paths.deployment(spec.namespace, spec.name)
        try:
            found = self.connection.find(path)
            if found is None:
                return ()
            content = manifests.scheduling(spec)
            # With its uid the apply changes this one, and never makes one that was deleted a moment ago.
            content["metadata"] = {**content["metadata"], "uid": found["metadata"]["uid"]}
            self.connection.apply(path, content, force=True)
        except (ClusterRefused, Unavailable) as exc:  # it runs, if on other machines than wanted
            return (f"Tolerations and affinity are not set: {exc.message}",)
        return ()

    # looking

    def check_namespace(self, namespace: str) -> None:
        """NamespaceMissing. Rights are given by namespace: in one that is missing there are none at all."""
        with contextlib.suppress(ClusterRefused, Unavailable):
            self.connection.find(paths.namespace(namespace))

    def status(self, namespace: str, name: str, *, quick: bool = False) -> AppStatus:
        return status_of(self.connection.quick() if quick else self.connection, namespace, name)

    def reschedule(self, namespace: str, name: str) -> None:
        """Where its pods may run, once more: the Deployment may have been made only after ``apply`` had waited."""
        found = self.connection.find(paths.spinapp(namespace, name))
        if found is not None:
            options = manifests.deployed_from(found).options
            self._schedule(AppSpec(namespace, name, found["spec"]["image"], options=options))

    def list(self, namespace: str) -> Sequence[LiveApp]:
        selector = f"app.kubernetes.io/managed-by={manifests.MANAGED_BY}"
        found = {app.name: app for app in map(live_app, self.connection.items(paths.spinapps(namespace), selector))}
        return sorted(found.values(), key=lambda app: app.name)

    def remove(self, namespace: str, name: str, function_id: str | None = None) -> None:
        Removal(self.connection, namespace, name, function_id).run()

    def preview(self, spec: AppSpec) -> str:
        return manifests.preview(spec, self.defaults)

    def ready(self) -> str | None:
        try:
            self.connection.glance(f"/apis/{manifests.API_VERSION}")
        except FaaswebError as exc:
            return exc.message
        return None


def _check_owner(spec: AppSpec, found: Mapping[str, Any], deployed: Deployed) -> None:
    where = f"App {spec.name} in namespace {spec.namespace}"
    if found["metadata"].get("deletionTimestamp"):
        raise Unavailable(f"{where} is still being deleted.")
    if spec.function_id and deployed.function_id and deployed.function_id != spec.function_id:
        raise Conflict(f"{where} belongs to another function. Choose another name.", app_name=spec.name)
    if spec.complete and not deployed.ours and deployed.function_id != spec.function_id:
        raise Conflict(
            f"{where} was not made by this console. Delete it, or give the function another name.", app_name=spec.name
        )


def _with_function(spec: AppSpec, deployed: Deployed | None) -> AppSpec:
    """A function's app stays its own also when who deploys it does not say so."""
    return replace(spec, function_id=spec.function_id or (deployed.function_id if deployed else None))


def _is_of(found: Mapping[str, Any], spec: AppSpec) -> bool:
    labels = found["metadata"].get("labels") or {}
    mine = labels.get("function_id") in (None, spec.function_id)
    return bool(labels.get("app.kubernetes.io/managed-by") == manifests.MANAGED_BY and mine)


def _scales(found: Mapping[str, Any], spec: AppSpec) -> bool:
    """The earlier system put no labels on its autoscalers."""
    return bool(found["spec"]["scaleTargetRef"].get("name") == spec.name)
