"""What may be put into a queue. The same for every adapter."""

from __future__ import annotations

import re

QUEUES = ("default", "builds")
_TASK = re.compile(r"[a-z][a-z0-9_]*\Z")


def check(task: str, args: tuple[str, ...], queue: str, delay_s: float) -> None:
    """ValueError or TypeError, for mistakes of a programmer: no worker reads an unknown queue, so a task put there
    would be lost without a word; and only texts survive every broker as they are.
    """
    if not _TASK.match(task):
        raise ValueError(f"{task!r} is not the name of a function in consoles.tasks")
    if queue not in QUEUES:
        raise ValueError(f"{queue!r} is not one of the queues {', '.join(QUEUES)}")
    if not 0 <= delay_s < float("inf"):
        raise ValueError(f"a delay of {delay_s} s")
    if not all(isinstance(arg, str) for arg in args):
        raise TypeError(f"the arguments of {task} must all be text")
