"""Work for later."""

from __future__ import annotations

from typing import Protocol


class Queue(Protocol):
    def enqueue(self, task: str, *args: str, queue: str = "default", delay_s: float = 0) -> None:
        """Run ``consoles.tasks.<task>(*args)`` soon, at least once."""
        ...
