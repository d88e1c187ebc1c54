"""The client of ``mypy_worker.py``: one subprocess per process of ours, started when needed and replaced when ill."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import json
import os
import selectors
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, cast

from faasweb.adapters.toolchain.work import isolated_environment, work_folder
from faasweb.domain.errors import TimedOut, Unavailable

WORKER = Path(__file__).with_name("mypy_worker.py")
CHECK_TIMEOUT_S = 20.0
CHECKS_PER_WORKER = 500
ANSWER_LIMIT = 8 << 20  # bytes
# Checked once per machine, so that the first check of every worker finds these modules in its cache.
WARM_UP = """
from spin_sdk import http, key_value, llm, mqtt, mysql, postgres, redis, sqlite, variables
from spin_sdk.wit import types
import base64, collections, csv, dataclasses, datetime, enum, functools, hashlib, hmac, html, io, itertools, json
import logging, math, os, pathlib, random, re, secrets, string, sys, time, traceback, typing, urllib.parse, uuid
"""


class CheckerCrashed(Exception):
    """The worker ended while it was checking: that source is too much for it."""


class MypyProcess:
    """Callers of several threads take turns. A process that was forked starts a worker of its own."""

    def __init__(self, python: Path, cache: Path, *, timeout_s: float = CHECK_TIMEOUT_S) -> None:
        self._python = python
        self._cache = cache
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._worker: _Worker | None = None
        atexit.register(self.close)

    def run(self, files: Mapping[str, str]) -> str:
        """mypy's JSON lines about these files. Raises TimedOut, CheckerCrashed, Unavailable."""
        if not self._lock.acquire(timeout=self._timeout_s * 2):
            raise Unavailable("The type checker is busy; try again in a moment.")
        try:
            return self._healthy_worker().ask(files, self._timeout_s)
        except (TimedOut, CheckerCrashed):
            self.close()
            raise
        finally:
            self._lock.release()

    def close(self) -> None:
        """End the worker. The next check starts another one."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.close()

    def _healthy_worker(self) -> _Worker:
        if self._worker is None or not self._worker.usable:
            self.close()
            self._worker = _Worker(self._python, self._cache, self._seed())
        return self._worker

    def _seed(self) -> Path:
        """A filled mypy cache that workers copy, so that no two of them ever write to the same one."""
        seed = self._cache / "mypy" / self._python.parent.parent.name
        if not seed.is_dir():
            seed.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with seed.with_suffix(".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not seed.is_dir():
                    self._make_seed(seed)
        return seed

    def _make_seed(self, seed: Path) -> None:
        worker = _Worker(self._python, self._cache, seed)
        try:
            worker.ask({"app.py": WARM_UP}, self._timeout_s * 3)
            unfinished = Path(tempfile.mkdtemp(prefix="seed-", dir=worker.work.parent))
            shutil.copytree(worker.work / "cache", unfinished / "cache")
            (unfinished / "cache").rename(seed)
            unfinished.rmdir()
        finally:
            worker.close()


class _Worker:
    def __init__(self, python: Path, cache: Path, seed: Path) -> None:
        self.work = Path(tempfile.mkdtemp(prefix="mypy-", dir=work_folder(cache)))
        self._owner = os.getpid()
        self._checks = 0
        self._process = subprocess.Popen(  # noqa: S603 - our own script with our own arguments
            [str(python), "-I", str(WORKER), str(self.work), str(seed)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=isolated_environment(self.work),
            start_new_session=True,
        )
        self._requests = cast(IO[bytes], self._process.stdin)
        self._answers = cast(IO[bytes], self._process.stdout)

    @property
    def usable(self) -> bool:
        mine = self._owner == os.getpid()
        return mine and self._checks < CHECKS_PER_WORKER and self._process.poll() is None

    def ask(self, files: Mapping[str, str], timeout_s: float) -> str:
        self._checks += 1
        try:
            self._requests.write(json.dumps({"files": dict(files)}).encode() + b"\n")
            self._requests.flush()
        except BrokenPipeError as exc:
            raise CheckerCrashed from exc
        answer = json.loads(b"".join(self._answer(time.monotonic() + timeout_s)))
        return str(answer["output"] or answer["errors"])

    def _answer(self, deadline: float) -> Iterator[bytes]:
        """The pieces of one line."""
        size = 0
        with selectors.DefaultSelector() as selector:
            selector.register(self._answers, selectors.EVENT_READ)
            while selector.select(max(0.0, deadline - time.monotonic())):
                piece = os.read(self._answers.fileno(), 65536)
                size += len(piece)
                if not piece or size > ANSWER_LIMIT:
                    raise CheckerCrashed
                yield piece
                if piece.endswith(b"\n"):
                    return
        raise TimedOut("The type check took too long.")

    def close(self) -> None:
        """A forked copy lets go of the pipes only: the worker belongs to its parent."""
        for pipe in (self._requests, self._answers):
            with contextlib.suppress(OSError):
                pipe.close()
        if self._owner != os.getpid():
            self._process.returncode = 0  # not ours to wait for
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()
        shutil.rmtree(self.work, ignore_errors=True)
