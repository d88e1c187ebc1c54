from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from faasweb.domain.errors import Unavailable
from faasweb.domain.source import Source
from faasweb.ports import Assistant, Completion


@dataclass(frozen=True, slots=True)
class Editing:
    """What an editor asks while somebody types, beside the check."""

    assistant: Assistant

    def complete(self, source: Source, path: str, line: int, column: int) -> Sequence[Completion]:
        """What could be typed at a place of the source; nothing while that can't be told."""
        try:
            return self.assistant.complete(source, path, max(1, line), max(1, column))
        except Unavailable:
            return []
