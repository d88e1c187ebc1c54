"""From a source to a component: packages, type check, compiler, and what helps while somebody types."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from faasweb.domain.builds import Build, Diagnostic
from faasweb.domain.source import Source

Say = Callable[[str, str], None]
"""``say(phase, line)``: one line for the build's log, while it happens."""


@dataclass(frozen=True, slots=True)
class Check:
    """What the type checker says. Blocking diagnostics end a build; the others are advice."""

    diagnostics: Sequence[Diagnostic]

    @property
    def blocking(self) -> Sequence[Diagnostic]:
        return [item for item in self.diagnostics if item.blocking]


@dataclass(frozen=True, slots=True)
class Completion:
    """Something that could be typed. ``kind`` is function, class, module, instance, statement, param, keyword ...

    ``detail`` is a signature or empty; ``insert`` replaces the word before the place.
    """

    label: str
    kind: str
    detail: str
    insert: str


@dataclass(frozen=True, slots=True)
class Component:
    """A built component on this machine: a file that stays until the next build at least."""

    path: Path
    digest: str  # sha256:<hex>
    size: int


@dataclass(frozen=True, slots=True)
class BuildFailure:
    """The author's source does not build. ``message`` starts with the place to look at."""

    message: str
    diagnostics: Sequence[Diagnostic] = ()


@dataclass(frozen=True, slots=True)
class Site:
    """The packages that a source imports, installed on this machine. ``digest`` names their contents."""

    digest: str
    versions: Mapping[str, str]


class Toolchain(Protocol):
    def dependencies(self, source: Source, say: Say, patience_s: float = 300.0) -> Site | BuildFailure | None:
        """Install what the source's requirements.txt wants, unless it was before; None when it wants nothing.

        Nothing of a package is run. Raises TimedOut when it takes longer than ``patience_s``, Unavailable when the
        package index can't be reached.
        """
        ...

    def check(self, source: Source) -> Check:
        """Type check, warm in under 0.3 s: with the packages if they are installed, without them if not.

        Raises Unavailable while the toolchain is being prepared.
        """
        ...

    def build(self, source: Source, say: Say) -> Component | BuildFailure:
        """Check, then compile to a component, within the toolchain's own limits of time and memory."""
        ...

    def ready(self) -> str | None:
        """None when it can build, otherwise a sentence that says what is missing."""
        ...


class Assistant(Protocol):
    """Helps while somebody types."""

    def complete(self, source: Source, path: str, line: int, column: int) -> Sequence[Completion]:
        """What could be typed there, at most 50; both count from 1. Nothing of the source is run.

        Empty when it can't be told. Raises Unavailable while the toolchain is being prepared.
        """
        ...


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a build is. With ``again_in_s`` the caller asks again after that time; otherwise ``build`` is finished."""

    build: Build
    again_in_s: float | None = None


class Builder(Protocol):
    def advance(self, build: Build, source: Source, say: Say) -> Progress:
        """Take one step. May be called again for the same build after a crash. Raises BuilderUnavailable."""
        ...

    def check(self, source: Source) -> Check:
        """The quick type check alone."""
        ...

    def dependencies(self, source: Source, say: Say, patience_s: float) -> Site | BuildFailure | None:
        """The packages of a source, on this machine, for instant mode; see ``Toolchain``."""
        ...

    def ready(self) -> str | None: ...
