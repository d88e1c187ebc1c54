"""Baked components in wasmhost: compiled when needed, loaded only when they are our own."""

import base64
import hashlib
import shutil
import subprocess
import sys
import time

import pytest

from faasweb.wasmhost.base import SQLITE_NAME
from faasweb.wasmhost.compiled import NotLoadable, load_compiled
from faasweb.wasmhost.live import LiveRelease, write_release
from faasweb.wasmhost.native import make_engine
from tests.contract.wasmhost_process import FUNCTIONS, WasmhostProcess, prepared_cache, toolchain_python

pytestmark = pytest.mark.slow

TINY = b'(component (import "wasi:cli/exit@0.2.0" (instance)))'


@pytest.fixture(scope="module")
def component(tmp_path_factory):
    """The probe function as a baked component: (path of the .wasm, its sha256)."""
    folder = tmp_path_factory.mktemp("baked")
    shutil.copy(FUNCTIONS / "probe.py", folder / "app.py")
    python = toolchain_python(prepared_cache())
    where = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    sdk = subprocess.run(where, check=True, capture_output=True, text=True).stdout.strip()
    tool = [python.with_name("componentize-py"), "-w", "spin-http", "--import-interface-name", SQLITE_NAME]
    command = [*tool, "componentize", "app", "-p", ".", "-p", sdk, "-o", "app.wasm"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    path = folder / "app.wasm"
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def host(tmp_path_factory, component):
    path, digest = component
    data = tmp_path_factory.mktemp("data")
    (data / "components").mkdir()
    shutil.copy(path, data / "components" / f"{digest}.wasm")
    process = WasmhostProcess(data, prepared_cache())
    release = LiveRelease("fn-baked", "ws-1", "r1", 4, "baked", component=digest, environment={"FOO": "bar"})
    write_release(data, release)
    first = process.call("fn-baked").end
    assert first.outcome in ("ok", "not_ready")
    until = time.monotonic() + 120
    while process.call("fn-baked").end.outcome == "not_ready":
        assert time.monotonic() < until
        time.sleep(0.5)
    yield process
    process.stop()


def test_a_component_without_machine_code_is_compiled_and_then_answers(host):
    answer = host.call("fn-baked", "/echo")
    assert answer.head.status == 200
    assert (answer.end.mode, answer.end.version, answer.end.outcome) == ("baked", 4, "ok")
    assert host.call("fn-baked", "/environment").json == {"FOO": "bar"}


@pytest.mark.parametrize(
    ("path", "outcome", "error"),
    [
        ("/fail", "error", "ValueError: boom in user code"),
        ("/leave", "error", "The function called sys.exit(3) instead of returning a Response."),
        ("/memory?500", "error", "The function used more than its 128 MB of memory."),
        ("/nothing", "error", "AttributeError: 'NoneType' object has no attribute 'headers'"),
        ("/abort", "trap", "The function aborted."),
        ("/empty_500", "ok", None),
    ],
)
def test_a_baked_function_fails_as_clearly(host, path, outcome, error):
    end = host.call("fn-baked", path).end
    assert (end.outcome, end.error) == (outcome, error)


def test_baked_and_instant_share_what_they_stored(host):
    first = host.call("fn-baked", "/count").json["n"]
    host.deploy("probe", "fn-baked")
    assert host.call("fn-baked", "/count").json["n"] == first + 1


@pytest.mark.parametrize("mode", ["baked", "instant"])
def test_mounted_files_are_opened_by_the_paths_of_the_manifest(host, component, mode):
    source = (FUNCTIONS / "probe.py").read_text()
    own = {"component": component[1]} if mode == "baked" else {"files": {"app.py": source, "more.txt": "more"}}
    data = {"site/a.txt": base64.b64encode(b"mounted").decode()}
    mounts = {"assets/a.txt": "site/a.txt", "deep/b.txt": "site/a.txt"}
    write_release(host.data, LiveRelease("fn-files", "ws-1", mode, 1, mode, data=data, mounts=mounts, **own))
    for path in ("assets/a.txt", "/assets/a.txt", "./deep/../deep/b.txt"):
        assert host.call("fn-files", f"/read?{path}").json == "mounted"
    for path in ("assets/none.txt", "site/a.txt", "/etc/passwd"):
        assert host.call("fn-files", f"/read?{path}").json == {"error": "FileNotFoundError"}
    assert host.call("fn-files", "/read?../etc/passwd").json == {"error": "PermissionError"}
    assert host.call("fn-files", "/listing?/deep").json == ["b.txt"]
    assert host.call("fn-files", "/listing?.").json == ["assets", "deep"]


@pytest.mark.parametrize("mode", ["baked", "instant"])
def test_named_stores_open_and_others_do_not(host, component, mode):
    source = (FUNCTIONS / "probe.py").read_text()
    own = {"component": component[1]} if mode == "baked" else {"files": {"app.py": source}}
    names = ["default", "notes"]
    stores = {"key_value_stores": names, "sqlite_databases": names}
    write_release(host.data, LiveRelease("fn-stores", "ws-1", mode, 1, mode, **stores, **own))
    assert host.call("fn-stores", "/stores?notes").json == "notes"
    assert host.call("fn-stores", "/stores?other").end.outcome == "error"
    assert host.call("fn-stores", "/no_store").json == {"error": "Error_NoSuchStore"}


def test_a_mount_of_a_file_that_is_not_there_says_so(host):
    write_release(host.data, LiveRelease("fn-lost", "ws-1", "r1", 1, files={"app.py": ""}, mounts={"a": "b"}))
    end = host.call("fn-lost").end
    assert end.outcome != "ok"
    assert "no file 'b' to mount" in end.error


def test_a_component_that_is_not_there_says_so(host):
    write_release(host.data, LiveRelease("fn-gone", "ws-1", "r1", 1, "baked", component="0" * 64))
    end = host.call("fn-gone").end
    assert (end.outcome, end.error) == ("not_ready", "The function's component is missing: build it again.")


def test_what_is_no_component_says_so(host):
    (host.data / "components" / f"{'1' * 64}.wasm").write_bytes(b"not wasm")
    write_release(host.data, LiveRelease("fn-bad", "ws-1", "r1", 1, "baked", component="1" * 64))
    end = host.call("fn-bad").end
    assert end.outcome == "not_ready"
    assert "cannot be compiled" in end.error


def compile_to(source, target):
    command = [sys.executable, "-m", "faasweb.wasmhost.compile", str(source), str(target), "--memory", "2000"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_only_machine_code_of_our_own_is_loaded(tmp_path):
    source, target = tmp_path / "in.wasm", tmp_path / "out.cwasm"
    source.write_bytes(TINY)
    assert compile_to(source, target).returncode == 0
    engine = make_engine()
    load_compiled(engine, target)
    target.chmod(0o644)
    with pytest.raises(NotLoadable, match="somebody else"):
        load_compiled(engine, target)
    target.chmod(0o600)
    (tmp_path / "link.cwasm").symlink_to(target)
    with pytest.raises(NotLoadable, match="somebody else"):
        load_compiled(engine, tmp_path / "link.cwasm")
    target.write_bytes(b"\x7fELF" + bytes(100))
    with pytest.raises(NotLoadable, match="another version"):
        load_compiled(engine, target)
    with pytest.raises(NotLoadable, match="does not exist"):
        load_compiled(engine, tmp_path / "none.cwasm")


def test_compiling_what_is_no_component_fails_with_a_word(tmp_path):
    (tmp_path / "in.wasm").write_bytes(b"nothing")
    done = compile_to(tmp_path / "in.wasm", tmp_path / "out.cwasm")
    assert done.returncode == 3
    assert "in.wasm cannot be compiled" in done.stderr
    assert not (tmp_path / "out.cwasm").exists()
