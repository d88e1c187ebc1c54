"""A queue in memory, for tests: no database, no other process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from faasweb.adapters.queue.asked import check

ENDLESS = 10_000  # tasks of one turn


@dataclass(frozen=True, slots=True)
class Waiting:
    task: str
    args: tuple[str, ...]
    queue: str
    delay_s: float


@dataclass
class InlineQueue:
    """Calls ``run(task, args)``: at once, or with ``at_once`` False when ``work`` is called.

    As with a worker, a task that is enqueued by a running one begins after it; a delayed one waits for
    ``work(delayed=True)``; and one that raises stays in the queue. ``deliveries`` is how often each is run: 2 shows
    whether a task bears "at least once".
    """

    run: Callable[[str, tuple[str, ...]], None]
    at_once: bool = True
    deliveries: int = 1
    waiting: list[Waiting] = field(default_factory=list)
    working: bool = False

    def enqueue(self, task: str, *args: str, queue: str = "default", delay_s: float = 0) -> None:
        check(task, args, queue, delay_s)
        self.waiting.append(Waiting(task, args, queue, delay_s))
        if self.at_once and not self.working:
            self.work()

    def work(self, *, delayed: bool = False, queue: str | None = None) -> int:
        """Run what waits, in order, also what that enqueues; how many tasks. Delayed ones only when told so.

        A task's error comes out here, and the task stays first in the queue.
        """
        done, self.working = 0, True
        try:
            while (item := self._next(delayed, queue)) is not None:
                for _ in range(self.deliveries):
                    self.run(item.task, item.args)
                # By identity: an equal one may wait too.
                self.waiting = [other for other in self.waiting if other is not item]
                done += 1
                if done == ENDLESS:
                    raise RuntimeError(f"{item.task} enqueues itself without end")
        finally:
            self.working = False
        return done

    def _next(self, delayed: bool, queue: str | None) -> Waiting | None:
        ready = (item for item in self.waiting if queue in (None, item.queue) and (delayed or not item.delay_s))
        return next(ready, None)
