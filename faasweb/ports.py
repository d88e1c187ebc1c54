"""What the product needs from outside, as roles. Adapters translate their vendor's errors at the border.

Every method may raise ``Unavailable`` (or its subclass named here) when the thing behind it does not answer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from faasweb.domain.access import Actor, Role, Scope
from faasweb.domain.builds import Artifact, Build, Diagnostic, LogLine
from faasweb.domain.deployments import Deployment
from faasweb.domain.executions import Execution
from faasweb.domain.functions import Function, FunctionRef, FunctionSettings
from faasweb.domain.invocations import Head, InvocationRequest, Report
from faasweb.domain.manifest import SpinManifest
from faasweb.domain.source import Source
from faasweb.domain.spinapps import NO_OPTIONS, AppOptions, AppSpec, AppStatus, LiveApp
from faasweb.domain.telemetry import CpuUsage, LogPage
from faasweb.domain.usage import Minute
from faasweb.domain.versions import Version
from faasweb.domain.workspaces import Workspace

# --- storage -----------------------------------------------------------------------------------------------------


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


class CodeStore(Protocol):
    """Bytes by key. Keys are relative POSIX paths of ``[A-Za-z0-9._-]`` segments; others raise InvalidInput."""

    def put(self, key: str, content: bytes) -> None:
        """Durable when it returns; replaces what was there, whole or not at all."""
        ...

    def put_file(self, key: str, path: Path) -> None: ...

    def get(self, key: str) -> bytes:
        """NotFound."""
        ...

    def fetch(self, key: str, target: Path) -> None:
        """The content as a local file at ``target``. NotFound."""
        ...

    def exists(self, key: str) -> bool: ...

    def delete(self, key: str) -> None:
        """That one. Absent is no error."""
        ...

    def delete_prefix(self, prefix: str) -> int:
        """Everything below ``prefix`` (which ends in ``/``); how many. Nothing there is no error."""
        ...

    def location(self, key: str) -> str:
        """Where it is for people and programs: ``s3://<bucket>/<key>`` (the embedded bucket is called ``local``)."""
        ...

    def ping(self) -> None: ...


# --- building ----------------------------------------------------------------------------------------------------

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


class ImageRegistry(Protocol):
    def push(self, image: Image, say: Say) -> str:
        """The full reference under which the image can be pulled, ``registry/repository:tag@sha256:...``.

        Repeating is no error. InvalidInput, Unauthenticated, NotAllowed, NotFound, Conflict and TooLarge are final;
        none of them, nor anything said, holds a password.
        """
        ...

    def pull(self, reference: str, target: Path, say: Say) -> PulledImage:
        """The component of an image as the file ``target``, every digest and size verified.

        Only images that can run here: a Spin application of one component without files. InvalidInput says what is in
        the way otherwise; the other errors are those of ``push``.
        """
        ...

    def remove(self, app_name: str) -> None:
        """Every image of that application, where this registry is the product's own. Absent is no error."""
        ...

    def ready(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Image:
    """A Spin application as an OCI artifact: one component, one HTTP trigger at ``/...``.

    ``registry`` is where it goes, ``host[:port]/repository``; a host alone gets a repository for each application, and
    empty is the product's own. Without a password the platform's credentials are used. ``manifest`` is what the
    application's own one says, if there is one: its route, texts and stores.
    """

    app_name: str
    tag: str
    component: Path
    created_at: datetime
    settings: FunctionSettings | None = None
    manifest: SpinManifest | None = None
    registry: str = ""
    username: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class PulledImage:
    """What an image holds. ``reference`` has the digest of what was pulled; the rest is what its author asked for.

    ``environment`` are plain values, ``variables`` the names that have to be set from outside.
    """

    reference: str
    component: Component
    app_name: str = ""
    route: str = "/..."
    allowed_outbound_hosts: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    variables: tuple[str, ...] = ()


# --- running -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Release:
    """What a runtime serves for a function: with ``source`` in instant mode, with ``artifact`` and ``image`` baked.

    ``options`` are all that were ever chosen for it; only a cluster knows what to do with them.
    """

    function_id: str
    workspace_id: str
    app_name: str
    deployment_id: str
    settings: FunctionSettings
    version: int | None = None
    source: Source | None = None
    artifact: Artifact | None = None
    image: str | None = None
    options: AppOptions = NO_OPTIONS
    site: Site | None = None  # the packages that ``source`` imports

    @property
    def mode(self) -> str:
        return "baked" if self.source is None else "instant"


@dataclass(frozen=True, slots=True)
class Health:
    """How a candidate answered its health request. ``ok`` means it started and answered, whatever status."""

    ok: bool
    status: int | None = None
    error: str | None = None


class Answer(Protocol):
    """A function's answer while it arrives."""

    head: Head | None  # None when the function never answered: then only the report tells why

    def body(self) -> AsyncIterator[bytes]: ...

    def report(self) -> Report:
        """Complete once ``body`` is exhausted."""
        ...

    async def close(self) -> None:
        """Give up on the rest: ends the run."""
        ...


class Runtime(Protocol):
    instant: bool  # whether it serves sources at once (``Release.source``)

    def apply(self, release: Release) -> None:
        """Make it ready beside what is live, as the function's candidate. Repeating is no error."""
        ...

    def check(self, release: Release) -> Health:
        """Send the candidate its health request."""
        ...

    def switch(self, release: Release) -> str | None:
        """Serve the candidate from now on; without a candidate, or twice, no error if that release is live already.

        Answers the URL that the function has from now on, where the runtime gives it one of its own.
        """
        ...

    def update_settings(self, release: Release) -> None:
        """Apply changed settings to what is live, without a new candidate."""
        ...

    def check_options(self, options: AppOptions) -> None:
        """InvalidInput for those that it could never give; one that knows nothing of them passes them over."""
        ...

    def remove(self, function_id: str, app_name: str) -> None:
        """Everything of that function: what is live, candidates, its state and its logs. Absent is no error."""
        ...

    async def invoke(self, function: Function, request: InvocationRequest, request_id: str) -> Answer:
        """Call what is live. NotReady when nothing is; InvocationFailed when the runtime itself does not answer."""
        ...

    def ready(self) -> str | None: ...


class Cluster(Protocol):
    """Apps on Kubernetes, run by SpinKube. Unavailable when it does not answer or lacks something that it needs."""

    def apply(self, spec: AppSpec) -> AppStatus:
        """Deploy it, or what changed of it; options that are not given stay as they are deployed.

        Repeating is no error. InvalidInput, NamespaceMissing; Conflict when an app of that name is another function's;
        ClusterRefused when it must not be. Waits a few seconds for the Service to get its address.
        """
        ...

    def status(self, namespace: str, name: str) -> AppStatus:
        """NotFound."""
        ...

    def check_namespace(self, namespace: str) -> None:
        """NamespaceMissing. Nothing when it is there, or when we may not look."""
        ...

    def reschedule(self, namespace: str, name: str) -> None:
        """Say again where its pods may run: what carries that may have been made only after ``apply`` had waited."""
        ...

    def list(self, namespace: str) -> Sequence[LiveApp]:
        """Every app of ours there, by name."""
        ...

    def remove(self, namespace: str, name: str, function_id: str | None = None) -> None:
        """The app and all that was made for it; with ``function_id`` all that bears its label, and nobody else's app.

        Absent is no error, and may be what an attempt left that died half-way.
        """
        ...

    def preview(self, spec: AppSpec) -> str:
        """What ``apply`` would write into an empty cluster, as YAML documents, without asking the cluster."""
        ...

    def ready(self) -> str | None:
        """None when apps can be deployed, otherwise a sentence that says what is missing."""
        ...


class DraftRunner(Protocol):
    async def run(self, release: Release, request: InvocationRequest, request_id: str) -> Answer:
        """Run a source once, with state and logs of its own; nothing becomes live."""
        ...


# --- watching ----------------------------------------------------------------------------------------------------


class LogStore(Protocol):
    def tail(self, function_id: str, after: str | None, limit: int, *, text: str = "", stream: str = "") -> LogPage:
        """Entries after a cursor, oldest first, at most ``limit``; without a cursor the newest ``limit`` ones.

        ``text`` keeps lines that contain it, ``stream`` lines of that stream. Never skips a line between two calls.
        Raises LogsUnavailable, InvalidInput for an id that is not one.
        """
        ...

    def of_request(self, function_id: str, request_id: str, at: datetime) -> LogPage:
        """The lines one execution printed."""
        ...


class MetricStore(Protocol):
    def cpu(self, function_id: str, window_s: int = 3600) -> CpuUsage:
        """Raises MetricsUnavailable only when nothing at all could be read."""
        ...


# --- the rest ----------------------------------------------------------------------------------------------------


class Queue(Protocol):
    def enqueue(self, task: str, *args: str, queue: str = "default", delay_s: float = 0) -> None:
        """Run ``consoles.tasks.<task>(*args)`` soon, at least once."""
        ...


@dataclass(frozen=True, slots=True)
class Member:
    user_id: int
    username: str
    role: Role


@dataclass(frozen=True, slots=True)
class Token:
    """An API token as it may be shown: ``hint`` is the begin of its secret."""

    id: int
    name: str
    hint: str
    scopes: frozenset[Scope]
    workspaces: frozenset[str] | None
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None


class Accounts(Protocol):
    def role(self, actor: Actor, workspace_id: str) -> Role | None:
        """The actor's role in a workspace; operators are owners everywhere; None for a stranger."""
        ...

    def authenticate(self, token: str) -> Actor | None:
        """The actor of an API token; None when it is unknown, expired or revoked. Notes that it was used."""
        ...

    def issue_token(
        self,
        actor: Actor,
        name: str,
        *,
        scopes: frozenset[Scope],
        workspaces: frozenset[str] | None = None,
        expires_at: datetime | None = None,
    ) -> tuple[Token, str]:
        """The stored token and its secret, which can never be read again. Never wider than the actor itself."""
        ...

    def tokens_of(self, actor: Actor) -> Sequence[Token]:
        """Newest first, revoked ones left out."""
        ...

    def revoke_token(self, actor: Actor, token_id: int) -> None:
        """NotFound when it is not the actor's (operators may revoke any)."""
        ...

    def workspaces_of(self, actor: Actor) -> frozenset[str] | None:
        """Ids the actor is a member of; None means all (operators)."""
        ...

    def members(self, workspace_id: str) -> Sequence[Member]: ...

    def set_role(self, workspace_id: str, username: str, role: Role) -> None:
        """NotFound for an unknown user."""
        ...

    def join(self, workspace_id: str, actor: Actor, role: Role) -> None:
        """Make the actor a member; the anonymous actor joins nothing."""
        ...

    def leave(self, workspace_id: str, user_id: int) -> None: ...

    def forget_workspace(self, workspace_id: str) -> None: ...

    def issue_sign_in_link(self, username: str) -> str:
        """The secret of a link that signs this user in once, within 30 minutes. NotFound."""
        ...

    def redeem_sign_in_link(self, secret: str) -> int | None:
        """The id of the user the link is for, once; None when it was used, has expired or never was."""
        ...

    def audit(self, actor: Actor, action: str, target: str, details: Mapping[str, object] | None = None) -> None:
        """Who (``actor``, from its ``address``) did what to what. ``details`` never hold secrets."""
        ...
