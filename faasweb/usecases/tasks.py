"""Every task that may be queued: the function in ``consoles.tasks`` and the queue it waits in."""

from __future__ import annotations

from dataclasses import dataclass

from faasweb.ports import Queue


@dataclass(frozen=True, slots=True)
class Task:
    name: str
    queue: str

    def enqueue(self, queue: Queue, *ids: str, delay_s: float = 0) -> None:
        queue.enqueue(self.name, *ids, queue=self.queue, delay_s=delay_s)


RUN_BUILD = Task("run_build", "builds")
BEGIN_DEPLOYMENT = Task("advance_deployment", "default")  # type check and instant mode: short
GO_ON_DEPLOYING = Task("advance_deployment", "builds")  # may compile a component to machine code
APPLY_SETTINGS = Task("apply_settings", "default")
CLEAR_AWAY = Task("clear_away", "default")
REAP = Task("reap", "default")
PRUNE = Task("prune", "default")
