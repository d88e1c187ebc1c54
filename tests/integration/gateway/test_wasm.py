"""Function routes and the API's invoke all the way into WebAssembly: a real wasmhost, instant mode."""

import json
from dataclasses import replace

import pytest

from faasweb import bootstrap
from faasweb.adapters.runtime.wasm import WasmRuntime
from tests.contract.wasmhost_process import WasmhostProcess, prepared_cache
from tests.integration.asgi import Caller
from tests.integration.conftest import Edge, actor_for, base64_of

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
ECHO = """
import json
import os

from spin_sdk import http
from spin_sdk.http import Request, Response


class IncomingHandler(http.IncomingHandler):
    def handle_request(self, request: Request) -> Response:
        print("called")
        seen = {
            "method": request.method,
            "uri": request.uri,
            "headers": dict(request.headers),
            "body": (request.body or b"").decode(),
            "word": os.environ.get("WORD"),
        }
        headers = {"content-type": "application/json", "set-cookie": "sessionid=mine"}
        return Response(202, headers, json.dumps(seen).encode())
"""


@pytest.fixture
def real(embedded, tmp_path, monkeypatch):
    """The platform of the tests with the real runtime in place of the one in this process."""
    adapters = bootstrap.adapters_from_settings()
    process = WasmhostProcess(tmp_path, prepared_cache())
    runtime = WasmRuntime(tmp_path, adapters.code, [process.socket])
    with_wasm = replace(adapters, runtime=runtime, drafts=runtime)
    monkeypatch.setattr(bootstrap, "adapters_from_settings", lambda: with_wasm)
    bootstrap.get_platform.cache_clear()
    embedded.platform = bootstrap.get_platform()
    yield embedded
    process.stop()


@pytest.fixture
def echo(real, workspace, ada, django_user_model):
    """Made through the API and served instantly; baking it is left to the other workers, who are not there."""
    body = {"name": "echo", "code": base64_of(ECHO), "httpMethods": ["GET", "POST"]}
    made = ada.post(f"/api/workspaces/{workspace.id}/functions", body).json()
    function = real.platform.functions.find(made["id"])
    owner = actor_for(django_user_model.objects.get(username="ada"))
    deployment = real.platform.deployments.deploy(owner, function.ref)
    real.queue.work(queue="default")
    assert real.platform.deployments.get(deployment.id).error is None
    return real.platform.functions.find(made["id"])


def test_a_route_reaches_webassembly_and_comes_back(echo, workspace, ada):
    path = f"/fn/{workspace.id}/echo/a%2Fb/../c?x=%20"

    status, headers, body = Caller(path, "POST", "안녕".encode(), ((b"x-odd", "café".encode()),)).answer()

    seen = json.loads(body)
    assert status == 202
    assert (seen["method"], seen["uri"], seen["body"]) == ("POST", "/a%2Fb/../c?x=%20", "안녕")
    assert (seen["headers"]["x-forwarded-for"], seen["headers"]["x-odd"]) == ("203.0.113.9", "café")
    assert b"set-cookie" not in dict(headers)
    recorded = ada.get(f"/api/functions/{echo.id}/logs").json()["logs"][0]
    assert (recorded["statusCode"], recorded["logs"]) == (202, ["called"])


def test_head_reaches_webassembly_and_the_next_call_does_too(echo, workspace):
    path = f"/fn/{workspace.id}/echo"

    assert Caller(path, "HEAD").answer()[0] == 202
    assert json.loads(Caller(path).answer()[2])["method"] == "GET"


def test_no_path_leads_from_one_function_to_another(echo, workspace):
    _status, _headers, body = Caller(f"/fn/{workspace.id}/echo/../fn-22222222/x").answer()

    assert json.loads(body)["uri"] == "/../fn-22222222/x"


def test_an_invocation_through_the_api_reaches_webassembly(echo, ada, token):
    ada.patch(f"/api/functions/{echo.id}", {"environmentVariables": {"WORD": "말"}})

    answer = Edge(token("ada")).call("POST", f"/api/functions/{echo.id}/invoke", json={"a": 1})

    body = answer.json()
    assert (answer.status_code, body["statusCode"], body["status"]) == (200, 202, "success")
    assert json.loads(body["responseBody"]["body"]) == {"a": 1}
    assert body["responseBody"]["word"] == "말"
