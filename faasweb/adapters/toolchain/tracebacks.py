"""What componentize-py says when a module fails, in terms of the user's files."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence

FRAME = re.compile(r'^\s+File "(?P<path>[^"]+)", line (?P<line>\d+)')
TRACEBACK = "Traceback (most recent call last):"
OURS = re.compile(r"^(/\d+/faasweb_|/python/importlib/|<frozen importlib)")
MOUNT = re.compile(r"(?<![\w.])/(?:app|\d+)/")
SERVER_FOLDERS = re.compile(r"(?<![\w.:/<])/(?:[\w.+~@-]+/)+")
WHILE_IMPORTING = "(while importing your module)"
MISSING = re.compile(r"ModuleNotFoundError: No module named '(?P<module>[\w.]+)'")
STUB = re.compile(r"called trapping stub: (?:[\w-]+:)?(?P<interface>[\w/-]+)")
TRAP = re.compile(r"wasm trap: (?P<reason>.+)")


class Cleaner:
    """Takes a tool's lines one by one: leaves out frames of ours and componentize-py's repetition of the error."""

    def __init__(self) -> None:
        self._hidden = False
        self._repeats = False

    def clean(self, line: str) -> str | None:
        """The line with the user's paths, or None when the user need not see it."""
        self._repeats = self._repeats or line == "Caused by:"
        if frame := FRAME.match(line):
            self._hidden = bool(OURS.match(frame["path"]))
        elif not line.startswith("    "):
            self._hidden = False
        return None if self._hidden or self._repeats else relative(line)


def relative(line: str) -> str:
    """``/app/pkg/a.py`` and ``/0/pkg/a.py`` become ``pkg/a.py``; of other absolute paths only the name stays."""
    return SERVER_FOLDERS.sub("", MOUNT.sub("", line))


def explain(lines: Sequence[str], files: Container[str]) -> str | None:
    """``app.py:7: ValueError: boom (while importing your module)``, or None when there is no traceback.

    ``lines`` are clean. The place is the innermost line of the user's own files.
    """
    starts = [number for number, line in enumerate(lines) if line == TRACEBACK]
    if not starts:
        return None
    traceback = lines[starts[-1] + 1 :]
    frames = [(number, match) for number, line in enumerate(traceback) if (match := FRAME.match(line))]
    after = frames[-1][0] + 1 if frames else 0
    error = next((line for line in traceback[after:] if line and not line.startswith("  ")), "an error without a name")
    own = [match for _, match in frames if match["path"] in files]
    place = f"{own[-1]['path']}:{own[-1]['line']}: " if own else ""
    return f"{place}{error} {WHILE_IMPORTING}"


def missing_module(lines: Sequence[str]) -> tuple[str, list[str]] | None:
    """The module whose absence ended the import, and the files on the way to it; ``lines`` are clean."""
    starts = [number for number, line in enumerate(lines) if line == TRACEBACK]
    files = []
    for line in lines[starts[-1] :] if starts else ():
        if frame := FRAME.match(line):
            files.append(frame["path"])
        elif found := MISSING.match(line):
            return found["module"], files
    return None


def explain_trap(lines: Sequence[str]) -> str | None:
    """A sentence for a module that ended without a traceback; ``lines`` are the tool's own."""
    for line in reversed(lines):
        if found := STUB.search(line):
            return (
                f"The module uses {found['interface']} while it is imported. Requests, stores and databases exist "
                "only while a function runs: move the call into handle_request."
            )
        if found := TRAP.search(line):
            return f"The module was stopped while it was imported: {found['reason']}."
    return None
