"""The client of ``mypy_worker.py``: one subprocess per process of ours, started when needed and replaced when ill."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path

from faasweb.adapters.toolchain.json_worker import JsonWorker, KeptWorker, WorkerCrashed
from faasweb.domain.errors import TimedOut, Unavailable

WORKER = Path(__file__).with_name("mypy_worker.py")
CHECK_TIMEOUT_S = 20.0
CHECKS_PER_WORKER = 500
# Checked once per machine, so that the first check of every worker finds these modules in its cache.
WARM_UP = """
from spin_sdk import http, key_value, llm, mqtt, mysql, postgres, redis, sqlite, variables
from spin_sdk.wit import types
import base64, collections, csv, dataclasses, datetime, enum, functools, hashlib, hmac, html, io, itertools, json
import logging, math, os, pathlib, random, re, secrets, string, sys, time, traceback, typing, urllib.parse, uuid
"""


class MypyProcess:
    """Callers of several threads take turns. A process that was forked starts a worker of its own."""

    def __init__(self, python: Path, cache: Path, *, timeout_s: float = CHECK_TIMEOUT_S) -> None:
        self._python = python
        self._cache = cache
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._kept = KeptWorker(lambda: self._start(self._seed()), CHECKS_PER_WORKER)

    def run(self, files: Mapping[str, str], packages: Path | None = None) -> str:
        """mypy's JSON lines about these files. Raises TimedOut, WorkerCrashed, Unavailable.

        ``packages`` is a folder of installed ones. To read large ones for the first time may take a while.
        """
        request = {"files": dict(files), "packages": str(packages or "")}
        timeout_s = self._timeout_s * (3 if packages else 1)
        if not self._lock.acquire(timeout=self._timeout_s * 2):
            raise Unavailable("The type checker is busy; try again in a moment.")
        try:
            return _said(self._kept.healthy().ask(request, timeout_s))
        except (TimedOut, WorkerCrashed):
            self.close()
            raise
        finally:
            self._lock.release()

    def close(self) -> None:
        """End the worker. The next check starts another one."""
        self._kept.close()

    def _start(self, seed: Path) -> JsonWorker:
        return JsonWorker(self._python, self._cache, WORKER, str(seed))

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
        worker = self._start(seed)
        try:
            worker.ask({"files": {"app.py": WARM_UP}, "packages": ""}, self._timeout_s * 3)
            unfinished = Path(tempfile.mkdtemp(prefix="seed-", dir=worker.work.parent))
            shutil.copytree(worker.work / "cache", unfinished / "cache")
            (unfinished / "cache").rename(seed)
            unfinished.rmdir()
        finally:
            worker.close()


def _said(answer: Mapping[str, object]) -> str:
    return str(answer["output"] or answer["errors"])
