from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from faasweb.domain import clock
from faasweb.domain.builds import LogLine
from faasweb.domain.errors import FaaswebError
from faasweb.ports import BuildRepository
from faasweb.usecases.beats import every

logger = logging.getLogger(__name__)
LINE_LIMIT = 5000
TEXT_LIMIT = 2000  # characters of a line


@dataclass
class BuildLog:
    """Collects a build's lines and stores them in chunks a few times a second, so that readers follow it live.

    A build that is tried again goes on where the log of its last try ended.
    """

    repository: BuildRepository
    build_id: str
    pending: list[LogLine] = field(default_factory=list)
    sending: list[LogLine] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    last: LogLine | None = None

    def say(self, phase: str, text: str) -> None:
        with self.lock:
            last = self._last()
            number = last.number + 1 if last else 1
            if number > LINE_LIMIT:
                return
            if number == LINE_LIMIT:
                phase, text = "system", f"The log is cut here: it reached {LINE_LIMIT} lines."
            self.last = LogLine(number, clock.now(), phase, text[:TEXT_LIMIT])
            self.pending.append(self.last)

    def say_once(self, phase: str, text: str) -> None:
        """Unless it was the last line already."""
        with self.lock:
            last = self._last()
        if last is None or (last.phase, last.text) != (phase, text[:TEXT_LIMIT]):
            self.say(phase, text)

    def _last(self) -> LogLine | None:
        if self.last is None:
            lines = self.repository.read_log(self.build_id)
            self.last = lines[-1] if lines else None
        return self.last

    def flush(self) -> None:
        """A chunk that could not be stored is sent again as it was: it may have arrived after all."""
        with self.lock:
            while self.sending or self.pending:
                if not self.sending:
                    self.sending, self.pending = self.pending, []
                self.repository.append_log(self.build_id, self.sending)
                self.sending = []

    @contextlib.contextmanager
    def flushing(self, every_s: float = 0.25) -> Iterator[None]:
        """Lines are told at the end of the block at the latest. A log that can't be stored never costs the build."""
        try:
            with every(every_s, self._try_to_flush):
                yield
        finally:
            self._try_to_flush()

    def _try_to_flush(self) -> None:
        try:
            self.flush()
        except FaaswebError as exc:
            logger.warning("lines of build %s wait: %s", self.build_id, exc.message)
