"""What one request prints: bytes of two streams become whole lines, capped, kept and counted."""

import time
from collections import deque
from collections.abc import Callable

from faasweb.wasmhost.frames import LogLine

MAX_LINE_BYTES = 16 << 10
MAX_LINES = 10_000
MAX_STORED_BYTES = 1 << 20
MAX_RETURNED_LINES = 100
MAX_RETURNED_BYTES = 64 << 10
REMEMBERED_ERRORS = 400

Store = Callable[[LogLine], None]


class RequestLog:
    """Lines of one request. Lines over the caps are counted, not kept; ``close`` stores one marker for them."""

    def __init__(self, store: Store | None = None) -> None:
        self.first: list[LogLine] = []
        self.last_errors: deque[str] = deque(maxlen=REMEMBERED_ERRORS)
        self.lines = 0
        self._stored_lines = 0
        self._stored_bytes = 0
        self._returned_bytes = 0
        self._partial = {"stdout": bytearray(), "stderr": bytearray()}
        self._store = store

    @property
    def not_returned(self) -> int:
        """How many lines ``first`` leaves out."""
        return self.lines - len(self.first)

    def write(self, stream: str, data: bytes) -> None:
        """Take what the guest wrote to ``stdout`` or ``stderr``; a line ends at its newline or at ``close``."""
        partial = self._partial[stream]
        *complete, rest = data.split(b"\n")
        for line in complete:
            self._append(partial, line)
            self._keep(stream, bytes(partial))
            partial.clear()
        self._append(partial, rest)

    def system(self, text: str) -> None:
        """A line of the runtime itself, among the guest's standard error."""
        self._keep("stderr", text.encode())

    def close(self) -> None:
        """Flush lines without a newline and say how many were dropped."""
        for stream, partial in self._partial.items():
            if partial:
                self._keep(stream, bytes(partial))
                partial.clear()
        dropped = self.lines - self._stored_lines
        if dropped and self._store:
            self._store(LogLine(time.time_ns(), "system", f"... {dropped} lines dropped"))

    @staticmethod
    def _append(partial: bytearray, piece: bytes) -> None:
        room = MAX_LINE_BYTES - len(partial)
        if room > 0:
            partial += piece[:room]

    def _keep(self, stream: str, raw: bytes) -> None:
        self.lines += 1
        full = self._stored_lines >= MAX_LINES or self._stored_bytes >= MAX_STORED_BYTES
        if full and stream == "stdout":
            return
        text = raw.decode("utf-8", "replace").rstrip("\r").replace("\0", "\ufffd")
        if stream == "stderr":
            self.last_errors.append(text)
        if not full:
            self._remember(LogLine(time.time_ns(), stream, text), len(raw))

    def _remember(self, line: LogLine, size: int) -> None:
        self._stored_lines += 1
        self._stored_bytes += size
        if self._store:
            self._store(line)
        if len(self.first) < MAX_RETURNED_LINES and self._returned_bytes + size <= MAX_RETURNED_BYTES:
            self.first.append(line)
            self._returned_bytes += size
