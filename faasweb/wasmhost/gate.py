"""How many guests may run at once: per function, and in the whole process."""

import threading
import time
from collections import Counter
from collections.abc import Callable

MAX_RUNNING = 32
MAX_WAIT_S = 2.0


class Gate:
    """Counts who is inside. ``on_change`` is told whether anybody is."""

    def __init__(self, limit: int = MAX_RUNNING, on_change: Callable[[bool], None] = lambda busy: None) -> None:
        self._limit = limit
        self._inside: Counter[str] = Counter()
        self._total = 0
        self._changed = threading.Condition()
        self._on_change = on_change

    @property
    def total(self) -> int:
        return self._total

    def enter(self, name: str, limit: int, wait_s: float) -> bool:
        """Take a place, waiting up to ``wait_s`` (at most 2 s) for one. False when there is none."""
        until = time.monotonic() + min(wait_s, MAX_WAIT_S)
        with self._changed:
            while self._total >= self._limit or self._inside[name] >= limit:
                left = until - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    self._forget(name)
                    return False
            self._inside[name] += 1
            self._total += 1
            if self._total == 1:
                self._on_change(True)
            return True

    def leave(self, name: str) -> None:
        """Give the place back."""
        with self._changed:
            self._inside[name] -= 1
            self._total -= 1
            self._forget(name)
            if self._total == 0:
                self._on_change(False)
            self._changed.notify_all()

    def _forget(self, name: str) -> None:
        if not self._inside[name]:
            del self._inside[name]
