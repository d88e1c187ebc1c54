"""What keeps pods from running, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

Object = Mapping[str, Any]
TEXT_LIMIT = 300
PULLING = ("ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable")
CREATING = ("CreateContainerError", "RunContainerError", "StartError", "ContainerCannotRun")
STARTING = "it is being started"
BEGINNING = ("", "ContainerCreating", "PodInitializing")
SECRETIVE = ("unauthorized", "authorization", "authentication", "401", "403", "denied", "no basic auth", "credentials")
ABSENT = ("not found", "manifest unknown", "name unknown", "404")


def problems(pods: Iterable[Object], deployment: Object | None) -> tuple[str, ...]:
    """A sentence for each different thing that is wrong, those first that nobody can wait away."""
    found = _failures(deployment or {})
    waits: list[str] = []
    for pod in pods:
        if _meta(pod).get("deletionTimestamp") or is_ready(pod):
            continue
        problem = _problem(pod)
        (waits if problem.startswith("it is ") else found).append(problem)
    return tuple(dict.fromkeys([*found, *waits]))


def is_ready(pod: Object) -> bool:
    return any(
        item.get("type") == "Ready" and item.get("status") == "True" for item in _list(_status(pod), "conditions")
    )


def _failures(deployment: Object) -> list[str]:
    """What the Deployment says: then there are no pods that could tell."""
    return [
        f"no pod can be made{_because(item.get('message'))}"
        for item in _list(_status(deployment), "conditions")
        if item.get("type") == "ReplicaFailure" and item.get("status") == "True"
    ]


def _problem(pod: Object) -> str:
    status = _status(pod)
    for item in _list(status, "conditions"):
        if item.get("type") == "PodScheduled" and item.get("status") == "False":
            return f"no machine takes it{_because(item.get('message') or item.get('reason'))}"
    if status.get("phase") == "Failed" and status.get("reason"):
        return f"it was stopped by the cluster ({status['reason']}{_colon(status.get('message'))})"
    containers = [*_list(status, "initContainerStatuses"), *_list(status, "containerStatuses")]
    for container in containers:
        if told := _container(container, pod):
            return told
    if containers and any("running" in _state(container) for container in containers):
        return "it is running, but does not answer its readiness check yet"
    return STARTING


def _container(container: Object, pod: Object) -> str:
    """Empty while nothing is wrong with it."""
    state = _state(container)
    waiting, ended = state.get("waiting") or {}, state.get("terminated") or {}
    reason, message = str(waiting.get("reason") or ""), str(waiting.get("message") or "")
    words: Sequence[tuple[Callable[[str], bool], Callable[[], str]]] = (
        (lambda word: word in PULLING, lambda: f"the image can't be pulled{_pull_reason(message)}"),
        (lambda word: word == "InvalidImageName", lambda: "the image's name is not valid"),
        (lambda word: word == "CreateContainerConfigError", lambda: f"its settings are incomplete{_because(message)}"),
        (lambda word: word in CREATING, lambda: f"it can't be started{_because(message)}"),
        (lambda word: word == "CrashLoopBackOff", lambda: _crash(container, pod)),
        (lambda word: word not in BEGINNING, lambda: f"it waits ({reason}{_colon(message)})"),
    )
    if waiting:
        return next((say() for holds, say in words if holds(reason)), "")
    return _ended(ended, pod) if ended and ended.get("exitCode") != 0 else ""


def _crash(container: Object, pod: Object) -> str:
    last = ((container.get("lastState") or {}).get("terminated")) or {}
    restarts = container.get("restartCount") or 0
    return f"{_ended(last, pod)}, {restarts} restarts"


def _ended(ended: Object, pod: Object) -> str:
    if ended.get("reason") == "OOMKilled":
        limit = next(
            (
                str(memory)
                for item in _list(pod.get("spec") or {}, "containers")
                if (memory := ((item.get("resources") or {}).get("limits") or {}).get("memory"))
            ),
            "",
        )
        return f"it ran out of memory{f' (its limit is {limit})' if limit else ''}"
    code = ended.get("exitCode")
    told = "" if code is None else f" (exit code {code}{_colon(ended.get('message'))})"
    return f"it ends right after its start{told}"


def _pull_reason(message: str) -> str:
    lower = message.lower()
    if any(word in lower for word in SECRETIVE):
        return " (unauthorized: check the pull secrets)"
    if any(word in lower for word in ABSENT):
        return " (not found in the registry)"
    if "timeout" in lower or "no such host" in lower or "connection refused" in lower or "dial tcp" in lower:
        return " (the registry can't be reached)"
    return "" if not message or lower.startswith("back-off pulling") else _because(message)


def _because(message: object) -> str:
    text = _short(message)
    return f" ({text})" if text else ""


def _colon(message: object) -> str:
    text = _short(message)
    return f": {text}" if text else ""


def _short(message: object) -> str:
    return " ".join(str(message or "").split())[:TEXT_LIMIT].rstrip(".")


def _state(container: Object) -> Object:
    return container.get("state") or {}


def _status(found: Object) -> Object:
    return found.get("status") or {}


def _meta(found: Object) -> Object:
    return found.get("metadata") or {}


def _list(found: Object, name: str) -> list[Object]:
    return [item for item in found.get(name) or [] if isinstance(item, dict)]
