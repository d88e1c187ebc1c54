"""The toolchain's environment: made once, found at once, refused with a sentence."""

import os
import stat

import pytest

from faasweb.adapters.toolchain import environment
from faasweb.adapters.toolchain.environment import (
    REQUIREMENTS,
    environment_path,
    is_ready,
    prepare_environment,
    tool_versions,
    toolchain_python,
)
from faasweb.adapters.toolchain.spin import SpinToolchain
from faasweb.domain.errors import InvalidInput, Unavailable
from faasweb.domain.source import Source

MAKE = """#!/bin/sh
echo "$@" >> {log}
case "$1" in
  venv) for last; do :; done; mkdir -p "$last/bin"; ln -sf /bin/true "$last/bin/python" ;;
  pip) {install} ;;
esac
"""


@pytest.fixture
def uv(tmp_path, monkeypatch):
    """A uv that does what it is told in ``install``; the calls it got."""
    log = tmp_path / "calls"
    log.touch()

    def pretend(install="true"):
        command = tmp_path / "bin" / "uv"
        command.parent.mkdir(exist_ok=True)
        command.write_text(MAKE.format(log=log, install=install))
        command.chmod(command.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{command.parent}:{os.environ['PATH']}")
        return log

    return pretend


def test_the_pinned_tools_are_named():
    assert tool_versions() == "spin-sdk 3.4.1, componentize-py 0.17.2, mypy 2.4.1"


def test_another_lock_is_another_folder(tmp_path):
    other = tmp_path / "other.txt"
    other.write_text(REQUIREMENTS.read_text() + "\n")
    assert environment_path(tmp_path) != environment_path(tmp_path, other)
    assert environment_path(tmp_path) == environment_path(tmp_path)


def test_it_is_installed_once_with_hashes_and_then_found(tmp_path, uv):
    calls, said = uv(), []
    python = prepare_environment(tmp_path, REQUIREMENTS, said.append)
    assert python == toolchain_python(environment_path(tmp_path))
    assert "--require-hashes" in calls.read_text().splitlines()[1]
    assert said[0].startswith("Installing the toolchain")
    assert prepare_environment(tmp_path, REQUIREMENTS, said.append) == python
    assert len(calls.read_text().splitlines()) == 2


def test_without_a_network_there_is_a_sentence_and_nothing_half_made_is_used(tmp_path, uv):
    uv("echo 'error: Failed to fetch: dns error, failed to lookup address' >&2; exit 1")
    with pytest.raises(Unavailable, match="the package index can't be reached"):
        prepare_environment(tmp_path, REQUIREMENTS, lambda line: None)
    assert not is_ready(environment_path(tmp_path))
    uv()
    prepare_environment(tmp_path, REQUIREMENTS, lambda line: None)
    assert is_ready(environment_path(tmp_path))


def test_other_failures_have_the_installers_words(tmp_path, uv):
    uv("echo 'hash mismatch for mypy' >&2; exit 1")
    with pytest.raises(Unavailable, match="hash mismatch for mypy"):
        prepare_environment(tmp_path, REQUIREMENTS, lambda line: None)


def test_an_environment_whose_python_is_gone_is_made_anew(tmp_path, uv):
    calls = uv()
    python = prepare_environment(tmp_path, REQUIREMENTS, lambda line: None)
    python.unlink()
    prepare_environment(tmp_path, REQUIREMENTS, lambda line: None)
    assert len(calls.read_text().splitlines()) == 4


def test_without_uv_pip_installs(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "_uv", lambda: None)
    commands = environment._commands(tmp_path, REQUIREMENTS)
    assert [command[1:3] for command in commands] == [["-m", "venv"], ["-m", "pip"]]
    assert "--require-hashes" in commands[1]


def test_a_toolchain_that_is_not_installed_says_so(tmp_path):
    toolchain = SpinToolchain(tmp_path)
    assert "still being installed" in toolchain.ready()
    with pytest.raises(Unavailable):
        toolchain.check(Source.single("x = 1"))
    with pytest.raises(Unavailable):
        toolchain.build(Source.single("x = 1"), lambda phase, line: None)


@pytest.mark.parametrize("path", ["../app.py", "/etc/app.py", "pkg/../../app.py", "a\0b.py"])
def test_a_path_that_leaves_the_project_is_refused(tmp_path, uv, path):
    uv()
    prepare_environment(tmp_path, REQUIREMENTS, lambda line: None)
    toolchain = SpinToolchain(tmp_path)
    for act in (toolchain.check, lambda source: toolchain.build(source, lambda phase, line: None)):
        with pytest.raises(InvalidInput, match="leads out of the project"):
            act(Source({"app.py": "", path: ""}))
