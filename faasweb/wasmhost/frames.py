"""The frames an answer of wasmhost is made of: 1 byte kind, 4 bytes big-endian length, payload.

``H`` is the head as JSON (once, first, absent when the guest never answered), ``D`` body bytes, ``E`` the outcome as
JSON (once, last). Also used by the client, so nothing heavy is imported here.
"""

import json
import struct
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

CONTENT_TYPE = "application/vnd.faasweb.frames"
HEADER = struct.Struct(">cI")
MAX_PAYLOAD = 8 << 20

OutcomeName = Literal[
    "ok", "error", "timeout", "trap", "no_response", "over_capacity", "not_found", "not_ready", "too_large"
]


class BrokenFrames(ValueError):
    """The bytes are not a complete sequence of frames."""


@dataclass(frozen=True, slots=True)
class Head:
    """Status and headers of the guest's response. Values are latin-1 text, so any header byte survives."""

    status: int
    headers: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Data:
    """A piece of the response body."""

    body: bytes


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line a guest wrote. ``ts`` is Unix time in nanoseconds; ``stream`` is stdout, stderr or system."""

    ts: int
    stream: str
    text: str


@dataclass(frozen=True, slots=True)
class End:
    """How a run ended. ``error`` is a sentence for the function's author; times are milliseconds."""

    outcome: OutcomeName
    error: str | None = None
    duration_ms: float = 0.0
    cpu_ms: float = 0.0
    memory_peak_mb: float | None = None
    release: str = ""
    version: int | None = None
    mode: str = "instant"
    logs: list[LogLine] = field(default_factory=list)
    logs_dropped: int = 0


Frame = Head | Data | End


def encode(frame: Frame) -> bytes:
    """The bytes of one frame."""
    match frame:
        case Head(status, headers):
            return _encode(b"H", _json({"status": status, "headers": headers}))
        case Data(body):
            return _encode(b"D", body)
        case End():
            return _encode(b"E", _json(asdict(frame)))


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _encode(kind: bytes, payload: bytes) -> bytes:
    return HEADER.pack(kind, len(payload)) + payload


class Decoder:
    """Turns pieces of bytes, cut anywhere, into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._ended = False

    def feed(self, piece: bytes) -> Iterator[Frame]:
        """The frames that ``piece`` completes. Raises BrokenFrames on bytes that cannot be frames."""
        self._buffer += piece
        while len(self._buffer) >= HEADER.size:
            kind, length = HEADER.unpack_from(self._buffer)
            if self._ended or kind not in b"HDE" or length > MAX_PAYLOAD:
                raise BrokenFrames(f"unexpected frame {kind!r} of {length} bytes")
            if len(self._buffer) < HEADER.size + length:
                return
            payload = bytes(self._buffer[HEADER.size : HEADER.size + length])
            del self._buffer[: HEADER.size + length]
            self._ended = kind == b"E"
            yield _decode(kind, payload)

    def finish(self) -> None:
        """Raises BrokenFrames unless the last frame was an end."""
        if not self._ended or self._buffer:
            raise BrokenFrames("the answer stopped in the middle")


def _decode(kind: bytes, payload: bytes) -> Frame:
    if kind == b"D":
        return Data(payload)
    try:
        content = json.loads(payload)
        if kind == b"H":
            return Head(int(content["status"]), [(name, value) for name, value in content["headers"]])
        known = {name: content[name] for name in End.__dataclass_fields__ if name in content}
        known["logs"] = [LogLine(**line) for line in content.get("logs", [])]
        return End(**known)
    except (ValueError, KeyError, TypeError) as error:
        raise BrokenFrames(f"frame {kind!r} cannot be read: {error}") from error


def decode(answer: bytes) -> Iterator[Frame]:
    """All frames of a whole answer. Raises BrokenFrames when it is cut short."""
    decoder = Decoder()
    yield from decoder.feed(answer)
    decoder.finish()


async def decode_stream(pieces: AsyncIterable[bytes]) -> AsyncIterator[Frame]:
    """All frames of an answer, as they arrive. Raises BrokenFrames when it is cut short."""
    decoder = Decoder()
    async for piece in pieces:
        for frame in decoder.feed(piece):
            yield frame
    decoder.finish()
