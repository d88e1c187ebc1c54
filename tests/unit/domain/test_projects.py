"""Files of a project are added, renamed, removed, uploaded; two projects are told apart."""

import io
import zipfile

import pytest

from faasweb.domain import projects
from faasweb.domain.errors import InvalidInput, NotFound
from faasweb.domain.source import Source

APP = "class IncomingHandler: ...\n"
PROJECT = projects.with_files({"app.py": APP, "pkg/a.py": "A = 1\n", "logo.png": b"\x89PNG\x00"})


def zipped(**files):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/").replace("_py", ".py"), content)
    return made.getvalue()


def test_text_and_data_are_kept_apart():
    assert set(PROJECT.files) == {"app.py", "pkg/a.py"}
    assert dict(PROJECT.data) == {"logo.png": b"\x89PNG\x00"}


def test_a_file_is_added_renamed_and_removed():
    source = projects.added(PROJECT, " pkg/b.py ")
    assert source.files["pkg/b.py"] == ""
    source = projects.renamed(source, "pkg/b.py", "c.py")
    assert "c.py" in source.files
    assert "pkg/b.py" not in source.files
    assert projects.removed(source, "c.py") == PROJECT


def test_data_is_renamed_and_removed_too():
    assert projects.renamed(PROJECT, "logo.png", "img/logo.png").data == {"img/logo.png": b"\x89PNG\x00"}
    assert not projects.removed(PROJECT, "logo.png").data


@pytest.mark.parametrize(
    "name", ["", "  ", "../a.py", "/etc/passwd", "a//b.py", "app.py", "logo.png", "x" * 500, "a\x00.py"]
)
def test_a_name_that_can_t_be_is_refused(name):
    with pytest.raises(InvalidInput):
        projects.added(PROJECT, name)
    with pytest.raises(InvalidInput):
        projects.renamed(PROJECT, "pkg/a.py", name)


def test_a_file_that_is_gone_can_t_be_renamed_or_removed():
    for change in (lambda: projects.renamed(PROJECT, "x.py", "y.py"), lambda: projects.removed(PROJECT, "x.py")):
        with pytest.raises(NotFound, match=r"no file x\.py"):
            change()


def test_the_last_file_stays():
    with pytest.raises(InvalidInput, match="at least one file"):
        projects.removed(Source.single(APP), "app.py")


def test_a_new_text_replaces_the_old_one_with_line_ends_of_ours():
    assert projects.changed(PROJECT, "pkg/a.py", "A = 2\r\n").files["pkg/a.py"] == "A = 2\n"


def test_the_manifest_names_the_main_file_while_it_can_be_read():
    manifest = (
        'spin_manifest_version = 2\n[application]\nname = "x"\n[[trigger.http]]\nroute = "/..."\ncomponent = "x"\n'
        '[component.x]\nsource = "app.wasm"\n[component.x.build]\ncommand = "componentize-py -w spin-http '
        'componentize web -o app.wasm"\n'
    )
    source = projects.with_files({"web.py": APP, "spin.toml": manifest})
    assert source.main_file == "web.py"
    assert projects.changed(source, "spin.toml", "[[").main_file == "app.py"


def test_an_upload_brings_itself_or_all_that_is_in_an_archive():
    assert projects.uploaded("data.csv", b"\xef\xbb\xbfa,b\r\n") == {"data.csv": "a,b\n"}
    assert projects.uploaded("x.bin", b"\x00\xff") == {"x.bin": b"\x00\xff"}
    assert projects.uploaded("p.zip", zipped(app_py=APP, pkg__a_py="A")) == {"app.py": APP, "pkg/a.py": "A"}
    for name, content in (("a.py", b"\xff"), ("p.zip", b"no archive"), ("../a.py", b"")):
        with pytest.raises(InvalidInput):
            projects.uploaded(name, content)


def test_what_is_the_same_on_both_sides_does_not_differ():
    assert projects.differences(PROJECT, PROJECT, None) == []


def test_who_changed_a_file_is_told_by_what_both_began_with():
    mine = projects.changed(projects.added(PROJECT, "new.py"), "app.py", "mine")
    theirs = projects.removed(projects.changed(PROJECT, "app.py", "theirs"), "pkg/a.py")
    found = {item.path: item for item in projects.differences(mine, theirs, PROJECT)}
    told = {path: (item.ours, item.theirs_too) for path, item in found.items()}
    assert told == {"app.py": (True, True), "new.py": (True, False), "pkg/a.py": (False, True)}
    assert found["pkg/a.py"].theirs is None
    assert found["app.py"].is_text
    assert all(item.ours and item.theirs_too for item in projects.differences(mine, theirs, None))
