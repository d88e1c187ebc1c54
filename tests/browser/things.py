"""What tests look at: workspaces, functions and calls, made by the JSON API and through the pages' own forms."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

DEPLOY_S = 90
GREETING = """import json

from spin_sdk import http
from spin_sdk.http import Request, Response


class IncomingHandler(http.IncomingHandler):
    def handle_request(self, request: Request) -> Response:
        name = json.loads(request.body)["name"] if request.body else "world"
        print(f"greeting {name}")
        if name == "boom":
            raise ValueError("nobody is called boom")
        return Response(200, {"content-type": "application/json"}, json.dumps({"hello": name}).encode())
"""


@dataclass(frozen=True)
class Made:
    """A function: its ids and its addresses."""

    workspace: str
    id: str

    @property
    def page(self) -> str:
        return f"/workspaces/{self.workspace}/functions/{self.id}"


@dataclass(frozen=True)
class Things:
    client: httpx.Client

    @classmethod
    @contextmanager
    def at(cls, url: str) -> Iterator[Things]:
        with httpx.Client(base_url=url, timeout=30) as client:
            yield cls(client)

    def workspace(self, name: str = "Payments") -> str:
        made: str = self._post("/api/workspaces", {"name": name})["id"]
        return made

    def function(self, workspace: str, name: str = "greeting", source: str = GREETING, **more: Any) -> Made:
        code = base64.b64encode(source.encode()).decode()
        body = {"name": name, "code": code, "httpMethods": ["GET", "POST"], **more}
        made = self._post(f"/api/workspaces/{workspace}/functions", body)
        return Made(workspace, made["id"])

    def write(self, function: Made, source: str) -> None:
        """Somebody else saves another main file."""
        code = base64.b64encode(source.encode()).decode()
        path = f"/api/workspaces/{function.workspace}/functions/{function.id}"
        self.client.patch(path, json={"code": code}).raise_for_status()

    def call(self, function: Made, name: str | None = None) -> httpx.Response:
        """At its own address, which it has once it is live."""
        url = self.client.get(f"/api/functions/{function.id}").json()["invocationUrl"]
        body = None if name is None else {"name": name}
        return self.client.request("POST" if body else "GET", url, json=body)

    def wait_until(self, done: Any, seconds: float = DEPLOY_S) -> None:
        until = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < until, "it did not happen in time"
            time.sleep(0.1)

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        answer = self.client.post(path, json=body)
        answer.raise_for_status()
        return answer.json()
