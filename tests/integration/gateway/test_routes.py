"""Function routes, through the router and the edge stack."""

import asyncio
from dataclasses import replace

import pytest

from tests.integration.asgi import Caller, until
from tests.integration.conftest import HELLO, answering, assert_error

pytestmark = pytest.mark.django_db(transaction=True)
ECHO = answering(
    "Response(201, {'content-type': 'application/x-echo', 'x-seen': request.uri}, "
    "repr((request.method, sorted(request.headers.items()), request.body)).encode())"
)


@pytest.fixture
def echo(embedded, workspace):
    return embedded.deployed(workspace, ECHO, "echo")


def test_a_request_reaches_the_function_and_its_answer_comes_back_as_it_is(edge, embedded, workspace, echo):
    headers = {"x-one": "1", "host": "functions.example", "cookie": "a=1; sessionid=secret"}

    answer = edge.call("PUT", f"/fn/{workspace.id}/echo/a/b?x=1&y=%20", content=b"\x00\xff", headers=headers)

    assert (answer.status_code, answer.headers["content-type"]) == (201, "application/x-echo")
    assert answer.headers["x-seen"] == "/a/b?x=1&y=%20"
    method, seen, body = eval(answer.text)  # noqa: S307 - what our own function wrote
    assert (method, body) == ("PUT", b"\x00\xff")
    assert ("x-one", "1") in seen
    assert ("cookie", "a=1") in seen
    assert ("x-forwarded-for", "203.0.113.9") in seen
    assert embedded.runtime.requests[-1].host == "functions.example"


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        ("", "/"),
        ("/", "/"),
        ("/a%2Fb//c/%ED%95%9C", "/a%2Fb//c/%ED%95%9C"),
        ("?a=b", "/?a=b"),
        ("/x?", "/x"),
        ("/%0Aline", "/%0Aline"),
        ("/a;b=1,2:@!$&'()*+~", "/a;b=1,2:@!$&'()*+~"),
    ],
)
def test_the_path_arrives_byte_for_byte(edge, workspace, echo, sent, seen):
    answer = edge.call("GET", f"/fn/{workspace.id}/echo{sent}")

    assert (answer.status_code, answer.headers["x-seen"]) == (201, seen)


def test_a_function_answers_by_its_id_too(edge, workspace, echo):
    assert edge.call("GET", f"/fn/{workspace.id}/{echo.id}/x").status_code == 201


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
def test_every_method_arrives(edge, embedded, workspace, echo, method):
    answer = edge.call(method, f"/fn/{workspace.id}/echo/")

    assert answer.status_code == 201
    assert embedded.runtime.requests[-1].method == method


def test_head_is_answered_where_get_is(edge, embedded, workspace):
    embedded.deployed(workspace, HELLO, "get", http_methods=("GET",))

    assert edge.call("HEAD", f"/fn/{workspace.id}/get").status_code == 200
    refused = edge.call("POST", f"/fn/{workspace.id}/get")
    assert_error(refused, 405, "METHOD_NOT_ALLOWED")
    assert refused.headers["allow"] == "GET"


def test_headers_of_one_name_come_back_each_on_its_own(edge, embedded, workspace):
    pairs = "[('set-cookie', 'a=1'), ('set-cookie', 'b=2'), ('set-cookie', 'sessionid=x'), ('x-odd', 'caf\\xe9')]"
    embedded.deployed(workspace, answering(f"Response(200, {pairs}, b'')"), "many")

    answer = edge.call("GET", f"/fn/{workspace.id}/many")

    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert (b"x-odd", b"caf\xe9") in answer.headers.raw


def test_a_functions_page_runs_in_a_sandbox(edge, workspace, echo):
    answer = edge.call("GET", f"/fn/{workspace.id}/echo")

    assert answer.headers["content-security-policy"] == "sandbox allow-scripts allow-forms allow-popups"
    assert "allow-same-origin" not in answer.headers["content-security-policy"]


def test_an_executions_record_bears_the_answers_request_id(edge, embedded, workspace, echo):
    answer = edge.call("POST", f"/fn/{workspace.id}/echo/x?y=1", content=b"hi")

    executions, _cursor = embedded.platform.invocations.list(echo.id, 10)
    assert len(executions) == 1
    recorded = executions[0]
    assert recorded.request_id == answer.headers["x-request-id"]
    assert (recorded.trigger, recorded.method, recorded.path) == ("route", "POST", "/x?y=1")
    assert (recorded.status_code, recorded.request_body.text) == (201, "hi")
    assert recorded.response_body.text == answer.text


def test_cors_is_the_functions_own_business(edge, embedded, workspace, settings):
    settings.CORS_ORIGINS = ["https://www.example.com"]
    embedded.deployed(workspace, answering("Response(204, {'access-control-allow-origin': '*'}, b'')"), "cors")
    asked = {"origin": "https://www.example.com", "access-control-request-method": "POST"}

    answer = edge.call("OPTIONS", f"/fn/{workspace.id}/cors", headers=asked)

    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, "*")
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    "path",
    [
        "/fn/",
        "/fn/ws-22222222",
        "/fn/ws-22222222/greet",
        "/fn/nonsense/greet/x",
        "/fn/{ws}",
        "/fn/{ws}/",
        "/fn/{ws}/other",
        "/fn/{ws}/fn-22222222/x",
        "/fn/{ws}%2Fecho/x",
        "/fn/{ws}/%00/x",
    ],
)
def test_what_is_not_there_is_json(edge, workspace, echo, path):
    answer = edge.call("GET", path.format(ws=workspace.id))

    assert_error(answer, 404, "NOT_FOUND")
    assert answer.headers["x-request-id"]


def test_a_function_of_another_workspace_is_not_there(edge, embedded, workspace, ada, echo):
    other = ada.post("/api/workspaces", {"name": "Team B"}).json()

    assert_error(edge.call("GET", f"/fn/{other['id']}/{echo.id}"), 404, "NOT_FOUND")
    assert_error(edge.call("GET", f"/fn/{other['id']}/echo"), 404, "NOT_FOUND")


def test_what_the_platform_could_not_do_is_json(edge, embedded, workspace):
    embedded.deployed(workspace, answering("time.sleep(1.5 * (request.method == 'POST'))"), "slow", timeout_s=1)
    embedded.deployed(workspace, HELLO, "greet")
    path = f"/fn/{workspace.id}/greet"

    assert_error(edge.call("POST", f"/fn/{workspace.id}/slow"), 504, "TIMEOUT")
    embedded.runtime.full = True
    refused = edge.call("GET", path)
    assert_error(refused, 429, "RATE_LIMITED")
    assert refused.headers["retry-after"] == "1"
    embedded.runtime.full, embedded.runtime.away = False, True
    assert_error(edge.call("GET", path), 503, "INVOCATION_ERROR")
    assert_error(edge.call("POST", path, content=b"x" * (6 * 1024 * 1024 + 1)), 413, "TOO_LARGE")
    assert_error(edge.call("POST", path, content=b"x" * (8 * 1024 * 1024 + 1)), 413, "TOO_LARGE")


def test_disabled_and_undeployed_functions_refuse(edge, ada, embedded, workspace, echo):
    ada.post(f"/api/workspaces/{workspace.id}/functions", {"name": "new", "code": "eD0x"})
    ada.patch(f"/api/functions/{echo.id}", {"status": "disabled"})

    assert_error(edge.call("GET", f"/fn/{workspace.id}/new"), 400, "NOT_DEPLOYED")
    assert_error(edge.call("GET", f"/fn/{workspace.id}/echo"), 400, "NOT_DEPLOYED")


@pytest.mark.parametrize("status", [100, 600, 0])
def test_an_impossible_status_is_a_failure_of_the_function(edge, embedded, workspace, status):
    embedded.deployed(workspace, answering(f"Response({status}, {{}}, b'')"), "odd")

    assert_error(edge.call("GET", f"/fn/{workspace.id}/odd"), 503, "INVOCATION_ERROR")


def test_a_defect_tells_nothing(edge, embedded, workspace, echo, monkeypatch, caplog):
    async def broken(*_args):
        raise RuntimeError("secret of the house")

    monkeypatch.setattr(embedded.runtime, "invoke", broken)

    answer = edge.call("GET", f"/fn/{workspace.id}/echo")

    assert_error(answer, 500, "INTERNAL_ERROR")
    assert "secret" not in answer.text
    assert "secret of the house" in caplog.text


def test_a_foreign_host_is_refused(edge, workspace, echo, settings):
    settings.ALLOWED_HOSTS = ["localhost"]

    refused = edge.call("GET", f"/fn/{workspace.id}/echo", headers={"host": "evil.example"})

    assert_error(refused, 400, "BAD_REQUEST")


def test_a_route_touches_neither_session_nor_database_of_users(edge, workspace, echo, monkeypatch):
    def refused(*_args, **_more):
        raise AssertionError("a function route asked Django's database")

    monkeypatch.setattr("django.db.backends.utils.CursorWrapper.execute", refused)

    answer = edge.call("GET", f"/fn/{workspace.id}/echo", headers={"cookie": "sessionid=abc"})

    assert answer.status_code == 201


# --- streams and callers that hang up ----------------------------------------------------------------------------


def recorded(embedded, function):
    return embedded.platform.invocations.list(function.id, 10)[0]


@pytest.fixture
def trickle(embedded, workspace):
    source = answering("Response(200, {'content-type': 'text/plain'}, [b'one', b'two', b'three'], 0.2)")
    return embedded.deployed(workspace, source, "trickle")


def test_an_answer_is_passed_on_while_it_arrives(embedded, workspace, trickle):
    async def scenario():
        caller = Caller(f"/fn/{workspace.id}/trickle/")
        request = asyncio.create_task(caller.run())
        start, first = [await asyncio.wait_for(caller.sent.get(), 5) for _ in range(2)]
        early = len(recorded(embedded, trickle))
        await asyncio.wait_for(request, 5)
        rest = [caller.sent.get_nowait() for _ in range(caller.sent.qsize())]
        return start, first, early, rest

    start, first, early, rest = asyncio.run(scenario())

    assert (start["status"], first["body"], early) == (200, b"one", 0)
    assert [message["body"] for message in rest if message.get("body")] == [b"two", b"three"]
    assert recorded(embedded, trickle)[0].response_body.text == "onetwothree"


def test_an_answer_that_stops_in_its_middle_never_gets_its_last_message(embedded, workspace, trickle, monkeypatch):
    """The server then cuts the connection; a proper end would tell the caller that this was all."""
    invoke = embedded.runtime.invoke

    async def failing(*args):
        answer = await invoke(*args)
        answer.result = replace(answer.result, outcome="timeout", error="The function did not finish its answer.")
        return answer

    monkeypatch.setattr(embedded.runtime, "invoke", failing)
    caller = Caller(f"/fn/{workspace.id}/trickle/")

    asyncio.run(caller.run())

    messages = [caller.sent.get_nowait() for _ in range(caller.sent.qsize())]
    assert [message["body"] for message in messages[1:]] == [b"one", b"two", b"three"]
    assert all(message["more_body"] for message in messages[1:])
    assert recorded(embedded, trickle)[0].error == "The function did not finish its answer."


def test_a_stranger_is_not_told_what_the_functions_exception_says(edge, embedded, workspace, ada, monkeypatch):
    function = embedded.deployed(workspace, answering("sys_exit"), "failing")
    invoke = embedded.runtime.invoke

    async def failing(*args):
        answer = await invoke(*args)
        answer.head, answer.chunks, answer.result = (
            None,
            [],
            replace(answer.result, outcome="error", error="ValueError: key s3cr3t"),
        )
        return answer

    monkeypatch.setattr(embedded.runtime, "invoke", failing)
    answer = edge.call("GET", f"/fn/{workspace.id}/failing")

    assert_error(answer, 503, "INVOCATION_ERROR")
    assert "s3cr3t" not in answer.text
    assert recorded(embedded, function)[0].error == "ValueError: key s3cr3t"


def test_the_empty_answer_of_a_failed_handler_is_whole(edge, embedded, workspace):
    embedded.deployed(workspace, answering("1 / 0"), "failing")

    answer = edge.call("GET", f"/fn/{workspace.id}/failing")

    assert (answer.status_code, answer.content) == (500, b"")


def test_a_caller_who_hangs_up_ends_the_run_and_it_is_recorded(embedded, workspace, trickle):
    async def scenario():
        caller = Caller(f"/fn/{workspace.id}/trickle/")
        request = asyncio.create_task(caller.run())
        for _ in range(2):
            await asyncio.wait_for(caller.sent.get(), 5)
        caller.gone.set()
        await asyncio.wait_for(request, 5)
        await until(lambda: recorded(embedded, trickle))

    asyncio.run(scenario())

    record = recorded(embedded, trickle)[0]
    assert record.response_body.text == "one"
    assert record.error == "The caller went away."
    assert embedded.runtime.answers[-1].closed


def test_a_caller_who_hangs_up_before_the_first_byte_is_recorded_too(embedded, workspace, trickle):
    """The answer's body is never begun then: nothing in it can notice."""

    async def scenario():
        caller = Caller(f"/fn/{workspace.id}/trickle/")
        stuck = asyncio.Event()

        async def send(_message):
            await stuck.wait()

        caller.send = send
        request = asyncio.create_task(caller.run())
        await until(lambda: embedded.runtime.answers and not embedded.runtime.answers[-1].sent)
        await asyncio.sleep(0.1)
        caller.gone.set()
        await asyncio.wait_for(request, 5)
        await until(lambda: recorded(embedded, trickle))

    embedded.runtime.answers.clear()
    asyncio.run(scenario())

    assert embedded.runtime.answers[-1].closed


class Server(Caller):
    """As a real one: with the last byte that was announced the answer is done, and the request with it."""

    left: int | None = None

    async def send(self, message):
        await super().send(message)
        if message["type"] == "http.response.start":
            self.left = int(dict(message["headers"])[b"content-length"])
        self.left -= len(message.get("body", b""))
        if self.left <= 0:
            self.gone.set()
            await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("method", "answered", "sent"),
    [
        ("GET", "Response(200, {'content-length': '3'}, [b'o', b'ne', b''], 0.05)", b"one"),
        ("GET", "Response(200, {'content-length': '3'}, [b'one and more'], 0.05)", b"one"),
        ("GET", "Response(200, {'content-length': '0'}, [b'', b''], 0.05)", b""),
        ("HEAD", "Response(200, {'content-length': '0'}, [b'', b''], 0.05)", b""),
    ],
)
def test_a_run_that_ends_after_its_last_byte_is_no_caller_gone(embedded, workspace, method, answered, sent):
    function = embedded.deployed(workspace, answering(answered), "length")

    status, _headers, body = Server(f"/fn/{workspace.id}/length", method).answer()

    assert (status, body) == (200, sent)
    record = recorded(embedded, function)[0]
    assert (record.error, record.status) == (None, "success")


def test_a_function_that_goes_on_after_its_last_byte_is_not_waited_for(embedded, workspace):
    source = answering("Response(200, {'content-length': '3'}, [b'one', b''], 0.6)")
    function = embedded.deployed(workspace, source, "long")

    async def scenario():
        server = Server(f"/fn/{workspace.id}/long")
        await asyncio.wait_for(server.run(), 0.5)
        await until(lambda: recorded(embedded, function))

    asyncio.run(scenario())

    assert recorded(embedded, function)[0].error is None


def test_a_slow_function_holds_up_nobody_else(embedded, workspace):
    embedded.deployed(workspace, answering("time.sleep(0.5 * (request.uri != '/')) or Response(200, {}, b'')"), "slow")
    embedded.deployed(workspace, HELLO, "fast")

    async def scenario():
        waiting = asyncio.create_task(Caller(f"/fn/{workspace.id}/slow/wait").run())
        await asyncio.sleep(0.1)
        await asyncio.wait_for(Caller(f"/fn/{workspace.id}/fast/").run(), 0.35)
        assert not waiting.done()
        await waiting

    asyncio.run(scenario())


def test_pages_are_not_served_by_the_edge_alone(embedded):
    async def scenario():
        from faasweb.asgi import edge

        caller = Caller("/workspaces")
        await edge(caller.scope, caller.receive, caller.send)
        return caller.sent.get_nowait()["status"]

    assert asyncio.run(scenario()) == 404


def test_streams_need_a_session(edge, workspace, echo):
    answer = edge.call("GET", f"/stream/{workspace.id}/{echo.id}/logs")

    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("site", "kind", "status"),
    [("same-origin", "script", 403), ("same-origin", "document", 201), ("cross-site", "script", 201)],
)
def test_only_a_page_of_the_console_is_refused_code_of_a_function(edge, workspace, echo, site, kind, status):
    headers = {"sec-fetch-site": site, "sec-fetch-dest": kind}

    assert edge.call("GET", f"/fn/{workspace.id}/echo/x.js", headers=headers).status_code == status
