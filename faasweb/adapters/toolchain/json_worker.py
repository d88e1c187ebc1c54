"""A tool that stays in memory: a subprocess that reads one JSON request per line and answers each with one line."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import selectors
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, cast

from faasweb.adapters.toolchain.work import isolated_environment, work_folder
from faasweb.domain.errors import TimedOut

ANSWER_LIMIT = 8 << 20  # bytes


class WorkerCrashed(Exception):
    """The worker ended while it was asked: that request is too much for it."""


class JsonWorker:
    """``python -I script <work> <arguments>``, without our environment. ``work`` is a folder of its own.

    One caller at a time. A process that was forked may not use its parent's worker, only close it.
    """

    def __init__(self, python: Path, cache: Path, script: Path, *arguments: str) -> None:
        self.work = Path(tempfile.mkdtemp(prefix=f"{script.stem.partition('_')[0]}-", dir=work_folder(cache)))
        self.asked = 0
        self._owner = os.getpid()
        self._process = subprocess.Popen(  # noqa: S603 - our own script with our own arguments
            [str(python), "-I", str(script), str(self.work), *arguments],
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
    def alive(self) -> bool:
        """Whether this process may ask it."""
        return self._owner == os.getpid() and self._process.poll() is None

    def ask(self, request: Mapping[str, object], timeout_s: float) -> dict[str, Any]:
        """Its answer. After TimedOut or WorkerCrashed only ``close`` is left."""
        self.asked += 1
        try:
            self._requests.write(json.dumps(request).encode() + b"\n")
            self._requests.flush()
        except BrokenPipeError as exc:
            raise WorkerCrashed from exc
        answer: dict[str, Any] = json.loads(b"".join(self._answer(time.monotonic() + timeout_s)))
        return answer

    def _answer(self, deadline: float) -> Iterator[bytes]:
        """The pieces of one line."""
        size = 0
        with selectors.DefaultSelector() as selector:
            selector.register(self._answers, selectors.EVENT_READ)
            while selector.select(max(0.0, deadline - time.monotonic())):
                piece = os.read(self._answers.fileno(), 65536)
                size += len(piece)
                if not piece or size > ANSWER_LIMIT:
                    raise WorkerCrashed
                yield piece
                if piece.endswith(b"\n"):
                    return
        raise TimedOut("The tool took too long.")

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


class KeptWorker:
    """A worker for as long as it is well: started when it is needed, another one after ``most`` requests.

    A process that was forked starts one of its own. One caller at a time.
    """

    def __init__(self, start: Callable[[], JsonWorker], most: int) -> None:
        self._start = start
        self._most = most
        self.worker: JsonWorker | None = None
        atexit.register(self.close)

    def healthy(self) -> JsonWorker:
        worn_out = self.worker is not None and self.worker.asked >= self._most
        if self.worker is None or worn_out or not self.worker.alive:
            self.close()
            self.worker = self._start()
        return self.worker

    def close(self) -> None:
        """End the worker. It starts again when it is needed."""
        worker, self.worker = self.worker, None
        if worker is not None:
            worker.close()
