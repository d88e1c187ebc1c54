"""What is read from a module's text: its handler, what the guest cannot import, what has no annotations."""

import pytest

from faasweb.adapters.toolchain.inspection import Inspection, main_file
from faasweb.domain.source import Source

METHOD = "    def handle_request(self, request):\n        return None\n"


def problem(text, project=()):
    found = Inspection("app.py", text).handler_problem(dict.fromkeys(project, ""))
    return found and (found.line, found.message.split(".")[0])


@pytest.mark.parametrize(
    "text",
    [
        f"class IncomingHandler(http.IncomingHandler):\n{METHOD}",
        f"class IncomingHandler(Base):\n{METHOD}",
        "class IncomingHandler(Base):\n    pass\n",
        "class IncomingHandler(http.IncomingHandler):\n    def handle(self, request, response_out): ...\n",
        "class IncomingHandler(http.IncomingHandler):\n    handle_request = answer\n",
        "try:\n    import x\nexcept ImportError:\n    class IncomingHandler(Base):\n        pass\n",
        "IncomingHandler = make_handler()\n",
        "def init_incoming_handler():\n    return Handler()\n",
        "type Name = str\nclass IncomingHandler(http.IncomingHandler):\n    pass\n",
    ],
)
def test_handlers_in_all_their_forms_are_found(text):
    assert problem(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "def lambda_handler(event, context): ...\n",
        f"class Handler(http.IncomingHandler):\n{METHOD}",
        "def outer():\n    class IncomingHandler:\n        def handle_request(self, request): ...\n",
        "from spin_sdk.http import IncomingHandler\n",
        "type Name = str\n",
        "# class IncomingHandler\nx = 'class IncomingHandler'\n",
    ],
)
def test_a_module_without_a_handler_is_told_what_to_write(text):
    line, sentence = problem(text)
    assert (line, sentence) == (1, "This module has no class IncomingHandler")


def test_a_handler_without_its_method_is_named_at_its_line():
    line, sentence = problem("import json\n\nclass IncomingHandler(http.IncomingHandler):\n    name = 'x'\n")
    assert (line, sentence) == (
        3,
        "IncomingHandler has no method handle_request(self, request): requests would have no answer",
    )


def test_a_handler_may_come_from_another_file_of_the_project():
    assert problem("from pkg.web import IncomingHandler\n", ["pkg/web.py"]) is None
    assert problem("from .web import IncomingHandler\n") is None
    assert problem("from pkg.web import IncomingHandler\n") is not None


def imports(text):
    return [(item.line, item.blocking) for item in Inspection("app.py", text).guest_imports()]


def test_imports_that_the_guest_lacks_block_at_module_level():
    text = "import json, sqlite3\nfrom ssl import create_default_context\nif True:\n    import gzip\n"
    assert imports(text) == [(1, True), (2, True), (4, True)]


def test_imports_that_the_guest_lacks_are_advice_where_they_may_never_happen():
    assert imports("def handle():\n    import zlib\n") == [(2, False)]


def test_imports_below_try_or_for_type_checkers_are_the_authors_care():
    guarded = "try:\n    import zlib\nexcept ImportError:\n    zlib = None\n"
    typing_only = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import ssl\n"
    assert imports(guarded) == imports(typing_only) == []


def test_own_modules_may_have_any_name():
    assert imports("from .ssl import x\nimport pkg.zlib\n") == []


def test_lines_of_functions_without_annotations_are_known():
    text = "def a(x):\n    return x\n\ndef b(x: int):\n    return x\n\nclass C:\n    def d(self):\n        pass\n"
    assert Inspection("app.py", text).unannotated_lines() == {1, 2, 8, 9}


@pytest.mark.parametrize("text", ["def f(:\n", "\0", "(" * 100_000, "x = " + "-" * 100_000 + "1", "\ud800"])
def test_text_that_does_not_parse_is_left_to_the_type_checker(text):
    inspection = Inspection("app.py", text)
    assert inspection.tree is None
    assert list(inspection.guest_imports()) == []
    assert inspection.unannotated_lines() == set()


def test_the_main_file_is_a_module_or_a_package():
    assert main_file(Source({"app.py": ""})) == "app.py"
    assert main_file(Source({"site/app/__init__.py": ""}, "site.app")) == "site/app/__init__.py"
