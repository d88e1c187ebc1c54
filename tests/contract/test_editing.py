"""What ruff and jedi say about a project, kept by themselves in the machine's cache folder."""

import time
from pathlib import Path

import pytest

from faasweb.adapters.toolchain.environment import REQUIREMENTS, prepare_environment
from faasweb.adapters.toolchain.spin import SpinToolchain
from faasweb.domain.source import Source
from tests.contract.wasmhost_process import cache_folder

pytestmark = pytest.mark.slow

HEAD = "from spin_sdk import http\nimport json, util\nfrom pkg import inner\n"
HANDLER = """class IncomingHandler(http.IncomingHandler):
    def handle_request(self, request: http.Request) -> http.Response:
        {}
"""
UTIL = "def greet(name: str, times: int = 1) -> str:\n    return name * times\n"
FILES = {"util.py": UTIL, "pkg/__init__.py": "", "pkg/inner.py": "LEVEL = 3\n"}


@pytest.fixture(scope="module")
def toolchain():
    cache = cache_folder()
    prepare_environment(cache, REQUIREMENTS, lambda line: None)
    toolchain = SpinToolchain(cache)
    toolchain._completer._timeout_s = 30.0  # a machine may have much else to do
    yield toolchain
    toolchain.close()


def advice(toolchain, **files):
    source = Source({f"{name}.py": text for name, text in files.items()})
    return [(item.file, item.line, item.code) for item in toolchain.check(source).diagnostics if not item.blocking]


def completed(toolchain, typed, **more):
    """Labels at the end of what is typed as the last line of a handler; ``more`` are files by name."""
    text = HEAD + HANDLER.format(typed)
    files = {"app.py": text, **FILES, **{f"{name}.py": content for name, content in more.items()}}
    found = toolchain.complete(Source(files), "app.py", 6, 9 + len(typed))
    assert all(item.insert for item in found)
    return [item.label for item in found]


# --- advice ------------------------------------------------------------------------------------------------------


def test_likely_mistakes_are_advice_with_their_place(toolchain):
    app = HEAD + HANDLER.format("return http.Response(200, {}, b'')")
    check = toolchain.check(Source({"app.py": app, **FILES}))
    assert not check.blocking
    unused = next(item for item in check.diagnostics if "util" in item.message)
    assert (unused.file, unused.line, unused.column, unused.code) == ("app.py", 2, 14, "F401")
    assert (unused.end_line, unused.end_column) == (2, 18)


def test_every_file_is_read(toolchain):
    app = "from spin_sdk import http\nfrom other import f as f\n" + HANDLER.format("return f()")
    other = (
        "from spin_sdk.http import Response\ndef f(x: list[int] = []) -> Response:\n    return Response(200, {}, b'')\n"
    )
    assert advice(toolchain, app=app, other=other) == [("other.py", 2, "B006")]


def test_a_configuration_in_the_project_changes_nothing(toolchain):
    text = "from spin_sdk import http\nimport os\n" + HANDLER.format("return http.Response(200, {}, b'')")
    source = Source({"app.py": text, "ruff.toml": "lint.select = []", "pyproject.toml": "[tool.ruff]\nexclude=['*']"})
    assert [item.code for item in toolchain.check(source).diagnostics] == ["F401"]


def test_what_mypy_says_is_not_said_twice(toolchain):
    text = "from spin_sdk import http\n" + HANDLER.format("undefined_name == None")
    found = {item.code for item in toolchain.check(Source.single(text)).diagnostics if item.line == 4}
    assert found == {"name-defined"}


def test_advice_never_ends_a_build_even_when_ruff_is_missing(toolchain, monkeypatch, caplog):
    monkeypatch.setattr(toolchain._linter, "_ruff", toolchain._linter._ruff.with_name("no-such-tool"))
    assert toolchain.check(Source.single("import os\nfrom spin_sdk import http\n" + HANDLER.format("..."))).blocking
    assert "no advice from ruff" in caplog.text


# --- completion --------------------------------------------------------------------------------------------------


def test_the_sdk_and_the_projects_own_modules_complete(toolchain):
    assert completed(toolchain, "request.") == ["body", "headers", "method", "uri"]
    assert completed(toolchain, "util.") == ["greet"]
    assert completed(toolchain, "inner.") == ["LEVEL"]
    assert "handle_request" in completed(toolchain, "self.")
    assert completed(toolchain, "json.lo") == ["load", "loads"]


def test_installed_packages_complete_and_are_not_run(toolchain, tmp_path):
    mark = tmp_path / "run"
    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / "shouting.py").write_text(f"open({str(mark)!r}, 'w').close()\ndef loud(text: str) -> str: ...\n")
    source = Source.single("import shouting\nshouting.l")
    (found,) = toolchain._completer.complete(source, "app.py", 2, 11, packages)
    assert (found.label, found.detail) == ("loud", "(text: str) -> str")
    assert not mark.exists()
    assert toolchain.complete(source, "app.py", 2, 11) == []


def test_a_function_says_what_it_takes(toolchain):
    text = "import util\nutil.gr"
    (found,) = toolchain.complete(Source({"app.py": text, **FILES}), "app.py", 2, 8)
    assert (found.label, found.kind, found.detail) == ("greet", "function", "(name: str, times: int=1) -> str")


def test_text_that_is_not_whole_completes(toolchain):
    text = "import json\nclass A:\n    def f(self, x: str) -> str:\n        if (x ==\n        x.upp\n"
    assert [item.label for item in toolchain.complete(Source({"app.py": text}), "app.py", 5, 14)] == ["upper"]


def test_there_are_at_most_fifty(toolchain):
    assert len(completed(toolchain, "import ")) == 50


@pytest.mark.parametrize(("line", "column"), [(99, 1), (1, 400), (2, 0)])
def test_a_place_that_is_not_there_has_no_completions(toolchain, line, column):
    assert toolchain.complete(Source({"app.py": "x = 1\n"}), "app.py", line, column) == []
    assert toolchain.complete(Source({"app.py": "x = 1\n"}), "other.py", 1, 1) == []


def test_nothing_of_the_project_is_run(toolchain, tmp_path):
    mark = tmp_path / "run"
    text = f"open({str(mark)!r}, 'w').close()\nVALUE = 1\n"
    for name in ("gi", "conftest", "sitecustomize", "evil"):
        completed(toolchain, f"import {name}; {name}.", **{name: text})
    assert not mark.exists()


@pytest.mark.parametrize(
    "typed",
    [
        "import sys; sys.path.append('{root}'); import faasweb.",
        "import sys; sys.path.insert(0, '{root}'); from faasweb import ",
        "from ........ import ",
        "from .......tmp import ",
        "open('/etc/pas",
    ],
)
def test_files_of_this_machine_are_not_seen(toolchain, typed):
    found = completed(toolchain, typed.format(root=Path.cwd()))
    assert not {"settings", "tmp", "etc", "usr", "faasweb", "passwd"} & {label.rstrip("/'") for label in found}
    assert completed(toolchain, "util.") == ["greet"]  # and it goes on


def test_a_worker_that_died_is_replaced(toolchain):
    completed(toolchain, "util.")
    toolchain._completer._kept.worker._process.kill()
    toolchain._completer._kept.worker._process.wait()
    assert completed(toolchain, "util.") == ["greet"]


def test_a_text_that_takes_too_long_costs_only_its_own_answer(toolchain, monkeypatch, caplog):
    completed(toolchain, "util.")
    monkeypatch.setattr(toolchain._completer, "_timeout_s", 0.0)
    assert completed(toolchain, "request.") == []
    monkeypatch.undo()
    assert "no completions" in caplog.text
    assert completed(toolchain, "util.") == ["greet"]


def test_a_warm_answer_comes_soon(toolchain):
    completed(toolchain, "request.")
    took = []
    for _ in range(5):
        begin = time.perf_counter()
        completed(toolchain, "request.")
        took.append(time.perf_counter() - begin)
    assert min(took) < 0.5  # 0.02 s on a machine that has nothing else to do
