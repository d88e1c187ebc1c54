"""What a console of ours asks of a Builder Service, asked of our own."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from faasweb.adapters.builder.http import HttpBuilder
from faasweb.adapters.codestore.filesystem import FilesystemCodeStore
from faasweb.adapters.runtime.addresses import AddressRules
from faasweb.adapters.runtime.builder import BuilderRuntime, Placement
from faasweb.adapters.runtime.http_calls import UrlCalls
from faasweb.domain.builds import Build, BuildStatus, PushTarget
from faasweb.domain.functions import FunctionSettings
from faasweb.domain.source import Source
from faasweb.domain.spinapps import AppOptions
from faasweb.ports import Release
from tests.integration.builder.conftest import TEAM, TOKEN
from tests.integration.conftest import HELLO, Api, Embedded

pytestmark = pytest.mark.django_db
SOURCE = Source.single(HELLO)
FUNCTION = "fn-AbcdEfgh"


class ServiceTransport(httpx.BaseTransport):
    """Requests of httpx, handed to the service without a socket."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        headers = {name: value for name, value in request.headers.items() if name != "content-type"}
        kind = request.headers.get("content-type", "")
        path = request.url.raw_path.decode()
        answer = self.api.client.generic(request.method, path, request.read(), content_type=kind, headers=headers)
        return httpx.Response(answer.status_code, headers=dict(answer.headers), content=answer.content)


@pytest.fixture
def client(service: Api) -> httpx.Client:
    headers = {"authorization": f"Bearer {TOKEN}"}
    return httpx.Client(base_url="http://localhost", headers=headers, transport=ServiceTransport(service))


@pytest.fixture
def builder(client: httpx.Client, tmp_path: Any) -> HttpBuilder:
    return HttpBuilder(client, FilesystemCodeStore(tmp_path / "console"), for_images=True)


def built_by(
    builder: HttpBuilder, embedded: Embedded, build: Build, source: Source = SOURCE
) -> tuple[Build, list[str]]:
    said: list[str] = []
    for _ in range(10):
        progress = builder.advance(build, source, lambda _phase, line: said.append(line))
        build = progress.build
        if progress.again_in_s is None:
            return build, said
        embedded.work()
    raise AssertionError("it goes on for ever")


def a_build(push: PushTarget | None = None, function_id: str | None = None) -> Build:
    return Build.create(TEAM, "greet", "", SOURCE.hash, push=push, function_id=function_id)


def test_a_source_becomes_an_image(builder, embedded):
    build, said = built_by(builder, embedded, a_build(PushTarget(tag="v7", password="dummy-password")))

    assert (build.status, build.error) == (BuildStatus.DONE, None)
    assert build.image is not None
    assert build.image.startswith("local/greet:v7@sha256:")
    assert build.external_id in said[0]
    assert builder.ready() is None


def test_a_component_in_a_bucket_that_both_have_is_taken_over(client, embedded):
    shared = FilesystemCodeStore(embedded.data / "code")

    build, _said = built_by(HttpBuilder(client, shared), embedded, a_build())

    assert build.artifact is not None
    assert shared.exists(build.artifact.key)
    assert build.artifact.key == f"build-artifacts/{build.id}/app.wasm"


def test_an_error_in_the_source_has_its_place(builder, embedded):
    build, _said = built_by(builder, embedded, a_build(), Source.single("def broken(:\n"))

    assert build.status is BuildStatus.FAILED
    assert build.error is not None
    assert "app.py:1:" in build.error
    assert build.diagnostics[0].line == 1


def test_a_wrong_token_ends_the_build_with_the_services_words(service, embedded, tmp_path):
    stranger = httpx.Client(base_url="http://localhost", transport=ServiceTransport(service))

    build, _said = built_by(HttpBuilder(stranger, FilesystemCodeStore(tmp_path)), embedded, a_build())

    assert build.status is BuildStatus.FAILED
    assert build.error is not None
    assert "Send this service's token" in build.error


def test_what_was_built_is_deployed_switched_and_called_through_it(builder, client, embedded):
    build, _said = built_by(builder, embedded, a_build(function_id=FUNCTION))
    calls = UrlCalls(AddressRules((".svc.cluster.local",), frozenset({"localhost"})), _Function)
    runtime = BuilderRuntime(client, calls, Placement())
    settings = FunctionSettings(http_methods=("GET", "POST"))
    release = Release(FUNCTION, TEAM, "greet", "dp-1", settings, version=1, image=build.image)

    runtime.apply(release)

    assert runtime.ready() is None
    assert runtime.check(release).ok
    assert runtime.switch(release) == f"http://localhost/fn/{TEAM}/greet"
    assert embedded.runtime.live[FUNCTION].image == build.image


@pytest.mark.parametrize("name", ["my-function", "greet"])
def test_an_app_keeps_its_name_and_what_somebody_chose(builder, client, embedded, name):
    build, _said = built_by(builder, embedded, a_build(function_id=FUNCTION))
    calls = UrlCalls(AddressRules((".svc.cluster.local",), frozenset({"localhost"})), _Function)
    options = AppOptions(cpu_limit="200m", autoscaling=False, replicas=2, tolerations=[{"key": "gpu"}])
    release = Release(FUNCTION, TEAM, name, "dp-1", FunctionSettings(), version=1, image=build.image, options=options)

    url = BuilderRuntime(client, calls, Placement()).switch(release)

    assert url == f"http://localhost/fn/{TEAM}/{name}"
    given = embedded.runtime.live[FUNCTION].options
    assert (given.cpu_limit, given.cpu_request, given.replicas) == ("200m", "100m", 2)
    assert given.tolerations == [{"key": "gpu"}]


class _Function(httpx.AsyncBaseTransport):
    """The function's route."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)
        assert request.extensions["target"].startswith(f"/fn/{TEAM}/greet".encode())
        return httpx.Response(200, text="hello")
