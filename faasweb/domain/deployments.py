from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from faasweb.domain import clock, ids
from faasweb.domain.spinapps import NO_OPTIONS, AppOptions


class DeploymentStatus(enum.StrEnum):
    """``queued -> building -> applying -> checking -> live``, or ``failed`` from any of them.

    A live one becomes ``replaced`` when a later one goes live.
    """

    QUEUED = "queued"
    BUILDING = "building"
    APPLYING = "applying"
    CHECKING = "checking"
    LIVE = "live"
    FAILED = "failed"
    REPLACED = "replaced"

    @property
    def finished(self) -> bool:
        return self in (DeploymentStatus.LIVE, DeploymentStatus.FAILED, DeploymentStatus.REPLACED)


# How long a deployment may stay in a state before it ends as failed, counted from entering the state.
STATE_DEADLINES = {
    DeploymentStatus.QUEUED: timedelta(minutes=5),
    DeploymentStatus.BUILDING: timedelta(minutes=11),
    DeploymentStatus.APPLYING: timedelta(minutes=5),
    DeploymentStatus.CHECKING: timedelta(minutes=3),
}
# How long a worker has a step to itself. Compiling a component to machine code may take two minutes.
LEASE = timedelta(seconds=35)
APPLYING_LEASE = timedelta(seconds=130)
ATTEMPT_LIMIT = 5
UNDO_TIME = timedelta(minutes=3)
"""How long a failing deployment may try to bring back what was live before."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """One press of Deploy, or one roll back (``rollback_to`` is then the version it switches to).

    ``code_hash`` is the code as saved when it began: later saves wait for the next deployment. ``build_id`` is None for
    a roll back, known from the begin otherwise. ``image`` is what it brings live instead of code, as it was asked for;
    ``code_hash`` is empty then, because its source is not known. ``previous_version`` was live before and comes back
    when this one fails. ``options`` are all that were ever chosen for how it runs in a cluster, up to this one.
    ``warning`` tells something the developer should know although the deployment went through.

    Decisions are stored before what follows from them, so that a worker that dies half-way is followed by one that
    goes on: ``instant_at`` is when the source passed its health request and ``passed_at`` when the component did (from
    then on it goes live), ``error`` is set as soon as it can only fail. ``leased_until`` is how long the worker at the
    current step has it to itself; None when no worker is at it.
    """

    id: str
    function_id: str
    workspace_id: str
    code_hash: str
    created_at: datetime
    created_by: str
    status: DeploymentStatus = DeploymentStatus.QUEUED
    entered_at: datetime | None = None
    finished_at: datetime | None = None
    build_id: str | None = None
    version: int | None = None
    rollback_to: int | None = None
    image: str | None = None
    previous_version: int | None = None
    options: AppOptions = NO_OPTIONS
    instant_at: datetime | None = None
    passed_at: datetime | None = None
    leased_until: datetime | None = None
    attempts: int = 0
    error: str | None = None
    warning: str | None = None
    revision: int = 1

    @classmethod
    def create(
        cls,
        function_id: str,
        workspace_id: str,
        code_hash: str,
        created_by: str,
        *,
        rollback_to: int | None = None,
        image: str | None = None,
        build_id: str | None = None,
        previous_version: int | None = None,
        options: AppOptions = NO_OPTIONS,
    ) -> Deployment:
        moment = clock.now()
        return cls(
            id=ids.deployment_id(),
            function_id=function_id,
            workspace_id=workspace_id,
            code_hash=code_hash,
            created_at=moment,
            created_by=created_by,
            entered_at=moment,
            rollback_to=rollback_to,
            image=image,
            build_id=build_id,
            previous_version=previous_version,
            options=options,
        )

    def entering(self, status: DeploymentStatus, **changes: object) -> Deployment:
        moment = clock.now()
        finished = moment if status.finished else None
        return self.moved(status=status, entered_at=moment, finished_at=finished, **{"warning": None, **changes})

    def moved(self, **changes: object) -> Deployment:
        """With a part of its way behind it: the attempts at the next part are counted anew."""
        return replace(self, attempts=0, leased_until=None, **changes)  # type: ignore[arg-type]

    def attempted(self) -> Deployment:
        lease = APPLYING_LEASE if self.status is DeploymentStatus.APPLYING else LEASE
        return replace(self, attempts=self.attempts + 1, leased_until=clock.now() + lease)

    def waiting(self, reason: str) -> Deployment:
        """A part of the platform is away. Waiting for it is no attempt: the deadline ends it, with this reason."""
        warning = self.warning if self.passed_at else reason[:2000]  # what the health request told is worth more
        return replace(self, attempts=max(0, self.attempts - 1), leased_until=None, warning=warning)

    def failing(self, error: str) -> Deployment:
        """It can only fail now; what it has begun has to be undone first, which has a time of its own."""
        return self.moved(error=error[:8000], warning=None, entered_at=clock.now())

    def failed(self, error: str) -> Deployment:
        return self.entering(DeploymentStatus.FAILED, error=error[:8000])

    @property
    def leased(self) -> bool:
        return self.leased_until is not None and clock.now() < self.leased_until

    @property
    def has_reached_runtime(self) -> bool:
        """Whether the runtime may hold something of it."""
        applied = self.status in (DeploymentStatus.APPLYING, DeploymentStatus.CHECKING)
        return applied or self.instant_at is not None or self.passed_at is not None

    @property
    def deadline(self) -> datetime | None:
        limit = STATE_DEADLINES.get(self.status)
        return (self.entered_at or self.created_at) + limit if limit else None

    @property
    def overdue(self) -> bool:
        return self.deadline is not None and clock.now() > self.deadline

    @property
    def worn_out(self) -> bool:
        return not self.status.finished and self.attempts >= ATTEMPT_LIMIT

    @property
    def beyond_undoing(self) -> bool:
        """Whether even its undoing, which began with its failing, was tried for too long or too often."""
        late = clock.now() > (self.entered_at or self.created_at) + UNDO_TIME
        return late or self.attempts > ATTEMPT_LIMIT
