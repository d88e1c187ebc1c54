"""A Builder Service as the one of the earlier system behaves, seen from outside. For httpx.MockTransport."""

from __future__ import annotations

import email
import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import httpx

REGISTRY = "217350599014.dkr.ecr.ap-northeast-2.amazonaws.com/blue-final-faas-app"
RESOURCE = re.compile(r"\d+(?:\.\d+)?(?:m|Ki|Mi|Gi|Ti|Pi|Ei|k|M|G|T|P|E)?")
MYPY = (
    "MyPy validation failed:\n/tmp/spin_build_x1/work/app.py:3:5: error: Name 'x' is not defined  [name-defined]\n"
    "Found 1 error in 1 file (checked 1 source file)"
)


@dataclass
class Task:
    id: str
    workspace_id: str
    form: dict[str, str]
    push: bool
    fails: str = ""
    asked: int = 0


@dataclass
class BuilderService:
    """Answers ``states`` to one look at a task after the other, the last one for ever.

    ``words`` are what its states are called: by HTTP it knows three words, in rows that it shares five in capitals.
    Each entry of ``troubles`` takes the place of one answer. ``image_key`` is how it calls an image; empty: not at all.
    """

    bucket: str = "shared"
    states: list[str] = field(default_factory=lambda: ["pending", "running", "running", "completed"])
    troubles: list[Callable[[httpx.Request], httpx.Response]] = field(default_factory=list)
    image_key: str = "image_uri"
    registry: str = REGISTRY
    wasm: Callable[[str], None] = lambda key: None
    tasks: dict[str, Task] = field(default_factory=dict)
    in_memory: set[str] = field(default_factory=set)
    requests: list[httpx.Request] = field(default_factory=list)
    namespaces: set[str] = field(default_factory=lambda: {"default"})
    apps: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    pending: int = 0  # deployments that are answered before a Service has its address

    def client(self) -> httpx.Client:
        return httpx.Client(base_url="http://builder.test", transport=httpx.MockTransport(self), timeout=5)

    def restart(self) -> None:
        """What a process remembers is gone; rows stay, and are found by their workspace only."""
        self.in_memory.clear()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.troubles:
            return self.troubles.pop(0)(request)
        method, path = request.method, request.url.path
        if (method, path) == ("GET", "/health"):
            return httpx.Response(200, json={"status": "healthy"})
        if (method, path) == ("POST", "/api/v1/build"):
            return self._take(request, push=False)
        if (method, path) == ("POST", "/api/v1/build-and-push"):
            return self._take(request, push=True)
        if method == "GET" and path.startswith("/api/v1/tasks/"):
            return self._look(unquote(path.rpartition("/")[2]), request.url.params.get("workspace_id"))
        if (method, path) == ("POST", "/api/v1/deploy"):
            return self._deploy(json.loads(request.content))
        return httpx.Response(404, json={"detail": "Not Found"})

    def _deploy(self, body: dict[str, Any]) -> httpx.Response:
        """A whole manifest is applied: nothing of an earlier one of that name stays."""
        missing = [name for name in ("namespace", "image_ref") if not isinstance(body.get(name), str)]
        if missing:
            found = [{"type": "missing", "loc": ["body", name], "msg": "Field required"} for name in missing]
            return httpx.Response(422, json={"detail": found})
        namespace, autoscaling = body["namespace"], body.get("enable_autoscaling", True)
        if not autoscaling and (body.get("replicas") or 0) < 1:
            return httpx.Response(500, json={"detail": "Internal server error: replicas must be at least 1"})
        for name in ("cpu_limit", "memory_limit", "cpu_request", "memory_request"):
            if not RESOURCE.fullmatch(body.get(name) or "1"):
                told = f"Internal server error: Invalid resource format for {name}: '{body[name]}'. "
                return httpx.Response(500, json={"detail": told})
        if namespace not in self.namespaces:
            return httpx.Response(400, json={"detail": f"Namespace '{namespace}' not found"})
        app = re.sub(r"[\s_-]", "", body["app_name"]).lower()
        self.apps[namespace, app] = body
        waits, self.pending = self.pending > 0, max(0, self.pending - 1)
        answer = {
            "app_name": app,
            "namespace": namespace,
            "service_name": app,
            "service_status": "pending" if waits else "found",
            "endpoint": None if waits else f"{app}.{namespace}.svc.cluster.local",
            "enable_autoscaling": autoscaling,
            "use_spot": body.get("use_spot", True),
            "error": None,
        }
        return httpx.Response(200, json=answer)

    def _take(self, request: httpx.Request, *, push: bool) -> httpx.Response:
        form = form_of(request)
        missing = [name for name in ("file", "workspace_id") if not form.get(name)]
        if missing:
            found = [
                {"type": "missing", "loc": ["body", name], "msg": "Field required", "input": form} for name in missing
            ]
            return httpx.Response(422, json={"detail": found})
        task = Task(str(uuid.uuid4()), form["workspace_id"], form, push, MYPY if "wrong" in form["file"] else "")
        self.tasks[task.id] = task
        self.in_memory.add(task.id)
        answer = {
            "task_id": task.id,
            "status": "pending",
            "message": "Build and push task created" if push else "Build task created",
            "source_s3_path": f"s3://{self.bucket}/build-sources/{task.workspace_id}/{task.id}/",
        }
        return httpx.Response(202, json=answer)

    def _look(self, task_id: str, workspace_id: str | None) -> httpx.Response:
        task = self.tasks.get(task_id)
        if task is None or (task_id not in self.in_memory and workspace_id != task.workspace_id):
            return httpx.Response(404, json={"detail": f"Task not found: {task_id}"})
        state = self.states[min(task.asked, len(self.states) - 1)]
        task.asked += 1
        failed = task.fails and state.lower() in ("done", "completed", "success")
        if failed:
            told = f"Build failed: {task.fails}" if task.push else task.fails
            return httpx.Response(200, json=_answer(task, "failed", None, told))
        return httpx.Response(200, json=_answer(task, state, self._result(task, state), None))

    def _result(self, task: Task, state: str) -> dict[str, str] | None:
        """Only the keys it knows by now: the component from pushing on, the image at the end."""
        finished = state.lower() in ("done", "completed", "success")
        if not finished and state.lower() != "pushing":
            return None
        key = f"build-artifacts/{task.id}/app.wasm"
        self.wasm(key)
        result = {"wasm_path": f"s3://{self.bucket}/{key}"}
        if finished and task.push and self.image_key:
            result[self.image_key] = f"{self.registry}:{task.form.get('tag') or '0123456789ab'}"
        return result


def _answer(task: Task, status: str, result: Any, error: str | None) -> dict[str, Any]:
    return {"task_id": task.id, "status": status, "result": result, "error": error}


def form_of(request: httpx.Request) -> dict[str, str]:
    """The fields of a multipart body, a file as its text."""
    head = f"content-type: {request.headers['content-type']}\r\n\r\n".encode()
    parts: Any = email.message_from_bytes(head + request.read()).get_payload()
    return {str(part.get_param("name", header="content-disposition")): _text(part) for part in parts}


def _text(part: Any) -> str:
    content: bytes = part.get_payload(decode=True)
    return content.decode().removesuffix("\r\n")


def broken(request: httpx.Request) -> httpx.Response:
    return httpx.Response(500, json={"detail": "Internal server error: boom"})


def slow(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("too slow", request=request)


def unreachable(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused", request=request)


def unknown(request: httpx.Request) -> httpx.Response:
    return httpx.Response(404, json={"detail": "Task not found: x"})


def answering(status: int, content: Any = None, text: str = "") -> Callable[[httpx.Request], httpx.Response]:
    body = text.encode() if text else json.dumps(content).encode()
    return lambda request: httpx.Response(status, content=body)
