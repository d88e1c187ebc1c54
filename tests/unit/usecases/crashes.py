"""A process that can be killed between any two calls of a port."""

from __future__ import annotations

from typing import Any


class Killed(BaseException):
    """What a power cut looks like from inside: nothing that catches errors catches it."""


class Fuse:
    """Counts the calls of all ports together and blows at one of them: before it happens, or after it has."""

    def __init__(self) -> None:
        self.calls = 0
        self.blow_at: int | None = None
        self.after = False
        self.blown = False

    def arm(self, blow_at: int, *, after: bool) -> None:
        self.calls, self.blow_at, self.after, self.blown = 0, blow_at, after, False

    def mend(self) -> None:
        """Another process takes over."""
        self.blow_at, self.blown = None, False

    def call(self, method: Any, args: Any, kwargs: Any) -> Any:
        if self.blown:
            raise Killed
        self.calls += 1
        now = self.calls == self.blow_at
        if now and not self.after:
            self.blown = True
            raise Killed
        try:
            return method(*args, **kwargs)
        finally:
            if now:
                self.blown = True
                raise Killed


class Fused:
    """A port behind a fuse."""

    def __init__(self, port: Any, fuse: Fuse) -> None:
        self._port = port
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._port, name)
        if not callable(attribute):
            return attribute
        return lambda *args, **kwargs: self._fuse.call(attribute, args, kwargs)
