"""Two people, or one person twice: nobody's code is lost, and there is always a way on."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Console, Opens
from tests.browser.test_every_page import violations
from tests.browser.things import Made, Things


@pytest.fixture
def function(things: Things) -> Made:
    return things.function(things.workspace("Together"))


def add(page: Page, text: str) -> None:
    page.locator(".cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.insert_text(text)
    expect(page.locator(".cm-content")).to_contain_text(text.strip())


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()


@pytest.fixture
def stale(opens: Opens, function: Made, console: Console) -> Page:
    """The page of somebody whose save was refused."""
    console.expected = ("409 (Conflict)",)
    first, second = opens(function.page), opens(function.page)
    add(second, "\n# mine\n")
    expect(second.locator("[data-draft-state]")).to_have_text("Draft kept")
    add(first, "\n# theirs\n")
    save(first)
    expect(first.locator("[data-draft-state]")).to_have_text("Saved")
    add(second, "# still mine\n")
    expect(second.locator("[data-draft-state]")).to_have_text("Saved elsewhere meanwhile")
    save(second)
    expect(
        second.get_by_role("heading", name="Somebody saved this function while you were editing")
    ).to_be_in_viewport()
    return second


def test_a_stale_save_shows_both_and_can_be_made_anyway(stale: Page):
    expect(stale.locator(".cm-deletedChunk")).to_contain_text("# theirs")
    assert violations(stale) == []
    expect(stale.get_by_label("Yours", exact=True)).to_have_value(re.compile("# still mine"))
    expect(stale.get_by_label("Saved meanwhile")).to_have_value(re.compile("# theirs"))
    stale.get_by_role("button", name="Save mine over it").click()

    expect(stale.get_by_text("Saved.", exact=True)).to_be_visible()
    expect(stale.locator(".cm-content")).to_contain_text("# still mine")
    expect(stale.locator(".cm-content")).not_to_contain_text("# theirs")
    expect(stale.locator("[data-draft-state]")).to_have_text("Saved")


def test_a_stale_save_can_be_given_up(stale: Page):
    stale.get_by_role("button", name="Discard mine").click()
    expect(stale.locator(".cm-content")).to_contain_text("# theirs")
    stale.reload()
    expect(stale.locator(".cm-content")).to_contain_text("# theirs")
    expect(stale.locator("[data-draft-state]")).to_have_text("Saved")


def test_a_draft_is_discarded_after_a_question(opens: Opens, function: Made):
    page = opens(function.page)
    add(page, "\n# a thought\n")
    expect(page.locator("[data-draft-state]")).to_have_text("Draft kept")
    page.reload()
    page.get_by_role("button", name="Discard draft").click()
    dialog = page.get_by_role("dialog", name="Discard your draft?")
    dialog.get_by_role("button", name="Keep it").click()
    page.get_by_role("button", name="Discard draft").click()
    dialog.get_by_role("button", name="Discard draft").click()
    expect(page.locator("[data-draft-state]")).to_have_text("Saved")
    expect(page.locator(".cm-content")).not_to_contain_text("# a thought")


def test_a_draft_that_arrives_after_the_save_is_no_conflict(opens: Opens, function: Made):
    page = opens(function.page)
    held: list[Route] = []
    page.route("**/draft", lambda route: held.append(route))
    with page.expect_request("**/draft"):
        add(page, "\n# one\n")
    save(page)
    state = page.locator("[data-draft-state]")
    expect(state).to_have_text("Saved")
    with page.expect_response("**/draft") as answer:
        held[0].continue_()
    assert answer.value.ok
    expect(state).to_have_text("Saved")


def test_going_back_after_a_save_is_not_stale(opens: Opens, function: Made):
    page = opens(function.page)
    add(page, "\n# one\n")
    save(page)
    expect(page.locator("[data-draft-state]")).to_have_text("Saved")
    page.locator(".tabs").get_by_role("link", name="Test").click()
    expect(page.get_by_role("heading", name="Call the live function")).to_be_visible()
    page.go_back()
    expect(page.locator(".cm-content")).to_contain_text("# one")
    add(page, "# two\n")
    save(page)
    expect(page.locator("[data-draft-state]")).to_have_text("Saved")


def test_without_a_connection_the_editor_says_so_and_keeps_the_text(opens: Opens, function: Made, console: Console):
    console.expected = ("ERR_INTERNET_DISCONNECTED", "ERR_FAILED")
    page = opens(function.page)
    page.context.set_offline(True)
    add(page, "\n# typed in a tunnel\n")
    expect(page.locator("[data-draft-state]")).to_have_text("Offline: not kept")
    page.context.set_offline(False)
    expect(page.locator("[data-draft-state]")).to_have_text("Draft kept")


def test_a_session_that_ended_is_said_where_the_run_was_asked_for(opens: Opens, function: Made, console: Console):
    console.expected = ("401 (Unauthorized)", "Error Code 401")
    page = opens(function.page)
    cookies = [cookie for cookie in page.context.cookies() if cookie["name"] != "sessionid"]
    page.context.clear_cookies()
    page.context.add_cookies(cookies)  # type: ignore[arg-type]
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text("Sign in again: your session has ended.")).to_be_visible()
