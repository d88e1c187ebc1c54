"""The environment with the SDK, componentize-py and mypy: made once per machine from a lock file with hashes.

It lives at ``<cache>/toolchain/<hash>/`` and is used in place, because the scripts of an environment know their path.
The file ``.ready`` is written last: an environment without it is a leftover and is made anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from faasweb.domain.errors import Unavailable

REQUIREMENTS = Path(__file__).resolve().parents[3] / "deploy" / "requirements" / "toolchain.txt"
INSTALL_TIMEOUT_S = 900
TOOLS = ("spin-sdk", "componentize-py", "mypy")
INSTALLER = ("uv",)
NETWORK_WORDS = re.compile(r"connect|resolve|dns|network|timed? ?out|unreachable|certificate|proxy", re.IGNORECASE)

SayLine = Callable[[str], None]


def environment_path(cache: Path, requirements: Path = REQUIREMENTS) -> Path:
    """Where the environment is, or will be: another lock file or another Python is another folder."""
    digest = hashlib.sha256(requirements.read_bytes())
    digest.update(f"{platform.python_implementation()} {platform.python_version()} {platform.machine()}".encode())
    return cache / "toolchain" / digest.hexdigest()[:16]


def toolchain_python(environment: Path) -> Path:
    """The interpreter of an environment."""
    return environment / "bin" / "python"


def site_packages(environment: Path) -> Path:
    """Where the environment's packages are."""
    return environment / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"


def is_ready(environment: Path) -> bool:
    """Whether it was installed completely and its interpreter still exists."""
    return (environment / ".ready").exists() and toolchain_python(environment).exists()


def tool_versions(requirements: Path = REQUIREMENTS, tools: Sequence[str] = TOOLS) -> str:
    """``spin-sdk 3.4.1, componentize-py 0.17.2, mypy 2.4.1``: as the lock file pins them."""
    pins = dict(re.findall(r"^([\w.-]+)==([\w.]+)", requirements.read_text(), re.MULTILINE))
    return ", ".join(f"{tool} {pins[tool]}" for tool in tools)


def prepare_environment(cache: Path, requirements: Path, say: SayLine) -> Path:
    """Install the toolchain unless it is there, and give its interpreter. Under 5 ms when it was done before.

    One process installs, others wait for it. Raises Unavailable with a sentence when the packages can't be had.
    """
    environment = environment_path(cache, requirements)
    if not is_ready(environment):
        environment.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _only_one(environment.with_suffix(".lock"), say):
            if not is_ready(environment):
                _install(environment, requirements, say)
    return toolchain_python(environment)


@contextlib.contextmanager
def _only_one(lock: Path, say: SayLine) -> Iterator[None]:
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another process is installing the toolchain; waiting for it.")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _install(environment: Path, requirements: Path, say: SayLine) -> None:
    say(f"Installing the toolchain: {tool_versions(requirements)}.")
    started = time.monotonic()
    shutil.rmtree(environment, ignore_errors=True)
    for command in _commands(environment, requirements):
        _run(command)
    ready = environment / ".ready.new"
    ready.write_text(f"{tool_versions(requirements)}\n")
    ready.rename(environment / ".ready")
    say(f"The toolchain is installed ({time.monotonic() - started:.1f} s).")


def _commands(environment: Path, requirements: Path) -> list[list[str]]:
    python = str(toolchain_python(environment))
    locked = ["--require-hashes", "-r", str(requirements)]
    if uv := _uv():
        return [
            [*uv, "venv", "--quiet", "--python", sys.executable, str(environment)],
            [*uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python, *locked],
        ]
    return [
        [sys.executable, "-m", "venv", str(environment)],
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *locked],
    ]


def _uv() -> list[str] | None:
    """uv as a command or as a module; it installs in a second what takes pip ten."""
    if command := shutil.which("uv"):
        return [command]
    return [sys.executable, "-m", "uv"] if importlib.util.find_spec("uv") else None


def _run(command: list[str]) -> None:
    misleading = ("VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH", "UV_PROJECT_ENVIRONMENT", "PIP_TARGET", "PIP_USER")
    environment = {name: value for name, value in os.environ.items() if name not in misleading}
    try:
        done = subprocess.run(  # noqa: S603 - the installer with our own arguments
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=INSTALL_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise Unavailable(f"The toolchain was not installed within {INSTALL_TIMEOUT_S} s.") from exc
    if done.returncode != 0:
        raise Unavailable(_reason(f"{done.stdout}\n{done.stderr}"))


def _reason(output: str) -> str:
    """Say what to do; the installer's last words stay for the operator who reads it."""
    words = " ".join(output.split())[-400:]
    if NETWORK_WORDS.search(output):
        return (
            "The toolchain could not be installed: the package index can't be reached. Connect this machine to it "
            f"(or point UV_INDEX_URL and PIP_INDEX_URL to a mirror) and start again. The installer said: {words}"
        )
    return f"The toolchain could not be installed. The installer said: {words}"
