"""What could be typed at a place, by a warm jedi in a process with limits. A comfort: it fails without a word."""

from __future__ import annotations

import contextlib
import logging
import threading
from pathlib import Path
from typing import Any

from faasweb.adapters.toolchain.environment import site_packages
from faasweb.adapters.toolchain.json_worker import JsonWorker, KeptWorker, WorkerCrashed
from faasweb.domain.errors import TimedOut
from faasweb.domain.source import Source
from faasweb.ports import Completion

log = logging.getLogger(__name__)

WORKER = Path(__file__).with_name("completion_worker.py")
TIMEOUT_S = 2.0
START_S = 15.0  # the first answer of a worker includes reading the SDK
PATIENCE_S = 1.0  # who waits longer for others has typed on meanwhile
REQUESTS_PER_WORKER = 2000
LIMIT = 50


class Completer:
    """Callers of several threads take turns. A process that was forked starts a worker of its own."""

    def __init__(self, environment: Path, python: Path, cache: Path, *, timeout_s: float = TIMEOUT_S) -> None:
        self._environment = environment
        self._python = python
        self._cache = cache
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._kept = KeptWorker(self._start, REQUESTS_PER_WORKER)

    def complete(
        self, source: Source, path: str, line: int, column: int, packages: Path | None = None
    ) -> list[Completion]:
        """At most 50; none when jedi fails, takes too long or others wait for it already."""
        if not self._lock.acquire(timeout=PATIENCE_S):
            return []
        try:
            return self._asked(source, path, line, column, packages)
        except (TimedOut, WorkerCrashed, OSError, ValueError) as exc:
            log.warning("no completions: %s", type(exc).__name__)
            self.close()
            return []
        finally:
            self._lock.release()

    def close(self) -> None:
        """End the worker. The next request starts another one."""
        self._kept.close()

    def _asked(self, source: Source, path: str, line: int, column: int, packages: Path | None) -> list[Completion]:
        files = {name: text for name, text in source.files.items() if name.endswith(".py")}
        if path not in files:
            return []
        worker = self._kept.healthy()
        patience = self._timeout_s if worker.asked else START_S
        place = {"path": path, "line": line, "column": column}
        answer = worker.ask({"files": files, **place, "packages": str(packages or ""), "limit": LIMIT}, patience)
        if "error" in answer:
            log.info("no completions: %s", answer["error"])
        return [_completion(item) for item in answer.get("items", [])]

    def _start(self) -> JsonWorker:
        home = self._cache / "completion" / self._environment.name
        sdk = home / "sdk"
        sdk.mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.suppress(FileExistsError):
            (sdk / "spin_sdk").symlink_to(site_packages(self._environment) / "spin_sdk")
        return JsonWorker(self._python, self._cache, WORKER, str(sdk), str(home / "parsed"))


def _completion(item: dict[str, Any]) -> Completion:
    return Completion(str(item["label"]), str(item["kind"]), str(item["detail"]), str(item["insert"]))
