"""The editor: problems and completions in place, several files, and nothing lost on the way between them."""

from __future__ import annotations

import io
import re
import zipfile

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE, Console, Opens
from tests.browser.test_every_page import too_wide, violations
from tests.browser.things import GREETING, Made, Things

HELPERS = "import os\n\n\ndef shout(text: str) -> str:\n    number: int = 'x'\n    return text.upper()\n"
CALLS_HELPERS = GREETING.replace("import json\n", "import json\n\nfrom lib.text import shout\n").replace(
    "{name}", "{shout(name)}"
)


@pytest.fixture(scope="module")
def workspace(things: Things) -> str:
    return things.workspace("Files")


@pytest.fixture
def function(things: Things, workspace: str) -> Made:
    return things.function(workspace)


def menu(page: Page, item: str) -> None:
    page.locator(".editor-pane summary").click()
    page.get_by_role("link", name=item).click()


def write(page: Page, text: str) -> None:
    page.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.insert_text(text)


def add_file(page: Page, path: str, text: str) -> None:
    menu(page, "New file")
    dialog = page.get_by_role("dialog", name="New file")
    dialog.get_by_label("Name").fill(path)
    dialog.get_by_role("button", name="Add file").click()
    expect(page.get_by_role("textbox", name=f"Code of {path}")).to_be_visible()
    write(page, text)
    expect(page.locator("[data-draft-state]")).to_have_text("Draft kept")


def choose(page: Page, path: str) -> None:
    page.locator(f'[data-file="{path}"]').click()
    expect(page.get_by_role("textbox", name=f"Code of {path}")).to_be_visible()


def test_a_function_of_one_file_has_no_list_of_files(opens: Opens, function: Made):
    page = opens(function.page)
    expect(page.locator(".cm-content")).to_be_visible()
    expect(page.locator(".files")).to_have_count(0)


def test_a_project_is_written_run_and_saved_as_a_whole(opens: Opens, function: Made, things: Things):
    page = opens(function.page)
    add_file(page, "lib/text.py", HELPERS.replace("    number: int = 'x'\n", "").replace("import os\n\n\n", ""))
    choose(page, "app.py")
    write(page, CALLS_HELPERS)
    page.keyboard.press("Control+Enter")  # at once: the draft of this file is not kept yet
    expect(page.locator("[data-run-result]").get_by_label("Printed lines")).to_contain_text("greeting WORLD")
    expect(page.locator(".file-changed:visible")).to_have_count(2)

    page.keyboard.press("Control+s")
    expect(page.locator("[data-draft-state]")).to_have_text("Saved")
    expect(page.locator(".file-changed:visible")).to_have_count(0)
    page.reload()
    choose(page, "lib/text.py")
    expect(page.locator(".cm-content")).to_contain_text("text.upper()")
    expect(page.locator("[data-draft-state]")).to_have_text("Saved")
    assert violations(page) == []


def test_problems_are_marked_in_place_and_lead_to_other_files(opens: Opens, function: Made):
    page = opens(function.page)
    add_file(page, "lib/text.py", HELPERS)
    problems = page.get_by_role("list", name="Problems")
    expect(problems).to_contain_text("Incompatible types", timeout=30_000)
    expect(problems).to_contain_text("`os` imported but unused")
    expect(page.locator(".cm-lintRange-error")).to_have_text("'x'")
    expect(page.locator(".cm-lintRange-warning")).to_have_text("os")
    expect(page.locator(".cm-lint-marker-error")).to_have_count(1)
    expect(page.locator("#announce")).to_have_text("2 problems")
    assert violations(page) == []

    choose(page, "app.py")
    expect(page.locator(".cm-lintRange-error")).to_have_count(0)
    problems.get_by_role("button", name="Incompatible types").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox", name="Code of lib/text.py")).to_be_focused()
    expect(page.locator("[data-editor-position]")).to_have_text("Ln 5, Col 19")


def test_completions_come_from_the_server_and_are_taken_by_tab(opens: Opens, function: Made):
    page = opens(function.page)
    add_file(page, "lib/text.py", "def shout(text: str) -> str:\n    return text\n")
    choose(page, "app.py")
    page.locator(".cm-content").click()
    page.keyboard.press("Control+Home")
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowUp")
    page.keyboard.type("from lib.text import sh", delay=20)
    options = page.locator(".cm-tooltip-autocomplete")
    expect(options).to_contain_text("(text: str) -> str", timeout=30_000)
    page.keyboard.press("Tab")
    expect(page.locator(".cm-line").first).to_have_text("from lib.text import shout")

    page.locator(".cm-line", has_text="def handle_request").click()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.keyboard.type("request.", delay=20)
    expect(options).to_contain_text("headers")
    assert violations(page) == []
    page.keyboard.press("Escape")
    expect(options).to_have_count(0)


def test_going_to_another_file_and_back_keeps_what_was_typed_and_undo(opens: Opens, function: Made):
    page = opens(function.page)
    add_file(page, "a.py", "A = 1\n")
    page.keyboard.insert_text("B = 2\n")
    choose(page, "app.py")  # before the draft is kept by itself
    page.go_back()
    expect(page.get_by_role("textbox", name="Code of a.py")).to_be_visible()
    expect(page.locator(".cm-content")).to_contain_text("B = 2")
    choose(page, "app.py")
    choose(page, "a.py")
    expect(page.locator(".cm-content")).to_contain_text("B = 2")
    page.locator(".cm-content").click()
    page.keyboard.press("Control+z")
    expect(page.locator(".cm-content")).not_to_contain_text("B = 2")


def test_a_file_whose_text_can_t_be_kept_is_not_left(opens: Opens, function: Made, console: Console):
    console.expected = ("ERR_FAILED", "Failed to load resource")
    page = opens(function.page)
    add_file(page, "a.py", "A = 1\n")
    page.route("**/draft", lambda route: route.abort())
    page.keyboard.insert_text("B = 2\n")
    page.locator('[data-file="app.py"]').click()
    expect(page.get_by_text("could not be kept on the server")).to_be_visible()
    expect(page.locator(".cm-content")).to_contain_text("B = 2")
    page.unroute("**/draft")
    choose(page, "app.py")


def test_files_are_renamed_and_deleted(opens: Opens, function: Made):
    page = opens(function.page)
    add_file(page, "a.py", "A = 1\n")
    menu(page, "Rename this file")
    dialog = page.get_by_role("dialog", name="Rename a.py")
    dialog.get_by_label("New name").fill("app.py")
    dialog.get_by_role("button", name="Rename").click()
    expect(page.get_by_text("There is a file app.py already.")).to_be_visible()
    menu(page, "Rename this file")
    dialog.get_by_label("New name").fill("deep/b.py")
    assert violations(page) == []
    dialog.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("textbox", name="Code of deep/b.py")).to_be_visible()
    menu(page, "Delete this file")
    page.get_by_role("dialog", name="Delete deep/b.py?").get_by_role("button", name="Delete file").click()
    expect(page.get_by_role("textbox", name="Code of app.py")).to_be_visible()
    expect(page.locator(".files")).to_have_count(0)


def test_a_project_is_uploaded_and_downloaded(opens: Opens, function: Made):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("app.py", GREETING)
        archive.writestr("requirements.txt", "")
        archive.writestr("img/logo.png", b"\x89PNG\x00\xff" * 300)
    page = opens(function.page)
    menu(page, "Upload files")
    dialog = page.get_by_role("dialog", name="Upload files")
    dialog.get_by_label("Files, or a zip file").set_input_files(
        {"name": "project.zip", "mimeType": "application/zip", "buffer": made.getvalue()}
    )
    dialog.get_by_label("Replace all files").check()
    assert violations(page) == []
    dialog.get_by_role("button", name="Upload").click()
    expect(page.locator(".files li")).to_have_count(3)
    page.locator('[data-file="img/logo.png"]').click()
    expect(page.get_by_text("no text: it can be downloaded")).to_be_visible()
    assert violations(page) == []
    with page.expect_download() as download:
        menu(page, "Download all as zip")
    with zipfile.ZipFile(download.value.path()) as archive:
        assert sorted(archive.namelist()) == ["app.py", "img/logo.png", "requirements.txt"]
    page.keyboard.press("Control+s")
    expect(page.locator(".file-changed:visible")).to_have_count(0)


def test_a_stale_save_is_resolved_file_by_file(opens: Opens, function: Made, things: Things, console: Console):
    console.expected = ("409 (Conflict)",)
    page = opens(function.page)
    add_file(page, "lib/text.py", "A = 1\n")
    page.keyboard.press("Control+s")
    expect(page.locator("[data-draft-state]")).to_have_text("Saved")
    write(page, "A = 2\n")
    choose(page, "app.py")
    write(page, GREETING + "# mine\n")
    expect(page.locator("[data-draft-state]")).to_have_text("Draft kept")
    things.write(function, GREETING + "# theirs\n")
    page.keyboard.press("Control+s")
    expect(page.get_by_role("heading", name="Somebody saved this function")).to_be_visible()
    assert violations(page) == []

    app, text = page.get_by_role("group", name="app.py"), page.get_by_role("group", name="lib/text.py")
    expect(app).to_contain_text("changed by both")
    expect(app.locator(".cm-deletedChunk")).to_contain_text("# theirs")
    expect(text).to_contain_text("changed by you")
    expect(text.get_by_label("Yours", exact=True)).to_be_checked()
    app.get_by_label("Saved meanwhile").check()
    page.get_by_role("button", name="Save what is chosen").click()
    expect(page.get_by_text("Saved.", exact=True)).to_be_visible()
    expect(page.locator(".cm-content")).to_contain_text("# theirs")
    choose(page, "lib/text.py")
    expect(page.locator(".cm-content")).to_contain_text("A = 2")


@pytest.mark.parametrize(("scheme", "size"), [("light", PHONE), ("dark", DESKTOP)], ids=["phone", "dark"])
def test_many_files_are_accessible_and_fit(opens: Opens, function: Made, scheme: str, size: tuple[int, int]):
    page = opens(function.page, size=size, scheme=scheme)
    add_file(page, "lib/a-module-with-quite-a-long-name.py", HELPERS)
    expect(page.get_by_role("list", name="Problems")).to_contain_text("Incompatible types", timeout=30_000)
    assert violations(page) == []
    assert not too_wide(page)
    menu(page, "Upload files")
    assert violations(page) == []


def test_without_scripts_a_file_is_chosen_by_a_link_and_saved_by_the_form(
    opens: Opens, function: Made, chromium, server, session
):
    page = opens(function.page)
    add_file(page, "a.py", "A = 1\n")
    page.keyboard.press("Control+s")
    expect(page.locator("[data-draft-state]")).to_have_text("Saved")
    with chromium.new_context(base_url=server.url, storage_state=session, java_script_enabled=False) as context:
        plain = context.new_page()
        plain.goto(function.page)
        plain.get_by_role("link", name=re.compile(r"a\.py")).click()
        field = plain.get_by_label("Code of a.py")
        expect(field).to_have_value("A = 1\n")
        field.fill("A = 2\n")
        plain.get_by_role("button", name="Save", exact=True).click()
        expect(plain.get_by_text("Saved.")).to_be_visible()
        expect(plain.get_by_label("Code of a.py")).to_have_value("A = 2\n")
