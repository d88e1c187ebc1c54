"""Calling functions through the API, on the edge."""

import json

import pytest

from tests.integration.conftest import HELLO, Api, Edge, answering, assert_error

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def caller(workspace, token):
    return Edge(token("ada"))


def invoke_path(function):
    return f"/api/workspaces/{function.workspace_id}/functions/{function.id}/invoke"


def test_an_invocation_answers_with_its_record_in_the_documented_shape(caller, ada, embedded, workspace):
    function = embedded.deployed(workspace)

    answer = caller.call("POST", invoke_path(function), json={"name": "지수"})

    assert answer.status_code == 200
    body = answer.json()
    assert list(body) == [
        "id",
        "functionId",
        "timestamp",
        "status",
        "duration",
        "statusCode",
        "requestBody",
        "responseBody",
        "logs",
        "level",
    ]
    assert (body["functionId"], body["status"], body["statusCode"]) == (function.id, "success", 200)
    assert (body["requestBody"], body["responseBody"]) == ({"name": "지수"}, {"hello": {"name": "지수"}})
    assert (body["logs"], body["level"]) == (["called with POST"], "info")
    assert body["timestamp"].endswith("+09:00")
    assert isinstance(body["duration"], float)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"]

    stored = ada.get(f"/api/functions/{function.id}/logs").json()
    assert stored == {"logs": [body], "total": 1}
    shown = ada.get(f"/api/functions/{function.id}").json()
    assert (shown["invocations24h"], shown["errors24h"]) == (1, 0)
    assert shown["avgDuration"] == pytest.approx(body["duration"], abs=0.01)


@pytest.mark.parametrize("path", ["/api/functions/{fn}/invoke", "/api/workspaces/{ws}/functions/{fn}/invoke/"])
def test_short_path_and_slash_answer_the_same(caller, embedded, workspace, path):
    function = embedded.deployed(workspace)

    answer = caller.call("POST", path.format(ws=workspace.id, fn=function.id), json=1)

    assert answer.json()["responseBody"] == {"hello": 1}


@pytest.mark.parametrize("content", [b"", b"not json", b"\xff", b'{"a": NaN}'])
def test_no_body_or_no_json_counts_as_an_empty_object(caller, embedded, workspace, content):
    function = embedded.deployed(workspace)

    body = caller.call("POST", invoke_path(function), content=content).json()

    assert (body["requestBody"], body["responseBody"]) == ({}, {"hello": {}})


@pytest.mark.parametrize(
    ("answered", "shown"),
    [
        ('b"plain"', {"data": "plain"}),
        ('b""', {"data": ""}),
        ('b"[1,2.5,true,null]"', [1, 2.5, True, None]),
        ('b"NaN"', {"data": "NaN"}),
        ('b"1e999"', {"data": "1e999"}),
        ('b"\\xff"', {"data": "\ufffd"}),
        ('b"[" * 200 + b"]" * 200', {"data": "[" * 200 + "]" * 200}),
        ("'\"\\\\ud800\"'.encode()", "?"),
    ],
)
def test_what_a_function_answers_is_shown_as_json_or_as_data(caller, ada, embedded, workspace, answered, shown):
    function = embedded.deployed(workspace, answering(f"Response(200, {{}}, {answered})"))

    assert caller.call("POST", invoke_path(function)).json()["responseBody"] == shown
    assert ada.get(f"/api/functions/{function.id}/logs").json()["logs"][0]["responseBody"] == shown


def test_a_large_answer_is_whole_here_and_cut_in_the_record(caller, ada, embedded, workspace):
    function = embedded.deployed(workspace, answering("Response(200, {}, b'[' + b'1,' * 100_000 + b'1]')"))

    assert caller.call("POST", invoke_path(function)).json()["responseBody"] == [1] * 100_001
    recorded = ada.get(f"/api/functions/{function.id}/logs").json()["logs"][0]["responseBody"]
    assert recorded == {"data": ("[" + "1," * 100_000)[: 64 * 1024]}


@pytest.mark.parametrize("status", [201, 302, 404, 500])
def test_a_functions_own_status_is_told_in_a_200(caller, embedded, workspace, status):
    function = embedded.deployed(workspace, answering(f"Response({status}, {{}}, b'')"))

    answer = caller.call("POST", invoke_path(function))

    expected = ("success", "info") if status == 201 else ("error", "error")
    assert (answer.status_code, answer.json()["statusCode"]) == (200, status)
    assert (answer.json()["status"], answer.json()["level"]) == expected


def test_a_handler_that_raises_is_an_error_with_500(caller, ada, embedded, workspace):
    function = embedded.deployed(workspace, answering("1 / 0"))

    body = caller.call("POST", invoke_path(function)).json()

    assert (body["status"], body["statusCode"], body["responseBody"]) == ("error", 500, {"data": ""})
    assert ada.get(f"/api/functions/{function.id}").json()["errors24h"] == 1


def test_the_method_is_post_when_allowed_then_the_first_and_the_caller_may_choose(caller, embedded, workspace):
    source = answering("Response(200, {}, request.method.encode())")
    only_get = embedded.deployed(workspace, source, "get", http_methods=("GET", "PUT"))
    any_method = embedded.deployed(workspace, source, "any")

    def method(function, query=""):
        return caller.call("POST", invoke_path(function) + query).json()["responseBody"]["data"]

    assert method(any_method) == "POST"
    assert method(only_get) == "GET"
    assert method(only_get, "?method=put") == "PUT"
    refused = caller.call("POST", invoke_path(only_get) + "?method=DELETE")
    assert_error(refused, 405, "METHOD_NOT_ALLOWED")
    assert refused.headers["allow"] == "GET, PUT"
    assert_error(caller.call("POST", invoke_path(only_get) + "?method=BREW"), 400, "VALIDATION_ERROR", "method")


def test_the_caller_may_choose_path_and_query(caller, embedded, workspace):
    function = embedded.deployed(workspace, answering("Response(200, {}, request.uri.encode())"))

    answer = caller.call("POST", invoke_path(function), params={"path": "/안녕/x y?name=a b&c=%41"})

    assert answer.json()["responseBody"]["data"] == "/%EC%95%88%EB%85%95/x%20y?name=a%20b&c=%41"
    refused = caller.call("POST", invoke_path(function), params={"path": "x"})
    assert_error(refused, 400, "VALIDATION_ERROR", "path")


def test_what_the_platform_could_not_do_is_an_error_and_recorded(caller, ada, embedded, workspace):
    slow = embedded.deployed(workspace, answering("time.sleep(1.5 * (request.method == 'POST'))"), "slow", timeout_s=1)
    gone = embedded.deployed(workspace, answering("(_ for _ in ()).throw(SystemExit)"), "gone")
    full = embedded.deployed(workspace, HELLO, "full")

    timed_out = caller.call("POST", invoke_path(slow))
    assert assert_error(timed_out, 504, "TIMEOUT")["details"]["request_id"]
    assert_error(caller.call("POST", invoke_path(gone)), 503, "INVOCATION_ERROR")
    embedded.runtime.away = True
    assert_error(caller.call("POST", invoke_path(gone)), 503, "INVOCATION_ERROR")
    embedded.runtime.away, embedded.runtime.full = False, True
    refused = caller.call("POST", invoke_path(full))
    assert_error(refused, 429, "RATE_LIMITED")
    assert refused.headers["retry-after"] == "1"

    recorded = ada.get(f"/api/workspaces/{workspace.id}/logs").json()["logs"]
    assert [(item["functionId"], item["statusCode"]) for item in recorded] == [
        (full.id, 429),
        (gone.id, 503),
        (gone.id, 503),
        (slow.id, 504),
    ]


def test_refusals_are_errors_and_not_recorded(caller, ada, embedded, workspace):
    function = embedded.deployed(workspace)
    path = f"/api/functions/{function.id}"
    ada.patch(path, {"status": "disabled"})
    assert_error(caller.call("POST", f"{path}/invoke"), 400, "NOT_DEPLOYED")
    ada.patch(path, {"status": "active"})
    large = b'"' + b"x" * 6 * 1024 * 1024 + b'"'
    assert_error(caller.call("POST", f"{path}/invoke", content=large), 413, "TOO_LARGE")
    assert_error(caller.call("POST", f"{path}/invoke", content=b"x" * (8 * 1024 * 1024 + 1)), 413, "TOO_LARGE")
    assert ada.get(f"{path}/logs").json() == {"logs": [], "total": 0}


def test_a_function_that_was_never_deployed_says_so(caller, ada, workspace):
    body = {"name": "greet", "code": "eD0x"}
    function = ada.post(f"/api/workspaces/{workspace.id}/functions", body).json()

    refused = caller.call("POST", f"/api/functions/{function['id']}/invoke", json={})

    assert_error(refused, 400, "NOT_DEPLOYED")


def test_access_is_decided_before_anything_runs(embedded, workspace, member, person, token, settings):
    function = embedded.deployed(workspace)
    person("eve")
    before = len(embedded.runtime.requests)

    assert_error(Edge().call("POST", invoke_path(function)), 401, "UNAUTHENTICATED")
    assert_error(Edge("fwt_wrong").call("POST", invoke_path(function)), 401, "UNAUTHENTICATED")
    assert_error(Edge(token("eve")).call("POST", invoke_path(function)), 404, "NOT_FOUND")
    assert_error(Edge(member("viewer")).call("POST", invoke_path(function)), 403, "FORBIDDEN")
    assert_error(Edge(token("ada", "read", "write")).call("POST", invoke_path(function)), 403, "FORBIDDEN")
    assert len(embedded.runtime.requests) == before
    assert Edge(token("ada", "invoke")).call("POST", invoke_path(function)).status_code == 200
    settings.OPEN_MODE = True
    assert Edge().call("POST", invoke_path(function)).status_code == 200
    elsewhere = Edge().call("POST", invoke_path(function), headers={"origin": "http://evil.example"})
    assert_error(elsewhere, 403, "FORBIDDEN")


def test_a_signed_in_browser_invokes_with_its_csrf_token_only(embedded, workspace, django_user_model):
    function = embedded.deployed(workspace)
    browser = Api()
    browser.client.force_login(django_user_model.objects.get(username="ada"))
    cookies = f"sessionid={browser.client.cookies['sessionid'].value}; csrftoken={'a' * 32}"

    assert_error(Edge().call("POST", invoke_path(function), headers={"cookie": cookies}), 403, "FORBIDDEN")
    allowed = Edge().call("POST", invoke_path(function), headers={"cookie": cookies, "x-csrftoken": "a" * 32})
    assert allowed.status_code == 200
    stale = Edge().call("POST", invoke_path(function), headers={"cookie": "sessionid=nonsense"})
    assert_error(stale, 401, "UNAUTHENTICATED")


def test_the_edge_keeps_the_apis_promises_about_errors_and_cors(caller, embedded, workspace, settings):
    settings.CORS_ORIGINS = ["https://www.example.com"]
    function = embedded.deployed(workspace)
    from_page = {"origin": "https://www.example.com"}
    asked = from_page | {"access-control-request-method": "POST"}

    answers = [
        caller.call("POST", invoke_path(function), json={}, headers=from_page),
        caller.call("GET", invoke_path(function), headers=from_page),
        caller.call("POST", "/api/functions/fn-22222222/invoke", headers=from_page),
        caller.call("POST", "/api/nothing/invoke", headers=from_page),
        caller.call("OPTIONS", invoke_path(function), headers=asked),
    ]

    assert [answer.status_code for answer in answers] == [200, 405, 404, 404, 200]
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == "https://www.example.com"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-request-id"]
    assert_error(answers[1], 405, "METHOD_NOT_ALLOWED")
    assert_error(answers[3], 404, "NOT_FOUND")


def test_a_defect_on_the_edge_is_logged_and_tells_nothing(caller, embedded, workspace, monkeypatch, caplog, settings):
    settings.CORS_ORIGINS = ["https://www.example.com"]
    function = embedded.deployed(workspace)

    async def broken(*_args, **_more):
        raise RuntimeError("secret of the house")

    monkeypatch.setattr(embedded.runtime, "invoke", broken)

    answer = caller.call("POST", invoke_path(function), json={}, headers={"origin": "https://www.example.com"})

    error = assert_error(answer, 500, "EXECUTION_ERROR")
    assert answer.headers["access-control-allow-origin"] == "https://www.example.com"
    assert answer.headers["x-request-id"] in error["message"]
    assert "secret" not in answer.text
    assert "secret of the house" in caplog.text


def test_the_web_stack_alone_invokes_too(ada, embedded, workspace):
    function = embedded.deployed(workspace)

    answer = ada.post(invoke_path(function), {"a": 1})

    assert json.loads(answer.content)["responseBody"] == {"hello": {"a": 1}}
