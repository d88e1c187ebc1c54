import re

import pytest

from tests.integration.conftest import Api, assert_error

pytestmark = pytest.mark.django_db
KST_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?\+09:00\Z")


def test_a_workspace_is_made_and_shown_in_the_documented_shape(embedded, person, token):
    person("ada")
    ada = Api(token("ada"))

    made = ada.post("/api/workspaces", {"name": " 팀 A ", "description": None})

    assert made.status_code == 201
    body = made.json()
    assert list(body) == ["id", "name", "description", "createdAt", "functionCount", "invocations24h", "errorRate"]
    assert re.fullmatch("ws-[2-9A-HJ-NP-Za-km-z]{8}", body["id"])
    assert (body["name"], body["description"], body["functionCount"]) == ("팀 A", "", 0)
    assert (body["invocations24h"], body["errorRate"]) == (0, 0.0)
    assert KST_TIME.match(body["createdAt"])
    assert ada.get(f"/api/workspaces/{body['id']}").json() == body
    assert ada.get("/api/workspaces").json() == [body]


def test_an_edit_changes_only_what_is_given_and_null_empties_the_description(ada, workspace):
    url = f"/api/workspaces/{workspace.id}"

    assert ada.patch(url, {"description": "ours"}).json()["name"] == "Team A"
    assert ada.patch(url, {"name": "Team B"}).json()["description"] == "ours"
    assert ada.patch(url, {}).json()["description"] == "ours"
    assert ada.patch(url, {"description": None}).json()["description"] == ""
    assert ada.get(url).json()["name"] == "Team B"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "   "}, "name"),
        ({"name": 5}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "ok", "description": ["no"]}, "description"),
        ({"name": "ok", "description": "x" * 2001}, "description"),
        (b"{", "body"),
        (b'{"name": NaN}', "body"),
        (b'{"name": "\\ud800"}', "body"),
        (b"[]", "body"),
    ],
)
def test_a_wrong_workspace_is_refused_with_the_fields_name(ada, body, field):
    assert_error(ada.post("/api/workspaces", body), 400, "VALIDATION_ERROR", field)


def test_an_empty_name_is_refused_in_an_edit_too(ada, workspace):
    assert_error(ada.patch(f"/api/workspaces/{workspace.id}", {"name": ""}), 400, "VALIDATION_ERROR", "name")


def test_a_deleted_workspace_is_gone_with_its_functions(ada, embedded, workspace):
    function = embedded.deployed(workspace)

    gone = ada.delete(f"/api/workspaces/{workspace.id}")
    embedded.work()

    assert (gone.status_code, gone.content) == (204, b"")
    assert ada.get("/api/workspaces").json() == []
    assert_error(ada.get(f"/api/workspaces/{workspace.id}"), 404, "NOT_FOUND")
    assert_error(ada.get(f"/api/functions/{function.id}"), 404, "NOT_FOUND")
    assert_error(ada.delete(f"/api/workspaces/{workspace.id}"), 404, "NOT_FOUND")
    assert function.id not in embedded.runtime.live


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_slash_at_the_end_changes_nothing(ada, workspace, slash):
    assert ada.get(f"/api/workspaces/{workspace.id}{slash}").status_code == 200
    assert ada.post(f"/api/workspaces{slash}", {"name": "Another"}).status_code == 201


def test_a_strangers_view_of_a_workspace_is_that_of_none(workspace, person, token):
    person("eve")
    eve = Api(token("eve"))
    none = "ws-22222222"

    for call in (eve.get, eve.delete, lambda url: eve.patch(url, {"name": "mine"})):
        hidden = assert_error(call(f"/api/workspaces/{workspace.id}"), 404, "NOT_FOUND")
        absent = assert_error(call(f"/api/workspaces/{none}"), 404, "NOT_FOUND")
        assert hidden["message"].replace(workspace.id, none) == absent["message"]
    assert eve.get("/api/workspaces").json() == []


def test_a_member_who_may_only_look_is_told_so(workspace, member):
    viewer, developer = Api(member("viewer")), Api(member("developer"))
    url = f"/api/workspaces/{workspace.id}"

    assert viewer.get(url).status_code == developer.get(url).status_code == 200
    for caller in (viewer, developer):
        assert_error(caller.patch(url, {"name": "mine"}), 403, "FORBIDDEN")
        assert_error(caller.delete(url), 403, "FORBIDDEN")


@pytest.mark.parametrize("workspace_id", ["ws-", "ws-0000000O", "x" * 3000, "%00", "ws-%ED%95%9C", "../etc"])
def test_what_is_no_id_is_not_found(ada, workspace_id):
    assert_error(ada.get(f"/api/workspaces/{workspace_id}"), 404, "NOT_FOUND")
