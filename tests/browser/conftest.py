"""One running product, one browser, and pages that complain about everything the console shows."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from tests.browser.server import Server, serving
from tests.browser.things import Things

os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # Playwright's loop runs in the thread of the tests
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-background-networking"]
PATIENCE_MS = 15_000
DESKTOP = (1280, 800)
PHONE = (390, 844)
expect.set_options(timeout=PATIENCE_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("faasweb")) as running:
        yield running


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not path:
        pytest.skip("no chromium: install Debian's chromium, or set CHROMIUM=/path/to/it")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def session(server: Server, chromium: Browser) -> object:
    """The operator's cookies, got by the link that was printed at the start."""
    with chromium.new_context(base_url=server.url) as context:
        page = context.new_page()
        page.goto(server.sign_in_path())
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Your account")).to_be_visible()
        return context.storage_state()


@dataclass
class Console:
    """What the browser complained about."""

    lines: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = ()

    def heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.lines.append(f"{message.text} ({message.location.get('url', '')})")

    def complaints(self) -> list[str]:
        return [line for line in self.lines if not any(known in line for known in self.expected)]


@pytest.fixture
def console() -> Iterator[Console]:
    """No test ends well with an error, a warning or a broken content security policy on the console."""
    kept = Console()
    yield kept
    assert kept.complaints() == []


Opens = Callable[..., Page]


@pytest.fixture
def opens(server: Server, chromium: Browser, session: object, console: Console) -> Iterator[Opens]:
    """``opens(path)`` is a page in a browser context of its own, signed in unless ``anonymous``."""
    contexts: list[BrowserContext] = []

    def make(
        path: str = "/", *, size: tuple[int, int] = DESKTOP, scheme: str = "light", anonymous: bool = False
    ) -> Page:
        context = chromium.new_context(
            base_url=server.url,
            storage_state=None if anonymous else session,  # type: ignore[arg-type]
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,  # type: ignore[arg-type]
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", console.heard)
        page.on("pageerror", lambda error: console.lines.append(str(error)))
        page.goto(path)
        return page

    yield make
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def things(server: Server) -> Iterator[Things]:
    """Makes workspaces and functions by the JSON API, in open mode."""
    with Things.at(server.url) as made:
        yield made
