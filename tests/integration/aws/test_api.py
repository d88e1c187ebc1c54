"""The JSON API answers the same whether its data lie in files or in AWS."""

from __future__ import annotations

import json
import logging
import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from faasweb import bootstrap
from faasweb.domain.access import Scope
from tests.contract.repositories.earlier_table import dump
from tests.integration.conftest import HELLO, Api, Edge, Embedded, actor_for, base64_of

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "never-to-be-seen-in-a-log"
LARGE = HELLO + "#" * 60_000
_VARYING = [
    (r"\b(ws|fn|dp)-[2-9A-HJ-NP-Za-km-z]{8}\b", r"\1-id"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "uuid"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+09:00", "time"),
    (r'"id":"[2-9A-HJ-NP-Za-km-z]{8}"', '"id":"execution"'),
    (r'"(duration|avgDuration|errorRate)":[0-9.e-]+', r'"\1":0'),
    (r"s3://[a-z-]+/", "s3://store/"),
    (r"sha256:[0-9a-f]{64}", "sha256:digest"),  # of an image: it holds its time
]


class Caller:
    """Calls the API and keeps every answer, without what differs from run to run."""

    def __init__(self, token: str) -> None:
        self.api, self.edge = Api(token), Edge(token)
        self.heard: list[tuple[str, int, str]] = []

    def call(self, method: str, path: str, body: Any = None) -> Any:
        if path.endswith("/invoke"):
            answer: Any = self.edge.call(method, path, json=body)
        else:
            answer = self.api.call(method, path, body)
        return self._heard(method, path, answer)

    def upload(self, path: str, form: dict[str, Any]) -> Any:
        return self._heard("POST", path, self.api.upload(path, form))

    def _heard(self, method: str, path: str, answer: Any) -> Any:
        self.heard.append((f"{method} {same(path)}", answer.status_code, same(answer.content.decode())))
        return json.loads(answer.content) if answer.content else None


def same(text: str) -> str:
    for pattern, word in _VARYING:
        text = re.sub(pattern, word, text)
    return text


def the_whole_api(caller: Caller, embedded: Embedded) -> None:
    """Workspaces, functions, deploying, calling, logs, tasks, deleting, and what is refused on the way."""
    ws = caller.call("POST", "/api/workspaces", {"name": "팀 A", "description": "d"})["id"]
    other = caller.call("POST", "/api/workspaces", {"name": "B"})["id"]
    caller.call("PATCH", f"/api/workspaces/{ws}", {"description": None})
    caller.call("GET", "/api/workspaces/ws-unknwn22")
    functions = f"/api/workspaces/{ws}/functions"
    made = {
        "name": "greet",
        "code": base64_of(HELLO),
        "environmentVariables": {"TOKEN": SECRET},
        "httpMethods": ["POST"],
    }
    greet = caller.call("POST", functions, made)["id"]
    large = caller.call("POST", functions, {"name": "large", "code": base64_of(LARGE)})["id"]
    caller.call("POST", f"/api/workspaces/{other}/functions", {"name": "greet", "code": base64_of(HELLO)})
    caller.call("POST", functions, {"name": "", "code": "!!!!"})
    caller.call("GET", functions)
    caller.call("PATCH", f"/api/functions/{greet}", {"name": "renamed", "memory": 512, "description": "큰"})
    caller.call("PATCH", f"{functions}/{large}", {"code": base64_of(LARGE + "#")})
    caller.call("GET", f"{functions}/{large}")
    caller.call("POST", f"{functions}/{greet}/invoke", {"a": 1})
    _tasks(caller, embedded, ws, greet)
    for body in ({"a": [1, 2.5, None]}, "text", None):
        caller.call("POST", f"{functions}/{greet}/invoke", body)
    caller.call("POST", f"/api/functions/{greet}/invoke", {"name": "지수"})
    caller.call("GET", f"/api/functions/{greet}/logs?limit=3")
    caller.call("GET", f"/api/workspaces/{ws}/logs")
    caller.call("GET", f"/api/functions/{greet}/loki-logs")
    caller.call("GET", f"/api/functions/{greet}/metrics")
    caller.call("GET", f"/api/functions/{greet}")
    caller.call("GET", f"/api/workspaces/{ws}")
    caller.call("PATCH", f"/api/functions/{greet}", {"status": "disabled"})
    caller.call("POST", f"{functions}/{greet}/invoke", {})
    caller.call("DELETE", f"/api/functions/{greet}")
    caller.call("DELETE", f"/api/functions/{greet}")
    embedded.work()
    caller.call("GET", f"/api/workspaces/{ws}")
    caller.call("DELETE", f"/api/workspaces/{ws}")
    embedded.work()
    caller.call("GET", functions)
    caller.call("GET", "/api/workspaces")


def _tasks(caller: Caller, embedded: Embedded, ws: str, greet: str) -> None:
    upload = SimpleUploadedFile("greet.py", HELLO.encode(), "text/x-python")
    form = {"file": upload, "app_name": "greet", "workspace_id": ws}
    task = caller.upload("/api/v1/build-and-push", form)["task_id"]
    caller.call("GET", f"/api/v1/tasks/{task}")
    embedded.work()
    image = caller.call("GET", f"/api/v1/tasks/{task}")["result"]["image_url"]
    caller.call("GET", f"/api/v1/workspaces/{ws}/tasks")
    caller.call("GET", "/api/v1/tasks/no-such-task")
    caller.call("POST", "/api/v1/deploy", {"namespace": "default", "image_ref": image, "function_id": greet})
    embedded.work()


def heard_on(on: Any, kind: str, user: Any) -> list[tuple[str, int, str]]:
    with on(kind) as embedded:
        caller = Caller(token_of(embedded, user))
        the_whole_api(caller, embedded)
    return caller.heard


def token_of(embedded: Embedded, user: Any) -> str:
    return embedded.platform.accounts.issue_token(actor_for(user), "of tests", scopes=frozenset(Scope))[1]


def test_every_answer_is_the_same_on_both_storages(on, person):
    in_files = heard_on(on, "files", person("ada"))
    in_aws = heard_on(on, "aws", person("grace"))

    assert [status for _, status, _ in in_files].count(500) == 0
    assert [status for _, status, _ in in_files].count(503) == 0
    for one, another in zip(in_files, in_aws, strict=True):
        assert one == another


def test_no_request_scans_the_table_and_each_client_is_made_once(on, person, vendor):
    with on("aws") as embedded:
        the_whole_api(Caller(token_of(embedded, person("ada"))), embedded)
        embedded.platform.upkeep.reap()
        embedded.platform.upkeep.prune()

        assert bootstrap.get_platform() is embedded.platform
    assert vendor.operations["TransactWriteItems"] > 20
    assert vendor.operations["PutObject"] > 3
    assert vendor.operations["Scan"] == 0
    assert sorted(vendor.clients) == ["dynamodb", "s3"]


def test_nothing_is_left_in_table_and_bucket_of_a_deleted_workspace(on, person):
    with on("aws") as embedded:
        caller = Caller(token_of(embedded, person("ada")))
        the_whole_api(caller, embedded)
        other = json.loads(caller.api.get("/api/workspaces").content)[0]["id"]
        caller.call("DELETE", f"/api/workspaces/{other}")
        embedded.work()
        table, store = embedded.platform.workspaces.repository.table, embedded.platform.functions.code
        assert {key for key in dump(table._client, table._name) if key[0] != "PING"} == set()
        assert "Contents" not in store.client.list_objects_v2(Bucket=store.bucket)


def test_no_secret_and_no_code_is_in_a_log_of_everything(on, person, everything_logged):
    heard = heard_on(on, "aws", person("ada"))

    assert logging.getLogger().level == logging.DEBUG
    assert any(record.levelno == logging.DEBUG for record in everything_logged.records)
    assert SECRET not in everything_logged.text
    assert base64_of(HELLO)[:60] not in everything_logged.text
    assert "IncomingHandler" not in everything_logged.text
    assert all(SECRET not in content for _, _, content in heard)


def test_readiness_asks_table_and_bucket(embedded):
    problems = embedded.platform.readiness.problems()
    assert not {"storage", "code store"} & set(problems)


@pytest.mark.parametrize("kind", ["files", "aws"])
def test_executions_are_kept_as_long_as_the_setting_says(on, person, settings, kind):
    settings.EXECUTION_RETENTION_DAYS = 3
    with on(kind) as embedded:
        workspace = embedded.platform.workspaces.create(actor_for(person("ada")), "A")
        function = embedded.deployed(workspace)
        Edge(token_of(embedded, person("root", operator=True))).call("POST", f"/api/functions/{function.id}/invoke")
        (execution,), _ = embedded.platform.invocations.list(function.id, 5)
    assert execution.expires_at is not None
    assert timedelta(days=3) - (execution.expires_at - execution.at) < timedelta(seconds=1)
