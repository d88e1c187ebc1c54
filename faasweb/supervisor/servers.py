"""The command lines of what serves HTTP."""

import os
import sys
from collections.abc import Mapping
from typing import NoReturn

WEB_THREADS = 8


def become(command: tuple[str, ...], environment: Mapping[str, str]) -> NoReturn:
    """Replace this process with a server, so that signals and exit status are its own."""
    os.execve(command[0], command, dict(environment))  # noqa: S606 - the commands are below


def edge_and_web(bind: str, port: int) -> tuple[str, ...]:
    """Both stacks in one process, for one machine. It must be gone within the supervisor's patience."""
    return (*_granian("faasweb.asgi:application", bind, port, kill_after=2, log_level="error"), *_ASGI)


def edge(bind: str, port: int) -> tuple[str, ...]:
    """The edge stack alone."""
    return (*_granian("faasweb.asgi:edge", bind, port), *_ASGI)


def web(bind: str, port: int) -> tuple[str, ...]:
    """The web stack alone."""
    return (*_granian("faasweb.wsgi:application", bind, port), *_WSGI)


def builder(bind: str, port: int) -> tuple[str, ...]:
    """The Builder Service. It must be gone within the supervisor's patience."""
    return (*_granian("faasweb.builder:application", bind, port, kill_after=2, log_level="error"), *_ASGI)


_ASGI = ("--interface", "asginl")
_WSGI = ("--interface", "wsgi", "--blocking-threads", str(WEB_THREADS))


def _granian(app: str, bind: str, port: int, kill_after: int = 10, log_level: str = "warning") -> tuple[str, ...]:
    # Without a kill timeout an open stream can keep a stopped server alive for ever.
    options = {
        "--host": bind,
        "--port": str(port),
        "--workers-kill-timeout": str(kill_after),
        "--log-level": log_level,
    }
    pairs = [word for pair in options.items() for word in pair]
    return (sys.executable, "-m", "granian", app, "--no-ws", *pairs)
