"""What must be true before anything starts. Each refusal is one sentence that says what to do."""

import errno
import fcntl
import os
import socket
import tempfile
from pathlib import Path

# The kernel's limit for the path of a unix socket, in bytes.
MAX_SOCKET_PATH = 107
LONGEST_SOCKET = "run/wasmhost-999.sock"


class CannotStart(Exception):
    """A sentence for the person who started faasweb."""


def check_data_folder(data: Path) -> None:
    """Make the data folder and its `run` folder, and prove that a file can be written there. Raises CannotStart."""
    advice = "choose another folder with FAASWEB_DATA=/path/to/folder"
    if len(os.fsencode(data.absolute() / LONGEST_SOCKET)) > MAX_SOCKET_PATH:
        raise CannotStart(f"The path of the data folder {data} is too long for unix sockets: {advice}.")
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        (data / "run").mkdir(mode=0o700, exist_ok=True)
        with tempfile.TemporaryFile(dir=data) as probe:
            probe.write(b"\0" * 4096)
    except OSError as exc:
        reason = (exc.strerror or str(exc)).lower()
        raise CannotStart(f"The data folder {data} can't be written ({reason}): {advice}.") from exc


def check_cache_folder(cache: Path) -> None:
    """Prove that the toolchain can be kept in the cache folder. Raises CannotStart."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache):
            pass
    except OSError as exc:
        reason = (exc.strerror or str(exc)).lower()
        advice = "choose another folder with FAASWEB_CACHE=/path/to/folder"
        raise CannotStart(f"The cache folder {cache} can't be written ({reason}): {advice}.") from exc


def lock_data_folder(data: Path) -> int:
    """Claim the data folder for this process and what it forks. Gives back the open file that holds the lock.

    Raises CannotStart when another faasweb holds it. The kernel lets go when the last holder ends, however it ends.
    """
    lock = os.open(data / "run" / "faasweb.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        holder = os.read(lock, 20).decode("ascii", "replace") or "unknown"
        os.close(lock)
        raise CannotStart(
            f"Another faasweb (process {holder}) is running on the data folder {data}: "
            "stop it, or choose another folder with FAASWEB_DATA=/path/to/folder."
        ) from exc
    os.ftruncate(lock, 0)
    os.write(lock, str(os.getpid()).encode())
    return lock


def check_port(bind: str, port: int, variable: str = "PORT") -> None:
    """Prove that the address can be listened on. Raises CannotStart, which names the `variable` to change."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(bind, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            # Two sockets may be bound to one port; only one of them may listen.
            probe.listen(1)
    except (OSError, OverflowError) as exc:
        raise CannotStart(_why_not(bind, port, variable, exc)) from exc


def _why_not(bind: str, port: int, variable: str, exc: Exception) -> str:
    number = exc.errno if isinstance(exc, OSError) else None
    if number == errno.EADDRINUSE:
        return f"Port {port} is in use: choose another with {variable}={port + 1} make run."
    if number == errno.EACCES:
        return f"Port {port} needs more rights than this user has: choose another with {variable}=8000 make run."
    return f"Can't listen on {bind} port {port} ({exc}): set FAASWEB_BIND and {variable}."
