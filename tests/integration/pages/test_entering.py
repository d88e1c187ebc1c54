"""Who gets to see which page, and what those who may only look are spared."""

import sqlite3

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.integration.pages.conftest import HTMX, at, is_whole_page, said

pytestmark = pytest.mark.django_db
TABS = ["", "test", "deployments", "executions", "logs", "metrics", "settings"]


@pytest.fixture
def places(workspace, greet):
    """Every page that is read, by name."""
    ws = f"/workspaces/{workspace.id}"
    pages = ["/", "/account", ws, f"{ws}/settings", f"{ws}/builds", f"{ws}/functions", f"{ws}/functions/new"]
    return [*pages, *(at(greet, tab) for tab in TABS)]


@pytest.fixture
def forms(workspace, greet):
    """Every address that a form is sent to."""
    ws = f"/workspaces/{workspace.id}"
    of_workspace = [f"{ws}/edit", f"{ws}/remove", f"{ws}/members", f"{ws}/members/1/remove"]
    of_function = ["save", "draft", "draft/discard", "check", "deploy", "versions/1/roll-back", "status", "remove"]
    return ["/workspaces", "/account/tokens", "/account/tokens/1/revoke", "/account/password"] + (
        of_workspace + [at(greet, place) for place in of_function]
    )


def test_a_stranger_is_sent_to_sign_in_and_back(browser, places):
    for place in places:
        answer = browser().get(place)
        assert answer.status_code == 302, place
        assert answer["Location"] == f"/sign-in?next={place}"


def test_a_stranger_s_forms_go_nowhere(browser, forms):
    for place in forms:
        answer = browser().post(place, headers={"referer": "http://localhost/account"})
        assert (answer.status_code, answer["Location"]) == (302, "/sign-in?next=/account"), place


def test_htmx_is_told_to_load_the_sign_in_page(browser, workspace):
    page = f"/workspaces/{workspace.id}"
    answer = browser().get(page, headers={**HTMX, "HX-Current-URL": f"http://localhost{page}"})
    assert answer["HX-Redirect"] == f"/sign-in?next=%2Fworkspaces%2F{workspace.id}"


def test_every_page_opens_and_is_nobody_else_s(ada, places):
    for place in places:
        answer = ada.get(place)
        assert answer.status_code == 200, place
        assert is_whole_page(answer), place
        assert answer["Cache-Control"] == "private, no-store"
        assert "HX-Request" in answer["Vary"]
        assert "default-src 'none'" in answer["Content-Security-Policy"]


def test_looking_changes_nothing(ada, embedded, places):
    def stored():
        with sqlite3.connect(embedded.data / "faasweb.db") as database:
            return list(database.iterdump())

    before, files = stored(), sorted(embedded.data.rglob("*"))
    with CaptureQueriesContext(
        connection,
    ) as queries:
        for place in places:
            ada.get(place)
    assert stored() == before
    assert sorted(embedded.data.rglob("*")) == files
    assert [query["sql"] for query in queries if not query["sql"].startswith("SELECT")] == []


def test_somebody_without_a_role_can_t_tell_a_workspace_from_none(browser, person, places, forms):
    person("eve")
    eve = browser("eve")
    inside = [place for place in places if place.startswith("/workspaces/")]
    for place in inside:
        answer = eve.get(place)
        assert answer.status_code == 404, place
        assert is_whole_page(answer)
        assert "not found" in said(answer)
    for place in [form for form in forms if form.startswith("/workspaces/")]:
        assert eve.post(place).status_code == 404, place


def test_what_does_not_exist_is_a_page_with_a_way_on(ada, workspace, greet):
    places = ["/nowhere", "/workspaces/ws-none", f"/workspaces/{workspace.id}/functions/fn-none", at(greet, "nothing")]
    for place in [*places, f"/workspaces/{workspace.id}/builds/none"]:
        answer = ada.get(place)
        assert answer.status_code == 404, place
        assert 'href="/"' in answer.content.decode()
    assert ada.get(at(greet)).status_code == 200


def test_a_refusal_inside_a_page_is_a_sentence(ada, workspace):
    answer = ada.get(f"/workspaces/{workspace.id}/functions/fn-none", headers=HTMX)
    assert (answer.status_code, answer["Content-Type"]) == (404, "text/plain; charset=utf-8")
    assert b"<" not in answer.content


def test_a_form_s_address_opened_as_a_page_says_so(ada, forms):
    for place in forms:
        answer = ada.get(place)
        assert (answer.status_code, answer["Allow"]) == (405, "POST"), place
        assert is_whole_page(answer)


def test_a_viewer_looks_at_everything_but_new_functions(member, places):
    viewer = member("viewer")
    for place in places:
        expected = 403 if place.endswith("/new") else 200
        assert viewer.get(place).status_code == expected, place


def test_a_viewer_changes_nothing(member, forms):
    viewer = member("viewer")
    for place in forms:
        if place.startswith("/workspaces/") and not place.endswith("/check"):
            assert viewer.post(place).status_code == 403, place


def test_a_viewer_may_not_post_settings(member, greet):
    assert member("viewer").post(at(greet, "settings"), {"name": "mine"}).status_code == 403


def test_a_viewer_sees_no_button_that_would_be_refused(member, workspace, places, forms):
    viewer = member("viewer")
    for place in places:
        if place in ("/", "/account") or place.endswith("/new"):
            continue
        shown = viewer.get(place).content.decode()
        for form in [form for form in forms[4:] if not form.endswith("/check")]:
            assert f'"{form}"' not in shown, (place, form)
        assert f'"/workspaces/{workspace.id}/functions/new"' not in shown, place
        assert "/run/" not in shown, place
        assert "data-draft-url" not in shown, place


def test_a_developer_works_but_does_not_own(member, workspace, greet):
    developer = member("developer")
    assert developer.post(at(greet, "draft"), {"code": "x = 1", "base": greet.code_hash}).status_code == 200
    assert "Save and deploy" in said(developer.get(at(greet)))
    for form in ("edit", "remove", "members"):
        assert developer.post(f"/workspaces/{workspace.id}/{form}").status_code == 403
    settings = said(developer.get(f"/workspaces/{workspace.id}/settings"))
    assert "Only owners can change a workspace." in settings
    assert "Delete this workspace" not in settings


def test_an_operator_is_at_home_everywhere(browser, person, places):
    person("root", operator=True)
    for place in places:
        assert browser("root").get(place).status_code == 200, place


def test_the_front_page_is_a_status_for_programs(browser, db, embedded):
    answer = browser().get("/", headers={"accept": "*/*"})
    assert answer["Content-Type"] == "application/json"
    assert "Accept" in answer["Vary"]


def test_a_form_older_than_the_session_gets_a_page_with_the_way_out(browser, forms):
    old = browser("ada", enforce_csrf_checks=True)
    for place in forms:
        answer = old.post(place, {"csrfmiddlewaretoken": "x" * 32})
        assert answer.status_code == 403, place
        assert "Reload it and try again." in answer.content.decode()
        assert is_whole_page(answer)
    part = old.post(forms[0], headers=HTMX)
    assert (part.status_code, part["Content-Type"]) == (403, "text/plain; charset=utf-8")


def test_a_strangers_form_without_a_token_gets_a_page_too(browser):
    answer = browser(enforce_csrf_checks=True).post("/sign-in", {"username": "ada", "password": "x"})
    assert answer.status_code == 403
    assert is_whole_page(answer)
