"""The main job, as a developer does it: write, run, deploy, call, look, roll back, change, delete."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.server import Server
from tests.browser.things import Things

CALL = """import os

from spin_sdk import http
from spin_sdk.http import Request, Response


class IncomingHandler(http.IncomingHandler):
    def handle_request(self, request: Request) -> Response:
        print("printed by version two")
        return Response(200, {"content-type": "text/plain"}, os.environ.get("MOOD", "plain").encode())
"""


@pytest.fixture(scope="module")
def page(chromium, server, session):
    context = chromium.new_context(base_url=server.url, storage_state=session, viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.complaints = []
    page.on("console", lambda m: page.complaints.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    yield page
    assert page.complaints == []
    context.close()


def tab(page: Page, name: str) -> None:
    page.locator(".tabs").get_by_role("link", name=name, exact=True).click()
    expect(page.locator(".tabs [aria-current=page]")).to_have_text(name)


def write(page: Page, text: str) -> None:
    """Put this into the editor with the keyboard."""
    page.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.insert_text(text)


def address(page: Page) -> str:
    return page.locator("#function-url").inner_text()


def test_create_a_workspace_in_the_dialog(page):
    page.goto("/")
    page.get_by_role("link", name="New workspace").first.click()
    dialog = page.get_by_role("dialog", name="New workspace")
    dialog.get_by_label("Name").fill("The main job")
    dialog.get_by_role("button", name="Create workspace").click()

    expect(page.get_by_role("heading", name="The main job")).to_be_visible()
    expect(page.get_by_text("Workspace The main job is ready.")).to_be_visible()


def test_create_a_function_from_a_starter(page):
    page.get_by_role("link", name="Create the first function").click()
    page.get_by_label("Name", exact=True).fill("mood")
    page.get_by_role("link", name="JSON API").click()
    expect(page.get_by_role("link", name="JSON API")).to_have_attribute("aria-current", "true")
    expect(page.get_by_label("Name", exact=True)).to_have_value("mood")
    page.get_by_role("link", name="Hello").click()
    expect(page.locator(".cm-content")).to_contain_text("Hello from")
    page.get_by_role("button", name="Create function").click()

    expect(page.get_by_role("heading", name="mood")).to_be_visible()
    expect(page.locator("#fn-state")).to_have_text("Not deployed")


def test_run_what_is_in_the_editor_with_the_keyboard(page):
    write(page, CALL)
    page.keyboard.press("Control+Enter")

    result = page.locator("[data-run-result]")
    expect(result.locator(".pill-code")).to_have_text("200")
    expect(result.get_by_label("Response body")).to_have_text("plain")
    expect(result.get_by_label("Printed lines")).to_contain_text("printed by version two")
    expect(page.locator("[data-draft-state]")).to_have_text("Draft kept")


def test_a_draft_survives_a_reload(page):
    page.reload()

    expect(page.locator(".cm-content")).to_contain_text("printed by version two")
    expect(page.get_by_role("button", name="Discard draft").first).to_be_visible()


def test_problems_of_the_type_checker_show_while_typing(page):
    page.locator(".cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.insert_text("\nx: int = 'not a number'\n")
    expect(page.locator(".cm-content")).to_contain_text("not a number")
    problems = page.get_by_role("list", name="Problems")
    expect(problems).to_contain_text("Incompatible types", timeout=30_000)

    page.keyboard.press("Control+z")
    expect(page.locator("[data-problems] li")).to_have_count(0)


def test_save_by_keyboard(page):
    page.keyboard.press("Control+s")

    expect(page.locator("[data-draft-state]")).to_have_text("Saved")
    expect(page.locator("#save-result")).to_contain_text("not deployed yet")


def test_deploy_shows_phases_and_real_output_and_ends_live(page, server: Server):
    page.get_by_role("button", name="Save and deploy").click()
    expect(page.locator(".tabs [aria-current=page]")).to_have_text("Deployments")
    expect(page.locator("#fn-state")).to_contain_text("Deploying")
    expect(page.locator("[data-elapsed-since]")).to_have_text(re.compile(r"\d"))
    expect(page.get_by_role("button", name="Deploy", exact=True)).to_be_disabled()

    # It answers from the source before the component is built.
    expect(page.get_by_text("answers already")).to_be_visible()
    assert page.request.get(address(page)).text() == "plain"
    expect(page.locator("[data-phase=building]")).to_have_attribute("data-state", re.compile("running|done"))
    expect(page.locator("[data-stream-lines] .log-line").first).to_be_visible()

    expect(page.locator("#fn-state")).to_have_text(re.compile(r"Live\s*v1"), timeout=90_000)
    expect(page.get_by_role("heading", name="Version 1")).to_be_visible()
    expect(page.get_by_role("button", name="Deploy", exact=True)).to_be_enabled()
    assert page.request.get(address(page)).text() == "plain"


def test_call_it_from_the_test_tab_and_open_the_execution(page):
    tab(page, "Test")
    page.get_by_label("Path and query").fill("/some/where?a=1")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_label("Response body")).to_have_text("plain")
    page.get_by_role("link", name="Open this execution").click()
    expect(page.get_by_role("heading", name="GET /some/where")).to_be_visible()
    expect(page.get_by_role("region", name="What it printed")).to_contain_text("printed by version two")

    tab(page, "Executions")
    expect(page.get_by_role("row")).to_have_count(4)
    page.get_by_role("link", name="/some/where").click()
    expect(page.get_by_role("heading", name="GET /some/where")).to_be_visible()


def test_a_log_line_arrives_without_a_reload(page):
    tab(page, "Logs")
    expect(page.locator("[data-stream-state]")).to_have_text("Live")
    lines = page.locator("[data-stream-lines] .log-line")
    before = lines.count()
    page.request.get(address(page))

    expect(lines).to_have_count(before + 1)
    expect(lines.last).to_contain_text("printed by version two")


def test_pausing_and_filtering_logs(page):
    lines = page.locator("[data-stream-lines] .log-line")
    before = lines.count()
    page.get_by_role("button", name="Pause").click()
    page.request.get(address(page))
    expect(page.locator("[data-stream-jump]")).to_contain_text("1 new lines")
    expect(lines).to_have_count(before)
    page.get_by_role("button", name="Resume").click()
    expect(lines).to_have_count(before + 1)

    page.get_by_label("Filter by text").fill("nothing like that")
    expect(page.get_by_text("No line matches the filter yet.")).to_be_visible()
    page.get_by_label("Filter by text").fill("version two")
    expect(lines).to_have_count(before + 1)
    page.request.get(address(page))
    expect(lines).to_have_count(before + 2)


def test_metrics_show_charts_and_the_same_numbers_as_tables(page):
    tab(page, "Metrics")
    expect(page.locator(".chart-plot canvas")).to_have_count(3)
    card = page.locator(".metric-card", has_text="Invocations")
    expect(card.locator("dd").first).not_to_have_text("0")
    calls = page.locator("figure", has_text="Invocations per minute")
    calls.get_by_text("As a table").click()
    expect(calls.locator("tbody tr").first).to_be_visible()


def test_settings_take_effect_on_what_is_live(page, things: Things):
    tab(page, "Settings")
    page.get_by_label("Variable name").last.fill("MOOD")
    page.get_by_label("Variable value").last.fill("cheerful")
    page.get_by_role("button", name="Save settings").click()
    expect(page.get_by_text("Saved. The settings are in effect.")).to_be_visible()

    expect(page.get_by_label("Variable value").first).to_have_value("********")
    url = address(page)
    things.wait_until(lambda: page.request.get(url).text() == "cheerful", 10)


def test_a_second_version_and_rolling_back(page):
    tab(page, "Code")
    expect(page.locator(".cm-content")).to_be_visible()
    write(
        page,
        "from spin_sdk import http\nfrom spin_sdk.http import Request, Response\n\n\n"
        "class IncomingHandler(http.IncomingHandler):\n"
        "    def handle_request(self, request: Request) -> Response:\n"
        '        return Response(200, {"content-type": "text/plain"}, b"second")\n',
    )
    page.get_by_role("button", name="Save and deploy").click()
    expect(page.locator("#fn-state")).to_have_text(re.compile(r"Live\s*v2"), timeout=90_000)
    assert page.request.get(address(page)).text() == "second"

    page.get_by_role("button", name="Roll back to version 1").click()
    expect(page.get_by_text("Version 1 answers now.")).to_be_visible()
    expect(page.locator("#fn-state")).to_contain_text("v1")
    assert page.request.get(address(page)).text() == "cheerful"


def test_a_disabled_function_refuses_calls(page):
    tab(page, "Settings")
    page.get_by_role("button", name="Disable", exact=True).last.click()
    expect(page.locator("#fn-state")).to_contain_text("Disabled")
    assert page.request.get(address(page)).status == 400
    page.get_by_role("button", name="Enable", exact=True).last.click()
    expect(page.locator("#fn-state")).to_contain_text("Live")
    assert page.request.get(address(page)).status == 200


def test_deleting_asks_for_the_name(page):
    url = address(page)
    page.get_by_label("More actions").click()
    page.get_by_role("link", name="Delete", exact=True).click()
    dialog = page.get_by_role("dialog", name="Delete this function")
    button = dialog.get_by_role("button", name="Delete function")
    expect(button).to_be_disabled()
    dialog.get_by_label("Type mood to confirm").fill("moo")
    expect(button).to_be_disabled()
    dialog.get_by_label("Type mood to confirm").fill("mood")
    button.click()

    expect(page.get_by_text("mood and all it held are being removed.")).to_be_visible()
    expect(page.get_by_role("heading", name="No functions yet")).to_be_visible()
    assert page.request.get(url).status == 404
