"""The catalogs are complete, the check tells when one is not, and words written out for it are the domain's own."""

import importlib.util
from pathlib import Path

import polib
import pytest
from django.conf import settings
from django.utils import translation

from consoles import texts
from consoles.templatetags.faasweb_ui import PILLS
from faasweb.domain.access import Scope
from faasweb.domain.builds import BuildStatus
from faasweb.domain.deployments import DeploymentStatus
from faasweb.domain.functions import FunctionStatus
from faasweb.domain.starters import STARTERS
from faasweb.supervisor.status import State

ROOT = Path(__file__).resolve().parent.parent.parent
HEADER = {"Language": "ko", "Content-Type": "text/plain; charset=UTF-8", "Plural-Forms": "nplurals=1; plural=0;"}


@pytest.fixture(scope="module")
def check():
    """deploy/translations.py, imported as a file."""
    spec = importlib.util.spec_from_file_location("translations", ROOT / "deploy" / "translations.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def texts_of(*entries: polib.POEntry) -> polib.POFile:
    file = polib.POFile()
    file.metadata = HEADER
    file.extend(entries)
    return file


@pytest.fixture
def catalog(tmp_path):
    """Writes a Korean catalog and its compiled form, as they would be committed."""

    def write(*entries: polib.POEntry) -> Path:
        path: Path = tmp_path / "consoles" / "locale" / "ko" / "LC_MESSAGES" / "django.po"
        path.parent.mkdir(parents=True, exist_ok=True)
        file = texts_of(*entries)
        path.write_text(str(file), encoding="utf-8")
        path.with_suffix(".mo").write_bytes(file.to_binary())
        return path

    return write


SAVE = polib.POEntry(msgid="Save", msgstr="저장")


# --- the catalogs ------------------------------------------------------------------------------------------------


def test_the_catalogs_of_this_repository_are_in_order(check):
    found = [problem for path in check.catalogs(ROOT) for problem in check.problems(path, None)]
    assert found == []


def test_every_language_of_the_menu_but_english_has_a_catalog(check):
    names = {path.parent.parent.name for path in check.catalogs(ROOT)}
    assert names == {code for code, _name in settings.LANGUAGES} - {"en"}


@pytest.mark.parametrize(
    ("language", "one", "many"), [("ko", "함수 1개", "함수 5개"), ("ja", "関数 1 個", "関数 5 個")]
)
def test_languages_without_plural_say_any_number_the_same_way(language, one, many):
    with translation.override(language):
        said = [translation.ngettext("%(n)s function", "%(n)s functions", n) % {"n": n} for n in (1, 5)]
    assert said == [one, many]


@pytest.mark.parametrize("language", ["ko", "ja"])
def test_the_month_of_may_is_still_a_month(language):
    with translation.override(language):
        assert translation.gettext("May") in ("5월", "5月")


# --- words written out -------------------------------------------------------------------------------------------


def test_starters_are_written_out_as_the_domain_has_them():
    said = {starter.id: (starter.title, starter.summary) for starter in STARTERS}
    assert said == texts.STARTERS


@pytest.mark.parametrize("states", [FunctionStatus, BuildStatus, DeploymentStatus, State])
def test_every_state_that_pages_show_is_written_out(states):
    assert {str(state) for state in states} <= set(texts.STATES)


def test_every_scope_is_written_out():
    assert {str(scope) for scope in Scope} == set(texts.SCOPES)


@pytest.mark.parametrize("states", [FunctionStatus, BuildStatus, DeploymentStatus])
def test_every_state_of_the_domain_has_a_pill(states):
    assert {str(state) for state in states} <= PILLS.keys()


# --- the check itself --------------------------------------------------------------------------------------------


def test_a_complete_catalog_has_no_problems(check, catalog):
    assert list(check.problems(catalog(SAVE), texts_of(SAVE))) == []


def test_a_text_that_no_catalog_has_is_missing(check, catalog):
    found = list(check.problems(catalog(SAVE), texts_of(SAVE, polib.POEntry(msgid="Deploy"))))
    assert found == ["ko: missing: 'Deploy'"]


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        (polib.POEntry(msgid="Save", msgstr=""), "untranslated"),
        (polib.POEntry(msgid="Save", msgstr="저장", flags=["fuzzy"]), "fuzzy"),
        (polib.POEntry(msgid="%(n)s calls", msgstr="호출"), "placeholders differ"),
        (polib.POEntry(msgid="%(n)s calls", msgstr="호출 %(m)s"), "placeholders differ"),
        (polib.POEntry(msgid="%%n lines", msgstr="%%줄"), "placeholders differ"),
        (polib.POEntry(msgid="Type <b>%(name)s</b>", msgstr="<b>%(name)s 입력"), "placeholders differ"),
        (polib.POEntry(msgid="%(n)s call", msgid_plural="%(n)s calls", msgstr_plural={0: ""}), "untranslated"),
        (
            polib.POEntry(msgid="%(n)s call", msgid_plural="%(n)s calls", msgstr_plural={0: "호출"}),
            "placeholders differ",
        ),
        (polib.POEntry(msgid="Save", msgstr="저장", obsolete=True), "obsolete"),
    ],
)
def test_the_check_names_what_is_wrong_with_a_translation(check, catalog, entry, fault):
    found = list(check.problems(catalog(entry), None))
    assert found == [f"ko: {fault}: {entry.msgid!r}"]


def test_what_the_source_no_longer_says_is_obsolete(check, catalog):
    assert list(check.problems(catalog(SAVE), texts_of())) == ["ko: obsolete: 'Save'"]


def test_a_catalog_that_was_edited_but_not_compiled_is_told(check, catalog):
    path = catalog(SAVE)
    path.write_text(path.read_text(encoding="utf-8").replace("저장", "보관"), encoding="utf-8")
    assert list(check.problems(path, None)) == ["ko: django.mo is not what django.po compiles to"]


def test_writing_keeps_translations_adds_new_texts_and_drops_old_ones(check, catalog, tmp_path, capsys):
    path = catalog(SAVE, polib.POEntry(msgid="Gone", msgstr="없음"))
    source = texts_of(polib.POEntry(msgid="Save"), polib.POEntry(msgid="New"))
    assert check.write(tmp_path, source) == 0
    written = polib.pofile(path.read_text(encoding="utf-8"))
    assert [(entry.msgid, entry.msgstr) for entry in written] == [("New", ""), ("Save", "저장")]
    assert capsys.readouterr().out == "ko: untranslated: 'New'\nko: 2 texts, 1 to translate\n"
    assert list(check.problems(path, source)) == ["ko: untranslated: 'New'"]


def test_writing_twice_changes_nothing(check, catalog, tmp_path):
    path = catalog(SAVE)
    files = (path, path.with_suffix(".mo"))
    check.write(tmp_path, texts_of(SAVE))
    before = [file.read_bytes() for file in files]
    check.write(tmp_path, texts_of(SAVE))
    assert [file.read_bytes() for file in files] == before


@pytest.mark.parametrize(("ci", "status"), [("false", 0), ("true", 1)])
def test_without_gettext_only_the_catalogs_are_checked_except_in_ci(check, monkeypatch, ci, status, capsys):
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv("PATH", "/nowhere")
    assert check.main([]) == status
    assert "install gettext" in capsys.readouterr().out
