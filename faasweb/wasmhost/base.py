"""The base of instant mode: prepared once per machine, shared by every data folder and every wasmhost."""

import fcntl
import hashlib
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from faasweb.wasmhost.engine_settings import ENGINE_SETTINGS

GUEST_SOURCE = Path(__file__).with_name("base_guest.py")
# What the toolchain environment contains (deploy/requirements/toolchain.in).
TOOLCHAIN = "spin-sdk 3.4.1, componentize-py 0.17.2"
# The SDK's own name for this interface clashes with another one; without it `from spin_sdk import sqlite` fails.
SQLITE_NAME = "fermyon:spin/sqlite@2.0.0=sqlite"
STEP_TIMEOUT_S = 300

Say = Callable[[str], None]


class BaseFailed(RuntimeError):
    """The base could not be prepared; the message has the tool's last words."""


def base_path(cache: Path) -> Path:
    """Where the compiled base is, or will be. Depends on everything it is made from."""
    made_from = (
        TOOLCHAIN.encode(),
        version("wasmtime").encode(),
        platform.machine().encode(),
        _processor_features(),
        GUEST_SOURCE.read_bytes(),
        repr(sorted(ENGINE_SETTINGS.items())).encode(),
    )
    digest = hashlib.sha256(b"\0".join(made_from)).hexdigest()[:16]
    return cache / "base" / digest / "base.cwasm"


def _processor_features() -> bytes:
    """What the compiler may use on this machine: a home folder can be shared by different ones."""
    try:
        lines = Path("/proc/cpuinfo").read_bytes().splitlines()
    except OSError:
        return platform.processor().encode()
    return next((line for line in lines if line.lower().startswith((b"flags", b"features"))), b"")


def prepare_base(cache: Path, toolchain_python: Path, say: Say) -> Path:
    """Make the base unless it is there; one process does it, others wait for it. Returns ``base_path(cache)``.

    ``toolchain_python`` is the interpreter of the environment with the SDK and componentize-py. Takes 15 to 60 s and
    about 600 MB of memory. Raises BaseFailed.
    """
    target = base_path(cache)
    if target.exists():
        return target
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _only_one(target.with_name("lock"), say):
        if not target.exists():
            _make(target, toolchain_python, say)
    return target


@contextmanager
def _only_one(lock: Path, say: Say) -> Iterator[None]:
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another process is preparing instant mode; waiting for it.")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(target: Path, toolchain_python: Path, say: Say) -> None:
    with tempfile.TemporaryDirectory(prefix="faasweb-base-") as name:
        folder = Path(name)
        shutil.copy(GUEST_SOURCE, folder / GUEST_SOURCE.name)
        say("Instant mode 1/2: putting the standard library into a component (about 10 s).")
        _componentize(folder, toolchain_python)
        say("Instant mode 2/2: compiling it for this machine (about 10 s).")
        _run([sys.executable, "-m", "faasweb.wasmhost.compile", str(folder / "base.wasm"), str(target)], None)
    say("Instant mode is ready.")


def _componentize(folder: Path, toolchain_python: Path) -> None:
    where = [str(toolchain_python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    sdk = _run(where, folder).strip()
    tool = toolchain_python.with_name("componentize-py")
    command = [str(tool), "-w", "spin-http", "--import-interface-name", SQLITE_NAME, "componentize"]
    _run([*command, GUEST_SOURCE.stem, "-p", str(folder), "-p", sdk, "-o", "base.wasm"], folder)


def _run(command: list[str], folder: Path | None) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - our own tools with our own arguments
            command, cwd=folder, capture_output=True, text=True, timeout=STEP_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BaseFailed(f"{Path(command[0]).name} could not be run: {error}") from error
    if done.returncode != 0:
        raise BaseFailed(f"{Path(command[0]).name} failed: {done.stderr.strip()[-2000:]}")
    return done.stdout
