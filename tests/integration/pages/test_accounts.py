"""Signing in and out, one-time links, tokens and passwords."""

import pytest
from django.core.cache import cache
from django.urls import reverse

from consoles.pages.accounts import TRIES
from tests.integration.pages.conftest import at, said

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def no_failures_yet():
    cache.clear()


@pytest.fixture
def grace(embedded, django_user_model):
    return django_user_model.objects.create_user("grace", password=PASSWORD)


def sign_in(client, password=PASSWORD, **more):
    return client.post("/sign-in", {"username": "grace", "password": password, **more})


def test_signing_in_leads_where_one_wanted_to_go(browser, grace):
    client = browser()
    assert 'value="/account"' in client.get("/sign-in?next=/account").content.decode()
    assert sign_in(client, next="/account")["Location"] == "/account"
    assert client.get("/account").status_code == 200
    assert client.get("/sign-in")["Location"] == "/"


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "\\\\evil.example"]
)
def test_signing_in_never_leads_to_another_site(browser, grace, elsewhere):
    assert sign_in(browser(), next=elsewhere)["Location"] == "/"
    assert 'name="next" value=""' in browser().get("/sign-in", {"next": elsewhere}).content.decode()


def test_a_wrong_password_is_said_without_telling_which_was_wrong(browser, grace):
    answer = sign_in(browser(), "wrong")
    assert answer.status_code == 422
    assert "correct username and password" in said(answer)
    assert 'value="grace"' in answer.content.decode()
    assert "wrong" not in answer.content.decode().split("<main")[1].split("Sign in</button>")[0]


def test_many_failures_are_slowed_down_even_with_the_right_password(browser, grace):
    for _ in range(TRIES):
        assert sign_in(browser(), "wrong").status_code == 422
    answer = sign_in(browser())
    assert answer.status_code == 429
    assert answer["Retry-After"] == "300"
    assert "Too many failed attempts" in said(answer)


def test_signing_out_is_a_form(browser, grace):
    client = browser("grace")
    assert client.get("/sign-out").status_code == 405
    assert client.post("/sign-out")["Location"] == "/sign-in"
    assert client.get("/account").status_code == 302


def test_forms_need_the_csrf_token(browser, grace):
    client = browser("grace", enforce_csrf_checks=True)
    assert client.post("/account/tokens", {"name": "ci", "scopes": "read", "days": "30"}).status_code == 403


# one-time links


@pytest.fixture
def link(embedded, grace):
    return reverse("sign-in-link", args=[embedded.platform.accounts.issue_sign_in_link("grace")])


def test_looking_at_a_link_does_not_use_it_up_and_redeeming_does(browser, link):
    for _ in range(3):
        assert browser().get(link).status_code == 200

    client = browser()
    assert client.post(f"{link}/redeem")["Location"] == "/"
    assert client.get("/account").status_code == 200

    again = browser().post(f"{link}/redeem")
    assert again.status_code == 410
    assert "This link is used up" in said(again)


def test_a_link_of_somebody_without_a_password_leads_to_setting_one(browser, embedded, person):
    person("new")
    secret = embedded.platform.accounts.issue_sign_in_link("new")
    client = browser()
    assert client.post(reverse("redeem-link", args=[secret]))["Location"] == "/account"
    assert "Set a password" in said(client.get("/account"))


def test_a_link_that_was_never_given_is_used_up(browser, embedded):
    assert browser().post(reverse("redeem-link", args=["nothing"])).status_code == 410


# tokens


def create(client, **more):
    return client.post("/account/tokens", {"name": "ci", "scopes": ["read", "invoke"], "days": "30", **more})


def secret_in(answer):
    return answer.content.decode().partition('id="new-token">')[2].partition("<")[0]


def test_a_token_is_shown_once_works_and_can_be_revoked(ada, browser, workspace):
    made = create(ada)
    secret = secret_in(made)
    assert secret.startswith("fwt_")
    assert made["Cache-Control"] == "private, no-store"
    call = {"authorization": f"Bearer {secret}", "accept": "*/*"}
    assert browser().get("/api/workspaces", headers=call).status_code == 200

    page = ada.get("/account")
    assert secret not in page.content.decode()
    assert "ci" in said(page)
    token_id = page.content.decode().partition("/account/tokens/")[2].partition("/")[0]
    assert ada.post(f"/account/tokens/{token_id}/revoke")["Location"] == "/account"

    assert browser().get("/api/workspaces", headers=call).status_code == 401
    assert "The token is revoked." in said(ada.get("/account"))
    assert ada.post(f"/account/tokens/{token_id}/revoke").status_code == 404


def test_a_token_of_somebody_else_can_t_be_revoked(ada, browser, person, embedded, token):
    token("ada")
    theirs = ada.get("/account").content.decode().partition("/account/tokens/")[2].partition("/")[0]
    person("eve")
    assert browser("eve").post(f"/account/tokens/{theirs}/revoke").status_code == 404


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"name": ""}, "This field is required."),
        ({"name": "x" * 101}, "at most 100 characters"),
        ({"scopes": []}, "This field is required."),
        ({"scopes": ["everything"]}, "Select a valid choice."),
        ({"days": "7"}, "Select a valid choice."),
    ],
)
def test_a_token_that_can_t_be_made_says_why(ada, wrong, sentence):
    answer = create(ada, **wrong)
    assert answer.status_code == 422
    if "days" not in wrong:
        assert sentence in said(answer)
    assert secret_in(answer) == ""


# passwords


def test_setting_a_password_keeps_the_session_and_opens_the_door(ada, browser):
    answer = ada.post("/account/password", {"new_password1": PASSWORD, "new_password2": PASSWORD})
    assert answer["Location"] == "/account"
    assert "Your password is set." in said(ada.get("/account"))
    assert browser().post("/sign-in", {"username": "ada", "password": PASSWORD})["Location"] == "/"


@pytest.mark.parametrize(
    ("first", "second", "sentence"),
    [
        ("short", "short", "at least 10 characters"),
        (PASSWORD, "another one", "match"),
        ("password123", "password123", "too common"),
        ("", "", "This field is required."),
    ],
)
def test_a_password_that_can_t_be_set_says_why(ada, first, second, sentence):
    answer = ada.post("/account/password", {"new_password1": first, "new_password2": second})
    assert answer.status_code == 422
    assert sentence in said(answer)


# language


def test_a_language_is_kept_and_leads_back(ada, greet):
    answer = ada.post("/language", {"language": "ko", "next": at(greet, "logs")})
    assert answer["Location"] == at(greet, "logs")
    assert 'lang="ko"' in ada.get("/").content.decode()


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example"])
def test_changing_the_language_never_leads_to_another_site(ada, elsewhere):
    assert ada.post("/language", {"language": "ja", "next": elsewhere})["Location"] == "/"


def test_after_a_refused_form_the_language_menu_leads_to_the_form(ada, workspace):
    page = f"/workspaces/{workspace.id}/settings"
    refused = ada.post(f"/workspaces/{workspace.id}/edit", {"name": ""}, headers={"referer": f"http://localhost{page}"})
    assert f'name="next" value="{page}"' in refused.content.decode()
    foreign = ada.post(f"/workspaces/{workspace.id}/edit", {"name": ""}, headers={"referer": "http://evil.example/x"})
    assert 'name="next" value="/"' in foreign.content.decode()
