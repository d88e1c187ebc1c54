"""A call of a function, on its way in and out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

Headers = Sequence[tuple[str, str]]
REQUEST_BODY_LIMIT = 6 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class InvocationRequest:
    """``path`` starts with ``/`` and is relative to the function; ``query`` has no question mark."""

    method: str
    path: str = "/"
    query: str = ""
    headers: Headers = ()
    body: bytes = field(default=b"", repr=False)
    host: str = "localhost"
    scheme: str = "http"

    @property
    def target(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path


@dataclass(frozen=True, slots=True)
class Head:
    """The begin of the function's answer."""

    status: int
    headers: Headers


@dataclass(frozen=True, slots=True)
class PrintedLine:
    """A line a run printed; ``at_ns`` is Unix time in nanoseconds, ``stream`` is stdout, stderr or system."""

    at_ns: int
    stream: str
    text: str


@dataclass(frozen=True, slots=True)
class Report:
    """How a run ended, known only after its last byte.

    ``outcome`` is ``ok`` (the function answered, whatever status), ``error`` (its handler raised), ``timeout``,
    ``trap``, ``no_response``, ``over_capacity``, ``too_large``, ``not_found`` or ``not_ready``; ``error`` is a
    sentence for the developer, None when ok.
    """

    outcome: str
    duration_ms: float = 0.0
    cpu_ms: float = 0.0
    error: str | None = None
    mode: str = ""
    version: int | None = None
    logs: Sequence[PrintedLine] = ()
    logs_dropped: int = 0
