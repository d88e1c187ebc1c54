"""Compare-and-set, again with fresh eyes when somebody else was faster."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from faasweb.domain.errors import Conflict

T = TypeVar("T")
TRIES = 10


def on_conflict(step: Callable[[], T], tries: int = TRIES) -> T:
    """What ``step`` returns; it must read what it changes anew on each call. Conflict after the last try."""
    for left in reversed(range(tries)):
        try:
            return step()
        except Conflict:
            if not left:
                raise
            time.sleep(random.uniform(0.002, 0.01 * (tries - left)))  # noqa: S311 - spreads writers, protects nothing
    raise AssertionError("unreachable")
