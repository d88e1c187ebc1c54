"""A whole platform on a temporary folder. Real adapters everywhere but for what needs WebAssembly."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.test import Client

from faasweb import bootstrap
from faasweb.adapters.accounts.django import DjangoAccounts
from faasweb.adapters.builder.local import LocalBuilder
from faasweb.adapters.codestore.filesystem import FilesystemCodeStore
from faasweb.adapters.logs.embedded import EmbeddedLogStore
from faasweb.adapters.metrics.embedded import EmbeddedMetricStore
from faasweb.adapters.queue.inline import InlineQueue
from faasweb.adapters.registry.credentials import PlatformCredentials
from faasweb.adapters.registry.layout import LayoutRegistry
from faasweb.adapters.registry.oci import OciRegistry
from faasweb.adapters.registry.registries import Registries
from faasweb.adapters.repositories import sqlite
from faasweb.adapters.runtime.wasm import WasmRuntime
from faasweb.bootstrap import Adapters, Platform
from faasweb.domain.access import Actor, Role, Scope
from faasweb.domain.functions import Function, FunctionSettings
from faasweb.domain.images import RegistryRules
from faasweb.domain.source import Source
from faasweb.domain.workspaces import Workspace
from tests.in_process import InProcessRuntime, SyntaxToolchain

HELLO = """
from spin_sdk.http import IncomingHandler, Request, Response
import json


class IncomingHandler(IncomingHandler):
    def handle_request(self, request: Request) -> Response:
        print("called with", request.method)
        told = json.loads(request.body) if request.body else None
        return Response(200, {"content-type": "application/json"}, json.dumps({"hello": told}).encode())
"""
ALL_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")


def answering(expression: str) -> str:
    """A source whose handler gives back what ``expression`` says of ``request``."""
    return (
        "import time\nfrom spin_sdk import http\nfrom spin_sdk.http import Response\n\n\n"
        "class IncomingHandler(http.IncomingHandler):\n"
        f"    def handle_request(self, request):\n        return {expression}\n"
    )


@dataclass
class Embedded:
    """The platform, and the parts that a test may look into or switch off."""

    platform: Platform
    runtime: InProcessRuntime
    toolchain: SyntaxToolchain
    queue: InlineQueue
    data: Path

    def work(self, *, delayed: bool = False) -> None:
        """Do what the workers would do."""
        self.queue.work(delayed=delayed)

    def deployed(self, workspace: Workspace, source: str = HELLO, name: str = "greet", **settings: Any) -> Function:
        """A function that is live."""
        actor = Actor(None, "tests", is_operator=True)
        settings.setdefault("http_methods", ALL_METHODS)
        function = self.platform.functions.create(
            actor, workspace.id, name, Source.single(source), settings=FunctionSettings(**settings)
        )
        deployment = self.platform.deployments.deploy(actor, function.ref)
        self.work()
        ended = self.platform.deployments.get(deployment.id)
        assert ended.status == "live", ended.error
        return self.platform.functions.get(function.ref)


@pytest.fixture
def registries() -> Sequence[str]:
    """FAASWEB_REGISTRIES. A test that needs others has a parameter or a fixture of this name."""
    return ()


@pytest.fixture
def embedded(tmp_path, settings, monkeypatch, registries):
    settings.DATA_DIR = tmp_path
    settings.OPEN_MODE = False
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STATIC_ROOT.mkdir()  # WhiteNoise warns about a folder that is not there
    code = FilesystemCodeStore(tmp_path / "code")
    runtime, toolchain = InProcessRuntime(code), SyntaxToolchain(tmp_path / "toolchain")
    rules = RegistryRules(tuple(registries))
    client = httpx.Client(timeout=30)
    elsewhere = OciRegistry(client, PlatformCredentials(rules, "", ""))
    registry = Registries(LayoutRegistry(tmp_path / "registry"), elsewhere, rules)
    queue = InlineQueue(run_task, at_once=False)
    adapters = Adapters(
        repositories=sqlite.open_repositories(tmp_path / "faasweb.db"),
        code=code,
        builder=LocalBuilder(toolchain, code, registry),
        registry=registry,
        runtime=runtime,
        drafts=runtime,
        logs=EmbeddedLogStore(tmp_path / "telemetry.db"),
        metrics=EmbeddedMetricStore(tmp_path / "telemetry.db"),
        queue=queue,
        accounts=DjangoAccounts(),
        assistant=toolchain,
        rules=rules,
    )
    monkeypatch.setattr(bootstrap, "adapters_from_settings", lambda: adapters)
    bootstrap.get_platform.cache_clear()
    yield Embedded(bootstrap.get_platform(), runtime, toolchain, queue, tmp_path)
    client.close()
    bootstrap.get_platform.cache_clear()


def run_task(name: str, args: tuple[str, ...]) -> None:
    from consoles import tasks

    getattr(tasks, name)(*args)


# --- people ------------------------------------------------------------------------------------------------------


@pytest.fixture
def person(django_user_model) -> Callable[..., Any]:
    """``person("ada")`` is a user without a password; ``operator=True`` makes one who may do everything."""

    def make(name: str, *, operator: bool = False) -> Any:
        return django_user_model.objects.create_user(name, is_superuser=operator)

    return make


@pytest.fixture
def workspace(embedded, person) -> Workspace:
    """Ada's."""
    made: Workspace = embedded.platform.workspaces.create(actor_for(person("ada")), "Team A")
    return made


def actor_for(user: Any) -> Actor:
    return Actor(user.pk, user.get_username(), is_operator=user.is_superuser)


@pytest.fixture
def token(embedded, django_user_model) -> Callable[..., str]:
    """``token("ada", "read", "write")`` is the secret of a token of hers; without scopes it has all."""

    def make(name: str, *scopes: str, workspaces: list[str] | None = None) -> str:
        user = django_user_model.objects.get(username=name)
        secret: str
        _token, secret = embedded.platform.accounts.issue_token(
            actor_for(user),
            "of tests",
            scopes=frozenset(Scope(scope) for scope in scopes or tuple(Scope)),
            workspaces=None if workspaces is None else frozenset(workspaces),
        )
        return secret

    return make


@pytest.fixture
def member(embedded, workspace, person, token) -> Callable[[str], str]:
    """``member("viewer")`` is the token of a new user with that role in Ada's workspace."""

    def make(role: str) -> str:
        person(role)
        embedded.platform.accounts.set_role(workspace.id, role, Role(role))
        secret: str = token(role)
        return secret

    return make


# --- doors -------------------------------------------------------------------------------------------------------


@dataclass
class Api:
    """The JSON API on the web stack, as one caller sees it. Invocations need ``Edge``."""

    token: str | None = None
    client: Client = field(default_factory=lambda: Client(headers={"host": "localhost"}, raise_request_exception=False))

    def call(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, **more: Any) -> Any:
        if self.token:
            headers = {"authorization": f"Bearer {self.token}", **(headers or {})}
        if body is not None:
            more |= {"data": body if isinstance(body, bytes) else json.dumps(body), "content_type": "application/json"}
        return self.client.generic(method, path, headers=headers, **more)

    def get(self, path: str, **more: Any) -> Any:
        return self.call("GET", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> Any:
        return self.call("POST", path, body, **more)

    def patch(self, path: str, body: Any, **more: Any) -> Any:
        return self.call("PATCH", path, body, **more)

    def delete(self, path: str, **more: Any) -> Any:
        return self.call("DELETE", path, **more)

    def upload(self, path: str, form: dict[str, Any]) -> Any:
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        return self.client.post(path, form, headers=headers)


@pytest.fixture
def ada(workspace, token) -> Api:
    """The owner of the workspace, with a token for everything."""
    return Api(token("ada"))


class Edge:
    """What granian would be given: the router with both stacks behind it."""

    def __init__(self, token: str | None = None) -> None:
        self.headers = {"authorization": f"Bearer {token}"} if token else {}

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        more["headers"] = [*self.headers.items(), *httpx.Headers(more.get("headers")).multi_items()]
        return asyncio.run(self._call(method, path, **more))

    async def _call(self, method: str, path: str, **more: Any) -> httpx.Response:
        from faasweb.asgi import application

        transport = httpx.ASGITransport(application, client=("203.0.113.9", 40000))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            try:
                return await client.request(method, path, **more)
            finally:
                runtime = bootstrap.get_platform().invocations.runtime
                if isinstance(runtime, WasmRuntime):
                    await runtime.aclose()


@pytest.fixture
def edge(embedded) -> Edge:
    return Edge()


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def assert_error(answer: Any, status: int, code: str, field: str | None = None) -> dict[str, Any]:
    """The one shape of errors; what is in it."""
    assert answer.status_code == status, answer.content
    assert answer.headers["content-type"] == "application/json"
    body = json.loads(answer.content)
    assert list(body) == ["error"]
    assert set(body["error"]) == {"code", "message", "details"}
    assert body["error"]["code"] == code
    assert body["error"]["message"]
    if field is not None:
        assert body["error"]["details"]["field"] == field
        assert body["error"]["details"]["errors"][0]["field"] == field
    error: dict[str, Any] = body["error"]
    return error
