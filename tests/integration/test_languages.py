"""Pages speak the reader's language: the browser's, or the one chosen in the menu."""

from __future__ import annotations

import re

import pytest
from django.test import Client

SIGN_IN = {"en": "Sign in", "ko": "로그인", "ja": "サインイン"}
WORKSPACES = {"en": "Workspaces", "ko": "워크스페이스", "ja": "ワークスペース"}
COUNT = {"en": "0 functions", "ko": "함수 0개", "ja": "関数 0 個"}
LANGUAGES = pytest.mark.parametrize("language", ["en", "ko", "ja"])


def browser(accept: str = "en") -> Client:
    return Client(headers={"host": "localhost", "accept": "text/html", "accept-language": accept})


def page(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


@LANGUAGES
def test_sign_in_is_in_the_language_of_the_browser(embedded, db, language):
    shown = page(browser(f"{language},fr;q=0.5"), "/sign-in")
    assert f'<html lang="{language}"' in shown
    assert f">{SIGN_IN[language]}</h1>" in shown


@LANGUAGES
def test_the_workspace_list_is_in_the_language_of_the_browser(workspace, django_user_model, language):
    client = browser(language)
    client.force_login(django_user_model.objects.get(username="ada"))
    shown = page(client, "/")
    assert f'<html lang="{language}"' in shown
    assert f">{WORKSPACES[language]}</h1>" in shown
    assert COUNT[language] in shown


def test_a_language_that_faasweb_does_not_speak_is_english(embedded, db):
    shown = page(browser("de-DE,de"), "/sign-in")
    assert '<html lang="en"' in shown
    assert SIGN_IN["en"] in shown


@pytest.mark.parametrize("language", ["ko", "ja"])
def test_the_menu_chooses_a_language_for_longer_than_a_session(embedded, db, language):
    client = browser("en")
    answer = client.post("/language", {"language": language, "next": "/sign-in?next=/account"})
    assert (answer.status_code, answer["Location"]) == (302, "/sign-in?next=/account")
    assert int(client.cookies["django_language"]["max-age"]) > 30 * 24 * 3600
    assert f'<html lang="{language}"' in page(client, "/sign-in")
    client.post("/language", {"language": "en"})
    assert '<html lang="en"' in page(client, "/sign-in")


def test_the_menu_offers_every_language_in_its_own_name_and_marks_the_one_in_use(embedded, db):
    shown = page(browser("ko"), "/sign-in")
    for name in ("English", "한국어", "日本語"):
        assert name in shown
    marked = re.findall(r'value="(\w+)"[^>]* aria-current="true"', shown)
    assert marked == ["ko"]


def test_a_wrong_choice_changes_nothing_and_leads_nowhere_else(embedded, db):
    client = browser("ja")
    answer = client.post("/language", {"language": "xx", "next": "https://example.org/"})
    assert answer["Location"] == "/"
    assert '<html lang="ja"' in page(client, "/sign-in")


@LANGUAGES
def test_a_starter_says_what_it_does_in_the_language_of_the_reader(workspace, django_user_model, language):
    said = {"en": "Draws an image", "ko": "이미지를 그립니다", "ja": "画像を描画します"}
    client = browser(language)
    client.force_login(django_user_model.objects.get(username="ada"))
    assert said[language] in page(client, f"/workspaces/{workspace.id}/functions/new")


@LANGUAGES
def test_what_the_edge_says_to_a_page_is_in_the_language_of_the_reader(workspace, edge, language):
    said = {"en": "Sign in again", "ko": "다시 로그인하세요", "ja": "もう一度サインインしてください"}
    answer = edge.call("GET", f"/stream/{workspace.id}/fn-none/logs", headers={"accept-language": language})
    assert answer.status_code == 401
    assert said[language] in answer.text


@pytest.mark.parametrize("language", ["ko", "ja"])
@pytest.mark.parametrize("path", ["", "workspaces/", "work/", "system/", "auth/user/", "accounts/apitoken/"])
def test_the_operator_site_is_translated_too(embedded, person, language, path):
    client = browser(language)
    client.force_login(person("root", operator=True))
    shown = page(client, f"/operator/{path}")
    assert f'<html lang="{language}"' in shown
    assert {"ko": "로그아웃", "ja": "サインアウト"}[language] in shown
