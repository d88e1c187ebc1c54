"""Workspaces: made, shown, changed, shared and deleted through their pages."""

import asyncio
import html
import json

import pytest

from faasweb.domain.access import Actor
from faasweb.domain.invocations import InvocationRequest
from tests.integration.conftest import answering
from tests.integration.pages.conftest import HTMX, is_whole_page, said

pytestmark = pytest.mark.django_db


@pytest.fixture
def place(workspace):
    return f"/workspaces/{workspace.id}"


def test_a_person_s_first_page_is_empty_and_says_what_to_do(browser, embedded, person):
    person("new")
    assert "Your first workspace" in said(browser("new").get("/"))


@pytest.mark.parametrize("name", ["Payments", "한국어 이름 과 공백", "--all", "<b>bold</b>", "x" * 100])
def test_a_workspace_can_have_almost_any_name(ada, name):
    made = ada.post("/workspaces", {"name": name, "description": "for tests"})
    assert made.status_code == 302
    page = ada.get(made["Location"])
    assert name in said(page) or name == "<b>bold</b>"
    assert b"<b>bold" not in page.content
    assert said(page).count("for tests") == 1


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("", "required"), ("   ", "required"), ("x" * 300, "at most 100 characters"), ("a\x07b", "control characters")],
)
def test_a_name_that_can_t_be_is_refused_in_the_dialog(ada, name, sentence):
    answer = ada.post("/workspaces", {"name": name, "description": "kept"})
    assert answer.status_code in (400, 422)
    assert sentence in said(answer)
    assert "data-open" in answer.content.decode()
    assert "kept" in answer.content.decode()


def test_a_page_shows_only_one_s_own_workspaces(ada, browser, person, workspace):
    person("eve")
    assert "Team A" in said(ada.get("/"))
    assert "Team A" not in said(browser("eve").get("/"))


def test_the_overview_counts_and_lists_what_happened(ada, embedded, workspace, place):
    function = embedded.deployed(workspace, answering("Response(200 if request.uri == '/' else 500, {}, b'ok')"))
    for path in ("/", "/", "/broken"):
        asyncio.run(embedded.platform.invocations.call(function, InvocationRequest("GET", path=path), "route"))

    page = said(ada.get(place))
    assert "Invocations 3 last 24 hours" in page
    assert "Error rate 33.33 % 1 error" in page
    assert page.index("GET /broken") < page.index("GET / ")


def test_the_overview_s_part_is_the_counters_alone(ada, place):
    part = ada.get(place, headers=HTMX)
    assert not is_whole_page(part)
    assert "Recent activity" in said(part)
    for whole in ({**HTMX, "HX-Boosted": "true"}, {**HTMX, "HX-History-Restore-Request": "true"}):
        assert is_whole_page(ada.get(place, headers=whole))


def test_an_owner_renames(ada, place):
    assert ada.post(f"{place}/edit", {"name": "Team B", "description": ""})["Location"] == f"{place}/settings"
    assert "Team B" in said(ada.get(place))


def test_details_that_somebody_else_changed_meanwhile_stay(ada, embedded, workspace, place):
    shown = json.dumps({"name": workspace.name, "description": workspace.description})
    assert shown in html.unescape(ada.get(f"{place}/settings").content.decode())
    embedded.platform.workspaces.edit(Actor(None, "tests", is_operator=True), workspace.id, description="theirs")
    ada.post(f"{place}/edit", {"name": "mine", "description": "", "shown": shown})
    now = embedded.platform.workspaces.repository.get(workspace.id)
    assert (now.name, now.description) == ("mine", "theirs")


@pytest.mark.parametrize(("name", "sentence"), [("", "required"), ("x" * 300, "at most 100")])
def test_a_refused_name_stays_in_the_form(ada, place, name, sentence):
    answer = ada.post(f"{place}/edit", {"name": name})
    assert answer.status_code == 422
    assert sentence in said(answer)
    assert "Team A" in said(ada.get(place))


def test_members_come_change_and_go(ada, person, browser, workspace, place):
    grace = person("grace")
    assert ada.post(f"{place}/members", {"username": "grace", "role": "viewer"}).status_code == 302
    assert browser("grace").get(place).status_code == 200
    ada.post(f"{place}/members", {"username": "grace", "role": "developer"})
    assert "grace Developer" in said(ada.get(f"{place}/settings"))

    ada.post(f"{place}/members/{grace.pk}/remove")
    assert browser("grace").get(place).status_code == 404


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"username": "nobody", "role": "viewer"}, "There is no user 'nobody'"),
        ({"username": "", "role": "viewer"}, "required"),
        ({"username": "ada", "role": "king"}, "Select a valid choice"),
        ({"username": "ada", "role": "viewer"}, "make somebody else one first"),
    ],
)
def test_a_member_that_can_t_be_is_refused(ada, place, form, sentence):
    answer = ada.post(f"{place}/members", form)
    assert answer.status_code == 422
    assert sentence in said(answer)


def test_the_last_owner_stays(ada, place, django_user_model):
    me = django_user_model.objects.get(username="ada").pk
    ada.post(f"{place}/members/{me}/remove")
    assert "make somebody else one first" in said(ada.get(f"{place}/settings"))


def test_somebody_who_leaves_comes_out_at_the_workspaces(ada, person, place, django_user_model):
    person("grace")
    ada.post(f"{place}/members", {"username": "grace", "role": "owner"})
    me = django_user_model.objects.get(username="ada").pk
    assert ada.post(f"{place}/members/{me}/remove")["Location"] == "/"


def test_deleting_a_workspace_needs_its_name(ada, embedded, workspace, place):
    for typed in ("", "team a", "Team"):
        assert ada.post(f"{place}/remove", {"confirm_name": typed})["Location"] == f"{place}/settings"
        assert "Nothing was deleted" in said(ada.get(f"{place}/settings"))

    assert ada.post(f"{place}/remove", {"confirm_name": " Team A "})["Location"] == "/"
    assert "Team A and all it held are being removed" in said(ada.get("/"))
    assert ada.get(place).status_code == 404
    embedded.work()
