"""The port Runtime, on wasmhost: a real process, real functions."""

import asyncio
from dataclasses import replace

import pytest

from faasweb.adapters.codestore.filesystem import FilesystemCodeStore
from faasweb.adapters.runtime.wasm import WasmRuntime
from faasweb.domain import clock
from faasweb.domain.errors import InvocationFailed, Unavailable
from faasweb.domain.functions import EnvironmentVariable, Function, FunctionSettings, Live
from faasweb.domain.invocations import InvocationRequest
from faasweb.domain.source import Source
from faasweb.ports import Release
from tests.contract.wasmhost_process import WasmhostProcess, prepared_cache

pytestmark = pytest.mark.slow

HELLO = """
import os
from spin_sdk import http
from spin_sdk.http import Request, Response

class IncomingHandler(http.IncomingHandler):
    def handle_request(self, request: Request) -> Response:
        print("called", request.uri)
        body = f"{request.method} {request.uri} {os.environ.get('GREETING', WORD)}".encode()
        return Response(201, {"content-type": "text/plain", "x-seen": request.headers.get("x-mine", "")}, body)

WORD = "hello"
"""
FUNCTION = "fn-22222222"


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    process = WasmhostProcess(tmp_path_factory.mktemp("runtime"), prepared_cache())
    yield process
    process.stop()


@pytest.fixture
def runtime(process):
    runtime = WasmRuntime(process.data, FilesystemCodeStore(process.data / "code"), [process.socket])
    yield runtime
    runtime.remove(FUNCTION, "hello")


def release_of(text=HELLO, deployment="dp-1", **settings):
    return Release(
        FUNCTION, "ws-22222222", "hello", deployment, FunctionSettings(**settings), source=Source.single(text)
    )


def function_of(**settings):
    live = Live("dp-1", "instant", None, "", clock.now())
    function = Function.create("ws-22222222", "hello", None, FunctionSettings(**settings), Source.single(HELLO))
    return replace(function, id=FUNCTION, live=live)


def whole(runtime, opening):
    """Head, body and report of an answer that ``opening`` begins."""

    async def run():
        try:
            answer = await opening
            body = b"".join([chunk async for chunk in answer.body()])
            await answer.close()
            return answer.head, body, answer.report()
        finally:
            await runtime.aclose()

    return asyncio.run(run())


def call(runtime, path="/", method="GET", **settings):
    request = InvocationRequest(method, path, "q=1", (("x-mine", "yes"),))
    return whole(runtime, runtime.invoke(function_of(**settings), request, "r1"))


def make_live(runtime, release):
    runtime.apply(release)
    assert runtime.check(release).ok
    runtime.switch(release)


def test_it_is_ready_when_wasmhost_is(runtime):
    assert runtime.ready() is None


def test_a_live_source_answers_with_status_headers_body_and_report(runtime):
    make_live(runtime, release_of())
    head, body, report = call(runtime, "/some/path")
    assert head.status == 201
    assert dict(head.headers)["x-seen"] == "yes"
    assert body == b"GET /some/path?q=1 hello"
    assert report.outcome == "ok"
    assert report.cpu_ms > 0
    assert [line.text for line in report.logs] == ["called /some/path?q=1"]


def test_a_candidate_serves_nobody_until_the_switch(runtime):
    make_live(runtime, release_of())
    runtime.apply(release_of(HELLO.replace('"hello"', '"changed"'), "dp-2"))
    assert call(runtime)[1].endswith(b"hello")
    runtime.switch(release_of(HELLO.replace('"hello"', '"changed"'), "dp-2"))
    assert call(runtime)[1].endswith(b"changed")


def test_switching_twice_is_no_error(runtime):
    release = release_of()
    make_live(runtime, release)
    runtime.switch(release)
    assert call(runtime)[0].status == 201


def test_settings_change_what_is_live_at_once(runtime):
    make_live(runtime, release_of())
    runtime.update_settings(release_of(environment=(EnvironmentVariable("GREETING", "bonjour"),)))
    assert call(runtime)[1].endswith(b"bonjour")


def test_the_health_request_fails_for_a_source_that_raises_at_import(runtime):
    release = release_of("1 / 0\n" + HELLO)
    runtime.apply(release)
    health = runtime.check(release)
    assert not health.ok
    assert "ZeroDivisionError" in health.error


def test_a_handler_that_dislikes_the_health_request_is_still_healthy(runtime):
    release = release_of(HELLO.replace("print(", "raise ValueError('GET is not for me')\n        print("))
    runtime.apply(release)
    health = runtime.check(release)
    assert health.ok
    assert health.status == 500
    assert "GET is not for me" in health.error


def test_a_function_that_is_not_there_has_no_head(runtime):
    head, _body, report = call(runtime)
    assert head is None
    assert report.outcome == "not_found"


def test_removing_ends_serving_and_absent_is_no_error(runtime):
    make_live(runtime, release_of())
    runtime.remove(FUNCTION, "hello")
    runtime.remove(FUNCTION, "hello")
    assert call(runtime)[0] is None


def test_a_draft_runs_without_becoming_live(runtime):
    request = InvocationRequest("POST", "/x", body=b"{}")
    head, body, _report = whole(runtime, runtime.run(release_of(), request, "r2"))
    assert (head.status, body) == (201, b"POST /x hello")
    assert call(runtime)[0] is None


def test_an_absent_wasmhost_is_said_in_a_sentence(tmp_path):
    runtime = WasmRuntime(tmp_path, FilesystemCodeStore(tmp_path / "code"), [tmp_path / "none.sock"])
    assert runtime.ready() == "wasmhost does not answer."
    runtime.apply(release_of())
    with pytest.raises(Unavailable):
        runtime.check(release_of())
    with pytest.raises(InvocationFailed):
        call(runtime)


def test_a_process_that_is_gone_leaves_its_calls_to_the_others(process, tmp_path):
    """It has the fewest calls under way, so every call would come to it first."""
    gone = tmp_path / "gone.sock"
    runtime = WasmRuntime(process.data, FilesystemCodeStore(process.data / "code"), [gone, process.socket])
    runtime.apply(release_of())
    runtime.switch(release_of())
    try:
        assert [call(runtime)[0].status for _ in range(4)] == [201] * 4
        assert [lane.calls for lane in runtime.lanes] == [0, 0]
    finally:
        runtime.remove(FUNCTION, "hello")


def test_when_no_process_is_there_the_call_fails(process, tmp_path):
    runtime = WasmRuntime(process.data, FilesystemCodeStore(tmp_path), [tmp_path / "a.sock", tmp_path / "b.sock"])
    with pytest.raises(InvocationFailed, match="being restarted"):
        call(runtime)
