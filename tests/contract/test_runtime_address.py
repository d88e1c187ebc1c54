"""Functions that run elsewhere: called at their address, which is checked each time, on a real connection."""

import asyncio
import ipaddress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from faasweb.adapters.codestore.filesystem import FilesystemCodeStore
from faasweb.adapters.runtime.address import AddressRuntime
from faasweb.adapters.runtime.addresses import AddressRules
from faasweb.adapters.runtime.http_calls import UrlCalls
from faasweb.domain import clock
from faasweb.domain.errors import InvalidInput, InvocationFailed, NotReady
from faasweb.domain.functions import Function, FunctionSettings, Live
from faasweb.domain.invocations import Head, InvocationRequest
from faasweb.domain.source import Source
from tests.in_process import InProcessRuntime

SUFFIX = ".default.svc.cluster.local"
FUNCTION = Function.create("ws-22222222", "greet", None, FunctionSettings(timeout_s=1), Source.single("x = 1"))
OK = b"HTTP/1.1 200 OK\r\nset-cookie: a=1\r\nset-cookie: b=2\r\ncontent-length: 5\r\n\r\nhello"


@dataclass
class Elsewhere:
    """A server on this machine, the names that lead somewhere, and what was asked."""

    answer: bytes = OK
    pause_s: float = 0.0
    port: int = 0
    asked: list[bytes] = field(default_factory=list)
    names: dict[str, list[str]] = field(default_factory=dict)
    serving: set[Any] = field(default_factory=set)

    async def look_up(self, host, port):
        """Each answer of a name serves once, the last one always: so a name server that changes its mind is played."""
        found = self.names.get(host, [host])
        return [ipaddress.ip_address(found.pop(0) if len(found) > 1 else found[0])]

    async def serve(self, reader, writer):
        self.serving.add(asyncio.current_task())
        self.asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(self.answer)
        await writer.drain()
        try:
            await asyncio.sleep(self.pause_s)
        finally:
            writer.close()

    def call(self, url, request=None, *, allowed=("{here}",), **function):
        """Head, body and report."""

        async def run():
            server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
            self.port = server.sockets[0].getsockname()[1]
            here = f"127.0.0.1:{self.port}"
            rules = AddressRules(SUFFIX, frozenset(name.format(here=here, port=self.port) for name in allowed))
            calls = UrlCalls(replace(rules, look_up=self.look_up))
            runtime = AddressRuntime(InProcessRuntime(FilesystemCodeStore(Path("unused"))), calls)
            target = replace(FUNCTION, invocation_url=url.format(here=here, port=self.port), **function)
            try:
                answer = await runtime.invoke(target, request or InvocationRequest("GET"), "r1")
                body = b"".join([chunk async for chunk in answer.body()])
                await answer.close()
                return answer.head, body, answer.report()
            finally:
                await calls.aclose()
                server.close()
                for task in self.serving:
                    task.cancel()
                await asyncio.gather(*self.serving, return_exceptions=True)
                await asyncio.sleep(0)

        return asyncio.run(run())


@pytest.fixture
def elsewhere():
    return Elsewhere()


def test_a_function_with_an_address_and_nothing_live_is_called_there(elsewhere):
    request = InvocationRequest("POST", headers=[("content-type", "application/json")], body=b"{}")

    head, body, report = elsewhere.call("http://{here}/run", request)

    assert isinstance(head, Head)
    assert (head.status, body, report.outcome) == (200, b"hello", "ok")
    assert [value for name, value in head.headers if name.lower() == "set-cookie"] == ["a=1", "b=2"]
    asked = elsewhere.asked[0].lower()
    assert asked.startswith(b"post /run http/1.1\r\n")
    assert f"host: 127.0.0.1:{elsewhere.port}\r\n".encode() in asked
    assert b"content-type: application/json\r\n" in asked


@pytest.mark.parametrize(
    ("url", "path", "query", "target"),
    [
        ("http://{here}", "/", "", b"/"),
        ("http://{here}/", "/", "", b"/"),
        ("http://{here}/run", "/", "", b"/run"),
        ("http://{here}/run/", "/", "", b"/run/"),
        ("http://{here}/run", "/a%2Fb", "c=d", b"/run/a%2Fb?c=d"),
        ("http://{here}/run?key=1", "/", "c=d", b"/run?key=1&c=d"),
    ],
)
def test_path_and_query_go_below_the_address(elsewhere, url, path, query, target):
    elsewhere.call(url, InvocationRequest("GET", path, query))

    assert elsewhere.asked[0].split(b" ")[1] == target


@pytest.mark.parametrize("path", ["/../admin", "/a/..", "/%2e%2E/admin", "/a/..%2fadmin", "/..\\admin"])
def test_a_path_never_leads_out_of_what_the_address_names(elsewhere, path):
    with pytest.raises(InvalidInput):
        elsewhere.call("http://{here}/run", InvocationRequest("GET", path))

    assert elsewhere.asked == []


def test_what_is_live_here_wins(elsewhere):
    live = Live("dp-1", "instant", None, "", clock.now())

    with pytest.raises(NotReady, match="Nothing is live"):  # says the runtime here, which was asked
        elsewhere.call("http://{here}/run", live=live)

    assert elsewhere.asked == []


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "192.168.0.1", "0.0.0.0", "::1", "fd00::1"]
)
def test_a_name_that_leads_into_this_network_is_not_called(elsewhere, host):
    elsewhere.names["greet.example.com"] = [host]

    with pytest.raises(InvocationFailed, match="FAASWEB_INVOCATION_HOSTS"):
        elsewhere.call("http://greet.example.com:{port}/", allowed=())

    assert elsewhere.asked == []


def test_a_name_server_that_changes_its_mind_gains_nothing():
    """It answers a public address to whoever checks, and then one of this machine to whoever connects."""
    answers, connections = ["93.184.216.34", "127.0.0.1"], []

    async def look_up(host, port):
        return [ipaddress.ip_address(answers.pop(0))]

    def connect(request):
        connections.append(request.url.host)
        return httpx.Response(200, content=b"hello")

    calls = UrlCalls(AddressRules(SUFFIX, look_up=look_up), lambda: httpx.MockTransport(connect))
    runtime = AddressRuntime(InProcessRuntime(FilesystemCodeStore(Path("unused"))), calls)
    function = replace(FUNCTION, invocation_url="http://greet.example.com/")

    async def run():
        return [(await runtime.invoke(function, InvocationRequest("GET"), "r1")).head.status]

    assert asyncio.run(run()) == [200]
    assert connections == ["93.184.216.34"]
    with pytest.raises(InvocationFailed, match="not a public address"):
        asyncio.run(run())  # a second call asks again, and the answer of now is checked
    assert connections == ["93.184.216.34"]


def test_the_connection_to_a_checked_address_keeps_the_name(elsewhere):
    elsewhere.names["greet.example.com"] = ["127.0.0.1", "10.0.0.1"]

    head, _body, _report = elsewhere.call("http://greet.example.com:{port}/", allowed=["greet.example.com"])

    assert head.status == 200
    assert f"host: greet.example.com:{elsewhere.port}\r\n".encode() in elsewhere.asked[0].lower()
    assert elsewhere.names["greet.example.com"] == ["10.0.0.1"]  # it was not asked a second time


def test_names_of_the_cluster_lead_to_private_addresses_but_never_to_this_machine(elsewhere):
    elsewhere.names["greet" + SUFFIX] = ["127.0.0.1"]

    with pytest.raises(InvocationFailed):
        elsewhere.call(f"http://greet{SUFFIX}:{{port}}/", allowed=())

    assert elsewhere.asked == []


def test_a_redirect_is_told_and_not_followed(elsewhere):
    elsewhere.answer = b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n"

    head, _body, report = elsewhere.call("http://{here}/run")

    assert (head.status, report.outcome, len(elsewhere.asked)) == (302, "ok", 1)


def test_an_answer_that_never_comes_is_a_timeout_of_the_functions_own_limit(elsewhere):
    elsewhere.answer, elsewhere.pause_s = b"", 3

    head, body, report = elsewhere.call("http://{here}/run")

    assert (head, body, report.outcome) == (None, b"", "timeout")
    assert 900 < report.duration_ms < 2500


def test_an_answer_that_breaks_off_is_told(elsewhere):
    elsewhere.answer = OK.replace(b"content-length: 5", b"content-length: 500")

    head, body, report = elsewhere.call("http://{here}/run")

    assert (head.status, body) == (200, b"hello")
    assert report.outcome == "trap"


def test_nobody_at_the_address_is_told(elsewhere):
    with pytest.raises(InvocationFailed):
        elsewhere.call("http://127.0.0.1:1/run", allowed=["127.0.0.1"])
