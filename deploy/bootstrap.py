"""Make `.venv` from a lock file, then become the command that needs it. Standard library only.

    python3 deploy/bootstrap.py requirements.txt manage.py up

When the lock has not changed since the last time this costs a few milliseconds. uv installs when it can be had
(seconds); pip is the fallback (a minute).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "faasweb-locks.json"
UV_LOCK = ROOT / "deploy" / "requirements" / "uv.txt"
NEEDED = (3, 11)
STARTED = time.monotonic()


class CannotInstall(Exception):
    """A sentence that says what is missing and what to do."""


def main(arguments: list[str]) -> int:
    """Install the lock named first, then run the rest in its environment. Gives back an exit status."""
    if sys.version_info[:2] != NEEDED:
        return refuse(wrong_python(sys.version_info[:2]))
    if not arguments:
        return refuse("say which lock file to install: deploy/bootstrap.py LOCK [COMMAND ...]")
    lock, command = ROOT / arguments[0], arguments[1:]
    try:
        if not installed(lock):
            with one_at_a_time():
                install(lock)
    except CannotInstall as exc:
        return refuse(str(exc))
    if command:
        run(command)
    return 0


def wrong_python(version: tuple[int, ...]) -> str:
    """Say which Python was found and which is needed."""
    found = ".".join(map(str, version))
    return (
        f"faasweb needs Python 3.11, this is {found}: install python3.11, or say `make run PYTHON=/path/to/python3.11`"
    )


def installed(lock: Path) -> bool:
    """Whether `.venv` works and holds exactly what this lock says now."""
    return python().exists() and read_stamp().get(lock.name) == digest(lock)


def install(lock: Path) -> None:
    """Bring `.venv` to what the lock says and remember that it was done."""
    if installed(lock):  # another make was faster
        return
    if not python().exists():
        make_venv()
    count = sum(1 for line in lock.read_text().splitlines() if "==" in line and not line.startswith((" ", "#")))
    say(f"Installing {count} packages from {lock.relative_to(ROOT)}")
    call([*installer(), "--require-hashes", "-r", str(lock)], "the packages could not be installed")
    STAMP.write_text(json.dumps({**read_stamp(), lock.name: digest(lock)}))
    say("Installed")


def make_venv() -> None:
    """Make an empty environment with this Python."""
    say(f"Making {VENV.relative_to(ROOT)} with Python {sys.version.split()[0]}")
    if shutil.which("uv"):
        call(["uv", "venv", "--quiet", "--clear", "--python", sys.executable, str(VENV)], ".venv could not be made")
        return
    hint = "Python's venv module did not work (on Debian and Ubuntu: apt-get install python3-venv)"
    call([sys.executable, "-m", "venv", "--clear", str(VENV)], hint)


def installer() -> list[str]:
    """Give back the start of the command line that installs: uv on PATH, uv in the environment, or pip."""
    into = ["pip", "install", "--quiet", "--python", str(python())]
    uv = shutil.which("uv")
    if uv:
        return [uv, *into]
    pip = [str(python()), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    say("Installing uv, which installs the rest faster")
    with_uv = subprocess.run([*pip, "--require-hashes", "-r", str(UV_LOCK)], check=False)  # noqa: S603
    if with_uv.returncode == 0:
        return [str(python().with_name("uv")), *into]
    say("No uv: pip does it, which takes about a minute")
    return pip


def run(command: list[str]) -> None:
    """Become the command: the same process, so that signals and exit status are its own."""
    environment = {**os.environ, "VIRTUAL_ENV": str(VENV), "PYTHONUNBUFFERED": "1"}
    environment["PATH"] = f"{VENV / 'bin'}{os.pathsep}{environment.get('PATH', os.defpath)}"
    sys.stdout.flush()
    os.chdir(ROOT)
    os.execve(str(python()), [str(python()), *command], environment)  # noqa: S606


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Two makes at once would install over each other: the second waits."""
    folder = os.open(str(ROOT), os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another installation is running here: waiting for it")
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def call(command: list[str], trouble: str) -> None:
    """Run a step of the installation, saying every ten seconds that it still works."""
    try:
        process = subprocess.Popen(command, cwd=ROOT)  # noqa: S603
    except OSError as exc:
        raise CannotInstall(f"{trouble}: {exc}") from exc
    while True:
        try:
            status = process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            say("... still at it")
            continue
        if status:
            raise CannotInstall(f"{trouble} (exit status {status}; what went wrong is printed above)")
        return


def python() -> Path:
    """Give back the environment's Python."""
    return VENV / "bin" / "python"


def read_stamp() -> dict[str, str]:
    """Give back the digest of each lock that was installed, by its name."""
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def digest(lock: Path) -> str:
    """Give back the SHA-256 of a lock file."""
    try:
        return hashlib.sha256(lock.read_bytes()).hexdigest()
    except OSError as exc:
        raise CannotInstall(f"the lock file can't be read: {exc}") from exc


def say(sentence: str) -> None:
    """Print a line of progress with the seconds since the start."""
    sys.stdout.write(f"[{time.monotonic() - STARTED:5.1f} s] {sentence}\n")
    sys.stdout.flush()


def refuse(sentence: str) -> int:
    """Print why nothing was done. Gives back the exit status."""
    sys.stderr.write(f"{sentence}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
