"""What the edge does for the pages' own routes: who asks, their CSRF token, and refusals as parts of a page."""

import pytest

from tests.integration.conftest import HELLO, Api

pytestmark = pytest.mark.django_db(transaction=True)
TOKEN = "a" * 32


@pytest.fixture
def greet(embedded, workspace):
    return embedded.deployed(workspace)


@pytest.fixture
def session(greet, django_user_model):
    """Ada's cookies, as her browser sends them."""
    browser = Api()
    browser.client.force_login(django_user_model.objects.get(username="ada"))
    return {"cookie": f"sessionid={browser.client.cookies['sessionid'].value}; csrftoken={TOKEN}"}


def run_path(function):
    return f"/run/{function.workspace_id}/{function.id}/draft"


def test_a_signed_in_person_runs_code(edge, greet, session):
    answer = edge.call("POST", run_path(greet), data={"code": HELLO}, headers=session | {"x-csrftoken": TOKEN})

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["x-request-id"]
    assert answer.headers["x-frame-options"] == "DENY"
    assert "script-src 'self'" in answer.headers["content-security-policy"]


def test_without_the_csrf_token_nothing_runs_and_the_refusal_is_no_whole_page(edge, embedded, greet, session):
    answer = edge.call("POST", run_path(greet), data={"code": HELLO}, headers=session | {"hx-request": "true"})

    assert answer.status_code == 403
    assert "CSRF" in answer.text
    assert "<html" not in answer.text


def test_nobody_runs_code_without_a_session(edge, greet):
    headers = {"cookie": f"csrftoken={TOKEN}", "x-csrftoken": TOKEN, "hx-request": "true"}

    assert edge.call("POST", run_path(greet), data={"code": HELLO}, headers=headers).status_code == 401


def test_a_token_of_the_api_opens_no_page(edge, greet, token):
    headers = {"authorization": f"Bearer {token('ada')}"}

    assert edge.call("GET", f"/stream/{greet.workspace_id}/{greet.id}/logs", headers=headers).status_code == 401


def test_a_strangers_function_is_not_found(edge, greet, session, person):
    path = run_path(greet).replace(greet.id, "fn-22222222")

    assert edge.call("POST", path, data={"code": HELLO}, headers=session | {"x-csrftoken": TOKEN}).status_code == 404


def test_a_refusal_of_a_page_is_a_page(workspace, django_user_model):
    browser = Api()
    browser.client.force_login(django_user_model.objects.get(username="ada"))

    answer = browser.get("/workspaces/ws-22222222")

    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
