"""Which of mypy's findings end a build and which are advice."""

import json

import pytest

from faasweb.adapters.toolchain.inspection import Inspection
from faasweb.adapters.toolchain.typecheck import NO_PACKAGES, Packages, judged

TEXT = "def typed(x: int) -> int:\n    return x\n\n\ndef plain(x):\n    return x\n"
TYPED, PLAIN = 2, 6


def judge(code, message="M", line=TYPED, column=4, severity="error", file="app.py", packages=NO_PACKAGES):
    item = {"file": file, "line": line, "column": column, "message": message, "code": code, "severity": severity}
    return list(judged(json.dumps(item), {"app.py": Inspection("app.py", TEXT)}, packages))


def blocks(*arguments, **options):
    return judge(*arguments, **options)[0].blocking


@pytest.mark.parametrize(
    "code", ["syntax", "import-not-found", "call-arg", "arg-type", "return-value", "attr-defined", "assignment", "misc"]
)
def test_what_is_wrong_blocks(code):
    assert blocks(code)


@pytest.mark.parametrize("code", ["no-untyped-def", "no-untyped-call", "type-arg", "no-any-return", "var-annotated"])
def test_missing_annotations_are_advice(code):
    assert not blocks(code)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("no-redef", 'Name "IncomingHandler" already defined (possibly by an import)'),
        ("misc", 'Class cannot subclass "X" (has type "Any")'),
        ("misc", 'Class cannot subclass "Handler" (has type "Any")'),
        ("attr-defined", 'Module "spin_sdk.sqlite" does not explicitly export attribute "Value_Text"'),
        ("union-attr", 'Item "None" of "bytes | None" has no attribute "decode"'),
        ("arg-type", 'Argument 1 to "loads" has incompatible type "bytes | None"; expected "str | bytes | bytearray"'),
    ],
)
def test_what_works_when_it_runs_is_advice(code, message):
    assert not blocks(code, message)


def test_other_optional_values_block():
    assert blocks("union-attr", 'Item "None" of "str | None" has no attribute "upper"')
    assert blocks("arg-type", 'Argument 1 to "f" has incompatible type "bytes | None"; expected "int"')
    assert blocks("no-redef", 'Name "other" already defined on line 3')


def test_in_functions_without_annotations_only_what_is_certain_blocks():
    assert not blocks("assignment", line=PLAIN)
    assert not blocks("arg-type", line=PLAIN)
    assert blocks("name-defined", line=PLAIN)
    assert blocks("attr-defined", line=PLAIN)


def test_lines_and_columns_count_from_one():
    assert (judge("arg-type", column=4)[0].line, judge("arg-type", column=4)[0].column) == (TYPED, 5)
    assert judge("syntax", column=4)[0].column == 4
    assert (judge("misc", line=0, column=-1)[0].line, judge("misc", line=0, column=-1)[0].column) == (1, 1)


def test_notes_are_left_out():
    assert judge("misc", severity="note") == []


@pytest.mark.parametrize("code", ["import-not-found", "import-untyped"])
def test_a_missing_package_is_not_about_stubs(code):
    message = judge(code, 'Library stubs not installed for "requests"')[0].message
    assert message.startswith('Cannot find module "requests": functions have the standard library, spin_sdk, ')


def test_packages_that_are_not_there_yet_are_told_once_and_not_what_follows_from_it():
    waited_for = Packages(wanted=True)
    (told,) = judge("import-not-found", 'Cannot find implementation for module named "slugify"', packages=waited_for)
    assert not told.blocking
    assert "Run or Deploy installs the packages of requirements.txt" in told.message
    assert judge("no-any-return", packages=waited_for) == []
    assert judge("no-any-return") != []


def test_mypy_refusing_the_project_blocks_without_a_server_path():
    read = {"pkg/a.py": Inspection("pkg/a.py", "")}
    (known,) = judged("pkg/a.py: error: Source file found twice under different module names", read)
    (unknown,) = judged("/tmp/work/mypy.ini: No such file", read)
    assert (known.file, known.message) == ("pkg/a.py", "Source file found twice under different module names")
    assert known.blocking
    assert (unknown.file, unknown.message) == ("pkg/a.py", "mypy.ini: No such file")


def test_a_place_is_counted_in_characters_from_one():
    # As mypy says it: the place is that of `"x"`, at character 25 to 28 of the line.
    line = '    한글 = "가나다"; y: int = "x"'
    item = {"file": "app.py", "line": 1, "column": 15, "end_line": 1, "end_column": 18, "message": "M"}
    said = json.dumps(item | {"code": "assignment", "severity": "error"})
    (found,) = judged(said, {"app.py": Inspection("app.py", line)})
    assert line[found.column - 1 : found.end_column - 1] == '"x"'
