from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from faasweb.domain import clock, ids
from faasweb.domain.functions import FunctionSettings

BUILD_DEADLINE = timedelta(minutes=10)
ATTEMPT_LIMIT = 3


class BuildStatus(enum.StrEnum):
    PENDING = "pending"
    BUILDING = "building"
    PUSHING = "pushing"
    DONE = "done"
    FAILED = "failed"

    @property
    def finished(self) -> bool:
        return self in (BuildStatus.DONE, BuildStatus.FAILED)


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """What a checker says about one place of the user's source. Lines and columns count from 1.

    The end is where the place ends, behind its last character; 0 when the checker did not say.
    """

    file: str
    line: int
    column: int
    message: str
    code: str = ""
    blocking: bool = True
    end_line: int = 0
    end_column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: error: {self.message}"


@dataclass(frozen=True, slots=True)
class Artifact:
    """A built component: ``digest`` is ``sha256:<hex>`` of the wasm at ``key`` in the code store, ``size`` in bytes."""

    digest: str
    size: int
    key: str


@dataclass(frozen=True, slots=True)
class PushTarget:
    """Where an image goes. Empty ``registry`` is the product's own; the password is forgotten when the build ends."""

    registry: str = ""
    tag: str = ""
    username: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of a build's log. ``number`` counts from 1 and is the cursor of live readers.

    ``phase`` is packages, check, build, push, pull or system.
    """

    number: int
    at: datetime
    phase: str
    text: str


@dataclass(frozen=True, slots=True)
class Build:
    """One run from source to component, a task of the JSON API. A finished build never changes again.

    ``origin`` is the image that its component is pulled from; there is no source then, and both code fields are empty.
    ``external_id`` is the task of a Builder Service that works on it, ``misses`` how often in a row that service did
    not know the task. ``trouble`` is what it waits for now, a sentence; None while all goes well. ``settings`` are what
    its image says about how to run it, without the values of secrets.
    """

    id: str
    workspace_id: str
    app_name: str
    code_key: str
    code_hash: str
    created_at: datetime
    updated_at: datetime
    deadline: datetime
    function_id: str | None = None
    push: PushTarget | None = None
    origin: str | None = None
    status: BuildStatus = BuildStatus.PENDING
    attempts: int = 0
    external_id: str | None = None
    misses: int = 0
    trouble: str | None = None
    artifact: Artifact | None = None
    image: str | None = None
    error: str | None = None
    diagnostics: Sequence[Diagnostic] = ()
    settings: FunctionSettings | None = None
    revision: int = 1

    @classmethod
    def create(
        cls,
        workspace_id: str,
        app_name: str,
        code_key: str,
        code_hash: str,
        *,
        build_id: str | None = None,
        function_id: str | None = None,
        push: PushTarget | None = None,
        origin: str | None = None,
        settings: FunctionSettings | None = None,
    ) -> Build:
        moment = clock.now()
        return cls(
            id=build_id or ids.build_id(),
            workspace_id=workspace_id,
            app_name=app_name,
            code_key=code_key,
            code_hash=code_hash,
            created_at=moment,
            updated_at=moment,
            deadline=moment + BUILD_DEADLINE,
            function_id=function_id,
            push=push,
            origin=origin,
            settings=settings.without_secrets() if settings else None,
        )

    def attempted(self) -> Build:
        """One more try begins. Saved before the work, so that a try that kills its worker is counted too."""
        status = BuildStatus.BUILDING if self.status is BuildStatus.PENDING else self.status
        return replace(self, status=status, attempts=self.attempts + 1, trouble=None, updated_at=clock.now())

    def moved(self) -> Build:
        """Asked again later: a step further, or held up by a part that is away. Neither is a failed attempt."""
        return replace(self, attempts=0, updated_at=clock.now())

    def held_up(self, trouble: str) -> Build:
        """A part that is away holds it up. Only the deadline ends that, and then this is the reason."""
        return replace(self.moved(), trouble=trouble[:2000])

    def waiting(self, external_id: str, status: BuildStatus = BuildStatus.BUILDING) -> Build:
        """A Builder Service works on it as its task ``external_id``, and has got as far as ``status``."""
        return replace(self, status=status, external_id=external_id, misses=0, trouble=None, updated_at=clock.now())

    def missed(self, trouble: str) -> Build:
        """The Builder Service did not know the task this time."""
        return replace(self.held_up(trouble), misses=self.misses + 1)

    def built(self, artifact: Artifact) -> Build:
        """The component exists; the image is being pushed."""
        return replace(self, status=BuildStatus.PUSHING, artifact=artifact, updated_at=clock.now())

    def done(self, artifact: Artifact | None, image: str | None) -> Build:
        return replace(self, status=BuildStatus.DONE, artifact=artifact, image=image, push=None, updated_at=clock.now())

    def failed(self, error: str, diagnostics: Sequence[Diagnostic] = ()) -> Build:
        """``error`` is cut so that no tool's output can outgrow a stored item."""
        return replace(
            self,
            status=BuildStatus.FAILED,
            error=error[:8000],
            diagnostics=tuple(diagnostics)[:50],
            push=None,
            updated_at=clock.now(),
        )

    @property
    def overdue(self) -> bool:
        return not self.status.finished and clock.now() > self.deadline

    @property
    def worn_out(self) -> bool:
        return not self.status.finished and self.attempts >= ATTEMPT_LIMIT
