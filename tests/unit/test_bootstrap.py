"""The step before there is an environment: deploy/bootstrap.py, imported as a file."""

import importlib.util
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def bootstrap(tmp_path, monkeypatch):
    """The module, working in an empty folder."""
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / "deploy" / "bootstrap.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(module, "STAMP", tmp_path / ".venv" / "stamp.json")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    (tmp_path / "lock.txt").write_text("one==1 \\\n    --hash=sha256:0\n")
    return module


def test_the_wrong_python_is_named_with_what_to_do(bootstrap, monkeypatch, capsys):
    monkeypatch.setattr(bootstrap, "NEEDED", (3, 99))
    assert bootstrap.main(["lock.txt"]) == 2
    assert "needs Python 3.11, this is 3.11: install python3.11, or say `make run PYTHON=" in capsys.readouterr().err


def test_a_lock_that_is_not_there_is_named(bootstrap, capsys):
    assert bootstrap.main(["absent.txt"]) == 2
    assert "absent.txt" in capsys.readouterr().err


def test_an_unchanged_lock_is_not_installed_again(bootstrap, monkeypatch, tmp_path, capsys):
    calls: list[list[str]] = []
    monkeypatch.setattr(bootstrap, "call", lambda command, trouble: calls.append(command))
    monkeypatch.setattr(bootstrap, "installer", lambda: ["uv"])
    assert bootstrap.main(["lock.txt"]) == 0
    assert bootstrap.main(["lock.txt"]) == 0
    assert calls == [["uv", "--require-hashes", "-r", str(tmp_path / "lock.txt")]]
    assert "Installing 1 packages from lock.txt" in capsys.readouterr().out


@pytest.mark.parametrize("event", ["changed lock", "lost python", "broken stamp"])
def test_what_has_changed_is_installed_again(bootstrap, tmp_path, event):
    lock = tmp_path / "lock.txt"
    bootstrap.STAMP.write_text(json.dumps({"lock.txt": bootstrap.digest(lock)}))
    assert bootstrap.installed(lock)
    if event == "changed lock":
        lock.write_text("two==2\n")
    elif event == "lost python":
        bootstrap.python().unlink()
    else:
        bootstrap.STAMP.write_text("{")
    assert not bootstrap.installed(lock)


def test_a_failed_installation_is_not_remembered(bootstrap, monkeypatch, capsys):
    monkeypatch.setattr(bootstrap, "installer", lambda: [sys.executable, "-c", "import sys; sys.exit(3)"])
    assert bootstrap.main(["lock.txt"]) == 2
    assert "could not be installed (exit status 3" in capsys.readouterr().err
    assert not bootstrap.STAMP.exists()


def test_an_unchanged_lock_costs_milliseconds(bootstrap, tmp_path):
    lock = ROOT / "deploy" / "requirements" / "dev.txt"
    bootstrap.STAMP.write_text(json.dumps({"dev.txt": bootstrap.digest(lock)}))
    used = time.process_time()
    assert bootstrap.installed(lock)
    assert time.process_time() - used < 0.05


def test_bootstrap_needs_only_the_standard_library():
    program = "import runpy, sys; sys.argv = ['bootstrap.py']; runpy.run_path(sys.path.pop(), run_name='__main__')"
    command = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        f"import sys; sys.path.append({str(ROOT / 'deploy/bootstrap.py')!r}); {program}",
    ]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert answer.returncode == 2
    assert "say which lock file to install" in answer.stderr


def pins(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", lock.read_text(), re.MULTILINE))


def test_running_and_testing_use_the_same_versions():
    run, test = pins(ROOT / "requirements.txt"), pins(ROOT / "deploy" / "requirements" / "dev.txt")
    assert run
    assert {name: test.get(name) for name in run} == run
