"""The manifests of a function, looked at, copied and taken along."""

from __future__ import annotations

from pathlib import Path

import yaml
from playwright.sync_api import expect

from tests.browser.conftest import Opens
from tests.browser.test_every_page import violations
from tests.browser.things import Things

NAME = "packed-lunch"  # no other function is called so: it is the app's name as well


def test_manifests_unfold_by_keyboard_are_copied_and_downloaded(opens: Opens, things: Things, tmp_path: Path):
    function = things.function(things.workspace("To take along"), NAME, environmentVariables={"TOKEN": "s3cret"})
    page = opens(f"{function.page}/deployments")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    summary = page.locator("summary", has_text="Kubernetes manifests")
    summary.focus()
    page.keyboard.press("Enter")
    text = page.get_by_role("region", name="Kubernetes manifests")
    expect(text).to_contain_text("kind: SpinApp")
    assert violations(page) == []
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Copy", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#announce")).to_have_text("Copied")
    copied = list(yaml.safe_load_all(page.evaluate("navigator.clipboard.readText()")))
    assert copied[0]["metadata"]["name"] == NAME
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    download.value.save_as(tmp_path / "file.yaml")
    assert list(yaml.safe_load_all((tmp_path / "file.yaml").read_text())) == copied
    assert "s3cret" not in str(copied)
    page.keyboard.press("Tab")
    expect(text).to_be_focused()


def test_manifests_are_a_page_without_scripts(server, chromium, session, things: Things):
    function = things.function(things.workspace("Without scripts"))
    with chromium.new_context(base_url=server.url, storage_state=session, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{function.page}/deployments")
        page.locator("summary", has_text="Kubernetes manifests").click()
        page.get_by_role("link", name="Show the manifests").click()
        expect(page.get_by_role("region", name="Kubernetes manifests")).to_contain_text("kind: SpinApp")
