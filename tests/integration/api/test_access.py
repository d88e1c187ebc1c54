"""Who gets in: tokens, signed-in browsers, open mode; and who does not."""

from datetime import timedelta

import pytest
from django.test import Client

from faasweb.domain import clock
from tests.integration.conftest import Api, assert_error

pytestmark = pytest.mark.django_db


def browser(user, *, strict=True, **headers):
    client = Client(enforce_csrf_checks=strict, headers={"host": "localhost", **headers}, raise_request_exception=False)
    client.force_login(user)
    return Api(client=client)


def csrf_of(caller):
    """The token that a page would hold."""
    caller.client.cookies["csrftoken"] = "a" * 32
    return {"x-csrftoken": "a" * 32}


@pytest.mark.parametrize("path", ["/api/workspaces", "/api/tokens", "/api/v1/tasks/x", "/api/functions/fn-22222222"])
def test_nobody_gets_in_without_saying_who_they_are(embedded, path):
    answer = Api().get(path)

    assert_error(answer, 401, "UNAUTHENTICATED")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("token", ["fwt_wrong", "", "한", "x" * 5000])
def test_a_wrong_token_is_refused(embedded, token):
    assert_error(Api().get("/api/workspaces", headers={"authorization": f"Bearer {token}"}), 401, "UNAUTHENTICATED")


def test_a_signed_in_browser_reads_and_changes_with_its_csrf_token_only(embedded, person):
    caller = browser(person("ada"))

    assert caller.get("/api/workspaces").status_code == 200
    assert_error(caller.post("/api/workspaces", {"name": "x"}), 403, "FORBIDDEN")
    assert caller.post("/api/workspaces", {"name": "x"}, headers=csrf_of(caller)).status_code == 201


def test_a_page_elsewhere_can_not_use_a_signed_in_browser(embedded, person):
    caller = browser(person("ada"), origin="http://evil.example")

    assert_error(caller.post("/api/workspaces", {"name": "x"}, headers=csrf_of(caller)), 403, "FORBIDDEN")


def test_a_token_needs_no_csrf_token_and_wins_over_the_session(embedded, person, token):
    caller = browser(person("ada"))
    person("bob")
    caller.token = token("bob")

    made = caller.post("/api/workspaces", {"name": "Bob's"}).json()

    caller.token = token("ada")
    assert_error(caller.get(f"/api/workspaces/{made['id']}"), 404, "NOT_FOUND")


def test_an_operator_enters_every_workspace(workspace, person, token):
    person("root", operator=True)

    assert Api(token("root")).get(f"/api/workspaces/{workspace.id}").status_code == 200


# --- tokens ------------------------------------------------------------------------------------------------------


def test_a_token_is_made_shown_once_listed_and_revoked(ada):
    expiry = (clock.now() + timedelta(days=1)).replace(microsecond=0)
    body = {"name": "ci", "scopes": ["read", "write"], "workspaces": None, "expiresAt": expiry.isoformat()}

    made = ada.post("/api/tokens", body)

    assert made.status_code == 201
    secret = made.json()["token"]
    assert (made.json()["name"], made.json()["scopes"]) == ("ci", ["read", "write"])
    assert secret.startswith(made.json()["hint"])
    assert Api(secret).get("/api/workspaces").status_code == 200
    listed = ada.get("/api/tokens").json()
    assert [token["name"] for token in listed] == ["ci", "of tests"]
    assert "token" not in listed[0]
    assert listed[0]["expiresAt"].endswith("+09:00")
    assert listed[0]["lastUsedAt"] is not None
    assert ada.delete(f"/api/tokens/{made.json()['id']}").status_code == 204
    assert_error(Api(secret).get("/api/workspaces"), 401, "UNAUTHENTICATED")
    assert_error(ada.delete(f"/api/tokens/{made.json()['id']}"), 404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"scopes": ["read"]}, "name"),
        ({"name": " "}, "name"),
        ({"name": "x", "scopes": ["everything"]}, "scopes.0"),
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "x", "workspaces": ["nope"]}, "workspaces"),
        ({"name": "x", "expiresAt": "2020-01-01T00:00:00"}, "expiresAt"),
    ],
)
def test_a_wrong_token_request_is_refused_with_the_fields_name(ada, body, field):
    assert_error(ada.post("/api/tokens", body), 400, "VALIDATION_ERROR", field)


@pytest.mark.parametrize("token_id", ["0", "x", str(2**70)])
def test_what_is_no_id_of_a_token_is_refused(ada, token_id):
    assert_error(ada.delete(f"/api/tokens/{token_id}"), 400, "VALIDATION_ERROR", "token_id")


def test_scopes_narrow_a_token(workspace, token):
    url = f"/api/workspaces/{workspace.id}"
    reader, writer = Api(token("ada", "read")), Api(token("ada", "write"))

    assert reader.get(url).status_code == 200
    assert_error(reader.patch(url, {"name": "x"}), 403, "FORBIDDEN")
    assert_error(reader.post("/api/workspaces", {"name": "x"}), 403, "FORBIDDEN")
    assert_error(reader.post("/api/tokens", {"name": "x"}), 403, "FORBIDDEN")
    assert_error(reader.delete("/api/tokens/1"), 403, "FORBIDDEN")
    assert_error(writer.get(url), 403, "FORBIDDEN")
    assert_error(writer.get("/api/workspaces"), 403, "FORBIDDEN")


def test_a_token_can_not_make_one_that_reaches_further(workspace, token):
    writer = Api(token("ada", "write"))

    assert_error(writer.post("/api/tokens", {"name": "x", "scopes": ["read"]}), 403, "FORBIDDEN")


def test_a_token_for_one_workspace_sees_no_other(ada, workspace, token):
    other = ada.post("/api/workspaces", {"name": "Team B"}).json()
    narrow = Api(token("ada", workspaces=[workspace.id]))

    assert [found["id"] for found in narrow.get("/api/workspaces").json()] == [workspace.id]
    assert_error(narrow.get(f"/api/workspaces/{other['id']}"), 404, "NOT_FOUND")


def test_nobody_revokes_the_token_of_another(ada, person, token):
    person("eve")
    mine = ada.get("/api/tokens").json()[0]["id"]

    assert_error(Api(token("eve")).delete(f"/api/tokens/{mine}"), 404, "NOT_FOUND")


# --- open mode ---------------------------------------------------------------------------------------------------


@pytest.fixture
def nobody(embedded, settings):
    settings.OPEN_MODE = True
    return Api()


def test_open_mode_lets_the_documented_calls_through_without_a_token(nobody):
    made = nobody.post("/api/workspaces", {"name": "Open"})

    assert made.status_code == 201
    assert nobody.get("/api/workspaces").json() == [made.json()]
    assert nobody.get("/api/v1/workspaces/ws-22222222/tasks").json()["count"] == 0


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:3000"])
def test_open_mode_refuses_changes_by_pages_of_other_origins(nobody, origin):
    refused = nobody.post("/api/workspaces", {"name": "x"}, headers={"origin": origin})

    assert_error(refused, 403, "FORBIDDEN")
    assert nobody.get("/api/workspaces").json() == []


def test_open_mode_takes_changes_of_its_own_pages_and_those_on_the_list(nobody, settings):
    settings.CORS_ORIGINS = ["http://localhost:3000"]

    for origin in ("http://localhost", "http://localhost:3000"):
        assert nobody.post("/api/workspaces", {"name": "x"}, headers={"origin": origin}).status_code == 201


@pytest.mark.parametrize("host", ["evil.example", "192.168.1.5", "127.0.0.1.evil.example"])
def test_open_mode_is_for_names_of_this_machine_only(nobody, host):
    """Otherwise a page elsewhere could name its own host 127.0.0.1 and be of the same origin."""
    assert_error(nobody.get("/api/workspaces", headers={"host": host}), 401, "UNAUTHENTICATED")


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:8000"])
def test_open_mode_knows_the_names_of_this_machine(nobody, host):
    assert nobody.get("/api/workspaces", headers={"host": host}).status_code == 200


def test_open_mode_still_refuses_a_wrong_token(nobody):
    nobody.token = "fwt_wrong"

    assert_error(nobody.get("/api/workspaces"), 401, "UNAUTHENTICATED")


def test_open_mode_has_nobody_to_give_a_token_to(nobody):
    assert_error(nobody.post("/api/tokens", {"name": "x"}), 403, "FORBIDDEN")
    assert nobody.get("/api/tokens").json() == []
