"""What programs ask a console about itself."""

import json
import re

import jsonschema_rs
import pytest
from django.test import Client
from django.test.client import RequestFactory

from consoles.api.examples import SCHEMAS
from consoles.api.root import status
from tests.integration.conftest import Api

pytestmark = pytest.mark.django_db


def test_programs_get_the_status_they_know():
    answer = status(RequestFactory().get("/"))

    assert json.loads(answer.content) == {
        "status": "ok",
        "message": "FaaS Backend API is running",
        "environment": "development",
    }


def test_ready_means_that_every_part_can_work(embedded):
    answer = Api().get("/readyz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ready"})


def test_not_ready_says_what_is_missing(embedded):
    embedded.toolchain.missing = "The toolchain is being prepared."
    embedded.runtime.away = True
    parts = {"worker": {"state": "waiting", "last_exit": "killed by SIGKILL"}, "front": {"state": "running"}}
    (embedded.data / "run").mkdir()
    (embedded.data / "run" / "status.json").write_text(json.dumps({"parts": parts}))

    answer = Api().get("/readyz")

    assert answer.status_code == 503
    assert answer.json() == {
        "status": "not ready",
        "problems": {
            "worker": "worker is not running (killed by SIGKILL).",
            "builder": "The toolchain is being prepared.",
            "runtime": "The runtime of the tests is away.",
        },
    }


def test_a_broken_status_file_is_no_problem(embedded):
    (embedded.data / "run").mkdir()
    (embedded.data / "run" / "status.json").write_text("{")

    assert Api().get("/readyz").status_code == 200


def test_the_description_names_every_operation_once_and_its_errors(embedded):
    schema = Api().get("/openapi.json").json()

    operations = [found for path in schema["paths"].values() for found in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[a-z][a-z_]*", name) for name in names)
    assert {"create_workspace", "create_function", "build_and_push", "get_task", "deploy", "invoke_function"} <= set(
        names
    )
    for operation in operations:
        refused = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
        assert {"401", "429", "500", "503"} <= set(refused)
        assert all(answer["$ref"].startswith("#/components/responses/") for answer in refused.values())
        assert operation["security"][0] == {"token": []}
    for answer in schema["components"]["responses"].values():
        assert answer["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/RefusalOut"}
    assert schema["info"]["title"] == "faasweb"
    assert all(path.startswith("/api/") for path in schema["paths"])


def answers_of(schema, operation_id):
    (found,) = [
        operation
        for path in schema["paths"].values()
        for operation in path.values()
        if operation["operationId"] == operation_id
    ]
    return set(found["responses"])


@pytest.mark.parametrize(
    ("operation_id", "statuses"),
    [
        ("list_tokens", "200"),
        ("list_workspaces", "200 403"),
        ("get_function", "200 403 404"),
        ("list_executions", "200 400 403 404"),
        ("create_workspace", "201 400 403 413"),
        ("create_function", "201 400 403 404 409 413"),
        ("delete_function", "204 403 404 409"),
        ("build_and_push", "202 400 403 404 413"),
        ("deploy", "200 400 403 404 409 413"),
        ("invoke_function", "200 400 403 404 405 413 504"),
    ],
)
def test_the_description_says_how_each_operation_can_end(embedded, operation_id, statuses):
    schema = Api().get("/openapi.json").json()

    assert answers_of(schema, operation_id) == {*statuses.split(), "401", "429", "500", "503"}


def test_a_change_by_a_browser_needs_the_csrf_token_too(embedded):
    schema = Api().get("/openapi.json").json()

    paths = schema["paths"]["/api/workspaces"]
    assert paths["get"]["security"] == [{"token": []}, {"session": []}]
    assert paths["post"]["security"] == [{"token": []}, {"session": [], "csrf": []}]
    assert set(schema["components"]["securitySchemes"]) == {"token", "session", "csrf"}


def test_every_example_is_an_example_of_what_it_stands_at(embedded):
    schema = Api().get("/openapi.json").json()
    examples = {
        name: found["examples"] for name, found in schema["components"]["schemas"].items() if "examples" in found
    }

    assert set(examples) == set(SCHEMAS)
    for name, (example,) in examples.items():
        whole = {"$ref": f"#/components/schemas/{name}", "components": schema["components"]}
        jsonschema_rs.validator_for(whole, validate_formats=True).validate(example)


def test_the_earlier_name_of_the_page_leads_to_it(embedded):
    answer = Api().get("/redoc")

    assert (answer.status_code, answer.headers["location"]) == (302, "/docs")


def test_the_page_of_the_description_fetches_nothing_from_elsewhere(embedded):
    answer = Client(headers={"host": "localhost"}).get("/docs")

    assert answer.status_code == 200
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    page = answer.content.decode()
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", page)
    assert not re.search(r"<script(?![^>]*(?:src=|application/json))", page)
    assert "/openapi.json" in page


def test_head_answers_like_get_without_the_body(ada, workspace):
    for path in (f"/api/workspaces/{workspace.id}", "/api/workspaces", "/api/workspaces/ws-22222222", "/api/nothing"):
        got, head = ada.get(path), ada.call("HEAD", path)
        assert (head.status_code, head.content) == (got.status_code, b""), path
        assert head["Content-Type"] == got["Content-Type"]
        assert int(head["Content-Length"]) == len(got.content)


def test_what_can_t_be_read_has_no_head_either(ada):
    assert ada.call("HEAD", "/api/v1/push").status_code == 405
