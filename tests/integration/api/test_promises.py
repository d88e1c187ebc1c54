"""What callers of earlier systems lost data, time or secrets by. README.md lists all of it, and where it is tested."""

import asyncio
import json
import logging
from datetime import timedelta

import pytest
import time_machine

from faasweb.domain import clock
from faasweb.domain.errors import Unavailable
from faasweb.domain.invocations import InvocationRequest
from faasweb.domain.telemetry import CpuUsage
from tests.integration.api.test_builds import upload
from tests.integration.conftest import HELLO, Api, Edge, answering, assert_error, base64_of

pytestmark = pytest.mark.django_db(transaction=True)
CODE = base64_of(HELLO)


@pytest.fixture
def functions(workspace):
    return f"/api/workspaces/{workspace.id}/functions"


def invoke(token, function, times=1, **more):
    """So many calls at once; their answers."""
    edge = Edge(token)

    async def calls():
        path = f"/api/functions/{function.id}/invoke"
        one = [edge._call("POST", path, headers=edge.headers, **more) for _ in range(times)]
        return await asyncio.gather(*one)

    return asyncio.run(calls())


# --- nothing gets lost ---------------------------------------------------------------------------------------------


def test_workspaces_and_functions_can_be_renamed(ada, workspace, functions):
    function = ada.post(functions, {"name": "greet", "code": CODE}).json()

    assert ada.patch(f"/api/workspaces/{workspace.id}", {"name": "팀 B"}).json()["name"] == "팀 B"
    assert ada.patch(f"{functions}/{function['id']}", {"name": "welcome"}).json()["name"] == "welcome"


def test_large_code_is_stored_whole_and_a_list_of_it_is_complete(ada, functions):
    large = base64_of("#" * 900_000)
    for number in range(4):
        assert ada.post(functions, {"name": f"large {number}", "code": large}).status_code == 201

    listed = ada.get(functions).json()

    assert [function["name"] for function in listed] == [f"large {number}" for number in range(4)]
    assert all(function["code"] == large for function in listed)


def test_calls_at_the_same_time_are_all_counted_and_are_no_edits(ada, embedded, workspace):
    function = embedded.deployed(workspace)
    before = ada.get(f"/api/functions/{function.id}").json()

    answers = invoke(ada.token, function, 20, json={})

    assert [answer.status_code for answer in answers] == [200] * 20
    after = ada.get(f"/api/functions/{function.id}").json()
    assert (after["invocations24h"], after["errors24h"]) == (20, 0)
    assert after["lastModified"] == before["lastModified"]
    assert ada.get(f"/api/workspaces/{workspace.id}").json()["invocations24h"] == 20


def test_a_busy_functions_executions_are_all_there(ada, embedded, workspace):
    function = embedded.deployed(workspace)
    invoke(ada.token, function, 120, json={})

    assert ada.get(f"/api/workspaces/{workspace.id}/logs?limit=500").json()["total"] == 120
    assert ada.get(f"/api/functions/{function.id}/logs?limit=1000").json()["total"] == 120


def test_numbers_stay_the_numbers_they_were(ada, embedded, workspace):
    function = embedded.deployed(workspace)
    sent = b'{"a":1,"b":1.5,"c":12345678901234567890,"d":1e-7,"e":"1","f":0.1}'

    (answer,) = invoke(ada.token, function, content=sent)

    assert answer.json()["requestBody"] == json.loads(sent)
    assert answer.json()["responseBody"] == {"hello": json.loads(sent)}
    (stored,) = ada.get(f"/api/functions/{function.id}/logs").json()["logs"]
    assert stored == answer.json()


def test_counters_cover_the_last_day_and_not_all_time(ada, embedded, workspace):
    function = embedded.deployed(workspace, answering("Response(500, {}, b'')"))
    invoke(ada.token, function, 3)
    path = f"/api/functions/{function.id}"
    today = ada.get(path).json()

    with time_machine.travel(clock.now() + timedelta(hours=26)):
        tomorrow = ada.get(path).json()
        team = ada.get(f"/api/workspaces/{workspace.id}").json()

    assert (today["invocations24h"], today["errors24h"]) == (3, 3)
    assert (tomorrow["invocations24h"], tomorrow["errors24h"], tomorrow["avgDuration"]) == (0, 0, 0)
    assert (team["invocations24h"], team["errorRate"]) == (0, 0)


def test_a_workspace_forgets_the_numbers_of_a_deleted_function(ada, embedded, workspace):
    function = embedded.deployed(workspace, answering("Response(500, {}, b'')"))
    invoke(ada.token, function)
    path = f"/api/workspaces/{workspace.id}"
    assert ada.get(path).json()["errorRate"] == 100

    ada.delete(f"/api/functions/{function.id}")

    shown = ada.get(path).json()
    assert (shown["functionCount"], shown["invocations24h"], shown["errorRate"]) == (0, 0, 0)


# --- nothing comes back, nothing is left ---------------------------------------------------------------------------


@pytest.mark.parametrize("gone", ["/api/functions/{fn}", "/api/workspaces/{ws}"])
def test_a_call_that_ends_after_what_it_called_was_deleted_brings_nothing_back(ada, embedded, workspace, gone):
    function = embedded.deployed(workspace)

    async def call():
        invocation = await embedded.platform.invocations.open(function, InvocationRequest("POST"), "api")
        path = gone.format(fn=function.id, ws=workspace.id)
        assert (await asyncio.to_thread(ada.delete, path)).status_code == 204
        async for _chunk in invocation.body():
            pass
        await invocation.finish()

    asyncio.run(call())
    embedded.work()

    listed = ada.get("/api/workspaces")
    assert listed.status_code == 200
    assert [item["functionCount"] for item in listed.json()] in ([], [0])
    assert_error(ada.get(f"/api/functions/{function.id}"), 404, "NOT_FOUND")
    assert_error(ada.get(f"/api/functions/{function.id}/logs"), 404, "NOT_FOUND")


@pytest.mark.parametrize("code", ["/////w==", base64_of("\0")])
def test_a_function_that_can_not_be_stored_is_not_counted(ada, workspace, functions, code):
    assert_error(ada.post(functions, {"name": "greet", "code": code}), 400, "VALIDATION_ERROR", "code")

    assert ada.get(functions).json() == []
    assert ada.get(f"/api/workspaces/{workspace.id}").json()["functionCount"] == 0


def test_a_code_store_that_is_away_is_no_fault_of_the_caller(ada, embedded, workspace, functions, monkeypatch):
    function = ada.post(functions, {"name": "greet", "code": CODE}).json()

    def away(*_args):
        raise Unavailable("The code store does not answer.")

    monkeypatch.setattr(type(embedded.platform.functions.code), "put", away)

    other = {"code": base64_of(HELLO + "\n# changed\n")}
    assert_error(ada.patch(f"{functions}/{function['id']}", other), 503, "UNAVAILABLE")
    assert_error(ada.post(functions, {"name": "another", **other}), 503, "UNAVAILABLE")
    assert ada.get(functions).json() == [function]
    assert ada.get(f"/api/workspaces/{workspace.id}").json()["functionCount"] == 1


def test_functions_of_one_name_never_share_a_deployment(ada, embedded, workspace):
    other = ada.post("/api/workspaces", {"name": "Team B"}).json()
    mine = embedded.deployed(workspace, answering("Response(200, {}, b'1')"))
    theirs = embedded.deployed(
        embedded.platform.workspaces.repository.get(other["id"]), answering("Response(200, {}, b'2')")
    )
    assert mine.app_name != theirs.app_name

    ada.delete(f"/api/functions/{theirs.id}")
    embedded.work()

    (answer,) = invoke(ada.token, mine)
    assert answer.json()["responseBody"] == 1


@pytest.mark.parametrize("name", ["--all", "-n kube-system", "../../etc", "$(reboot)", "한글 함수", "123"])
def test_a_name_is_never_an_option_a_path_or_a_command(ada, embedded, workspace, name):
    other = embedded.deployed(workspace)
    strange = embedded.deployed(workspace, name=name)
    assert strange.app_name[0].isalpha()
    assert strange.app_name.replace("-", "").isalnum()

    ada.delete(f"/api/functions/{strange.id}")
    embedded.work()

    assert set(embedded.runtime.live) == {other.id}


def test_one_build_is_one_task(ada, embedded, workspace):
    form = {"file": upload(), "app_name": "greet", "workspace_id": workspace.id}
    task = ada.upload("/api/v1/build-and-push", form).json()["task_id"]
    embedded.work()

    tasks = ada.get(f"/api/v1/workspaces/{workspace.id}/tasks").json()["tasks"]

    assert [(item["task_id"], item["status"]) for item in tasks] == [(task, "done")]


# --- nobody gets at what is not theirs -----------------------------------------------------------------------------


def test_every_operation_asks_who_is_there(embedded, workspace):
    paths = Api().get("/openapi.json").json()["paths"]
    ids = {"workspace_id": workspace.id, "function_id": "fn-22222222", "task_id": "x", "token_id": "1"}
    calls = [(method, path.format(**ids)) for path, operations in paths.items() for method in operations]
    assert len(calls) > 25

    for method, path in calls:
        assert_error(Api().call(method.upper(), path, {}), 401, "UNAUTHENTICATED")


def test_secrets_are_in_no_log_and_in_no_refusal(ada, embedded, workspace, functions, caplog):
    secret = "s3cret-of-ada"
    body = {"name": "greet", "code": base64_of(f"# {secret}\n{HELLO}"), "environmentVariables": {"KEY": secret}}
    form = {"file": upload(), "workspace_id": workspace.id, "username": "ada", "password": secret}
    with caplog.at_level(logging.DEBUG):
        function = ada.post(functions, body).json()
        ada.upload("/api/v1/build-and-push", form)
        embedded.work()
        refused = Edge(ada.token).call("POST", f"/api/functions/{function['id']}/invoke", json={"password": secret})
        wrong = ada.patch(f"{functions}/{function['id']}", {"environmentVariables": {"1": secret, "KEY": [secret]}})

    assert_error(refused, 400, "NOT_DEPLOYED")
    assert_error(wrong, 400, "VALIDATION_ERROR")
    assert secret not in refused.text
    assert secret.encode() not in wrong.content
    assert secret not in caplog.text
    assert ada.token not in caplog.text


@pytest.mark.parametrize("path", ["loki-logs", "metrics"])
@pytest.mark.parametrize("name", ['fn-22222222"} or {a="', "fn-2222222.", "%22%7D", "fn-*", "fn-22222222%0A"])
def test_an_id_is_never_part_of_a_question_to_another_store(ada, path, name):
    assert_error(ada.get(f"/api/functions/{name}/{path}"), 400, "VALIDATION_ERROR", "function_id")


@pytest.mark.parametrize("workspace_id", ["../../etc", "ws-22222222/../x", "WS-DEFAULT", "ws-22222222"])
def test_files_go_into_workspaces_that_exist_and_nowhere_else(ada, embedded, workspace_id):
    answer = ada.upload("/api/v1/build", {"file": upload(name="../../x.py"), "workspace_id": workspace_id})

    assert_error(answer, 404, "NOT_FOUND")
    assert list((embedded.data / "code").rglob("*.py")) == []


def test_paths_of_the_server_are_nobodys_to_choose(ada, workspace):
    body = {"workspace_id": workspace.id, "app_dir": "/etc", "registry_url": "local"}

    assert_error(ada.post("/api/v1/push", body), 400, "VALIDATION_ERROR", "s3_source_path")


# --- half an answer is said to be one ------------------------------------------------------------------------------


def test_one_of_two_failed_readings_of_metrics_is_partial(ada, embedded, workspace, monkeypatch):
    function = embedded.deployed(workspace)
    monkeypatch.setattr(type(embedded.platform.metrics), "cpu", lambda *_args: CpuUsage(3600, 0.5, (), partial=True))

    shown = ada.get(f"/api/functions/{function.id}/metrics").json()

    assert (shown["status"], shown["data"]["cpu_total"], shown["data"]["cpu_series"]) == ("partial", 0.5, [])
