"""Where everything is kept that has a name or a number: repositories of what was stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from faasweb.domain.builds import Build, LogLine
from faasweb.domain.deployments import Deployment
from faasweb.domain.executions import Execution
from faasweb.domain.functions import Function, FunctionRef
from faasweb.domain.source import Source
from faasweb.domain.usage import Minute
from faasweb.domain.versions import Version
from faasweb.domain.workspaces import Workspace


@dataclass(frozen=True, slots=True)
class Draft:
    """Unsaved code of one user in one function; ``base`` is the hash of the saved code it started from."""

    function_id: str
    user: str
    source: Source
    base: str
    saved_at: datetime


@dataclass(frozen=True, slots=True)
class Removal:
    """Something deleted for its users whose remains are still being cleared away."""

    kind: str  # "workspace" | "function"
    id: str
    workspace_id: str
    app_name: str
    since: datetime


@dataclass(frozen=True, slots=True)
class OpenWork:
    """Ids of everything that has begun and not ended, for the reaper and the operators."""

    builds: Sequence[str] = ()
    deployments: Sequence[str] = ()
    removals: Sequence[Removal] = ()


class WorkspaceRepository(Protocol):
    def add(self, workspace: Workspace) -> None:
        """Conflict when the id is taken."""
        ...

    def get(self, workspace_id: str) -> Workspace:
        """With its counters. NotFound."""
        ...

    def list(self) -> Sequence[Workspace]:
        """All, newest first, with their counters; costs one paged query, never a query per workspace."""
        ...

    def save(self, workspace: Workspace) -> Workspace:
        """Name and description, if ``revision`` is still the stored one; returns it with the next revision.

        NotFound when it is gone, Conflict when it changed meanwhile. Counters are never touched.
        """
        ...

    def remove(self, workspace: Workspace) -> Removal:
        """Out of sight at once and for good, leaving a Removal behind, in one transaction. NotFound when gone."""
        ...


class FunctionRepository(Protocol):
    def add(self, function: Function) -> Function:
        """In one transaction with the workspace's counter, the id's and the app name's own items.

        Returns it with ``app_name`` set: ``names.app_name_for`` of its name (or of a given ``app_name``), with the
        suffix when taken. NotFound when the workspace is gone.
        """
        ...

    def get(self, ref: FunctionRef) -> Function:
        """NotFound, also when it is in another workspace."""
        ...

    def find(self, function_id: str) -> Function:
        """By id alone. NotFound."""
        ...

    def find_by_app_name(self, workspace_id: str, app_name: str) -> Function:
        """NotFound, also when that name belongs to another workspace."""
        ...

    def list(self, workspace_id: str) -> Sequence[Function]:
        """All of a workspace by name, with counters; the cost does not depend on other workspaces."""
        ...

    def save(self, function: Function) -> Function:
        """All but counters, if ``revision`` is still the stored one; returns it with the next revision.

        NotFound when gone (never recreated), Conflict when it changed meanwhile, TooLarge past 400 KB.
        """
        ...

    def remove(self, function: Function) -> Removal:
        """Out of sight at once, with the workspace's counter, leaving a Removal behind, in one transaction.

        The app name stays taken until ``finish_removal``. NotFound when gone, so two removals count once.
        """
        ...


class VersionRepository(Protocol):
    def add(self, version: Version) -> None:
        """Conflict when that number exists."""
        ...

    def get(self, function_id: str, number: int) -> Version:
        """NotFound."""
        ...

    def list(self, function_id: str, limit: int = 100) -> Sequence[Version]:
        """Newest first."""
        ...


class BuildRepository(Protocol):
    def add(self, build: Build) -> None: ...

    def get(self, build_id: str) -> Build:
        """By id alone, at a cost that does not grow with the number of builds. NotFound ``Task not found: <id>``."""
        ...

    def list(self, workspace_id: str, limit: int = 50) -> Sequence[Build]:
        """Newest first."""
        ...

    def find_by_image(self, image: str) -> Build:
        """The last one that was pushed under this name, with or without its digest. NotFound."""
        ...

    def save(self, build: Build) -> Build:
        """If ``revision`` is still the stored one; returns it with the next revision. Conflict, NotFound.

        A finished build leaves the list of open work in the same transaction.
        """
        ...

    def append_log(self, build_id: str, lines: Sequence[LogLine]) -> None:
        """Lines with consecutive numbers, one chunk. Writing a chunk again changes nothing."""
        ...

    def read_log(self, build_id: str, after: int = 0) -> Sequence[LogLine]:
        """All lines with a number greater than ``after``, in order."""
        ...


class DeploymentRepository(Protocol):
    def begin(self, deployment: Deployment, function: Function) -> Function:
        """Store it and claim the function (``deploying`` = its id), in one transaction.

        Returns the function with the next revision. Conflict when another deployment is in progress or the function
        changed; NotFound when it is gone.
        """
        ...

    def get(self, deployment_id: str) -> Deployment:
        """NotFound."""
        ...

    def list(self, function_id: str, limit: int = 50) -> Sequence[Deployment]:
        """Newest first."""
        ...

    def save(self, deployment: Deployment) -> Deployment:
        """If ``revision`` is still the stored one; returns it with the next revision. Conflict, NotFound.

        A finished deployment leaves the list of open work in the same transaction.
        """
        ...


class ExecutionRepository(Protocol):
    def record(self, executions: Sequence[Execution]) -> None:
        """Store them and add to every counter, each exactly once however often it is retried.

        Executions of a function that is gone are dropped silently: a late one must not bring anything back.
        Durable when it returns.
        """
        ...

    def get(self, function_id: str, execution_id: str, at: datetime) -> Execution:
        """``at`` is the execution's own time, a part of its key. NotFound."""
        ...

    def list(self, function_id: str, limit: int, before: str | None = None) -> tuple[Sequence[Execution], str | None]:
        """Newest first, and the cursor for older ones (None at the end). Cost grows with ``limit`` only."""
        ...

    def minutes(self, function_id: str, since: datetime) -> Sequence[Minute]:
        """Minutes with executions since then, in order; at most 48 h back."""
        ...


class DraftRepository(Protocol):
    def get(self, function_id: str, user: str) -> Draft | None: ...

    def save(self, draft: Draft) -> None:
        """Valid code or not: up to 1 MB of one text, or a source of several files that packs to at most 2.5 MB.

        TooLarge past that, InvalidInput for what is not Unicode, NotFound when the function is gone.
        """
        ...

    def remove(self, function_id: str, user: str) -> None: ...


class Maintenance(Protocol):
    """What the clean-up tasks need of the storage."""

    def open_work(self) -> OpenWork: ...

    def erase_function(self, removal: Removal) -> None:
        """Every remaining item of it: versions, executions, counters, deployments, drafts, builds."""
        ...

    def erase_workspace(self, removal: Removal) -> None:
        """Every remaining item of a removed workspace but its functions (those are removed one by one before)."""
        ...

    def finish_removal(self, removal: Removal) -> None:
        """Forget it and free its app name. Removing twice is no error."""
        ...

    def functions_left(self, workspace_id: str) -> Sequence[Function]:
        """Functions still stored below a removed workspace."""
        ...

    def prune(self, now: datetime) -> int:
        """Delete a bounded number of expired items and old counters; how many."""
        ...

    def ping(self) -> None:
        """Nothing when the storage can read and write; Unavailable with a reason otherwise."""
        ...


@dataclass(frozen=True, slots=True)
class Repositories:
    workspaces: WorkspaceRepository
    functions: FunctionRepository
    versions: VersionRepository
    builds: BuildRepository
    deployments: DeploymentRepository
    executions: ExecutionRepository
    drafts: DraftRepository
    maintenance: Maintenance
