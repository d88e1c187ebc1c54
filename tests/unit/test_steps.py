"""How `make test` and `make check` judge their steps: deploy/steps.py, imported as a file."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def steps(monkeypatch, tmp_path):
    """The module, with a `pytest` and a `tool` that end with the status they are told."""
    spec = importlib.util.spec_from_file_location("steps", ROOT / "deploy" / "steps.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "steps", module)  # dataclasses look their module up
    spec.loader.exec_module(module)
    for name in ("pytest", "tool"):
        (tmp_path / name).write_text("#!/bin/sh\nexit $1\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(module, "BIN", tmp_path)
    return module


def run(steps, monkeypatch, *given) -> int:
    monkeypatch.setattr(steps, "STEPS", {"test": given})
    return int(steps.main(["test"]))


def test_every_step_runs_also_after_one_that_failed(steps, monkeypatch, capfd):
    assert run(steps, monkeypatch, steps.Step("first", ("tool", "3")), steps.Step("second", ("tool", "0"))) == 1
    out = capfd.readouterr().out
    assert "first            FAILED with exit status 3" in out
    assert "second           passed" in out


def test_a_folder_without_tests_is_no_failure_but_no_test_at_all_is(steps, monkeypatch):
    empty, full = steps.Step("empty", ("pytest", "5")), steps.Step("full", ("pytest", "0"))
    assert run(steps, monkeypatch, empty, full) == 0
    assert run(steps, monkeypatch, empty) == 1


def test_exit_status_five_of_another_tool_is_a_failure(steps, monkeypatch):
    assert run(steps, monkeypatch, steps.Step("full", ("pytest", "0")), steps.Step("other", ("tool", "5"))) == 1


@pytest.mark.parametrize(("ci", "status"), [("false", 0), ("true", 1)])
def test_a_missing_browser_is_skipped_here_and_fails_in_ci(steps, monkeypatch, ci, status, capfd):
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv("CHROMIUM", "/does/not/exist")
    unit, browser = steps.Step("unit", ("pytest", "0")), steps.Step("browser", ("pytest", "0"), steps.no_chromium)
    assert run(steps, monkeypatch, unit, browser) == status
    assert "install Debian's chromium" in capfd.readouterr().out
