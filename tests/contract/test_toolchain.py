"""What a toolchain promises, kept by mypy and componentize-py themselves, in the machine's cache folder."""

import base64
import hashlib
import hmac
import os
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from faasweb.adapters.toolchain.environment import REQUIREMENTS, environment_path, prepare_environment, site_packages
from faasweb.adapters.toolchain.spin import SpinToolchain
from faasweb.adapters.toolchain.work import work_folder
from faasweb.domain.source import Source
from faasweb.domain.starters import STARTERS
from faasweb.ports import BuildFailure, Component, Toolchain
from tests.contract.wasmhost_process import WasmhostProcess, cache_folder, prepared_cache, read_answer

pytestmark = pytest.mark.slow

HEAD = "from spin_sdk import http\nfrom spin_sdk.http import Request, Response\n"
HANDLER = """
class IncomingHandler(http.IncomingHandler):
    def handle_request(self, request: Request) -> Response:
        return Response(200, {"content-type": "text/plain"}, b"hello")
"""
SAMPLE = """from spin_sdk.http import IncomingHandler, Request, Response
class IncomingHandler(IncomingHandler):
    def handle_request(self, request: Request) -> Response:
        return Response(200, {"content-type": "text/plain"}, bytes("Hello", "utf-8"))
"""
PLAIN = """from spin_sdk import http
class IncomingHandler(http.IncomingHandler):
    def handle_request(self, request):
        count = None
        count = 1
        return http.Response(200, {}, str(count).encode())
"""
LEGACY = """from spin_sdk.http import Response
class Handler:
    def handle_request(self, request):
        return Response(200, {}, b"from the factory")
def init_incoming_handler():
    return Handler()
"""
# What works in instant mode and, without care at build, would not work in a built component.
LATE = (
    HEAD
    + """
import datetime
class IncomingHandler:
    def handle_request(self, request: Request) -> Response:
        import colorsys
        from xml.etree import ElementTree
        if request.uri == "/boom":
            raise ValueError("boom")
        year = datetime.datetime.strptime("2026-11-21", "%Y-%m-%d").year
        return Response(200, {}, f"{colorsys.__name__} {ElementTree.__name__} {year} {'é'.encode('cp1252')!r}".encode())
"""
)
GUEST_ENVIRONMENT = ["COMPONENTIZE_PY_APP_NAME", "PYTHONHOME", "PYTHONPATH", "PYTHONUNBUFFERED"]
HOSTILE = (
    HEAD
    + """
import os, sys
print("visible", sorted(os.environ))
for folder in sys.path:
    try:
        with open(folder + "/planted.py", "w") as file:
            file.write("x")
        print("wrote", folder)
        print("holds", sorted(os.listdir(folder)))
    except OSError:
        pass
def fail() -> None:
    raise RuntimeError("on purpose")
fail()
"""
    + HANDLER
)


@pytest.fixture(scope="module")
def cache():
    """A cache of these tests' own, with the machine's tools and built components: nobody else works in it."""
    machine = cache_folder()
    prepare_environment(machine, REQUIREMENTS, lambda line: None)
    (machine / "builds").mkdir(mode=0o700, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tests-", dir=machine) as folder:  # on the same disk: files are moved
        for name in ("toolchain", "builds"):
            (Path(folder) / name).symlink_to(machine / name)
        yield Path(folder)


@pytest.fixture(scope="module")
def toolchain(cache):
    toolchain = SpinToolchain(cache)
    yield toolchain
    toolchain.close()


@dataclass
class Heard:
    lines: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, phase, line):
        self.lines.append((phase, line))

    @property
    def text(self):
        return "\n".join(line for _, line in self.lines)


def found(toolchain: Toolchain, text, blocking=True):
    check = toolchain.check(Source.single(text))
    return [(item.line, item.code) for item in check.diagnostics if item.blocking is blocking]


# --- checking ----------------------------------------------------------------------------------------------------


def test_it_is_ready(toolchain):
    assert toolchain.ready() is None


@pytest.mark.parametrize(
    "text",
    [HEAD + HANDLER, SAMPLE, PLAIN, LEGACY, LATE],
    ids=["typed", "shadowing", "plain", "factory", "late imports"],
)
def test_handlers_in_every_documented_style_pass(toolchain, text):
    assert found(toolchain, text) == []


@pytest.mark.parametrize("starter", STARTERS, ids=lambda starter: starter.id)
def test_starters_have_neither_errors_nor_advice(toolchain, starter):
    assert toolchain.check(Source.single(starter.source)).diagnostics == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def broken(:\n    pass\n" + HEAD + HANDLER, (1, "syntax")),
        (HEAD + "import requests\n" + HANDLER, (3, "import-untyped")),
        (HEAD + "import no_such_thing\n" + HANDLER, (3, "import-not-found")),
        (HEAD + "import sqlite3\n" + HANDLER, (3, "guest-import")),
        (HEAD + "http.Respons(1)\n" + HANDLER, (3, "attr-defined")),
        (HEAD + "Response(200)\n" + HANDLER, (3, "call-arg")),
        (HEAD + "x: int = 'a'\n" + HANDLER, (3, "assignment")),
        (HEAD + HANDLER.replace('b"hello"', '"hello"'), (6, "arg-type")),
        (HEAD + "def f() -> int:\n    return 'x'\n" + HANDLER, (4, "return-value")),
        (HEAD + "print(undefined)\n" + HANDLER, (3, "name-defined")),
        ("from spin_sdk import http\n", (1, "missing-handler")),
        (HEAD + "type Pair[T] = tuple[T, T]\nx: Pair[int] = (1, 'b')\n" + HANDLER, (4, "assignment")),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else "",
)
def test_what_is_wrong_blocks_at_its_line(toolchain, text, expected):
    assert expected in found(toolchain, text)


def test_missing_annotations_are_advice(toolchain):
    assert (3, "no-untyped-def") in found(toolchain, PLAIN, blocking=False)


def test_a_module_over_several_files_is_one_project(toolchain):
    good = {"app.py": HEAD + "from pkg.text import shout\nshout('x')\n" + HANDLER, "pkg/__init__.py": ""}
    source = Source(good | {"pkg/text.py": "def shout(text: str) -> str:\n    return text.upper() + 1\n"})
    (problem,) = toolchain.check(source).blocking
    assert (problem.file, problem.line, problem.column) == ("pkg/text.py", 2, 27)


def test_a_configuration_file_in_the_source_is_not_obeyed(toolchain):
    evil = "[mypy]\nplugins = evil.py\nignore_errors = True\n"
    source = Source({"app.py": HEAD + "x: int = 'a'\n" + HANDLER, "mypy.ini": evil, "evil.py": "raise SystemExit\n"})
    assert [item.code for item in toolchain.check(source).blocking] == ["assignment"]


def test_a_source_that_is_too_much_is_refused_and_the_next_one_is_checked(toolchain):
    text = HEAD + "x = " + "(" * 20_000 + "1" + ")" * 20_000 + "\n" + HANDLER
    assert found(toolchain, text)
    assert found(toolchain, HEAD + HANDLER) == []


def test_a_warm_check_starts_no_mypy_anew(toolchain):
    toolchain.check(Source.single(HEAD + HANDLER))
    times = []
    for number in range(5):
        started = time.perf_counter()
        toolchain.check(Source.single(f"{HEAD}x = {number}\n{HANDLER}"))
        times.append(time.perf_counter() - started)
    assert min(times) < 1  # a new mypy takes longer than that


def test_several_callers_at_once_each_get_their_own_answer(toolchain):
    answers = {}

    def ask(number):
        answers[number] = found(toolchain, HEAD + "\n" * number + "x: int = 'a'\n" + HANDLER)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {number: [(3 + number, "assignment")] for number in range(6)}


def test_checking_again_and_again_needs_no_more_memory(toolchain):
    sizes = []
    for number in range(24):
        toolchain.check(Source.single(f"{HEAD}x = {number}\n{HANDLER}"))
        sizes.append(psutil.Process(toolchain._mypy._kept.worker._process.pid).memory_info().rss >> 20)
    assert max(sizes) - sizes[3] < 60


def test_a_worker_that_dies_is_replaced(toolchain):
    toolchain.check(Source.single(HEAD + HANDLER))
    toolchain._mypy._kept.worker._process.kill()
    toolchain._mypy._kept.worker._process.wait()
    assert found(toolchain, HEAD + HANDLER) == []


# --- building ----------------------------------------------------------------------------------------------------


def build(toolchain: Toolchain, text):
    heard = Heard()
    return toolchain.build(Source.single(text), heard), heard


def test_a_source_with_errors_is_not_built(toolchain):
    result, heard = build(toolchain, HEAD + "x: int = 'a'\n" + HANDLER)
    assert isinstance(result, BuildFailure)
    assert result.message.startswith("MyPy validation failed:\napp.py:3:10: error: Incompatible types")
    assert {phase for phase, _ in heard.lines} == {"check"}
    assert [item.line for item in result.diagnostics] == [3]


def planted(toolchain):
    packages = site_packages(environment_path(cache_folder()))
    return [*packages.glob("planted.py"), *packages.glob("*/planted.py")]


def test_a_module_that_fails_while_it_is_imported_is_named_at_its_line_and_changes_nothing_outside(toolchain, cache):
    result, heard = build(toolchain, HOSTILE)
    assert isinstance(result, BuildFailure)
    assert result.message == "app.py:15: RuntimeError: on purpose (while importing your module)"
    assert 'File "app.py", line 15, in fail' in heard.text
    assert f"visible {GUEST_ENVIRONMENT}" in heard.text
    assert "mypy" not in heard.text  # a guest sees a copy of the SDK and nothing else that is installed
    for secret_place in ("/work", "/root", "/tmp", "/home", str(cache_folder())):
        assert secret_place not in heard.text + result.message
    assert planted(toolchain) == []
    assert [folder.name for folder in work_folder(cache).iterdir() if folder.name.startswith("build-")] == []


def test_a_build_that_takes_too_long_ends_with_a_reason(cache):
    hasty = SpinToolchain(cache, timeout_s=2.5)
    started = time.monotonic()
    result, _ = build(hasty, HEAD + HANDLER + f"# {os.urandom(8).hex()}\n")
    hasty.close()
    assert isinstance(result, BuildFailure)
    assert "longer than 2 s" in result.message
    assert time.monotonic() - started < 15


def test_a_build_that_needs_too_much_memory_ends_with_a_reason(cache):
    small = SpinToolchain(cache, memory_mb=900)
    result, _ = build(small, HEAD + "data = []\nwhile True:\n    data.append(bytearray(1 << 20))\n" + HANDLER)
    small.close()
    assert isinstance(result, BuildFailure)
    assert result.message == "app.py:5: MemoryError (while importing your module)"


def test_what_was_built_is_not_built_again(toolchain):
    first, _ = build(toolchain, STARTERS[4].source)
    assert isinstance(first, Component)
    again, heard = build(toolchain, STARTERS[4].source)
    assert again == first
    assert "built before" in heard.text
    assert first.path.read_bytes()[:4] == b"\0asm"
    assert first.digest == "sha256:" + hashlib.sha256(first.path.read_bytes()).hexdigest()


# --- running what was built --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    process = WasmhostProcess(tmp_path_factory.mktemp("data"), prepared_cache())
    until = time.monotonic() + 60
    while process.client.get("/readyz").status_code != 200:
        assert time.monotonic() < until
        time.sleep(0.2)
    yield process
    process.stop()


def serve(host, toolchain, text, function_id):
    """Build ``text`` and have it answer at ``function_id``."""
    component, _ = build(toolchain, text)
    assert isinstance(component, Component)
    digest = component.digest.removeprefix("sha256:")
    (host.data / "components").mkdir(exist_ok=True)
    (host.data / "components" / f"{digest}.wasm").write_bytes(component.path.read_bytes())
    host.deploy("hello", function_id, mode="baked", component=digest, files={})
    until = time.monotonic() + 120
    while (answer := host.call(function_id)).end.outcome == "not_ready":
        assert time.monotonic() < until
        time.sleep(0.5)
    return answer


def test_a_built_starter_answers(host, toolchain):
    serve(host, toolchain, STARTERS[4].source, "fn-notes")
    assert host.call("fn-notes", "/notes", "POST", content='{"text": "buy milk"}').head.status == 201
    assert [note["text"] for note in host.call("fn-notes", "/notes").json] == ["buy milk"]
    assert host.call("fn-notes", "/notes/7").json == {"error": "There is no note 7."}


def test_a_built_function_behaves_as_in_instant_mode(host, toolchain):
    host.deploy("hello", "fn-instant", files={"app.py": LATE})
    baked, instant = serve(host, toolchain, LATE, "fn-late"), host.call("fn-instant")
    assert (baked.end.mode, instant.end.mode) == ("baked", "instant")
    assert baked.body == instant.body == b"colorsys xml.etree.ElementTree 2026 b'\\xe9'"
    failed, other = host.call("fn-late", "/boom").end, host.call("fn-instant", "/boom").end
    assert failed.error == other.error == "ValueError: boom"
    assert [line.text for line in failed.logs if "app.py" in line.text] == [
        line.text for line in other.logs if "app.py" in line.text
    ]


@pytest.mark.parametrize(
    ("text", "body"), [(LEGACY, b"from the factory"), (SAMPLE, b"Hello")], ids=["factory", "shadowing"]
)
def test_functions_of_older_styles_answer_in_both_modes(host, toolchain, text, body):
    function_id = f"fn-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    host.deploy("hello", f"{function_id}-instant", files={"app.py": text})
    assert host.call(f"{function_id}-instant").body == body
    assert serve(host, toolchain, text, function_id).body == body


EXPECTED = {
    "hello": (200, b"Hello from your function!"),
    "json-api": (200, b'{"message": "Hello, Ada!"}'),
    "webhook": (202, b'{"received": "ping"'),
    "counter": (200, b'{"page": "/welcome", "visits": 1}'),
    "notes": (201, b'"text": "buy milk"'),
    "fetch": (502, b"is not on this function's list of allowed hosts."),
    "page": (200, b"<h1>Hello, Ada!</h1>"),
    "csv-to-json": (200, b'[{"name": "Ada", "age": 36}, {"name": "Grace", "age": 85}]'),
    "badge": (200, b">passing</text>"),
}


@pytest.mark.parametrize("starter", STARTERS, ids=lambda starter: starter.id)
def test_a_starter_answers_its_example(host, starter):
    example, secret = starter.example, "s3cret"
    signature = hmac.new(secret.encode(), example.body.encode(), "sha256").hexdigest()
    request = {
        "method": example.method,
        "path": example.path,
        "headers": [*map(list, example.headers), ["x-hub-signature-256", f"sha256={signature}"]],
        "body_base64": base64.b64encode(example.body.encode()).decode(),
    }
    release = {
        "function_id": f"fn-{starter.id}",
        "workspace_id": "ws-1",
        "release": "draft",
        "files": {"app.py": starter.source},
        "environment": dict.fromkeys(starter.environment, secret),
    }
    response = host.client.post("/draft", json={"release": release, "request": request, "request_id": "d1"})
    answer = read_answer(response.content)
    status, part = EXPECTED[starter.id]
    assert (answer.end.outcome, answer.end.error) == ("ok", None)
    assert answer.head.status == status
    assert part in answer.body
