"""Whoever changes something leaves a record of it: each way to change anything is walked here, and none may be missing.

A new operation or page that changes something fails here until it says who did what, or why nobody needs to know.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from consoles.api.openapi import description
from consoles.pages.urls import urlpatterns
from faasweb.domain.access import Role
from tests.integration.api.test_builds import upload
from tests.integration.conftest import HELLO, Api, base64_of

pytestmark = pytest.mark.django_db

# Calls are in the executions; what an upload is made of is checked by none of these.
SAVES_NOTHING = {"invoke_function", "invoke_function_by_id", "scaffold"}
# Pages that keep something of one person's own, or nothing: drafts, a test run, the language of a browser.
OF_ONE_S_OWN = {
    "run-draft",
    "run-test",
    "function-check",
    "function-complete",
    "function-draft",
    "function-draft-discard",
    "file-add",
    "file-rename",
    "file-remove",
    "file-upload",
    "set-language",
}
# Only where functions run on a cluster: tried in pages/test_cluster.
ON_CLUSTERS = {"function-options"}


def records() -> list[tuple[str, str, str]]:
    found = apps.get_model("accounts", "AuditRecord").objects.order_by("pk")
    return list(found.values_list("actor", "action", "address"))


@pytest.fixture
def function(embedded, workspace):
    return embedded.deployed(workspace)


@pytest.fixture
def operations(ada: Api, embedded, workspace, function) -> dict[str, tuple[str, Callable[[], Any]]]:
    """By operation: what the trail calls it, and a call of it."""
    room, place = f"/api/workspaces/{workspace.id}", f"/api/workspaces/{workspace.id}/functions/{function.id}"
    short = f"/api/functions/{function.id}"
    code = base64_of(HELLO)
    form = {"workspace_id": workspace.id, "app_name": "greet"}

    def built() -> dict[str, Any]:
        task: dict[str, Any] = ada.upload("/api/v1/build-and-push", {"file": upload(), **form}).json()
        embedded.work()
        return task

    def image() -> str:
        return str(ada.get(f"/api/v1/tasks/{built()['task_id']}").json()["result"]["image_url"])

    def another() -> str:
        return str(ada.post(f"{room}/functions", {"name": "x", "code": code}).json()["id"])

    def put_source(path: str, text: str) -> Any:
        content = encode_multipart(BOUNDARY, {"file": upload(text)})
        headers = {"authorization": f"Bearer {ada.token}"}
        return ada.client.generic("PUT", f"{path}/source", content, MULTIPART_CONTENT, headers=headers)

    def a_token() -> int:
        return int(ada.post("/api/tokens", {"name": "x"}).json()["id"])

    return {
        "create_workspace": ("workspace.create", lambda: ada.post("/api/workspaces", {"name": "x"})),
        "edit_workspace": ("workspace.edit", lambda: ada.patch(room, {"name": "y"})),
        "delete_workspace": ("workspace.remove", lambda: ada.delete(room)),
        "create_function": ("function.create", lambda: ada.post(f"{room}/functions", {"name": "x", "code": code})),
        "edit_function": ("function.edit", lambda: ada.patch(place, {"memory": 512})),
        "edit_function_by_id": ("function.edit", lambda: ada.patch(short, {"timeout": 5})),
        "put_source": ("function.edit", lambda: put_source(place, HELLO + "# 1\n")),
        "put_source_by_id": ("function.edit", lambda: put_source(short, HELLO + "# 2\n")),
        "delete_function": ("function.remove", lambda: ada.delete(place)),
        "delete_function_by_id": ("function.remove", lambda: ada.delete(f"/api/functions/{another()}")),
        "build": ("build.submit", lambda: ada.upload("/api/v1/build", {"file": upload(), **form})),
        "build_and_push": ("build.submit", lambda: ada.upload("/api/v1/build-and-push", {"file": upload(), **form})),
        "push": (
            "build.submit",
            lambda: ada.post(
                "/api/v1/push", {"workspace_id": workspace.id, "s3_source_path": built()["source_s3_path"]}
            ),
        ),
        "deploy": (
            "function.deploy",
            lambda: ada.post(
                "/api/v1/deploy", {"namespace": "default", "image_ref": image(), "function_id": function.id}
            ),
        ),
        "create_token": ("token.create", lambda: ada.post("/api/tokens", {"name": "x"})),
        "revoke_token": ("token.revoke", lambda: ada.delete(f"/api/tokens/{a_token()}")),
    }


def changing_operations() -> set[str]:
    paths = description()["paths"].values()
    return {o["operationId"] for path in paths for method, o in path.items() if method not in ("get", "parameters")}


def test_every_operation_that_changes_something_leaves_a_record(operations):
    assert set(operations) == changing_operations() - SAVES_NOTHING
    last = ["delete_function", "delete_workspace"]  # what the others need
    for name in [*(operation for operation in operations if operation not in last), *last]:
        action, call = operations[name]
        before = len(records())
        answer = call()
        assert answer.status_code < 300, (name, answer.content)
        assert ("ada", action, "127.0.0.1") in records()[before:], name


@pytest.fixture
def pages(embedded, workspace, function, person) -> dict[str, tuple[str, Callable[[Client], Any]]]:
    """By the name of its URL: what the trail calls it, and a press of its button."""
    room, place = f"/workspaces/{workspace.id}", f"/workspaces/{workspace.id}/functions/{function.id}"
    basics = {"name": "greet", "http_methods": ["GET"], "memory_mb": "256", "timeout_s": "30"}
    friend = person("friend")
    embedded.platform.accounts.set_role(workspace.id, "friend", Role.VIEWER)
    accounts = embedded.platform.accounts

    def revoke(client: Client) -> Any:
        client.post("/account/tokens", {"name": "x", "scopes": ["read"], "days": "30"})
        token = apps.get_model("accounts", "ApiToken").objects.latest("pk")
        return client.post(f"/account/tokens/{token.pk}/revoke")

    def roll_back(client: Client) -> Any:
        embedded.work(delayed=True)
        return client.post(f"{place}/versions/1/roll-back")

    def redeem(client: Client) -> Any:
        return client.post(f"/sign-in/link/{accounts.issue_sign_in_link('ada')}/redeem")

    long = "quite a long passphrase"
    return {
        "workspace-create": ("workspace.create", lambda c: c.post("/workspaces", {"name": "x"})),
        "workspace-edit": ("workspace.edit", lambda c: c.post(f"{room}/edit", {"name": "y"})),
        "member-set": ("member.set", lambda c: c.post(f"{room}/members", {"username": "friend", "role": "viewer"})),
        "member-remove": ("member.remove", lambda c: c.post(f"{room}/members/{friend.pk}/remove")),
        "function-new": ("function.create", lambda c: c.post(f"{room}/functions/new", {**basics, "code": HELLO})),
        "function-save": ("function.edit", lambda c: c.post(f"{place}/save", {"code": HELLO + "\n# more\n"})),
        "function-settings": ("function.edit", lambda c: c.post(f"{place}/settings", basics)),
        "function-status": ("function.edit", lambda c: c.post(f"{place}/status", {"status": "active"})),
        "function-roll-back": ("function.roll_back", roll_back),
        "function-deploy": ("function.deploy", lambda c: c.post(f"{place}/deploy")),
        "create-token": (
            "token.create",
            lambda c: c.post("/account/tokens", {"name": "x", "scopes": ["read"], "days": "30"}),
        ),
        "revoke-token": ("token.revoke", revoke),
        "function-remove": ("function.remove", lambda c: c.post(f"{place}/remove", {"confirm_name": "greet"})),
        "workspace-remove": ("workspace.remove", lambda c: c.post(f"{room}/remove", {"confirm_name": "y"})),
        "set-password": (
            "user.set_password",
            lambda c: c.post("/account/password", {"new_password1": long, "new_password2": long}),
        ),
        "sign-out": ("user.sign_out", lambda c: c.post("/sign-out")),
        "sign-in": ("user.sign_in", lambda c: c.post("/sign-in", {"username": "ada", "password": long})),
        "redeem-link": ("user.sign_in", redeem),
    }


def changing_pages() -> set[str]:
    """Those that take a POST. Views without a list of methods are the edge's and Django's own, which take all."""
    return {
        str(pattern.name)
        for pattern in urlpatterns
        if "POST" in getattr(pattern.callback, "methods", ("POST",)) and not str(pattern.name).startswith("stream-")
    }


def test_every_page_that_changes_something_leaves_a_record(pages, django_user_model):
    assert set(pages) == changing_pages() - OF_ONE_S_OWN - ON_CLUSTERS
    client = Client(headers={"host": "localhost", "accept": "text/html"})
    client.force_login(django_user_model.objects.get(username="ada"))
    for name, (action, press) in pages.items():
        before = len(records())
        answer = press(client)
        assert answer.status_code in (200, 302), (name, answer.status_code)
        assert ("ada", action, "127.0.0.1") in records()[before:], name


def test_no_record_holds_a_secret(ada):
    answer = ada.post("/api/tokens", {"name": "x"}).json()
    kept = str(list(apps.get_model("accounts", "AuditRecord").objects.values()))
    assert answer["hint"] in kept
    assert answer["token"] not in kept
