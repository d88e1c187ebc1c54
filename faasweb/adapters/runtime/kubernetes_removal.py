"""Taking an app out of a cluster, with everything made for it, and nothing of anybody else."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from faasweb.adapters.runtime import kubernetes_paths as paths
from faasweb.adapters.runtime.kubernetes_connection import Connection
from faasweb.domain.errors import NamespaceMissing, Unavailable
from faasweb.domain.spinapp_manifests import MANAGED_BY, autoscaler_name, deployed_from, secret_name

logger = logging.getLogger(__name__)
PATIENCE_S = 3.0
LOOK_S = 0.25

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Removal:
    """Safe to repeat: each part is looked for by its name and by the function's label, and may be gone already."""

    connection: Connection
    namespace: str
    name: str
    function_id: str | None = None

    def run(self) -> None:
        """Unavailable while a finalizer still holds the app: then try again later.

        The app goes last: as long as it is there, it tells whose the rest is.
        """
        try:
            apps = [(path, app) for path, app in self._apps() if self._is_mine(app)]
            names = {app["metadata"]["name"] for _path, app in apps}
            self._remove_autoscalers(names)
            self._remove_secrets(names | {self.name})
            for path, app in apps:
                self.connection.delete(path, app["metadata"]["uid"])
                self._wait(path, app)
        except NamespaceMissing:  # gone, with all that was in it
            return

    def _apps(self) -> Iterator[tuple[str, Object]]:
        seen = set()
        if found := self.connection.find(paths.spinapp(self.namespace, self.name)):
            seen.add(self.name)
            yield paths.spinapp(self.namespace, self.name), found
        for app in self._labelled(paths.spinapps(self.namespace)):
            if (name := app["metadata"]["name"]) not in seen:
                yield paths.spinapp(self.namespace, name), app

    def _labelled(self, path: str) -> Iterator[Object]:
        if self.function_id:
            selector = f"app.kubernetes.io/managed-by={MANAGED_BY},function_id={self.function_id}"
            yield from self.connection.items(path, selector)

    def _is_mine(self, app: Object) -> bool:
        deployed, name = deployed_from(app), app["metadata"]["name"]
        mine = deployed.ours
        if self.function_id and deployed.function_id:
            mine = deployed.function_id == self.function_id
        if not mine:
            logger.warning("SpinApp %s in namespace %s stays: it is not of this function", name, self.namespace)
        return mine

    def _wait(self, path: str, app: Object) -> None:
        """A finalizer's work is part of the deletion; an app that comes back under its name is another one."""
        end = time.monotonic() + PATIENCE_S
        while (found := self.connection.find(path)) and found["metadata"]["uid"] == app["metadata"]["uid"]:
            if time.monotonic() > end:
                holding = ", ".join(found["metadata"].get("finalizers") or []) or "the cluster"
                raise Unavailable(f"SpinApp {app['metadata']['name']} is still being deleted: {holding} holds it.")
            time.sleep(LOOK_S)

    def _remove_autoscalers(self, apps: set[str]) -> None:
        path = paths.autoscalers(self.namespace)
        for found in self._labelled(path):
            self._delete(path, found)
        for name in apps | {self.name}:
            found_by_name = self.connection.find(f"{path}/{autoscaler_name(name)}")
            if found_by_name and found_by_name["spec"]["scaleTargetRef"].get("name") == name:
                # The earlier system put no labels on them: then the app that it scales tells whose it is.
                bare = name in apps and not found_by_name["metadata"].get("labels")
                if bare or self._is_labelled(found_by_name):
                    self._delete(path, found_by_name)

    def _remove_secrets(self, names: set[str]) -> None:
        """By name alone: to list secrets is to read them, which we need no right for."""
        for name in names:
            found = self.connection.find(paths.secret(self.namespace, secret_name(name)))
            if found and self._is_labelled(found):
                self._delete(paths.secrets(self.namespace), found)

    def _delete(self, path: str, found: Object) -> None:
        self.connection.delete(f"{path}/{found['metadata']['name']}", found["metadata"]["uid"])

    def _is_labelled(self, found: Object) -> bool:
        labels = found["metadata"].get("labels") or {}
        return bool(
            labels.get("app.kubernetes.io/managed-by") == MANAGED_BY
            and labels.get("function_id") in (None, self.function_id)
        )
