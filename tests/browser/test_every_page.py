"""Every page, as it looks to everybody: no complaint of axe or the console, and no page wider than its screen."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE, Console, Opens
from tests.browser.things import GREETING, Made, Things

AXE = (Path(__file__).parent / "vendor" / "axe-core-4.14.1" / "axe.min.js").read_text()
LONG = "a-name-that-goes-on-and-on-" + "x" * 70
TABS = ("", "/test", "/deployments", "/executions", "/logs", "/metrics", "/settings")
LOOKS: tuple[tuple[Literal["light", "dark"], tuple[int, int]], ...] = (("light", DESKTOP), ("dark", PHONE))


@pytest.fixture(scope="module")
def live(things: Things, chromium: Any, server: Any, session: Any) -> Made:
    """A function that answers and is being built meanwhile, with executions, an error and printed lines."""
    function = things.function(things.workspace("Every page"), environmentVariables={"TOKEN": "s3cret"})
    with chromium.new_context(base_url=server.url, storage_state=session) as context:
        page = context.new_page()
        page.goto(f"{function.page}/deployments")
        page.get_by_role("button", name="Deploy", exact=True).click()
        expect(page.get_by_text("answers already")).to_be_visible()
    for name in ("Ada", "boom", None):
        things.call(function, name)
    return function


@pytest.fixture(scope="module")
def long(things: Things) -> Made:
    workspace = things.workspace(LONG)
    return things.function(workspace, LONG, description="y" * 900)


@pytest.fixture(scope="module")
def several(things: Things) -> Made:
    """Of several files, one of them with a long name."""
    function = things.function(things.workspace("Projects"), "project")
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("app.py", GREETING)
        for name in (
            "words/__init__.py",
            "words/of_a_language_with_very_long_words.py",
            "requirements.txt",
            "logo.bin",
        ):
            archive.writestr(name, b"\x00\xff" if name == "logo.bin" else b"")
    uploaded = things.client.put(
        f"/api/functions/{function.id}/source", files={"file": ("project.zip", made.getvalue(), "application/zip")}
    )
    uploaded.raise_for_status()
    return function


def executions(things: Things, function: Made) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = things.client.get(f"/api/functions/{function.id}/logs").json()["logs"]
    return found


@pytest.fixture(scope="module")
def places(live: Made, long: Made, several: Made, things: Things) -> list[str]:
    """Every page there is, with data, with long names and with nothing at all."""
    things.wait_until(lambda: executions(things, live))  # recorded when the answer has been taken
    execution = executions(things, live)[0]
    empty = f"/workspaces/{things.workspace('연구소')}"
    ws, other = f"/workspaces/{live.workspace}", f"/workspaces/{long.workspace}"
    return [
        "/",
        "/account",
        *(f"{base}{page}" for base in (ws, other, empty) for page in ("", "/functions", "/builds", "/settings")),
        f"{ws}/functions/new?starter=webhook",
        *(f"{function.page}{tab}" for function in (live, long) for tab in TABS),
        *(f"{several.page}{shown}" for shown in ("", "?file=requirements.txt", "?file=logo.bin", "/preview")),
        f"{live.page}/executions/{execution['id']}?at={execution['timestamp'].replace('+', '%2B')}",
    ]


def violations(page: Page) -> list[str]:
    """What axe finds, one line each."""
    page.evaluate(AXE)  # by the protocol, past the page's content security policy
    found: list[dict[str, Any]] = page.evaluate("async () => (await axe.run()).violations")
    return [f"{item['id']}: {node['html'][:160]}" for item in found for node in item["nodes"]]


def too_wide(page: Page) -> bool:
    wide: bool = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    return wide


def test_every_page_is_accessible_and_fits(opens: Opens, places: list[str]):
    """Light on a desktop, then dark on a phone: each is looked at as it turns from one into the other."""
    page = opens("/")
    found: dict[str, list[str]] = {}
    for place in places:
        page.goto(place)
        expect(page.locator("h1")).to_be_visible()
        for scheme, size in LOOKS:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # no colour is half-way to another
            page.set_viewport_size({"width": size[0], "height": size[1]})
            expect(page.locator("html")).to_have_attribute("data-bs-theme", scheme)
            complaints = violations(page) + (["wider than the screen"] if too_wide(page) else [])
            if complaints:
                found[f"{place} {scheme} {size[0]}"] = complaints
    assert found == {}


@pytest.mark.parametrize(("scheme", "size"), [("light", DESKTOP), ("dark", PHONE)], ids=["light", "dark"])
def test_pages_of_strangers_and_errors_are_accessible(
    opens: Opens, console: Console, scheme: str, size: tuple[int, int]
):
    console.expected = ("404 (Not Found)", "422 (Unprocessable", "410 (Gone)")
    page = opens("/sign-in", size=size, scheme=scheme, anonymous=True)
    assert violations(page) == []
    page.get_by_label("User name").fill("nobody")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("correct username and password")
    assert violations(page) == []
    page.goto("/sign-in/link/used-up")
    assert violations(page) == []
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="This link is used up")).to_be_visible()
    assert violations(page) == []

    page = opens("/nowhere", size=size, scheme=scheme)
    expect(page.get_by_role("heading", name="Not found")).to_be_visible()
    assert violations(page) == []
    assert not too_wide(page)


def test_what_opens_on_a_page_is_accessible_too(opens: Opens, live: Made):
    page = opens("/#create-workspace")
    expect(page.get_by_role("dialog", name="New workspace")).to_be_visible()
    assert violations(page) == []

    page.goto(live.page)
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("[data-run-result]")).to_be_visible()
    page.get_by_text("Headers").last.click()
    for menu in ("More actions", "Language", "Colours", "Account"):
        page.get_by_label(menu, exact=True).click()
        assert violations(page) == []
        page.keyboard.press("Escape")
    page.goto(f"{live.page}#delete-function")
    expect(page.get_by_role("dialog", name="Delete this function")).to_be_visible()
    assert violations(page) == []


def test_the_chosen_colours_are_kept(opens: Opens):
    page = opens("/")
    assert page.locator("html").get_attribute("data-bs-theme") == "light"
    page.get_by_label("Colours").click()
    page.get_by_role("button", name="Dark").click()
    page.reload()
    assert page.locator("html").get_attribute("data-bs-theme") == "dark"
