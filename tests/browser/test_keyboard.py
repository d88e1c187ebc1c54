"""Everything is reached and left by keyboard."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Opens
from tests.browser.things import Made, Things


@pytest.fixture(scope="module")
def function(things: Things) -> Made:
    return things.function(things.workspace("By keyboard"))


def focused(page: Page) -> str:
    text: str = page.evaluate(
        "(e => (e.getAttribute('aria-label') || e.textContent || e.name).trim())(document.activeElement)"
    )
    return text


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_the_first_tab_stop_skips_to_the_content(opens: Opens, function: Made):
    page = opens(function.page)
    press(page, "Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    expect(page.get_by_role("link", name="Skip to content")).to_be_in_viewport()
    press(page, "Enter")
    expect(page.locator("#main")).to_be_focused()


def test_the_tab_bar_is_walked_and_followed(opens: Opens, function: Made):
    page = opens(function.page)
    page.locator(".tabs").get_by_role("link", name="Code").focus()
    for name in ("Test", "Deployments", "Executions", "Logs", "Metrics", "Settings"):
        press(page, "Tab")
        assert focused(page) == name
    press(page, "Enter")
    expect(page.get_by_label("Name", exact=True)).to_have_value("greeting")


def test_a_menu_opens_moves_and_closes(opens: Opens, function: Made):
    page = opens(function.page)
    menu = page.get_by_label("More actions")
    menu.focus()
    press(page, "Enter", "ArrowDown")
    assert focused(page) == "Roll back"
    press(page, "ArrowUp")
    assert focused(page) == "Delete"
    press(page, "Escape")
    expect(menu).to_be_focused()
    expect(page.get_by_role("link", name="Delete", exact=True)).to_be_hidden()


def test_a_dialog_keeps_the_focus_and_gives_it_back(opens: Opens):
    page = opens("/")
    opener = page.get_by_role("link", name="New workspace").first
    opener.focus()
    press(page, "Enter")
    dialog = page.get_by_role("dialog", name="New workspace")
    expect(dialog.get_by_label("Name")).to_be_focused()
    for _ in range(8):
        press(page, "Tab")
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('dialog')")
    press(page, "Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()


def test_the_editor_is_left_by_keyboard_and_tab_indents_inside(opens: Opens, things: Things, function: Made):
    page = opens(things.function(function.workspace, "indented").page)
    editor = page.get_by_role("textbox", name="Code of app.py")
    editor.focus()
    press(page, "Control+End", "Tab")
    page.keyboard.type("x")
    expect(page.locator(".cm-line").last).to_have_text("    x")
    expect(editor).to_be_focused()
    press(page, "Escape", "Escape", "Tab")  # the first one closes what completion offers
    expect(editor).not_to_be_focused()
    expect(page.locator("[data-draft-state]")).to_have_text("Draft kept")


def test_shortcuts_are_listed_and_single_keys_can_be_switched_off(opens: Opens, function: Made):
    page = opens(f"/workspaces/{function.workspace}/functions")
    search = page.get_by_label("Search by name or description")
    press(page, "/")
    expect(search).to_be_focused()
    search.blur()
    press(page, "?")
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(dialog).to_be_visible()
    dialog.get_by_label("Shortcuts of a single key are on").uncheck()
    press(page, "Escape", "/")
    expect(search).not_to_be_focused()


def test_a_list_that_renews_itself_keeps_the_focus(opens: Opens, things: Things, function: Made):
    page = opens(f"/workspaces/{function.workspace}/functions?q=greet")
    link = page.get_by_role("link", name="greeting")
    link.focus()
    page.evaluate("htmx.ajax('GET', location.href, {target: '#functions', swap: 'outerHTML'})")
    expect(link).to_be_focused()


def test_searching_needs_no_button(opens: Opens, things: Things, function: Made):
    things.function(function.workspace, "another")
    page = opens(f"/workspaces/{function.workspace}/functions")
    page.get_by_label("Search by name or description").fill("anoth")
    expect(page.get_by_role("row")).to_have_count(2)
    expect(page).to_have_url(f"{page.url.partition('?')[0]}?q=anoth")
    page.get_by_role("link", name="another").click()
    expect(page.get_by_role("heading", name="another")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Functions")).to_be_visible()
    expect(page.get_by_role("row")).to_have_count(2)
