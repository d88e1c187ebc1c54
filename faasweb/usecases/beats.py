"""What goes on beside a long piece of work."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from faasweb.domain import clock
from faasweb.domain.builds import Build
from faasweb.domain.errors import FaaswebError
from faasweb.ports import BuildRepository

logger = logging.getLogger(__name__)
HEARTBEAT_S = 10.0


@dataclass
class Heartbeat:
    """Keeps a build's ``updated_at`` young while its worker lives; ``revision`` is the one to save next with."""

    repository: BuildRepository
    build: Build

    @property
    def revision(self) -> int:
        return self.build.revision

    def beat(self) -> None:
        with contextlib.suppress(FaaswebError):
            self.build = self.repository.save(replace(self.build, updated_at=clock.now()))

    @contextlib.contextmanager
    def beating(self, every_s: float = HEARTBEAT_S) -> Iterator[Heartbeat]:
        with every(every_s, self.beat):
            yield self


@contextlib.contextmanager
def every(seconds: float, action: Callable[[], None]) -> Iterator[None]:
    """Call ``action`` on a thread of its own every ``seconds`` while the block runs; the thread ends with it."""
    stop = threading.Event()

    def loop() -> None:
        while not stop.wait(seconds):
            try:
                action()
            except Exception:  # one missed beat must not end the beating: the lease would be lost to another worker
                logger.exception("what goes on beside a build failed; it goes on")

    thread = threading.Thread(target=loop, name="every", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
