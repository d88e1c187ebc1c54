"""Packages of a requirements.txt: installed from tiny wheels made here, checked, compiled, answering in both modes."""

import base64
import hashlib
import os
import socket
import threading
import time
import zipfile

import httpx
import pytest
from django.conf import settings

from faasweb.adapters.toolchain.environment import REQUIREMENTS, prepare_environment
from faasweb.adapters.toolchain.installation import PackageIndex
from faasweb.adapters.toolchain.spin import SpinToolchain
from faasweb.domain.errors import TimedOut, Unavailable
from faasweb.domain.source import Source
from faasweb.ports import BuildFailure, Component, Site
from faasweb.wasmhost.live import LiveRelease, site_path, write_release
from tests.contract.test_toolchain import HANDLER, HEAD, Heard
from tests.contract.wasmhost_process import WasmhostProcess, cache_folder, prepared_cache
from tests.wheels import make_wheel

pytestmark = pytest.mark.slow

SHOUTING = {
    "shouting/__init__.py": "from shouting._loud import loud\ndef words():\n    import shouting.late\n"
    "    from importlib.resources import files\n"
    "    return shouting.late.WORD + files('shouting').joinpath('words.txt').read_text()\n",
    "shouting/_loud.py": "def loud(text):\n    return text.upper() + '!'\n",
    "shouting/late.py": "WORD = 'late '\n",
    "shouting/words.txt": "words of the package",
    "shouting.pth": "import os; os.environ['PWNED'] = '1'\n",
    "shouting-1.0.data/scripts/shout": "#!python\nprint('never')\n",
}
TYPED = {"typed/__init__.py": "def double(number: int) -> int:\n    return number * 2\n", "typed/py.typed": ""}
APP = (
    HEAD
    + """
import importlib.metadata
import json
from pathlib import Path
import shouting
from own.text import ending
from typed import double

HERE = Path(__file__).parent
AT_IMPORT = (HERE / "page.html").read_text()

class IncomingHandler(http.IncomingHandler):
    def handle_request(self, request: Request) -> Response:
        if request.uri == "/boom":
            shouting.loud(1)
        answer = {
            "loud": shouting.loud("hi") + ending(),
            "double": double(21),
            "words": shouting.words(),
            "version": importlib.metadata.version("shouting"),
            "page": [AT_IMPORT, (HERE / "page.html").read_text(), open("/app/page.html").read()],
            "data": list((HERE / "own" / "picture.bin").read_bytes()),
            "files": sorted(path.name for path in (HERE / "own").iterdir() if path.suffix == ".bin"),
            "exists": [(HERE / "own").is_dir(), (HERE / "nothing").exists()],
        }
        return Response(200, {"content-type": "application/json"}, json.dumps(answer).encode())
"""
)
FILES = {
    "app.py": APP,
    "own/__init__.py": "",
    "own/text.py": "def ending() -> str:\n    return ' ok'\n",
    "page.html": "<h1>Hi</h1>",
    "requirements.txt": "spin-sdk==3.4.1\nshouting==1.0  # loud\ntyped\n",
}
PICTURE = bytes([0, 255, 128, 13, 10])
EXPECTED = {
    "loud": "HI! ok",
    "double": 42,
    "words": "late words of the package",
    "version": "1.0",
    "page": ["<h1>Hi</h1>"] * 3,
    "data": list(PICTURE),
    "files": ["picture.bin"],
    "exists": [True, False],
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A cache of its own, with the machine's tools in it."""
    machine = prepared_cache()
    prepare_environment(machine, REQUIREMENTS, lambda line: None)
    own = tmp_path_factory.mktemp("cache")
    for name in ("toolchain", "base"):
        (own / name).symlink_to(cache_folder() / name)
    return own


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheels")
    make_wheel(folder, "shouting", files=SHOUTING)
    make_wheel(folder, "typed", files=TYPED)
    make_wheel(folder, "fast-maths", files={"fast_maths/_c.so": b"\x7fELF", "fast_maths/__init__.py": ""})
    make_wheel(folder, "only-compiled", tag="cp312-cp312-manylinux_2_17_x86_64")
    make_wheel(folder, "wants-compiled", requires=["only-compiled"])
    make_wheel(folder, "squeezer", files={"squeezer.py": "import zlib\n"})
    make_wheel(folder, "web-client", files={"web_client.py": "import squeezer\n"}, requires=["squeezer"])
    make_wheel(folder, "forgetful", files={"forgetful.py": "import not_there\n"})
    make_wheel(folder, "big", files={f"big/{n}.bin": os.urandom(9_000_000) for n in range(12)})
    return folder


@pytest.fixture(scope="module")
def toolchain(cache, wheels):
    toolchain = SpinToolchain(cache, index=PackageIndex(wheels=wheels))
    yield toolchain
    toolchain.close()


@pytest.fixture(scope="module")
def host(tmp_path_factory, cache):
    process = WasmhostProcess(tmp_path_factory.mktemp("data"), cache)
    until = time.monotonic() + 60
    while process.client.get("/readyz").status_code != 200:
        assert time.monotonic() < until
        time.sleep(0.2)
    yield process
    process.stop()


def project(requirements, text=HEAD + HANDLER, **files):
    return Source({"app.py": text, "requirements.txt": requirements, **files})


def installed(toolchain, requirements):
    heard = Heard()
    return toolchain.dependencies(project(requirements), heard), heard


# --- installing --------------------------------------------------------------------------------------------------


def test_a_source_without_requirements_has_no_packages(toolchain):
    assert installed(toolchain, "# nothing\nspin-sdk\n") == (None, Heard())
    assert toolchain.dependencies(Source.single(HEAD + HANDLER), Heard()) is None


def test_packages_are_installed_once_and_told_about(toolchain):
    site, heard = installed(toolchain, "shouting\ntyped>=1\n")
    assert isinstance(site, Site)
    assert site.versions == {"shouting": "1.0", "typed": "1.0"}
    assert {phase for phase, _ in heard.lines} == {"packages"}
    assert "+ shouting==1.0" in heard.text
    again, heard = installed(toolchain, "typed>=1\nshouting\n")
    assert (again, heard.lines) == (site, [])


def test_other_words_for_the_same_packages_share_what_was_installed(toolchain):
    first, _ = installed(toolchain, "typed==1.0")
    second, heard = installed(toolchain, "typed")
    assert heard.lines
    assert first == second


def test_start_up_hooks_and_scripts_are_left_out(toolchain, cache):
    site, _ = installed(toolchain, "shouting")
    folder = site_path(cache, site.digest).parent
    assert hashlib.sha256((folder / "site.zip").read_bytes()).hexdigest() == site.digest
    names = zipfile.ZipFile(folder / "site.zip").namelist()
    assert "shouting/late.py" in names
    assert "shouting-1.0.dist-info/METADATA" in names
    assert not [name for name in names if name.endswith(".pth") or name.startswith("bin/") or "RECORD" in name]


@pytest.mark.parametrize(
    ("requirements", "message"),
    [
        ("-r other.txt", "requirements.txt line 1: '-r other.txt': other files are not read"),
        ("fast-maths", "fast-maths 1.0 contains compiled code (fast_maths/_c.so), which WebAssembly builds can't use"),
        ("only-compiled", "only-compiled has no pure-Python wheel; it needs compiled code"),
        ("Wants.Compiled", "only-compiled (needed by Wants.Compiled) has no pure-Python wheel"),
        ("no-such-thing", "there is no package no-such-thing in the package index"),
        ("typed==7", "there is no version typed==7 in the package index"),
        ("typed==1.0\ntyped==2.0", "typed==1.0 and typed==2.0"),
        ("big", "the packages have 14 files with 108 MB; a function's packages may have 10,000 files with 100 MB"),
    ],
)
def test_packages_that_cannot_be_used_are_named_with_the_reason(toolchain, requirements, message):
    failure, heard = installed(toolchain, requirements)
    assert isinstance(failure, BuildFailure)
    assert failure.message.startswith("Requirements installation failed: ")
    assert message in failure.message
    assert failure.message in heard.text
    assert str(cache_folder()) not in failure.message


def test_a_build_fails_with_what_is_wrong_with_its_packages(toolchain):
    failure = toolchain.build(project("fast-maths"), Heard())
    assert isinstance(failure, BuildFailure)
    assert failure.message.startswith("Requirements installation failed: fast-maths 1.0")


def test_two_processes_that_want_the_same_install_it_once(cache, wheels):
    toolchains = [SpinToolchain(cache, index=PackageIndex(wheels=wheels)) for _ in range(4)]
    heard = [Heard() for _ in toolchains]
    calls = [
        threading.Thread(target=toolchain.dependencies, args=(project("shouting!=3"), each))
        for toolchain, each in zip(toolchains, heard, strict=True)
    ]
    for call in calls:
        call.start()
    for call in calls:
        call.join(60)
    assert sum("+ shouting" in each.text for each in heard) == 1


def test_an_index_that_is_away_is_said_and_nothing_leaks(cache):
    index = PackageIndex("http://someone:secret@127.0.0.1:9/simple")
    toolchain = SpinToolchain(cache, index=index)
    heard = Heard()
    with pytest.raises(Unavailable, match="package index can't be reached") as raised:
        toolchain.dependencies(project("typed"), heard)
    assert "secret" not in heard.text + str(raised.value)


@pytest.fixture
def silent_port():
    """Something listens there and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_an_index_that_never_answers_ends_with_our_patience(cache, silent_port):
    toolchain = SpinToolchain(cache, index=PackageIndex(f"http://127.0.0.1:{silent_port}/simple"))
    started = time.monotonic()
    with pytest.raises(TimedOut, match="not installed within"):
        toolchain.dependencies(project("typed"), Heard(), 1.0)
    assert time.monotonic() - started < 20


def test_the_installer_gets_nothing_of_our_environment(toolchain, monkeypatch, tmp_path):
    monkeypatch.setenv("UV_NO_INDEX", "nonsense that uv would refuse")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/")
    assert isinstance(installed(toolchain, "typed!=9")[0], Site)


# --- checking ----------------------------------------------------------------------------------------------------


def codes(toolchain, source):
    return {(item.line, item.code, item.blocking) for item in toolchain.check(source).diagnostics}


def test_the_type_checker_knows_typed_packages_and_lets_others_pass(toolchain):
    text = HEAD + "import shouting\nimport typed\nshouting.loud(1)\ntyped.double('x')\n" + HANDLER
    source = project("shouting\ntyped", text)
    toolchain.dependencies(source, Heard())
    found = codes(toolchain, source)
    assert (3, "import-untyped", False) in found
    assert (6, "arg-type", True) in found


def test_before_the_packages_are_there_their_imports_hold_nothing_up(toolchain):
    found = codes(toolchain, project("never-installed-here", HEAD + "import never_installed\n" + HANDLER))
    assert (3, "import-not-found", False) in found


@pytest.mark.parametrize("name", ["shouting", "typed"])
def test_packages_that_came_after_a_check_are_known_to_the_next_one(toolchain, name):
    source = project(name, HEAD + f"import {name}\nprint({name})\n# {name}, checked twice\n" + HANDLER)
    missing = project("never-installed-here", source.text)
    assert (3, "import-not-found", False) in codes(toolchain, missing)
    toolchain.dependencies(source, Heard())
    assert "import-not-found" not in {code for _line, code, _blocking in codes(toolchain, source)}


def test_a_module_that_no_package_has_is_an_error(toolchain):
    source = project("typed", HEAD + "import untold_module\n" + HANDLER)
    toolchain.dependencies(source, Heard())
    assert (3, "import-not-found", True) in codes(toolchain, source)


def test_completions_come_from_packages_too(toolchain):
    source = project("typed", "import typed\ntyped.dou\n")
    toolchain.dependencies(source, Heard())
    until = time.monotonic() + 30
    while not (found := toolchain.complete(source, "app.py", 2, 10)):
        assert time.monotonic() < until
    assert [item.label for item in found] == ["double"]


# --- answering ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def source():
    return Source(FILES, data={"own/picture.bin": PICTURE})


def deploy(host, source, site, function_id="fn-packages"):
    data = {path: base64.b64encode(content).decode() for path, content in source.data.items()}
    release = LiveRelease(function_id, "ws-1", "r1", files=dict(source.files), data=data, site=site and site.digest)
    write_release(host.data, release)


def test_a_project_with_packages_and_data_answers_in_instant_mode(host, toolchain, source):
    site = toolchain.dependencies(source, Heard())
    deploy(host, source, site)
    answer = host.call("fn-packages")
    assert (answer.end.outcome, answer.end.error) == ("ok", None)
    assert answer.json == EXPECTED


def test_a_draft_has_packages_too(host, toolchain, source):
    site = toolchain.dependencies(source, Heard())
    text = HEAD + "import shouting\nprint(shouting.loud('draft'))\n" + HANDLER
    answer = host.draft(text, site=site.digest)
    assert [line.text for line in answer.end.logs] == ["DRAFT!"]


def test_a_draft_whose_packages_are_gone_says_so(host):
    end = host.draft(HEAD + HANDLER, site="0" * 64).end
    assert (end.outcome, end.error) == ("not_ready", "Its packages are no longer on this machine: deploy it again.")


@pytest.fixture(scope="module")
def baked(host, toolchain, source):
    heard = Heard()
    component = toolchain.build(source, heard)
    assert isinstance(component, Component), heard.text
    digest = component.digest.removeprefix("sha256:")
    (host.data / "components").mkdir(exist_ok=True)
    (host.data / "components" / f"{digest}.wasm").write_bytes(component.path.read_bytes())
    write_release(host.data, LiveRelease("fn-baked", "ws-1", "r1", version=1, mode="baked", component=digest))
    until = time.monotonic() + 120
    while (answer := host.call("fn-baked")).end.outcome == "not_ready":
        assert time.monotonic() < until
        time.sleep(0.5)
    return answer


def test_the_same_project_answers_the_same_when_it_is_built(baked):
    assert (baked.end.mode, baked.end.outcome, baked.end.error) == ("baked", "ok", None)
    assert baked.json == EXPECTED


def test_tracebacks_name_a_package_the_same_way_in_both_modes(host, toolchain, source, baked):
    deploy(host, source, toolchain.dependencies(source, Heard()))
    failed, other = host.call("fn-baked", "/boom").end, host.call("fn-packages", "/boom").end
    assert failed.error == other.error == "AttributeError: 'int' object has no attribute 'upper'"
    lines = [line.text for line in failed.logs if "/app/" in line.text]
    assert lines == [line.text for line in other.logs if "/app/" in line.text]
    assert any("/app/.site/shouting/_loud.py" in line for line in lines)


def test_it_is_not_built_again_unless_a_package_changes(toolchain, source, baked, wheels):
    heard = Heard()
    assert isinstance(toolchain.build(source, heard), Component)
    assert "built before" in heard.text


@pytest.mark.parametrize(
    ("requirements", "module", "message"),
    [
        (
            "web-client",
            "web_client",
            "The package web-client can't be used in a function: squeezer, which it needs, imports Python's module "
            "zlib, which WebAssembly builds don't have.",
        ),
        (
            "forgetful",
            "forgetful",
            "forgetful imports not_there, which is not installed: if it is a package, add it to requirements.txt.",
        ),
    ],
)
def test_a_package_that_wants_what_is_not_there_is_named(toolchain, requirements, module, message):
    failure = toolchain.build(project(requirements, HEAD + f"import {module}\n" + HANDLER), Heard())
    assert isinstance(failure, BuildFailure)
    assert failure.message == message


# --- with the package index of the world -------------------------------------------------------------------------


def index_of_the_world():
    """Skips when it can't be reached."""
    index = PackageIndex(settings.PIP_INDEX_URL, None, settings.NETWORK_ENVIRONMENT)
    url = f"{index.url or 'https://pypi.org/simple'}/text-unidecode/"
    try:
        httpx.get(url, timeout=5, follow_redirects=True).raise_for_status()
    except httpx.HTTPError as exc:
        pytest.skip(f"the package index can't be reached: {exc}")
    return index


ZIPDEMO = (
    HEAD
    + """
import json
import markdown
from slugify import slugify
class IncomingHandler(http.IncomingHandler):
    def handle_request(self, request: Request) -> Response:
        answer = {"html": markdown.markdown("# Hi *there*"), "slug": slugify("Blue FaaS über")}
        return Response(200, {"content-type": "application/json"}, json.dumps(answer).encode())
"""
)


def test_packages_from_the_real_index_build_and_answer(host, cache):
    toolchain = SpinToolchain(cache, index=index_of_the_world())
    source = project("markdown==3.8\npython-slugify==8.0.4\n", ZIPDEMO)
    expected = {"html": "<h1>Hi <em>there</em></h1>", "slug": "blue-faas-uber"}
    site = toolchain.dependencies(source, Heard())
    deploy(host, source, site, "fn-zipdemo")
    assert host.call("fn-zipdemo").json == expected
    refused = toolchain.dependencies(project("jinja2"), Heard())
    assert "markupsafe (needed by jinja2) has no pure-Python wheel" in refused.message
    toolchain.close()
