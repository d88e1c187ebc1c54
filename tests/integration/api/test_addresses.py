"""Functions that run elsewhere: an address is set, checked, called and taken away."""

import ipaddress

import httpx
import pytest

from faasweb.adapters.runtime.address import AddressRuntime
from faasweb.adapters.runtime.addresses import AddressRules
from faasweb.adapters.runtime.http_calls import UrlCalls
from tests.integration.conftest import Edge, assert_error, base64_of

pytestmark = pytest.mark.django_db(transaction=True)
PUBLIC, PRIVATE = "93.184.216.34", "10.0.0.7"


@pytest.fixture
def names():
    """Which address a name has; a test may change it."""
    return {"greet.example.com": PUBLIC, "inside.example.com": PRIVATE}


@pytest.fixture
def elsewhere():
    """What answers at every address; ``requests`` are what it was asked."""

    class Answering:
        requests: list[httpx.Request] = []
        answer = staticmethod(lambda _request: httpx.Response(200, json={"hello": "from elsewhere"}))

        def __call__(self, request):
            self.requests.append(request)
            return self.answer(request)

    return Answering()


@pytest.fixture
def caller(embedded, ada, names, elsewhere):
    """Ada on the edge, on a platform composed as bootstrap does it, but for the network."""
    elsewhere.requests.clear()

    async def look_up(host, port):
        return [ipaddress.ip_address(names[host])]

    calls = UrlCalls(AddressRules(".svc.cluster.local", look_up=look_up), lambda: httpx.MockTransport(elsewhere))
    invocations = embedded.platform.invocations
    object.__setattr__(invocations, "runtime", AddressRuntime(invocations.runtime, calls))
    return Edge(ada.token)


@pytest.fixture
def function(ada, workspace):
    body = {"name": "greet", "httpMethods": ["GET", "POST"], "code": base64_of("class IncomingHandler: ...")}
    made: dict[str, str] = ada.post(f"/api/workspaces/{workspace.id}/functions", body).json()
    return made


def invoke(caller, function, query=""):
    return caller.call("POST", f"/api/functions/{function['id']}/invoke{query}", json={"name": "지수"})


def test_a_function_is_called_at_its_address_until_that_is_taken_away(caller, ada, function, elsewhere):
    assert_error(invoke(caller, function), 400, "NOT_DEPLOYED")
    path = f"/api/functions/{function['id']}"
    shown = ada.patch(path, {"invocationUrl": "greet.example.com/run"}).json()
    assert shown["invocationUrl"] == "http://greet.example.com/run"

    record = invoke(caller, function, "?path=/a?b=c").json()

    assert (record["statusCode"], record["responseBody"]) == (200, {"hello": "from elsewhere"})
    assert record["requestBody"] == {"name": "지수"}
    (request,) = elsewhere.requests
    assert (request.method, request.url.host, request.headers["host"]) == ("POST", PUBLIC, "greet.example.com")
    assert request.extensions["target"] == b"/run/a?b=c"
    assert "authorization" not in request.headers
    assert ada.get(f"{path}/logs").json()["logs"] == [record]
    assert ada.get(path).json()["invocations24h"] == 1

    ada.patch(path, {"invocationUrl": None})
    assert_error(invoke(caller, function), 400, "NOT_DEPLOYED")


def test_what_is_deployed_here_answers_in_place_of_the_address(caller, embedded, ada, workspace, elsewhere):
    function = embedded.deployed(workspace)
    ada.patch(f"/api/functions/{function.id}", {"invocationUrl": "http://greet.example.com"})

    record = invoke(caller, {"id": function.id}).json()

    assert record["responseBody"] == {"hello": {"name": "지수"}}
    assert elsewhere.requests == []


def test_its_own_route_leads_there_too(caller, ada, function, workspace, elsewhere):
    ada.patch(f"/api/functions/{function['id']}", {"invocationUrl": "http://greet.example.com/run"})

    answer = caller.call("GET", f"/fn/{workspace.id}/{function['id']}/a%2Fb?c=d")

    assert (answer.status_code, answer.json()) == (200, {"hello": "from elsewhere"})
    assert elsewhere.requests[0].extensions["target"] == b"/run/a%2Fb?c=d"


def test_a_name_that_leads_into_this_network_is_refused_at_the_call_and_recorded(caller, ada, function, elsewhere):
    path = f"/api/functions/{function['id']}"
    ada.patch(path, {"invocationUrl": "http://inside.example.com/"})

    error = assert_error(invoke(caller, function), 503, "INVOCATION_ERROR")

    assert "FAASWEB_INVOCATION_HOSTS" in error["message"]
    assert PRIVATE not in error["message"]
    assert elsewhere.requests == []
    assert [entry["statusCode"] for entry in ada.get(f"{path}/logs").json()["logs"]] == [503]


def test_a_name_is_looked_up_and_checked_anew_at_each_call(caller, ada, function, names, elsewhere):
    ada.patch(f"/api/functions/{function['id']}", {"invocationUrl": "http://greet.example.com/"})
    assert invoke(caller, function).status_code == 200

    names["greet.example.com"] = "127.0.0.1"

    assert_error(invoke(caller, function), 503, "INVOCATION_ERROR")
    assert len(elsewhere.requests) == 1


def test_no_answer_in_time_is_a_timeout(caller, ada, function, elsewhere):
    def never(request):
        raise httpx.ReadTimeout("", request=request)

    elsewhere.answer = never
    ada.patch(f"/api/functions/{function['id']}", {"invocationUrl": "http://greet.example.com/"})

    assert_error(invoke(caller, function), 504, "TIMEOUT")


def test_nobody_at_the_address_is_an_invocation_error(caller, ada, function, elsewhere):
    def nobody(request):
        raise httpx.ConnectError("10.9.8.7: connection refused", request=request)

    elsewhere.answer = nobody
    ada.patch(f"/api/functions/{function['id']}", {"invocationUrl": "http://greet.example.com/"})

    assert "10.9.8.7" not in assert_error(invoke(caller, function), 503, "INVOCATION_ERROR")["message"]


def test_a_path_that_leads_out_of_the_address_is_refused(caller, ada, function, elsewhere):
    ada.patch(f"/api/functions/{function['id']}", {"invocationUrl": "http://greet.example.com/run"})

    assert_error(invoke(caller, function, "?path=/../admin"), 400, "VALIDATION_ERROR", "path")
    assert elsewhere.requests == []


@pytest.mark.parametrize(
    "typed",
    [
        "http://127.0.0.1:8000/",
        "localhost:8000",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:10.0.0.1]/",
        "http://2130706433/",
        "http://ada:secret@greet.example.com/",
        "http://greet.example.com/#x",
        "gopher://greet.example.com/",
    ],
)
def test_an_address_that_may_not_be_called_is_not_even_kept(ada, function, typed):
    path = f"/api/functions/{function['id']}"

    assert_error(ada.patch(path, {"invocationUrl": typed}), 400, "VALIDATION_ERROR", "invocationUrl")
    assert ada.get(path).json()["invocationUrl"] is None


def test_an_operator_allows_hosts_of_the_own_network(ada, function, settings):
    settings.INVOCATION_HOSTS = ["127.0.0.1:9000"]
    path = f"/api/functions/{function['id']}"

    assert ada.patch(path, {"invocationUrl": "127.0.0.1:9000/x"}).json()["invocationUrl"] == "http://127.0.0.1:9000/x"
    assert_error(ada.patch(path, {"invocationUrl": "127.0.0.1:9001"}), 400, "VALIDATION_ERROR", "invocationUrl")
