"""What the person at the terminal sees: our sentences, and each part's lines behind its name."""

import os
import select
from dataclasses import dataclass, field
from typing import TextIO

COLOURS = (36, 33, 35, 32, 34, 31)
PATIENCE_MS = 200


@dataclass(slots=True)
class Terminal:
    """Writes lines, and drops what can't be written: a full disk, a closed pipe or a paused terminal stops no part."""

    fd: int
    coloured: bool = False
    width: int = 8
    _colours: dict[str, int] = field(default_factory=dict)
    _stalled: bool = False

    @classmethod
    def on(cls, stream: TextIO) -> "Terminal":
        """Write where this stream writes, in colour when a person looks and has not set NO_COLOR."""
        return cls(stream.fileno(), coloured=stream.isatty() and "NO_COLOR" not in os.environ)

    def say(self, text: str) -> None:
        """Write our own sentence."""
        self._write(f"{text}\n")

    def relay(self, name: str, line: str) -> None:
        """Write a line of a part, behind the part's name."""
        label = f"{name:<{self.width}} |"
        if self.coloured:
            colour = self._colours.setdefault(name, COLOURS[len(self._colours) % len(COLOURS)])
            label = f"\x1b[{colour}m{label}\x1b[0m"
        self._write(f"{label} {line}\n")

    def _write(self, text: str) -> None:
        waiting = memoryview(text.encode("utf-8", "replace"))
        try:
            while waiting and self._takes_more():
                # What takes anything takes this much without blocking.
                waiting = waiting[os.write(self.fd, waiting[: select.PIPE_BUF]) :]
        except OSError:
            return

    def _takes_more(self) -> bool:
        """Wait a moment for a slow reader, but only once for one that has stopped reading."""
        poll = select.poll()
        poll.register(self.fd, select.POLLOUT)
        ready = bool(poll.poll(0 if self._stalled else PATIENCE_MS))
        self._stalled = not ready
        return ready
