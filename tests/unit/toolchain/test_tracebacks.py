"""What componentize-py says, turned into what the author of the function can use."""

import pytest

from faasweb.adapters.toolchain.tracebacks import Cleaner, explain, explain_trap, relative

RAISED = """\
printed while importing
Traceback (most recent call last):
  File "/1/faasweb_entry.py", line 87, in <module>
    user_module = importlib.import_module(MODULE)
                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/python/importlib/__init__.py", line 90, in import_module
  File "<frozen importlib._bootstrap>", line 1387, in _gcd_import
  File "/app/app.py", line 7, in <module>
    f()
  File "/app/pkg/deep.py", line 5, in f
    raise ValueError("boom")
ValueError: boom
second line of the message


Caused by:
    ValueError: boom""".splitlines()


def cleaned(lines):
    cleaner = Cleaner()
    return [line for raw in lines if (line := cleaner.clean(raw)) is not None]


def test_only_the_authors_own_frames_stay():
    assert cleaned(RAISED) == [
        "printed while importing",
        "Traceback (most recent call last):",
        '  File "app.py", line 7, in <module>',
        "    f()",
        '  File "pkg/deep.py", line 5, in f',
        '    raise ValueError("boom")',
        "ValueError: boom",
        "second line of the message",
        "",
        "",
    ]


def test_the_innermost_line_of_the_authors_files_is_the_place():
    lines = cleaned(RAISED)
    assert explain(lines, {"app.py": "", "pkg/deep.py": ""}) == (
        "pkg/deep.py:5: ValueError: boom (while importing your module)"
    )
    assert explain(lines, {"app.py": ""}) == "app.py:7: ValueError: boom (while importing your module)"


def test_an_error_during_another_one_is_the_last_one():
    lines = [*cleaned(RAISED), "Traceback (most recent call last):", '  File "app.py", line 9, in g', "KeyError: 'x'"]
    assert explain(lines, {"app.py": ""}) == "app.py:9: KeyError: 'x' (while importing your module)"


def test_an_error_without_a_place_still_has_its_words():
    lines = ["Traceback (most recent call last):", "AttributeError: module app has no class"]
    assert explain(lines, {"app.py": ""}) == "AttributeError: module app has no class (while importing your module)"


def test_without_a_traceback_there_is_nothing_to_explain():
    assert explain(["something else"], {"app.py": ""}) is None


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('File "/0/app.py", line 1', 'File "app.py", line 1'),
        ("can't open /tmp/faasweb/work/build-x1/app/app.py", "can't open app.py"),
        ("unable to read '/root/.cache/faasweb/x.wasm'", "unable to read 'x.wasm'"),
        ("GET https://example.com/a/b", "GET https://example.com/a/b"),
        ("a/b is relative, 1/2 too", "a/b is relative, 1/2 too"),
        ("/app/pkg/a.py", "pkg/a.py"),
    ],
)
def test_paths_of_this_machine_are_not_shown(line, shown):
    assert relative(line) == shown


def test_a_module_that_calls_the_host_while_it_is_imported_is_told_where_to_do_that():
    lines = ["Caused by:", "    1: called trapping stub: fermyon:spin/key-value@2.0.0#[static]store.open"]
    assert explain_trap(lines) == (
        "The module uses spin/key-value while it is imported. Requests, stores and databases exist only while a "
        "function runs: move the call into handle_request."
    )


def test_other_traps_have_their_reason():
    lines = ["    1: wasm trap: wasm `unreachable` instruction executed"]
    reason = "wasm `unreachable` instruction executed"
    assert explain_trap(lines) == f"The module was stopped while it was imported: {reason}."
    assert explain_trap(["something else"]) is None
