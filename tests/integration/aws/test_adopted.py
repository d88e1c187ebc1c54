"""A table of the earlier system, adopted by the command and then served by the JSON API."""

from __future__ import annotations

import io
from typing import Any

import boto3
import pytest
from django.core.management import call_command

from faasweb.adapters.repositories.dynamodb_values import to_item
from faasweb.domain.access import SYSTEM_ACTOR
from faasweb.domain.functions import FunctionRef
from tests.contract.repositories import earlier_table
from tests.contract.repositories.earlier_table import GREET, LARGEST, OTHER, SLOPPY, TEAM, UUID
from tests.integration.aws.conftest import REGION, TABLE
from tests.integration.conftest import HELLO, Api, Edge, assert_error, base64_of

pytestmark = pytest.mark.django_db(transaction=True)


def told(*arguments: str) -> str:
    out = io.StringIO()
    call_command("adopt_table", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def table(embedded) -> Any:
    client = boto3.client("dynamodb", region_name=REGION)
    earlier_table.fill(client, TABLE, embedded.platform.functions.code)
    row = earlier_table.function(TEAM, GREET, "greet", base64_of(HELLO))
    client.put_item(TableName=TABLE, Item=to_item(row))
    return client


@pytest.fixture
def operator(person, token) -> str:
    """Nobody is a member of adopted workspaces yet: operators see them."""
    person("root", operator=True)
    secret: str = token("root")
    return secret


@pytest.fixture
def api(table, operator) -> Api:
    told()
    return Api(operator)


def test_the_command_tells_what_it_would_do_then_does_it_then_finds_it_done(table):
    before = earlier_table.dump(table, TABLE)
    assert "functions: 7 to adopt, 0 already right" in told("--dry-run")
    assert earlier_table.dump(table, TABLE) == before
    first = told()
    assert "functions: 7 adopted, 0 already right" in first
    assert "skipped: 1 of workspace: a leftover without an id: it was deleted" in first
    assert "functions: 0 adopted, 7 already right" in told()


def test_before_it_is_adopted_the_table_shows_nothing_and_breaks_nothing(table, operator):
    assert Api(operator).get("/api/workspaces").json() == []
    assert_error(Api(operator).get(f"/api/functions/{GREET}"), 404, "NOT_FOUND")


def test_workspaces_and_functions_are_listed_and_read(api):
    listed = api.get("/api/workspaces").json()
    assert [(workspace["id"], workspace["functionCount"]) for workspace in listed] == [(OTHER, 1), (TEAM, 6)]
    functions = api.get(f"/api/workspaces/{TEAM}/functions").json()
    assert len(functions) == 6
    for function in functions:
        assert api.get(f"/api/functions/{function['id']}").json() == function
        assert function["environmentVariables"] == {"TOKEN": "********"}
    codes = {function["id"]: function["code"] for function in functions}
    assert codes[GREET] == base64_of(HELLO)
    assert codes[LARGEST] == codes[SLOPPY] == base64_of(earlier_table.LARGE)
    assert next(f for f in functions if f["id"] == GREET)["lastModified"] == earlier_table.KST_NOON


def test_every_function_can_be_edited_and_deleted(api, embedded):
    for function in api.get(f"/api/workspaces/{TEAM}/functions").json():
        path = f"/api/functions/{function['id']}"
        assert api.patch(path, {"memory": 512}).json() | {"lastModified": ""} == function | {
            "memory": 512,
            "lastModified": "",
        }
        assert api.delete(path).status_code == 204
    embedded.work()
    assert api.get(f"/api/workspaces/{TEAM}").json()["functionCount"] == 0


def test_a_function_is_deployed_called_and_its_calls_are_with_the_earlier_ones(api, embedded, operator):
    edge, path = Edge(operator), f"/api/functions/{GREET}"
    assert_error(edge.call("POST", f"{path}/invoke", json=1), 400, "NOT_DEPLOYED")
    embedded.platform.deployments.deploy(SYSTEM_ACTOR, FunctionRef(TEAM, GREET))
    embedded.work()

    answer = edge.call("POST", f"{path}/invoke", json={"a": 1}).json()

    assert answer["responseBody"] == {"hello": {"a": 1}}
    logs = api.get(f"{path}/logs").json()["logs"]
    assert {log["id"] for log in logs} == {answer["id"], "recent22", "recent33", "earlier2"}
    assert api.get(path).json()["invocations24h"] == 3
    environment = embedded.platform.functions.find(GREET).settings.environment
    assert [(variable.name, variable.value) for variable in environment] == [("TOKEN", "topsecret")]


def test_tasks_are_shown_and_what_nobody_was_at_is_ended(api, embedded):
    tasks = api.get(f"/api/v1/workspaces/{TEAM}/tasks").json()["tasks"]
    assert [(task["task_id"], task["status"]) for task in tasks] == [
        (UUID.format(1), "building"),
        (UUID.format(3), "done"),
        ("22charactersofshortuuid", "done"),
    ]
    embedded.platform.upkeep.reap()
    ended = api.get(f"/api/v1/tasks/{UUID.format(1)}").json()
    assert ended["status"] == "failed"
    assert "10 minutes" in ended["error"]


def test_a_workspace_is_deleted_with_all_it_had(api, embedded, table):
    assert api.delete(f"/api/workspaces/{TEAM}").status_code == 204
    embedded.work()
    left = {"".join(key) for key in earlier_table.dump(table, TABLE)}
    assert [key for key in left if TEAM in key or GREET in key] == [
        "".join([earlier_table.OF_THE_BUILDER["PK"], earlier_table.OF_THE_BUILDER["SK"]])
    ]
