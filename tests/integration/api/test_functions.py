import json
from datetime import UTC, datetime

import pytest
import time_machine

from faasweb.domain.functions import EnvironmentVariable
from tests.integration.conftest import HELLO, Api, assert_error, base64_of

pytestmark = pytest.mark.django_db
CODE = base64_of(HELLO)
KEYS = [
    "id",
    "workspaceId",
    "name",
    "description",
    "runtime",
    "memory",
    "timeout",
    "httpMethods",
    "environmentVariables",
    "allowedOutboundHosts",
    "code",
    "invocationUrl",
    "status",
    "lastModified",
    "lastDeployed",
    "invocations24h",
    "errors24h",
    "avgDuration",
]


@pytest.fixture
def functions(workspace):
    return f"/api/workspaces/{workspace.id}/functions"


@pytest.fixture
def greet(ada, functions):
    return ada.post(functions, {"name": "greet", "code": CODE}).json()


def test_a_function_has_the_documented_shape_and_defaults(ada, functions, workspace):
    made = ada.post(functions, {"name": "greet", "code": CODE, "status": "building", "unknown": 1})

    assert made.status_code == 201
    body = made.json()
    assert list(body) == KEYS
    assert body["id"].startswith("fn-")
    assert body | {"id": "", "lastModified": ""} == {
        "id": "",
        "workspaceId": workspace.id,
        "name": "greet",
        "description": "",
        "runtime": "Python 3.12",
        "memory": 256,
        "timeout": 30,
        "httpMethods": ["GET"],
        "environmentVariables": {},
        "allowedOutboundHosts": [],
        "code": CODE,
        "invocationUrl": None,
        "status": "active",
        "lastModified": "",
        "lastDeployed": None,
        "invocations24h": 0,
        "errors24h": 0,
        "avgDuration": 0.0,
    }


def test_nested_and_short_paths_answer_the_same(ada, functions, greet):
    for path in (f"{functions}/{greet['id']}", f"/api/functions/{greet['id']}", f"/api/functions/{greet['id']}/"):
        assert ada.get(path).json() == greet
    assert ada.get(functions).json() == [greet]
    assert ada.patch(f"/api/functions/{greet['id']}", {"memory": "512"}).json()["memory"] == 512
    assert ada.get(f"{functions}/{greet['id']}").json()["memory"] == 512


@pytest.mark.parametrize("short", [True, False])
def test_a_deleted_function_is_gone(ada, functions, greet, short):
    path = f"/api/functions/{greet['id']}" if short else f"{functions}/{greet['id']}"

    gone = ada.delete(path)

    assert (gone.status_code, gone.content) == (204, b"")
    assert_error(ada.delete(path), 404, "NOT_FOUND")
    assert ada.get(functions).json() == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"code": "!!!!"}, "code"),
        ({"code": "abc"}, "code"),
        ({"code": base64_of("")}, "code"),
        ({"code": "/////w=="}, "code"),
        ({"memory": 127}, "memory"),
        ({"memory": 1025}, "memory"),
        ({"memory": "much"}, "memory"),
        ({"memory": 1.5}, "memory"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": 901}, "timeout"),
        ({"httpMethods": []}, "httpMethods"),
        ({"httpMethods": ["BANANA"]}, "httpMethods"),
        ({"httpMethods": "GET"}, "httpMethods"),
        ({"environmentVariables": {"A": 1}}, "environmentVariables.A"),
        ({"environmentVariables": {"1A": "x"}}, "environmentVariables"),
        ({"allowedOutboundHosts": ["ftp://x"]}, "allowedOutboundHosts"),
        ({"runtime": "x" * 101}, "runtime"),
        ({"status": "sleeping"}, "status"),
        ({"description": 5}, "description"),
    ],
)
def test_a_wrong_function_is_refused_with_the_fields_name(ada, functions, changes, field):
    answer = ada.post(functions, {"name": "greet", "code": CODE, **changes})

    assert_error(answer, 400, "VALIDATION_ERROR", field)
    assert ada.get(functions).json() == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"httpMethods": []}, "httpMethods"),
        ({"code": base64_of(" ")}, "code"),
        ({"status": "sleeping"}, "status"),
        ({"invocationUrl": "ftp://host"}, "invocationUrl"),
        ({"invocationUrl": "http://"}, "invocationUrl"),
        ({"invocationUrl": "http://[::1"}, "invocationUrl"),
        ({"lastDeployed": "yesterday"}, "lastDeployed"),
        ({"memory": 5000}, "memory"),
    ],
)
def test_a_wrong_edit_is_refused_and_changes_nothing(ada, greet, changes, field):
    path = f"/api/functions/{greet['id']}"

    assert_error(ada.patch(path, changes), 400, "VALIDATION_ERROR", field)
    assert ada.get(path).json() == greet


def test_all_wrong_fields_are_listed(ada, functions):
    error = assert_error(ada.post(functions, {"memory": 1, "timeout": "x"}), 400, "VALIDATION_ERROR", "name")

    assert [item["field"] for item in error["details"]["errors"]] == ["name", "code", "memory", "timeout"]


def test_code_over_the_limit_is_413(ada, functions):
    error = assert_error(ada.post(functions, {"name": "big", "code": base64_of("#" * 1_000_001)}), 413, "TOO_LARGE")

    assert error["details"]["field"] == "code"


def test_environment_values_go_in_and_never_come_out(ada, embedded, functions):
    secret = {"name": "greet", "code": CODE, "environmentVariables": {"KEY": "s3cret", "OTHER": "two"}}
    made = ada.post(functions, secret)
    path = f"{functions}/{made.json()['id']}"

    masked = {"KEY": "********", "OTHER": "********"}
    assert made.json()["environmentVariables"] == masked
    edited = ada.patch(path, {"environmentVariables": {"KEY": "********", "NEW": "three"}})

    assert edited.json()["environmentVariables"] == {"KEY": "********", "NEW": "********"}
    assert b"s3cret" not in made.content + edited.content + ada.get(path).content + ada.get(functions).content
    stored = embedded.platform.functions.find(made.json()["id"]).settings.environment
    assert {variable.name: variable.value for variable in stored} == {"KEY": "s3cret", "NEW": "three"}


def test_absent_stays_and_null_empties_what_may_be_empty(ada, greet):
    path = f"/api/functions/{greet['id']}"
    ada.patch(
        path, {"description": "says hello", "invocationUrl": " host:80/x ", "lastDeployed": "2025-12-07T03:00:00"}
    )

    kept = ada.patch(path, {"timeout": 5, "name": None, "memory": None}).json()
    assert (kept["description"], kept["invocationUrl"]) == ("says hello", "http://host:80/x")
    assert (kept["lastDeployed"], kept["name"], kept["memory"]) == ("2025-12-07T12:00:00+09:00", "greet", 256)

    emptied = ada.patch(path, {"description": None, "invocationUrl": None, "lastDeployed": None}).json()
    assert (emptied["description"], emptied["invocationUrl"], emptied["lastDeployed"]) == ("", None, None)
    ada.patch(path, {"invocationUrl": "https://host/x"})
    assert ada.patch(path, {"invocationUrl": ""}).json()["invocationUrl"] is None


def test_times_are_in_kst_with_microseconds_that_are_left_out_when_zero(ada, functions):
    with time_machine.travel(datetime(2026, 1, 5, 0, 30, 0, 120_000, tzinfo=UTC), tick=False):
        made = ada.post(functions, {"name": "greet", "code": CODE}).json()
    with time_machine.travel(datetime(2026, 1, 5, 16, 0, 0, tzinfo=UTC), tick=False):
        edited = ada.patch(f"/api/functions/{made['id']}", {"memory": 300}).json()

    assert made["lastModified"] == "2026-01-05T09:30:00.120000+09:00"
    assert edited["lastModified"] == "2026-01-06T01:00:00+09:00"


def test_only_edits_move_last_modified(ada, embedded, workspace):
    function = embedded.deployed(workspace)
    path = f"/api/functions/{function.id}"
    before = ada.get(path).json()

    assert ada.patch(path, {}).json() == before
    assert before["lastDeployed"] > before["lastModified"]
    assert ada.patch(path, {"description": "x"}).json()["lastModified"] > before["lastModified"]


def test_a_live_function_shows_where_it_answers(ada, embedded, workspace):
    function = embedded.deployed(workspace)

    shown = ada.get(f"/api/functions/{function.id}").json()

    assert shown["invocationUrl"] == f"http://localhost/fn/{workspace.id}/greet"


@pytest.mark.parametrize("scheme", ["", "http://"])
def test_the_address_that_a_deployment_answered_may_be_given_back(ada, embedded, workspace, scheme):
    """Programs of the earlier system store it with the function, as the last step of their deployment."""
    function = embedded.deployed(workspace)
    path, told = f"/api/functions/{function.id}", f"{scheme}localhost/fn/{workspace.id}/greet"

    kept = ada.patch(path, {"invocationUrl": told, "lastDeployed": "2026-11-21T04:00:00.000Z", "status": "active"})

    assert kept.status_code == 200
    assert kept.json()["invocationUrl"] == f"http://localhost/fn/{workspace.id}/greet"
    assert kept.json()["lastDeployed"] == "2026-11-21T13:00:00+09:00"
    assert embedded.platform.functions.get(function.ref).invocation_url is None
    other = ada.patch(path, {"invocationUrl": f"http://localhost/fn/{workspace.id}/other"})
    assert_error(other, 400, "VALIDATION_ERROR", "invocationUrl")


def test_a_function_may_be_sent_back_as_it_was_shown(ada, embedded, workspace):
    function = embedded.deployed(workspace, environment=(EnvironmentVariable("TOKEN", "hunter2"),))
    path = f"/api/functions/{function.id}"
    shown = ada.get(path).json()

    again = ada.patch(path, shown)

    assert again.status_code == 200
    assert again.json() | {"lastModified": ""} == shown | {"lastModified": ""}
    assert embedded.platform.functions.get(function.ref).settings.environment[0].value == "hunter2"


def test_a_disabled_function_stays_so_until_it_is_enabled(ada, greet):
    path = f"/api/functions/{greet['id']}"

    assert ada.patch(path, {"status": "disabled"}).json()["status"] == "disabled"
    assert ada.patch(path, {"status": "active"}).json()["status"] == "active"


def test_answers_are_compact_unescaped_utf8(ada, functions):
    answer = ada.post(functions, {"name": "인사", "code": CODE, "description": "안녕 👋"})

    assert answer.headers["content-type"] == "application/json"
    assert '"name":"인사","description":"안녕 👋"'.encode() in answer.content
    compact = json.dumps(json.loads(answer.content), ensure_ascii=False, separators=(",", ":"))
    assert answer.content == compact.encode()


def test_roles_decide_who_may_change_a_function(workspace, functions, greet, member, person, token):
    path = f"{functions}/{greet['id']}"
    viewer, developer = Api(member("viewer")), Api(member("developer"))
    person("eve")
    eve = Api(token("eve"))

    assert viewer.get(path).json() == greet
    assert_error(viewer.patch(path, {"memory": 300}), 403, "FORBIDDEN")
    assert_error(viewer.post(functions, {"name": "x", "code": CODE}), 403, "FORBIDDEN")
    assert_error(viewer.delete(f"/api/functions/{greet['id']}"), 403, "FORBIDDEN")
    assert developer.patch(path, {"memory": 300}).status_code == 200
    for answer in (eve.get(path), eve.patch(path, {}), eve.delete(path), eve.get(f"/api/functions/{greet['id']}")):
        error = assert_error(answer, 404, "NOT_FOUND")
        assert error["message"] == f"Function {greet['id']} not found"
    assert_error(eve.get(functions), 404, "NOT_FOUND")


def test_a_function_is_not_found_under_another_workspace(ada, greet):
    other = ada.post("/api/workspaces", {"name": "Team B"}).json()

    assert_error(ada.get(f"/api/workspaces/{other['id']}/functions/{greet['id']}"), 404, "NOT_FOUND")
