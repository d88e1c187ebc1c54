"""The port Runtime on a Builder Service's deploy endpoint, and calls of functions at a URL."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx
import pytest
import time_machine

import consoles.tasks
from faasweb import bootstrap
from faasweb.adapters.builder.http import HttpBuilder
from faasweb.adapters.runtime.address import AddressRuntime
from faasweb.adapters.runtime.addresses import AddressRules
from faasweb.adapters.runtime.builder import PAUSE_S, BuilderRuntime, Placement, stripped
from faasweb.adapters.runtime.http_calls import UrlCalls
from faasweb.domain import clock
from faasweb.domain.builds import BuildStatus
from faasweb.domain.deployments import DeploymentStatus
from faasweb.domain.errors import (
    BuilderBroken,
    BuilderTimedOut,
    BuilderUnavailable,
    InvalidInput,
    InvocationFailed,
    NotReady,
    Unavailable,
)
from faasweb.domain.functions import Function, FunctionSettings, Live
from faasweb.domain.invocations import InvocationRequest
from faasweb.domain.source import Source
from faasweb.domain.spinapps import AppOptions
from faasweb.ports import Release
from faasweb.usecases.functions import Changes
from tests.contract.builder_service import REGISTRY, BuilderService, answering, broken, slow, unreachable
from tests.unit.test_settings import last_line, read_settings
from tests.unit.usecases.world import ANNA, HELLO, HELLO_AGAIN, World

FUNCTION, IMAGE = "fn-2C4d5E6f", f"{REGISTRY}:task-1"
SERVICE_IP, PUBLIC_IP = "10.100.3.7", "93.184.216.34"
HOSTS = {"greet.default.svc.cluster.local": [SERVICE_IP], "public.example": [PUBLIC_IP]}


async def look_up(host: str, port: int) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    try:
        return [ipaddress.ip_address(host)]
    except ValueError:
        if host not in HOSTS:
            raise OSError("no such name") from None
        return [ipaddress.ip_address(address) for address in HOSTS[host]]


def rules(*allowed: str) -> AddressRules:
    return AddressRules(".default.svc.cluster.local", frozenset(allowed), look_up)


class FunctionAtUrl:
    """A function in the cluster. ``trouble`` is raised instead of an answer."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.trouble: Exception | None = None
        self.status = 200
        self.headers: list[tuple[str, str]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.trouble:
            raise self.trouble
        return httpx.Response(self.status, headers=self.headers, content=b"hello")


@pytest.fixture
def service() -> BuilderService:
    return BuilderService()


@pytest.fixture
def at_url() -> FunctionAtUrl:
    return FunctionAtUrl()


@pytest.fixture
def runtime(service: BuilderService, at_url: FunctionAtUrl) -> BuilderRuntime:
    calls = UrlCalls(rules(), lambda: httpx.MockTransport(at_url))
    return BuilderRuntime(service.client(), calls, Placement())


def release_of(image: str | None = IMAGE, deployment: str = "dp-1", **settings) -> Release:
    return Release(FUNCTION, "ws-22222222", "greet", deployment, FunctionSettings(**settings), version=1, image=image)


def function_of(url: str | None = "http://greet.default.svc.cluster.local", **settings) -> Function:
    live = Live("dp-1", "baked", 3, "", clock.now())
    function = Function.create("ws-22222222", "greet", None, FunctionSettings(**settings), Source.single(HELLO))
    return replace(function, id=FUNCTION, app_name="greet", live=live, invocation_url=url)


def call(runtime: BuilderRuntime, function: Function, request: InvocationRequest | None = None):
    """Head, body and report."""

    async def run():
        try:
            answer = await runtime.invoke(function, request or InvocationRequest("GET"), "r1")
            body = b"".join([chunk async for chunk in answer.body()])
            await answer.close()
            return answer.head, body, answer.report()
        finally:
            await runtime.aclose()

    return asyncio.run(run())


# --- deploying ---------------------------------------------------------------------------------------------------


def test_a_release_is_deployed_checked_and_gets_its_url(runtime, service, at_url):
    runtime.apply(release_of())
    health = runtime.check(release_of())
    assert (health.ok, health.status) == (True, 200)
    assert runtime.switch(release_of()) == "http://greet.default.svc.cluster.local"
    assert runtime.switch(release_of()) == "http://greet.default.svc.cluster.local"
    assert service.apps["default", "greet"] == {
        "app_name": "greet",
        "namespace": "default",
        "image_ref": IMAGE,
        "function_id": FUNCTION,
        "enable_autoscaling": True,
        "use_spot": True,
        "memory_limit": "512Mi",
        "memory_request": "256Mi",
    }
    assert len(service.requests) == 1
    assert at_url.requests[0].headers["user-agent"] == "faasweb-health"


def test_without_autoscaling_the_number_of_pods_is_told(service, at_url):
    calls = UrlCalls(rules(), lambda: httpx.MockTransport(at_url))
    place = Placement("default", autoscaling=False, replicas=3, use_spot=False)
    BuilderRuntime(service.client(), calls, place).apply(release_of())
    body = service.apps["default", "greet"]
    assert (body["replicas"], body["enable_autoscaling"], body["use_spot"]) == (3, False, False)


def test_a_service_without_an_address_is_asked_again_after_five_seconds(runtime, service):
    service.pending = 2
    with time_machine.travel(0, tick=False) as traveller:
        runtime.apply(release_of())
        for _ in range(3):
            with pytest.raises(Unavailable, match="no address yet"):
                runtime.check(release_of())
        assert len(service.requests) == 1
        for _ in range(2):
            traveller.shift(PAUSE_S + 0.1)
            runtime.asked[FUNCTION] = replace(runtime.asked[FUNCTION], at=runtime.asked[FUNCTION].at - PAUSE_S - 1)
            if len(service.requests) == 1:
                with pytest.raises(Unavailable):
                    runtime.switch(release_of())
        assert runtime.check(release_of()).ok
    assert len(service.requests) == 3


def test_another_process_asks_for_the_address_itself(runtime, service, at_url):
    runtime.apply(release_of())
    other = BuilderRuntime(service.client(), runtime.calls, Placement())
    assert other.check(release_of()).ok
    assert other.switch(release_of()) == "http://greet.default.svc.cluster.local"
    assert len(service.requests) == 2


def test_a_pod_that_has_not_started_is_waited_for(runtime, at_url):
    runtime.apply(release_of())
    at_url.trouble = httpx.ConnectError("refused")
    with pytest.raises(Unavailable, match="does not answer"):
        runtime.check(release_of())
    at_url.trouble = None
    assert runtime.check(release_of()).ok


def test_a_function_that_answers_its_health_request_too_late_is_not_healthy(runtime, at_url):
    runtime.apply(release_of())
    at_url.trouble = httpx.ReadTimeout("slow")
    health = runtime.check(release_of(timeout_s=5))
    assert not health.ok
    assert health.error == "The function ran into its time limit of 5 s."


def test_any_status_is_healthy_and_told(runtime, at_url):
    at_url.status = 503
    runtime.apply(release_of())
    assert (runtime.check(release_of()).ok, runtime.check(release_of()).status) == (True, 503)


def test_a_version_without_an_image_can_not_be_deployed(runtime):
    with pytest.raises(NotReady, match="deploy the code again"):
        runtime.apply(release_of(image=None))


@pytest.mark.parametrize(
    ("trouble", "kind", "words"),
    [
        (unreachable, BuilderUnavailable, "can't be reached"),
        (slow, BuilderTimedOut, "in time"),
        (broken, BuilderBroken, "boom"),
        (answering(400, {"detail": "Namespace 'x' not found"}), InvalidInput, "Namespace 'x' not found"),
        (answering(422, {"detail": [{"loc": ["body", "namespace"], "msg": "bad"}]}), InvalidInput, "namespace: bad"),
        (answering(200, {"endpoint": None, "error": "no such kind"}), BuilderBroken, "no such kind"),
        (answering(200, {"endpoint": ["a"]}), BuilderBroken, "no address"),
        (answering(200, {"endpoint": "a b"}), BuilderBroken, "no address"),
    ],
)
def test_what_the_service_says_no_to_is_told_by_its_kind(runtime, service, trouble, kind, words):
    service.troubles = [trouble]
    with pytest.raises(kind, match=words):
        runtime.apply(release_of())


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("greet.default.svc.cluster.local", "http://greet.default.svc.cluster.local"),
        ("greet.default.svc.cluster.local:8080/", "http://greet.default.svc.cluster.local:8080"),
        ("https://greet.example.com/base/", "https://greet.example.com/base"),
    ],
)
def test_an_endpoint_becomes_a_url(runtime, service, endpoint, url):
    service.troubles = [answering(200, {"endpoint": endpoint, "error": None})]
    assert runtime.switch(release_of()) == url


def test_changed_settings_are_deployed_again(runtime, service):
    runtime.apply(release_of())
    runtime.update_settings(release_of(memory_mb=512))
    assert service.apps["default", "greet"]["memory_limit"] == "768Mi"


def test_what_somebody_chose_is_passed_on(runtime, service):
    service.namespaces.add("batch")
    options = AppOptions(
        namespace="batch",
        service_account="runner",
        cpu_limit="50m",
        memory_limit="128Mi",
        autoscaling=False,
        replicas=3,
        use_spot=False,
        tolerations=[{"key": "gpu"}],
        affinity={"nodeAffinity": {}},
    )
    runtime.apply(replace(release_of(), options=options))
    assert service.apps["batch", "greet"] == {
        "app_name": "greet",
        "namespace": "batch",
        "image_ref": IMAGE,
        "function_id": FUNCTION,
        "enable_autoscaling": False,
        "use_spot": False,
        "replicas": 3,
        "service_account": "runner",
        "custom_tolerations": [{"key": "gpu"}],
        "custom_affinity": {"nodeAffinity": {}},
        "cpu_limit": "50m",
        "cpu_request": "50m",
        "memory_limit": "128Mi",
        "memory_request": "128Mi",
    }


def test_two_names_never_become_one_app(runtime, service):
    assert stripped("my-function", FUNCTION) == "myfunction2c4d5e6f"
    assert stripped("my-function", "fn-99999999") != stripped("myf-unction", FUNCTION)
    assert len(stripped("a-" * 29 + "b", FUNCTION)) <= 59
    runtime.apply(replace(release_of(), app_name="my-function"))
    runtime.apply(replace(release_of(), app_name="my-function"))
    runtime.remove(FUNCTION, "my-function")
    assert list(service.apps) == [("default", "myfunction2c4d5e6f")]
    assert [request.url.path for request in service.requests].count("/openapi.json") == 1


def test_a_name_is_kept_by_a_service_that_keeps_it(runtime, service):
    service.troubles = [answering(200, {"info": {"title": "faasweb Builder Service"}})]
    runtime.apply(replace(release_of(), app_name="my-function"))
    (told,) = (body for body in service.apps.values())
    assert told["app_name"] == "my-function"


def test_while_it_is_not_known_how_names_end_up_nothing_is_deployed(runtime, service, caplog):
    for trouble in (unreachable, broken):
        service.troubles = [trouble]
        with pytest.raises(Unavailable):
            runtime.apply(replace(release_of(), app_name="my-function"))
    assert service.apps == {}
    service.troubles = [unreachable]
    runtime.remove(FUNCTION, "my-function")
    assert "SpinApp my-function stays" in caplog.text


def test_removing_says_what_stays_behind(runtime, service, caplog):
    runtime.apply(release_of())
    with caplog.at_level(logging.WARNING):
        runtime.remove(FUNCTION, "greet")
        runtime.remove(FUNCTION, "greet")
    assert "SpinApp greet stays in namespace default" in caplog.text
    assert len(service.requests) == 1


def test_it_is_ready_when_the_service_is(runtime, service):
    assert runtime.ready() is None
    service.troubles = [broken]
    assert "status 500" in (runtime.ready() or "")


# --- calling -----------------------------------------------------------------------------------------------------


def test_a_call_goes_to_the_functions_url_and_back(runtime, at_url):
    at_url.status, at_url.headers = 201, [("x-mine", "1"), ("set-cookie", "a=1"), ("set-cookie", "b=2")]
    request = InvocationRequest("POST", "/a//b/../c%2Fd", "q=1&q=2", (("x-sent", "é"), ("host", "evil")), b"body")
    head, body, report = call(runtime, function_of(), request)
    assert (head.status, body) == (201, b"hello")
    assert [value for name, value in head.headers if name == "set-cookie"] == ["a=1", "b=2"]
    assert (report.outcome, report.version, report.mode, report.error) == ("ok", 3, "baked", None)
    sent = at_url.requests[0]
    assert sent.extensions["target"] == b"/a//b/../c%2Fd?q=1&q=2"
    assert sent.headers["host"] == "greet.default.svc.cluster.local"
    assert (sent.headers["x-request-id"], sent.content) == ("r1", b"body")
    assert sent.headers["content-length"] == "4"
    assert set(sent.headers) == {"host", "x-sent", "x-request-id", "content-length"}


def test_the_connection_goes_to_the_address_that_was_checked(runtime, at_url):
    call(runtime, function_of())
    call(runtime, function_of("https://public.example:8443/base"), InvocationRequest("GET", "/x"))
    cluster, public = at_url.requests
    assert (cluster.url.host, cluster.url.port) == (SERVICE_IP, None)
    assert (public.url.host, public.url.port) == (PUBLIC_IP, 8443)
    assert public.headers["host"] == "public.example:8443"
    assert public.extensions["sni_hostname"] == "public.example"
    assert public.extensions["target"] == b"/base/x"


def test_a_redirect_is_an_answer_and_is_not_followed(runtime, at_url):
    at_url.status, at_url.headers = 302, [("location", "http://169.254.169.254/")]
    assert call(runtime, function_of())[0].status == 302
    assert len(at_url.requests) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1",
        "http://[::1]:8000",
        "http://10.0.0.1",
        "http://192.168.1.1",
        "http://169.254.169.254/latest/meta-data",
        "http://[fd00:ec2::254]",
        "http://[::ffff:10.0.0.1]",
        "http://0.0.0.0",
        "http://inside.example",
        "http://greet.other.svc.cluster.local",
        "http://rebound.default.svc.cluster.local",
        "http://default.svc.cluster.local.attacker.example",
        "http://user:password@public.example",
        "ftp://public.example",
        "file:///etc/passwd",
        "http://",
        "greet",
    ],
)
def test_addresses_that_are_nobodys_business_are_not_called(runtime, at_url, url, monkeypatch):
    monkeypatch.setitem(HOSTS, "inside.example", ["10.0.0.1"])
    monkeypatch.setitem(HOSTS, "greet.other.svc.cluster.local", ["10.0.0.1"])
    monkeypatch.setitem(HOSTS, "rebound.default.svc.cluster.local", ["169.254.169.254", "127.0.0.1", "fd00:ec2::254"])
    monkeypatch.setitem(HOSTS, "default.svc.cluster.local.attacker.example", ["10.0.0.1"])
    with pytest.raises(InvocationFailed):
        call(runtime, function_of(url))
    assert at_url.requests == []


@pytest.mark.parametrize("allowed", ["10.0.0.1", "10.0.0.1:8080"])
def test_an_operator_may_allow_a_host_by_name(runtime, at_url, allowed):
    runtime.calls.rules = rules(allowed)
    assert call(runtime, function_of("http://10.0.0.1:8080"))[0].status == 200
    with pytest.raises(InvocationFailed, match="FAASWEB_INVOCATION_HOSTS"):
        call(runtime, function_of("http://10.0.0.2:8080"))


def test_the_next_address_is_tried_when_one_takes_no_connection(runtime, monkeypatch):
    monkeypatch.setitem(HOSTS, "public.example", ["93.184.216.30", PUBLIC_IP])
    asked = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        if request.url.host != PUBLIC_IP:
            raise httpx.ConnectError("refused")
        return httpx.Response(200)

    runtime.calls.transport = lambda: httpx.MockTransport(handler)
    assert call(runtime, function_of("http://public.example"))[0].status == 200
    assert asked == ["93.184.216.30", PUBLIC_IP]


@pytest.mark.parametrize("error", [httpx.ConnectError("no"), httpx.RemoteProtocolError("no"), httpx.PoolTimeout("no")])
def test_a_function_that_does_not_answer_is_an_invocation_that_failed(runtime, at_url, error):
    at_url.trouble = error
    with pytest.raises(InvocationFailed, match=r"does not answer at http://greet\.default"):
        call(runtime, function_of())


def test_a_function_without_an_address_is_not_ready(runtime):
    with pytest.raises(NotReady):
        call(runtime, function_of(None))


# --- over a real connection --------------------------------------------------------------------------------------

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(serve: Serve) -> AsyncIterator[tuple[BuilderRuntime, str]]:
    """A runtime that may call a server of this test, and its URL."""

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        try:
            await serve(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    runtime = BuilderRuntime(BuilderService().client(), UrlCalls(rules(f"127.0.0.1:{port}")), Placement())
    try:
        yield runtime, f"http://127.0.0.1:{port}"
    finally:
        await runtime.aclose()
        server.close()


def test_an_answer_is_passed_on_while_it_arrives():
    go_on = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n")
        await go_on.wait()
        writer.write(b"3\r\ntwo\r\n0\r\n\r\n")
        await writer.drain()

    async def run():
        async with asyncio.timeout(10), listening(serve) as (runtime, url):
            answer = await runtime.invoke(function_of(url), InvocationRequest("GET"), "r1")
            body = answer.body()
            chunks = [await anext(body)]
            go_on.set()
            chunks += [chunk async for chunk in body]
            await answer.close()
            return chunks, answer.report()

    chunks, report = asyncio.run(run())
    assert chunks == [b"one", b"two"]
    assert report.outcome == "ok"


@pytest.mark.parametrize("beginning", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhal"])
def test_the_time_limit_counts_to_the_last_byte(beginning):
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(beginning)
        await reader.read()

    async def run():
        async with asyncio.timeout(10), listening(serve) as (runtime, url):
            answer = await runtime.invoke(function_of(url, timeout_s=1), InvocationRequest("GET"), "r1")
            body = b"".join([chunk async for chunk in answer.body()])
            await answer.close()
            return answer.head, body, answer.report()

    started = time.perf_counter()
    head, body, report = asyncio.run(run())
    assert (head is None, body) == (not beginning, beginning[-3:])
    assert (report.outcome, report.error) == ("timeout", "The function ran into its time limit of 1 s.")
    assert 0.9 < time.perf_counter() - started < 5


def test_a_connection_that_breaks_off_ends_the_body_and_is_told():
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhal")
        await writer.drain()

    async def run():
        async with asyncio.timeout(10), listening(serve) as (runtime, url):
            answer = await runtime.invoke(function_of(url), InvocationRequest("GET"), "r1")
            body = b"".join([chunk async for chunk in answer.body()])
            await answer.close()
            return body, answer.report()

    body, report = asyncio.run(run())
    assert (body, report.outcome, report.error) == (b"hal", "trap", "The connection to the function broke off.")


def test_a_caller_that_goes_away_ends_the_call():
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhal")
        await reader.read()
        gone.set()

    async def run():
        async with asyncio.timeout(10), listening(serve) as (runtime, url):
            answer = await runtime.invoke(function_of(url), InvocationRequest("GET"), "r1")
            await answer.close()
            await gone.wait()
            return answer.report()

    assert asyncio.run(run()).outcome == "error"


# --- in the platform ---------------------------------------------------------------------------------------------


@pytest.fixture
def new_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], World]]:
    """Whole platforms whose builds and functions are a Builder Service's."""
    worlds: list[World] = []

    def new() -> World:
        world = World(tmp_path / str(len(worlds)), traveller)
        worlds.append(world)
        service, function = BuilderService(), FunctionAtUrl()
        calls = UrlCalls(rules(), lambda: httpx.MockTransport(function))
        parts = {
            "service": service,
            "at_url": function,
            "builder": HttpBuilder(service.client(), world.code, registry_url=REGISTRY, for_images=True),
            "runtime": BuilderRuntime(service.client(), calls, Placement()),
        }
        for name, part in parts.items():
            setattr(world, name, part)
        world.platform = world._platform()
        monkeypatch.setattr(consoles.tasks, "get_platform", lambda: world.platform)
        return world

    with time_machine.travel(datetime(2026, 11, 21, 4, 0, tzinfo=UTC), tick=False) as traveller:
        yield new
    for world in worlds:
        world.stored.functions.table.close()  # type: ignore[attr-defined]


@pytest.fixture
def world(new_world: Callable[[], World]) -> World:
    return new_world()


def work_through(world: World, rounds: int = 40) -> None:
    """As workers do: what is delayed comes five seconds later."""
    for _ in range(rounds):
        world.work()
        for function, asked in world.runtime.asked.items():  # type: ignore[attr-defined]
            world.runtime.asked[function] = replace(asked, at=asked.at - 5)  # type: ignore[attr-defined]
        world.later(seconds=5)


def test_a_function_is_built_pushed_deployed_and_gets_its_url(world):
    function = world.function()
    world.service.pending = 3
    deployment = world.deploy(function.ref)
    work_through(world)
    assert world.deployment(deployment.id).status is DeploymentStatus.LIVE
    live = world.now(function)
    assert live.invocation_url == "http://greet.default.svc.cluster.local"
    assert (live.live.mode, live.live.version) == ("baked", 1)
    build = world.stored.builds.get(world.deployment(deployment.id).build_id)
    assert (build.status, build.artifact) == (BuildStatus.DONE, None)
    assert world.service.apps["default", "greet"]["image_ref"] == build.image == f"{REGISTRY}:task-{build.id}"
    assert call(world.runtime, live)[1] == b"hello"


def test_rolling_back_deploys_the_earlier_image(world):
    function = world.function()
    world.deploy(function.ref)
    work_through(world)
    first = world.service.apps["default", "greet"]["image_ref"]
    world.platform.functions.edit(ANNA, function.ref, Changes(source=Source.single(HELLO_AGAIN)))
    world.deploy(function.ref)
    work_through(world)
    assert world.service.apps["default", "greet"]["image_ref"] != first
    world.later(seconds=1)
    world.platform.deployments.roll_back(ANNA, function.ref, 1)
    assert world.service.apps["default", "greet"]["image_ref"] == first
    assert world.now(function).live.version == 1


def test_when_the_new_pods_never_answer_the_earlier_image_comes_back(world):
    function = world.function()
    world.deploy(function.ref)
    work_through(world)
    first = world.service.apps["default", "greet"]["image_ref"]
    world.platform.functions.edit(ANNA, function.ref, Changes(source=Source.single(HELLO_AGAIN)))
    world.at_url.trouble = httpx.ConnectError("refused")
    deployment = world.deploy(function.ref)
    work_through(world, 60)
    failed = world.deployment(deployment.id)
    assert failed.status is DeploymentStatus.FAILED
    assert "does not answer at http://greet.default.svc.cluster.local" in failed.error
    assert world.service.apps["default", "greet"]["image_ref"] == first
    assert world.now(function).live.version == 1


@pytest.mark.parametrize(("after", "lost"), [(False, False), (True, True)], ids=["before", "after-and-lost"])
def test_a_deployment_killed_at_any_step_goes_live_once(new_world: Callable[[], World], after: bool, lost: bool):
    killed, blow_at = True, 0
    while killed:
        blow_at += 1
        world = new_world()
        function = world.function()
        killed = world.survive(partial(world.deploy, function.ref), blow_at, after=after, lost=lost)
        for deployment in world.stored.deployments.list(function.id):
            assert deployment.status is DeploymentStatus.LIVE, (blow_at, deployment)
            served = world.service.apps["default", "greet"]["image_ref"]  # type: ignore[attr-defined]
            assert world.stored.versions.get(function.id, 1).image == served
            assert world.now(function).invocation_url == "http://greet.default.svc.cluster.local"
    assert blow_at > 10


def test_a_namespace_that_is_not_there_fails_the_deployment_with_the_services_words(world):
    world.service.namespaces.clear()
    deployment = world.deploy(world.function().ref)
    work_through(world)
    failed = world.deployment(deployment.id)
    assert failed.error == "Namespace 'default' not found"


# --- chosen by settings ------------------------------------------------------------------------------------------


def test_the_settings_choose_it(settings):
    settings.RUNTIME, settings.BUILDER_SERVICE_URL = "builder", "http://builder.test"
    settings.NAMESPACE, settings.AUTOSCALING, settings.REPLICAS, settings.USE_SPOT = "functions", False, 2, False
    settings.INVOCATION_HOSTS = ["10.0.0.1:8080"]
    adapters = bootstrap.adapters_from_settings()
    assert isinstance(adapters.runtime, AddressRuntime)
    runtime = adapters.runtime.here
    assert isinstance(runtime, BuilderRuntime)
    assert runtime.placement == Placement("functions", autoscaling=False, replicas=2, use_spot=False)
    assert runtime.calls.rules.suffix == (".functions.svc.cluster.local",)
    assert runtime.calls.rules.allowed == {"10.0.0.1:8080"}
    assert isinstance(adapters.builder, HttpBuilder)
    assert adapters.builder.for_images
    assert adapters.drafts is not runtime
    runtime.client.close()
    adapters.builder.client.close()


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"FAASWEB_RUNTIME": "builder"}, "set BUILDER_SERVICE_URL"),
        ({"FAASWEB_NAMESPACE": "Not_A_Name"}, "name of a Kubernetes namespace"),
        ({"FAASWEB_REPLICAS": "0"}, "FAASWEB_REPLICAS"),
    ],
)
def test_wrong_settings_stop_the_start(tmp_path, environment, words):
    assert words in last_line(read_settings(tmp_path, **environment))


def test_hosts_are_read_in_small_letters(tmp_path):
    program = "import faasweb.settings as s, json; print(json.dumps(s.INVOCATION_HOSTS))"
    read = read_settings(tmp_path, program, FAASWEB_INVOCATION_HOSTS="Legacy.Example:8080, 10.0.0.1")
    assert json.loads(read.stdout) == ["legacy.example:8080", "10.0.0.1"]
