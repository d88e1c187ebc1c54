"""How long to wait before something that stopped is started again."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Backoff:
    """Waits double from `first` to `limit` seconds; a life of `reset_after` seconds starts over."""

    first: float = 0.5
    limit: float = 30.0
    reset_after: float = 60.0
    _next: float = field(default=0.0, init=False)

    def after(self, lifetime: float) -> float:
        """Give back the seconds to wait after a life of `lifetime` seconds."""
        if lifetime >= self.reset_after or not self._next:
            self._next = self.first
        delay = self._next
        self._next = min(delay * 2, self.limit)
        return delay
