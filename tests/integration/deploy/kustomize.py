"""Reads `deploy/k8s` as `kubectl kustomize` does, for the few features those folders use; anything else is an error."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml

K8S = Path(__file__).parents[3] / "deploy" / "k8s"
Object = dict[str, Any]
KNOWN = {"apiVersion", "kind", "resources", "patches", "images", "labels"}
# What tells entries of a list apart, when a patch meets them; lists of anything else are replaced.
LIST_KEYS = ("name", "containerPort", "mountPath")
REPLACED = ("tolerations", "ingress", "egress", "rules", "args", "command")


def render(folder: str) -> list[Object]:
    """The objects of a folder below ``deploy/k8s``."""
    return _build(K8S / folder)


def _build(folder: Path) -> list[Object]:
    wanted = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert set(wanted) <= KNOWN, f"{folder}: this reader does not know {set(wanted) - KNOWN}"
    objects = [item for name in wanted["resources"] for item in _resource(folder / name)]
    for patch in wanted.get("patches", []):
        assert set(patch) == {"path"}
        for change in _documents(folder / patch["path"]):
            index = next(i for i, item in enumerate(objects) if identity(item) == identity(change))
            objects[index] = _merged(objects[index], change)
    for image in wanted.get("images", []):
        for container in containers(objects):
            if container["image"].partition(":")[0] == image["name"]:
                container["image"] = f"{image['newName']}:{image['newTag']}"
    for labels in wanted.get("labels", []):
        assert set(labels) == {"pairs"}
        for item in objects:
            item["metadata"].setdefault("labels", {}).update(labels["pairs"])
    assert len({identity(item) for item in objects}) == len(objects), f"{folder}: something is there twice"
    return objects


def _resource(path: Path) -> list[Object]:
    return _build(path.resolve()) if path.is_dir() else _documents(path)


def _documents(path: Path) -> list[Object]:
    # Anchors make Python share what they name; each object has to be its own.
    return [copy.deepcopy(item) for item in yaml.safe_load_all(path.read_text())]


def identity(item: Object) -> tuple[str, str, str, str]:
    metadata = item["metadata"]
    return item["apiVersion"], item["kind"], metadata.get("namespace", ""), metadata["name"]


def _merged(old: Any, new: Any, key: str = "") -> Any:
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{name: _merged(old.get(name), value, name) for name, value in new.items()}}
    if isinstance(old, list) and isinstance(new, list) and key not in REPLACED:
        by = next((name for name in LIST_KEYS if all(name in entry for entry in [*old, *new])), None)
        assert by, f"this reader can't merge the list {key}"
        changes = {entry[by]: entry for entry in new}
        kept = [_merged(entry, changes.pop(entry[by], {})) for entry in old]
        return [*kept, *changes.values()]
    return copy.deepcopy(new)


def pods(objects: list[Object]) -> list[tuple[Object, Object]]:
    """Each thing that makes pods, with the template it makes them from."""
    kinds = ("Deployment", "StatefulSet", "Job")
    return [(item, item["spec"]["template"]) for item in objects if item["kind"] in kinds]


def containers(objects: list[Object]) -> list[Object]:
    specs = [template["spec"] for _owner, template in pods(objects)]
    return [container for spec in specs for container in [*spec.get("initContainers", []), *spec["containers"]]]


def of_kind(objects: list[Object], kind: str) -> list[Object]:
    return [item for item in objects if item["kind"] == kind]
