"""A Builder Service's task, in whichever words it tells of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from faasweb.domain.builds import BuildStatus, Diagnostic
from faasweb.domain.errors import BuilderBroken

_WORDS = {
    BuildStatus.BUILDING: ("building", "running", "in_progress"),
    BuildStatus.PUSHING: ("pushing",),
    BuildStatus.DONE: ("done", "completed", "success"),
    BuildStatus.FAILED: ("failed",),
}
_STATUS = {word: status for status, words in _WORDS.items() for word in words}
_FOLDER = re.compile(r"(?<![\w./:-])/(?:[\w.+@-]+/)+(?=[\w.-]+\.py:\d)")
_FINDING = re.compile(
    r"^(?P<file>[\w./+@-]+\.py):(?P<line>\d{1,9}):(?P<column>\d{1,9}): error: "
    r"(?P<text>.*?)(?:  \[(?P<code>[\w-]+)\])?$",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class RemoteTask:
    status: BuildStatus
    result: Mapping[str, Any]
    error: str

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> RemoteTask:
        """Any word that is not known counts as pending, as it does for the Builder Service itself. BuilderBroken."""
        word, result, error = answer.get("status"), answer.get("result"), answer.get("error")
        if not isinstance(word, str):
            raise BuilderBroken("The Builder Service told no status of its task.")
        return cls(
            _STATUS.get(word.strip().lower(), BuildStatus.PENDING),
            result if isinstance(result, dict) else {},
            error if isinstance(error, str) else "",
        )


def readable(error: str) -> str:
    """What the service says of a failure, without the folders it happened to work in."""
    return _FOLDER.sub("", error).strip()


def diagnostics_in(error: str) -> Sequence[Diagnostic]:
    """The places in the source that a failure names."""
    return [
        Diagnostic(found["file"], int(found["line"]), int(found["column"]), found["text"], found["code"] or "")
        for found in _FINDING.finditer(error)
    ]
