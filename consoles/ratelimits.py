"""How often somebody may call in a minute: a bucket for each caller, which calls empty and time fills again.

Buckets are in this process: with several front processes each of them allows as much.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from django.conf import settings

from faasweb.domain.access import Actor
from faasweb.domain.errors import RateLimited

MINUTE_S = 60.0
COMPLETIONS = 600  # nobody types faster for a minute
MOST_CALLERS = 10_000  # with more, those whose bucket is full again are forgotten


@dataclass(slots=True)
class Buckets:
    """Each holds the calls of one minute, so that a short burst passes and a steady flood does not."""

    per_minute: Callable[[], int]
    now: Callable[[], float] = time.monotonic
    left: dict[str, tuple[float, float]] = field(default_factory=dict)  # caller: calls left, and when that was
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, caller: str) -> None:
        """Count a call. RateLimited when the caller has none left; never with a limit of 0."""
        limit = self.per_minute()
        if not limit:
            return
        with self.lock:
            missing = self._take(caller, limit)
        if missing:
            wait = math.ceil(missing * MINUTE_S / limit)
            raise RateLimited(f"Too many calls: ask again in {wait} s.", retry_after_s=wait)

    def _take(self, caller: str, limit: int) -> float:
        """0 when there was a call left, else the part of one that is missing."""
        now = self.now()
        left, since = self.left.get(caller, (limit, now))
        left = min(limit, left + (now - since) * limit / MINUTE_S)
        missing = max(0.0, 1 - left)
        self.left[caller] = (left if missing else left - 1, now)
        if len(self.left) > MOST_CALLERS:
            self._forget(now)
        return missing

    def _forget(self, now: float) -> None:
        self.left = {caller: kept for caller, kept in self.left.items() if now - kept[1] < MINUTE_S}
        while len(self.left) > MOST_CALLERS:
            self.left.pop(next(iter(self.left)))


api_calls = Buckets(lambda: settings.RATE_API)
invocations = Buckets(lambda: settings.RATE_INVOKE)
completions = Buckets(lambda: COMPLETIONS)


def caller_of(actor: Actor) -> str:
    """A person with all their tokens, or the address of who needs no name."""
    return f"address {actor.address}" if actor.user_id is None else f"user {actor.user_id}"
