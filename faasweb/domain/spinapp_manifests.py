"""The Kubernetes objects of an app, as JSON-ready mappings and as YAML to look at."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from faasweb.domain.functions import EnvironmentVariable
from faasweb.domain.spinapps import NOTHING, AppDefaults, AppOptions, AppSpec, Deployed, completed

API_VERSION = "core.spinkube.dev/v1alpha1"
MANAGED_BY = "blue-faas"  # the earlier system's word: its apps are ours, and its scripts find them by it
CHOSEN, MEMORY, SCHEDULING = "faasweb/chosen", "faasweb/memory-mb", "faasweb/scheduling"
VARIABLES = "faasweb/variables"
SPOT_TOLERATION = {"key": "spot", "operator": "Exists", "effect": "NoSchedule"}
SPOT_PREFERENCE = {
    "nodeAffinity": {
        "preferredDuringSchedulingIgnoredDuringExecution": [
            {
                "weight": 100,
                "preference": {"matchExpressions": [{"key": "spot", "operator": "In", "values": ["true"]}]},
            }
        ]
    }
}
_SPIN_VARIABLE = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*\Z")

Manifest = dict[str, Any]


def spinapp(spec: AppSpec, deployed: Deployed | None = None, *, variables_version: str = "") -> Manifest:
    """The SpinApp of a completed spec. Without variables of its own it keeps those that are ``deployed``."""
    options = spec.options
    content: Manifest = {
        "executor": options.executor,
        "image": spec.image,
        "enableAutoscaling": bool(options.autoscaling),
        "podLabels": _pod_labels(spec),
        "resources": {
            "limits": {"cpu": options.cpu_limit, "memory": options.memory_limit},
            "requests": {"cpu": options.cpu_request, "memory": options.memory_request},
        },
    }
    if not options.autoscaling:
        content["replicas"] = options.replicas
    if options.service_account:
        content["serviceAccountName"] = options.service_account
    if options.pull_secrets:
        content["imagePullSecrets"] = [{"name": name} for name in options.pull_secrets]
    if variables := _variables(spec, deployed):
        content["variables"] = variables
    if version := variables_version or (deployed.variables_version if deployed and spec.variables is None else ""):
        content["podAnnotations"] = {VARIABLES: version}
    return {
        "apiVersion": API_VERSION,
        "kind": "SpinApp",
        "metadata": {**_metadata(spec, spec.name), "annotations": _annotations(spec)},
        "spec": content,
    }


def _metadata(spec: AppSpec, name: str) -> Manifest:
    labels = {"app.kubernetes.io/managed-by": MANAGED_BY, **_pod_labels(spec)}
    return {"name": name, "namespace": spec.namespace, "labels": labels}


def _pod_labels(spec: AppSpec) -> Manifest:
    """What Loki and Prometheus find a function's pods by."""
    return {"faas": "true", **({"function_id": spec.function_id} if spec.function_id else {})}


def _annotations(spec: AppSpec) -> Manifest:
    """What the SpinApp itself has no field for, so that the next deployment can keep it."""
    options = spec.options
    scheduling = {"use_spot": options.use_spot, "tolerations": options.tolerations, "affinity": options.affinity}
    kept = {SCHEDULING: json.dumps({name: value for name, value in scheduling.items() if value is not None})}
    if spec.memory_mb is not None:
        kept[MEMORY] = str(spec.memory_mb)
    return kept


def with_chosen(manifest: Manifest, asked: AppSpec) -> Manifest:
    """Also noting which options a complete spec had chosen, as they were ``asked`` for."""
    if not asked.complete or not asked.options.given:
        return manifest
    metadata = manifest["metadata"]
    noted = {**metadata["annotations"], CHOSEN: ",".join(sorted(asked.options.given))}
    return {**manifest, "metadata": {**metadata, "annotations": noted}}


def _variables(spec: AppSpec, deployed: Deployed | None) -> list[Manifest]:
    if spec.variables is None:
        return [dict(item) for item in deployed.variables] if deployed else []
    found: list[Manifest] = []
    for name, variable in spin_variables(spec.variables).items():
        if variable.plain:
            found.append({"name": name, "value": variable.value})
        else:
            reference = {"secretKeyRef": {"name": secret_name(spec.name), "key": name}}
            found.append({"name": name, "valueFrom": reference})
    return found


def spin_variables(variables: Sequence[EnvironmentVariable]) -> Mapping[str, EnvironmentVariable]:
    """By the name that Spin gives them, in lower case; those whose names Spin can't have are left out."""
    named = {variable.name.lower(): variable for variable in sorted(variables, key=lambda item: item.name)}
    return {name: variable for name, variable in named.items() if _SPIN_VARIABLE.match(name)}


def secret_name(app_name: str) -> str:
    return f"{app_name}-variables"


def secret(spec: AppSpec) -> Manifest | None:
    """What holds the values that nobody may read in the SpinApp; None without any."""
    values = {name: item.value for name, item in spin_variables(spec.variables or ()).items() if not item.plain}
    if not values:
        return None
    metadata = _metadata(spec, secret_name(spec.name))
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "stringData": values}


def autoscaler_name(app_name: str) -> str:
    return f"{app_name}-hpa"


def autoscaler(spec: AppSpec, defaults: AppDefaults, version: str = "v2") -> Manifest | None:
    """An HPA of autoscaling/v2, or of the v1 that older servers have; None without autoscaling."""
    if not spec.options.autoscaling:
        return None
    utilization = {"type": "Utilization", "averageUtilization": defaults.cpu_percent}
    metric = {"type": "Resource", "resource": {"name": "cpu", "target": utilization}}
    wanted = {"metrics": [metric]} if version != "v1" else {"targetCPUUtilizationPercentage": defaults.cpu_percent}
    return {
        "apiVersion": f"autoscaling/{version}",
        "kind": "HorizontalPodAutoscaler",
        "metadata": _metadata(spec, autoscaler_name(spec.name)),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": spec.name},
            "minReplicas": 1,
            "maxReplicas": defaults.max_replicas,
            **wanted,
        },
    }


def scheduling(spec: AppSpec) -> Manifest:
    """The part of the operator's Deployment that is ours: a SpinApp has no field for where its pods may run.

    Empty but for its name when nothing is wanted, which takes back what was there.
    """
    pods = pod_scheduling(spec.options)
    metadata = {"name": spec.name, "namespace": spec.namespace}
    wanted = {"spec": {"template": {"spec": pods}}} if pods else {}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, **wanted}


def pod_scheduling(options: AppOptions) -> Manifest:
    """Tolerations and affinity as given; for spot machines those that let and draw pods there."""
    spot = bool(options.use_spot)
    tolerations = options.tolerations if options.tolerations is not None else [SPOT_TOLERATION] if spot else []
    affinity = options.affinity if options.affinity is not None else SPOT_PREFERENCE if spot else {}
    pods: Manifest = {}
    if tolerations:
        pods["tolerations"] = [dict(item) for item in tolerations]
    if affinity:
        pods["affinity"] = dict(affinity)
    return pods


def preview(spec: AppSpec, defaults: AppDefaults, deployed: Deployed | None = None) -> str:
    """Everything that deploying it would apply, as YAML documents; the values of secrets are left out."""
    whole = completed(spec.checked(), defaults, deployed or NOTHING)
    documents = [with_chosen(spinapp(whole, deployed), spec)]
    if hidden := secret(whole):
        documents.append({**hidden, "stringData": dict.fromkeys(hidden["stringData"], "(hidden)")})
    if scaler := autoscaler(whole, defaults):
        documents.append(scaler)
    texts = [as_yaml(document) for document in documents]
    if pod_scheduling(whole.options):
        texts.append(
            "# A change of the Deployment that the operator makes of the SpinApp.\n" + as_yaml(scheduling(whole))
        )
    return "---\n".join(texts)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def as_yaml(document: Mapping[str, Any]) -> str:
    return yaml.dump(dict(document), Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False)


def deployed_from(found: Mapping[str, Any]) -> Deployed:
    """What of an app is in the cluster, from its SpinApp, whoever has written it."""
    metadata, spec = found.get("metadata") or {}, found.get("spec") or {}
    labels, notes = metadata.get("labels") or {}, metadata.get("annotations") or {}
    resources = spec.get("resources") or {}
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    kept = _json_object(notes.get(SCHEDULING))
    options = AppOptions(
        service_account=spec.get("serviceAccountName"),
        cpu_limit=_text(limits.get("cpu")),
        memory_limit=_text(limits.get("memory")),
        cpu_request=_text(requests.get("cpu")),
        memory_request=_text(requests.get("memory")),
        autoscaling=bool(spec.get("enableAutoscaling", False)),
        replicas=spec.get("replicas"),
        use_spot=kept.get("use_spot"),
        tolerations=kept.get("tolerations"),
        affinity=kept.get("affinity"),
        pull_secrets=tuple(item["name"] for item in spec.get("imagePullSecrets") or () if item.get("name")) or None,
        executor=spec.get("executor"),
    )
    return Deployed(
        options,
        image=str(spec.get("image") or ""),
        function_id=labels.get("function_id") or (spec.get("podLabels") or {}).get("function_id"),
        ours=labels.get("app.kubernetes.io/managed-by") == MANAGED_BY,
        chosen=frozenset(filter(None, str(notes.get(CHOSEN) or "").split(","))),
        memory_mb=int(text) if (text := str(notes.get(MEMORY) or "")).isdecimal() else None,
        variables=tuple(spec.get("variables") or ()),
        variables_version=str((spec.get("podAnnotations") or {}).get(VARIABLES) or ""),
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _json_object(text: object) -> dict[str, Any]:
    try:
        value = json.loads(str(text)) if text else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
