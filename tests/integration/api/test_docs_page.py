"""The page of the description in a browser, under the policy that holds for every page."""

from __future__ import annotations

import os
import shutil

import pytest
from playwright.sync_api import expect, sync_playwright

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")


@pytest.mark.skipif(not CHROMIUM, reason="no chromium: install Debian's chromium, or set CHROMIUM=/path/to/it")
def test_the_page_shows_every_operation_and_tries_them(embedded, workspace, live_server, settings, token, monkeypatch):
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright's loop runs in the thread of the test
    settings.ALLOWED_HOSTS = ["*"]
    secret, complaints = token("ada"), []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))

        page.goto(f"{live_server.url}/redoc")
        expect(page.locator(".opblock")).to_have_count(34, timeout=20_000)
        page.get_by_role("button", name="Authorize", exact=True).first.click()
        page.get_by_label("auth-bearer-value").fill(secret)
        page.get_by_role("button", name="Apply credentials").first.click()
        page.locator(".btn-done").first.click()
        page.locator("#operations-workspaces-list_workspaces .opblock-summary-control").click()
        page.get_by_role("button", name="Try it out").click()
        page.get_by_role("button", name="Execute").click()

        expect(page.locator(".live-responses-table .response-col_status").last).to_contain_text("200")
        expect(page.locator(".live-responses-table")).to_contain_text(workspace.id)
        browser.close()
    assert complaints == []
