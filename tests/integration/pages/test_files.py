"""A function of several files: listed, edited, added, renamed, deleted, uploaded, downloaded, saved as one."""

import io
import json
import re
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from consoles import ratelimits
from faasweb.domain.access import Actor
from faasweb.domain.source import Source
from faasweb.usecases.functions import Changes
from tests.integration.conftest import HELLO
from tests.integration.pages.conftest import HTMX, at, said

pytestmark = pytest.mark.django_db
ROBOT = Actor(None, "tests", is_operator=True)
HELPERS = "def shout(text: str) -> str:\n    return text.upper()\n"
PNG = b"\x89PNG\r\n\x00\xff"


@pytest.fixture
def project(embedded, greet):
    """Ada's function with three files."""
    source = Source({"app.py": HELLO, "pkg/helpers.py": HELPERS}, data={"logo.png": PNG}).checked()
    return embedded.platform.functions.edit(ROBOT, greet.ref, Changes(source=source))


def now(embedded, function):
    return embedded.platform.functions.with_source(embedded.platform.functions.get(function.ref))


def draft(embedded, function):
    kept = embedded.platform.functions.draft(function, "ada")
    return kept.source if kept else None


def zipped(**files):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("_py", ".py"), content)
    return made.getvalue()


def upload(client, function, *sent, mode="add"):
    files = [SimpleUploadedFile(name, content) for name, content in sent]
    return client.post(at(function, "files/upload"), {"files": files, "mode": mode}, follow=True)


# what is shown


def test_a_function_of_one_file_shows_no_list(ada, greet):
    page = ada.get(at(greet)).content.decode()
    assert 'class="files"' not in page
    assert "Code of app.py" in page


def test_all_files_are_listed_and_one_is_chosen_by_a_link(ada, project):
    page = ada.get(at(project)).content.decode()
    for path in ("app.py", "pkg/helpers.py", "logo.png"):
        assert f'data-file="{path}"' in page
    assert "Code of app.py" in page
    assert "Code of pkg/helpers.py" in ada.get(at(project), {"file": "pkg/helpers.py"}).content.decode()
    assert "Code of app.py" in ada.get(at(project), {"file": "no/such.py"}).content.decode()


def test_a_file_that_is_no_text_has_its_size_and_no_editor(ada, project):
    page = ada.get(at(project), {"file": "logo.png"})
    assert "no text: it can be downloaded" in said(page)
    assert 'name="code"' not in page.content.decode()
    got = ada.get(at(project, "files"), {"file": "logo.png"})
    assert got.content == PNG
    assert got["Content-Disposition"] == 'attachment; filename="logo.png"'
    assert ada.get(at(project, "files"), {"file": "../app.py"}).status_code == 404


# editing


def test_a_draft_is_of_the_whole_project_and_tells_what_changed(ada, embedded, project):
    kept = {"file": "pkg/helpers.py", "code": "A = 1\r\n", "base": project.code_hash}
    answer = ada.post(at(project, "draft"), kept)
    assert json.loads(answer.content)["changed"] == ["pkg/helpers.py"]
    assert draft(embedded, project).files == {"app.py": HELLO, "pkg/helpers.py": "A = 1\n"}
    answer = ada.post(at(project, "draft"), {**kept, "code": HELPERS})
    assert json.loads(answer.content)["changed"] == []
    assert draft(embedded, project) is None


def test_saving_one_file_saves_the_draft_of_all(ada, embedded, project):
    ada.post(at(project, "draft"), {"file": "pkg/helpers.py", "code": "A = 1\n", "base": project.code_hash})
    other = HELLO + "# more\n"
    answer = ada.post(at(project, "save"), {"file": "app.py", "code": other, "base": project.code_hash}, headers=HTMX)
    assert "Saved" in said(answer)
    saved = now(embedded, project).source
    assert saved.files == {"app.py": other, "pkg/helpers.py": "A = 1\n"}
    assert saved.data == {"logo.png": PNG}
    assert draft(embedded, project) is None


def test_without_scripts_saving_leads_back_to_the_file(ada, project):
    sent = {"file": "pkg/helpers.py", "code": "A = 1\n", "base": project.code_hash}
    assert ada.post(at(project, "save"), sent)["Location"].endswith("?file=pkg%2Fhelpers.py")


def test_files_are_added_renamed_and_deleted_in_the_draft(ada, embedded, project):
    page = ada.post(at(project, "files/add"), {"path": "lib/new.py", "file": "app.py"}, follow=True)
    assert "Code of lib/new.py" in page.content.decode()
    page = ada.post(at(project, "files/rename"), {"file": "lib/new.py", "path": "lib/old.py"}, follow=True)
    assert "Code of lib/old.py" in page.content.decode()
    ada.post(at(project, "files/remove"), {"file": "pkg/helpers.py"})
    assert set(draft(embedded, project).files) == {"app.py", "lib/old.py"}
    assert set(now(embedded, project).source.files) == {"app.py", "pkg/helpers.py"}
    ada.post(at(project, "draft/discard"))
    assert draft(embedded, project) is None


@pytest.mark.parametrize(
    ("place", "fields", "sentence"),
    [
        ("add", {"path": "app.py"}, "There is a file app.py already."),
        ("add", {"path": "../up.py"}, "up.py"),
        ("add", {"path": " "}, "Type a name"),
        ("rename", {"file": "app.py", "path": "logo.png"}, "There is a file logo.png already."),
        ("rename", {"file": "gone.py", "path": "x.py"}, "There is no file gone.py"),
        ("remove", {"file": "gone.py"}, "There is no file gone.py"),
        ("upload", {}, "Choose at least one file."),
    ],
)
def test_what_can_t_be_is_said_and_changes_nothing(ada, embedded, project, place, fields, sentence):
    page = ada.post(at(project, f"files/{place}"), fields, follow=True)
    assert page.status_code == 200
    assert sentence in said(page)
    assert draft(embedded, project) is None


def test_the_last_file_can_t_be_deleted(ada, greet):
    assert "at least one file" in said(ada.post(at(greet, "files/remove"), {"file": "app.py"}, follow=True))


# up and down


def test_an_upload_adds_files_and_what_is_in_archives(ada, embedded, project):
    upload(ada, project, ("note.txt", b"hi"), ("more.zip", zipped(extra_py="E = 1")), ("app.py", b"# other"))
    source = draft(embedded, project)
    assert set(source.files) == {"app.py", "pkg/helpers.py", "note.txt", "extra.py"}
    assert source.files["app.py"] == "# other"
    assert source.data == {"logo.png": PNG}


def test_an_upload_can_replace_everything_until_then_a_draft_only(ada, embedded, project):
    upload(ada, project, ("handler.py", HELLO.encode()), mode="replace")
    assert draft(embedded, project).files == {"app.py": HELLO}
    upload(ada, project, ("p.zip", zipped(app_py=HELLO, util_py=HELPERS)), mode="replace")
    assert set(draft(embedded, project).files) == {"app.py", "util.py"}
    assert set(now(embedded, project).source.files) == {"app.py", "pkg/helpers.py"}


@pytest.mark.parametrize("sent", [("a.py", b"\xff\xfe"), ("x.zip", b"no archive"), ("b.zip", zipped(**{"../x": "y"}))])
def test_an_upload_that_is_broken_is_refused(ada, embedded, project, sent):
    page = upload(ada, project, sent)
    assert page.status_code == 200
    assert "note-error" in page.content.decode()
    assert draft(embedded, project) is None


def test_archives_that_hold_too_much_together_are_refused_at_the_one_that_is_too_much(ada, embedded, project):
    def archive(number):
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr(f"data{number}.bin", bytes(9_000_000))
        return made.getvalue()

    page = upload(ada, project, *((f"{number}.zip", archive(number)) for number in range(2)), ("broken.zip", b""))
    assert "The files have 18,000,000 bytes" in page.content.decode()
    assert draft(embedded, project) is None


def test_a_project_is_downloaded_as_it_is_edited(ada, project):
    ada.post(at(project, "draft"), {"file": "pkg/helpers.py", "code": "A = 1\n", "base": project.code_hash})
    got = ada.get(at(project, "files"))
    assert got["Content-Disposition"] == 'attachment; filename="greet.zip"'
    with zipfile.ZipFile(io.BytesIO(got.content)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            "app.py": HELLO.encode(),
            "pkg/helpers.py": b"A = 1\n",
            "logo.png": PNG,
        }


def test_a_single_file_is_downloaded_as_it_is(ada, greet):
    got = ada.get(at(greet, "files"))
    assert got.content == HELLO.encode()
    assert got["Content-Disposition"] == 'attachment; filename="app.py"'


def test_a_new_function_begins_with_an_uploaded_project(ada, embedded, workspace):
    sent = SimpleUploadedFile("p.zip", zipped(app_py=HELLO, util_py=HELPERS))
    basics = {"name": "up", "http_methods": ["GET"], "memory_mb": "256", "timeout_s": "30", "code": "unused"}
    made = ada.post(f"/workspaces/{workspace.id}/functions/new", {**basics, "upload": sent})
    assert made.status_code == 302
    (function,) = embedded.platform.functions.list(workspace.id)
    assert set(now(embedded, function).source.files) == {"app.py", "util.py"}


def test_a_new_function_refuses_an_upload_that_is_none(ada, workspace):
    sent = SimpleUploadedFile("p.txt", b"x")
    basics = {"name": "up", "http_methods": ["GET"], "memory_mb": "256", "timeout_s": "30", "code": HELLO}
    made = ada.post(f"/workspaces/{workspace.id}/functions/new", {**basics, "upload": sent})
    assert made.status_code == 422
    assert "only .py and .zip files are supported" in said(made)


# when somebody else saved meanwhile


def other_saved(embedded, function, **files):
    source = now(embedded, function).source
    contents = {**source.files, **{f"{name}.py": text for name, text in files.items()}}
    return embedded.platform.functions.edit(ROBOT, function.ref, Changes(source=Source(contents, data=source.data)))


def test_what_differs_is_shown_by_file_with_the_one_that_changed_proposed(ada, embedded, project):
    sent = {"file": "pkg/helpers.py", "code": "A = 1\n", "base": project.code_hash}
    ada.post(at(project, "draft"), sent)
    changed = other_saved(embedded, project, other="X = 1\n", app=HELLO + "# theirs\n")
    answer = ada.post(at(project, "save"), sent, headers=HTMX)
    assert answer.status_code == 409
    page = answer.content.decode()
    assert re.findall(r'name="files" value="(.+?)"', page) == ["app.py", "other.py", "pkg/helpers.py"]
    assert 'name="take-2" value="mine" checked' in page
    assert 'name="take-0" value="theirs" checked' in page
    assert "changed by you" in said(answer)

    chosen = {"take-0": "theirs", "take-1": "theirs", "take-2": "mine", "text-2": "A = 2\r\n", "text-0": "unused"}
    files = ["app.py", "other.py", "pkg/helpers.py"]
    ada.post(at(project, "save"), {**chosen, "files": files, "base": changed.code_hash})
    saved = now(embedded, project).source
    assert saved.files == {"app.py": HELLO + "# theirs\n", "other.py": "X = 1\n", "pkg/helpers.py": "A = 2\n"}
    assert saved.data == {"logo.png": PNG}
    assert draft(embedded, project) is None


def test_a_deletion_of_mine_is_kept_or_taken_back(ada, embedded, project):
    ada.post(at(project, "files/remove"), {"file": "pkg/helpers.py"})
    changed = other_saved(embedded, project, app=HELLO + "# theirs\n")
    answer = ada.post(at(project, "save"), {"file": "app.py", "code": HELLO, "base": project.code_hash}, headers=HTMX)
    assert answer.status_code == 409
    assert "it is deleted" in said(answer)
    files = ["app.py", "pkg/helpers.py"]
    sent = {"files": files, "take-0": "theirs", "take-1": "mine", "base": changed.code_hash}
    ada.post(at(project, "save"), sent)
    assert set(now(embedded, project).source.files) == {"app.py"}


def test_other_files_that_were_saved_meanwhile_are_not_undone_by_a_save_of_one(ada, embedded, project):
    other_saved(embedded, project, other="X = 1\n")
    answer = ada.post(
        at(project, "save"), {"file": "app.py", "code": "# mine", "base": project.code_hash}, headers=HTMX
    )
    assert answer.status_code == 409
    resent = {"file": "app.py", "code": "# mine", "base": now(embedded, project).code_hash}
    ada.post(at(project, "save"), resent, headers=HTMX)
    saved = now(embedded, project).source.files
    assert (saved["app.py"], saved["other.py"]) == ("# mine", "X = 1\n")


def test_nothing_is_lost_when_the_page_is_left_instead(ada, embedded, project):
    other_saved(embedded, project, app=HELLO + "# theirs\n")
    ada.post(at(project, "save"), {"file": "app.py", "code": "# mine", "base": project.code_hash}, headers=HTMX)
    assert draft(embedded, project).files["app.py"] == "# mine"


# while somebody types


def test_problems_of_all_files_are_told_by_file(ada, project):
    found = json.loads(ada.post(at(project, "check"), {"file": "app.py", "code": "def"}).content)["diagnostics"]
    assert [(item["file"], item["severity"]) for item in found] == [("app.py", "error")]
    (found,) = json.loads(ada.post(at(project, "check"), {"file": "app.py", "code": " "}).content)["diagnostics"]
    assert "empty" in found["message"]


def test_completions_come_for_the_text_in_the_editor(ada, project):
    sent = {"file": "pkg/new.py", "code": "x", "line": "1", "column": "2"}
    found = json.loads(ada.post(at(project, "complete"), sent).content)["completions"]
    assert {"label": "pkg/new", "kind": "module", "detail": "at pkg/new.py:1:2", "insert": "pkg/new"} in found


def test_completions_are_silent_when_they_can_t_be_had(ada, embedded, project):
    embedded.toolchain.missing = "Being installed."
    for line, column in (("one", "²"), ("9" * 5_000, "-1")):
        answer = ada.post(at(project, "complete"), {"code": "x", "line": line, "column": column})
        assert (answer.status_code, json.loads(answer.content)) == (200, {"completions": []})


def test_completions_have_a_limit_for_each_person(ada, project, monkeypatch):
    monkeypatch.setattr(ratelimits, "COMPLETIONS", 2)
    ratelimits.completions.left.clear()
    asked = [ada.post(at(project, "complete"), {"code": "x"}).status_code for _ in range(4)]
    ratelimits.completions.left.clear()
    assert asked == [200, 200, 429, 429]


def test_a_viewer_reads_and_asks_but_changes_nothing(member, embedded, project):
    viewer = member("viewer")
    page = viewer.get(at(project), {"file": "pkg/helpers.py"}).content.decode()
    assert "readonly" in page
    assert "file-new" not in page
    assert viewer.get(at(project, "files")).status_code == 200
    assert viewer.post(at(project, "check"), {"code": HELLO}).status_code == 200
    assert viewer.post(at(project, "complete"), {"code": HELLO}).status_code == 200
    for place in ("add", "rename", "remove", "upload"):
        assert viewer.post(at(project, f"files/{place}"), {"path": "x.py"}).status_code == 403
    assert embedded.platform.functions.draft(project, "viewer") is None
