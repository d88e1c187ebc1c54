"""wasi:clocks: time of day, monotonic time, and waiting for a moment."""

import time

from faasweb.wasmhost.interfaces.io import Pollable
from faasweb.wasmhost.interfaces.registry import Interface
from faasweb.wasmhost.sandbox import Sandbox

monotonic = Interface("wasi:clocks/monotonic-clock")
wall = Interface("wasi:clocks/wall-clock")

NANOSECONDS = 1_000_000_000
RESOLUTION_NS = 1000


class Moment:
    """Ready from ``due_ns`` (monotonic) on."""

    def __init__(self, due_ns: int) -> None:
        self.due_ns: int | None = due_ns
        self._due_ns = due_ns

    def ready(self) -> bool:
        return time.monotonic_ns() >= self._due_ns


@monotonic.function("now")
def monotonic_now(guest: Sandbox) -> int:
    return time.monotonic_ns()


@monotonic.function("resolution")
def monotonic_resolution(guest: Sandbox) -> int:
    return RESOLUTION_NS


@monotonic.function("subscribe-instant")
def subscribe_instant(guest: Sandbox, when: int) -> Pollable:
    return Pollable(Moment(when))


@monotonic.function("subscribe-duration")
def subscribe_duration(guest: Sandbox, duration: int) -> Pollable:
    return Pollable(Moment(time.monotonic_ns() + duration))


@wall.function("now")
def wall_now(guest: Sandbox) -> dict[str, int]:
    seconds, nanoseconds = divmod(time.time_ns(), NANOSECONDS)
    return {"seconds": seconds, "nanoseconds": nanoseconds}


@wall.function("resolution")
def wall_resolution(guest: Sandbox) -> dict[str, int]:
    return {"seconds": 0, "nanoseconds": RESOLUTION_NS}
