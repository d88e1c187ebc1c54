"""wasi:io: streams, pollables and their errors."""

from collections.abc import Callable
from typing import Any

from faasweb.wasmhost.abi_shapes import Err
from faasweb.wasmhost.interfaces.registry import Interface, resource
from faasweb.wasmhost.sandbox import Sandbox, Waitable

error = Interface("wasi:io/error")
poll = Interface("wasi:io/poll")
streams = Interface("wasi:io/streams")

WRITE_WINDOW = 64 << 10
MAX_READ = 1 << 20


@resource("wasi", "error", "io-error")
class IoError:
    """The reason of a failed stream operation."""

    def __init__(self, message: str) -> None:
        self.message = message


@resource("wasi", "pollable")
class Pollable:
    """Wraps what the guest may wait for."""

    def __init__(self, waitable: Waitable) -> None:
        self.waitable = waitable


class Always:
    """A waitable that is ready."""

    due_ns: int | None = None

    def ready(self) -> bool:
        return True


@resource("wasi", "input-stream")
class InputStream:
    """Reads from bytes that are all there already."""

    def __init__(self, data: bytes = b"", position: int = 0) -> None:
        self._data = data
        self._position = position

    def take(self, length: int) -> bytes:
        """Up to ``length`` bytes. Raises Err(closed) at the end."""
        if self._position >= len(self._data):
            raise Err(("closed", None))
        piece = self._data[self._position : self._position + min(length, MAX_READ)]
        self._position += len(piece)
        return piece


@resource("wasi", "output-stream")
class OutputStream:
    """Hands every write on to ``sink``."""

    def __init__(self, sink: Callable[[bytes], None]) -> None:
        self.sink = sink


@error.method("error", "to-debug-string")
def to_debug_string(guest: Sandbox, io_error: IoError) -> str:
    return io_error.message


@poll.method("pollable", "ready")
def ready(guest: Sandbox, pollable: Pollable) -> bool:
    return pollable.waitable.ready()


@poll.method("pollable", "block")
def block(guest: Sandbox, pollable: Pollable) -> None:
    guest.wait_any([pollable.waitable])


@poll.function("poll")
def poll_list(guest: Sandbox, pollables: list[Pollable]) -> list[int]:
    return guest.wait_any([pollable.waitable for pollable in pollables])


@streams.method("input-stream", "read", "blocking-read")
def read(guest: Sandbox, stream: InputStream, length: int) -> bytes:
    return stream.take(length)


@streams.method("input-stream", "skip", "blocking-skip")
def skip(guest: Sandbox, stream: InputStream, length: int) -> int:
    return len(stream.take(length))


@streams.method("input-stream", "subscribe")
@streams.method("output-stream", "subscribe")
def subscribe(guest: Sandbox, stream: Any) -> Pollable:
    return Pollable(Always())


@streams.method("output-stream", "check-write")
def check_write(guest: Sandbox, stream: OutputStream) -> int:
    return WRITE_WINDOW


@streams.method("output-stream", "write", "blocking-write-and-flush")
def write(guest: Sandbox, stream: OutputStream, contents: bytes) -> None:
    stream.sink(contents)


@streams.method("output-stream", "write-zeroes", "blocking-write-zeroes-and-flush")
def write_zeroes(guest: Sandbox, stream: OutputStream, length: int) -> None:
    if length > WRITE_WINDOW:
        raise ValueError("more zeroes than check-write allowed")
    stream.sink(bytes(length))


@streams.method("output-stream", "flush", "blocking-flush")
def flush(guest: Sandbox, stream: OutputStream) -> None:
    """Writes are handed on at once; the response itself is coalesced by its sink."""


@streams.method("output-stream", "splice", "blocking-splice")
def splice(guest: Sandbox, stream: OutputStream, source: InputStream, length: int) -> int:
    piece = source.take(min(length, WRITE_WINDOW))
    stream.sink(piece)
    return len(piece)
