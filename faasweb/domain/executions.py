from __future__ import annotations

import codecs
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

_Utf8 = codecs.getincrementaldecoder("utf-8")
BODY_LIMIT = 64 * 1024  # bytes of a body kept in an execution record


@dataclass(frozen=True, slots=True)
class RecordedBody:
    """The first 64 KB of a body as text. ``size`` counts the bytes that passed; ``cut`` tells that some are missing."""

    text: str = ""
    size: int = 0
    cut: bool = False

    @classmethod
    def of(cls, content: bytes, *, size: int | None = None, limit: int = BODY_LIMIT) -> RecordedBody:
        """Bytes that are not UTF-8 show as U+FFFD, so that a record is always text."""
        size = len(content) if size is None else size
        cut = size > limit
        kept = _Utf8("replace").decode(content[:limit], final=not cut)  # a character cut in two is left out
        return cls(kept, size, cut)

    def json(self) -> object:
        """The value when the body is complete, strict JSON (NaN is not); otherwise ``{"data": text}``."""
        if self.cut:
            return {"data": self.text}
        try:
            return _decode(self.text)
        except (ValueError, RecursionError):
            return {"data": self.text}


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    """1e999 is JSON, but what Python makes of it is not."""
    if math.isinf(number := float(digits)):
        raise ValueError(f"{digits} is too large")
    return number


_decode = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite).decode


@dataclass(frozen=True, slots=True)
class Execution:
    """One finished run of a deployed function.

    ``status`` is ``success`` only for a 2xx answer without platform error; ``status_code`` is what the caller
    got (504, 503 ... when the platform answered); ``logs`` are the first lines the run printed; ``trigger`` is
    ``api``, ``console`` or ``route``; ``expires_at`` is when storage may forget it.
    """

    id: str
    function_id: str
    workspace_id: str
    at: datetime
    status_code: int
    duration_ms: float
    cpu_ms: float
    request_id: str
    method: str
    path: str
    trigger: str
    request_body: RecordedBody = field(default_factory=RecordedBody, repr=False)
    response_body: RecordedBody = field(default_factory=RecordedBody, repr=False)
    response_type: str = ""
    logs: Sequence[str] = field(default=(), repr=False)
    error: str | None = None
    version: int | None = None
    mode: str = ""
    expires_at: datetime | None = None

    @property
    def succeeded(self) -> bool:
        return self.error is None and 200 <= self.status_code < 300

    @property
    def status(self) -> str:
        return "success" if self.succeeded else "error"

    @property
    def level(self) -> str:
        return "info" if self.succeeded else "error"
