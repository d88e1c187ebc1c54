"""What programs ask a console about itself."""

import json
import re

import pytest
from django.test import Client
from django.test.client import RequestFactory

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
        assert operation["responses"]["default"]["content"]["application/json"]["schema"]["$ref"]
        assert operation["security"]
    assert schema["info"]["title"] == "faasweb"
    assert all(path.startswith("/api/") for path in schema["paths"])


def test_the_page_of_the_description_fetches_nothing_from_elsewhere(embedded):
    answer = Client(headers={"host": "localhost"}).get("/docs")

    assert answer.status_code == 200
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    page = answer.content.decode()
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", page)
    assert not re.search(r"<script(?![^>]*(?:src=|application/json))", page)
    assert "/openapi.json" in page
