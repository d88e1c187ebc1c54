from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from faasweb.domain import clock, ids
from faasweb.domain.errors import InvalidInput
from faasweb.domain.names import clean_description, clean_name
from faasweb.domain.source import Source
from faasweb.domain.usage import NO_USAGE, Totals

RUNTIME = "Python 3.12"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
MEMORY_MB = (128, 1024)
TIMEOUT_S = (1, 900)
ENVIRONMENT_LIMIT = 64_000  # bytes of all keys and values
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_HOST = re.compile(r"(?:\*|(?:https?|\*)://(?:\*|(?:\*\.)?[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::(?:\d{1,5}|\*))?)\Z")


class FunctionStatus(enum.StrEnum):
    """What the JSON API shows. ``DISABLED`` is chosen by a person; the others follow the last deployment."""

    ACTIVE = "active"
    DISABLED = "disabled"
    BUILDING = "building"
    DEPLOYING = "deploying"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class EnvironmentVariable:
    """``plain`` values may be shown; all others are write-only secrets."""

    name: str
    value: str = field(repr=False)
    plain: bool = False


@dataclass(frozen=True, slots=True)
class FunctionSettings:
    """How a function runs. Always valid: ``checked`` is the way in."""

    runtime: str = RUNTIME
    memory_mb: int = 256
    timeout_s: int = 30
    http_methods: tuple[str, ...] = ("GET",)
    environment: tuple[EnvironmentVariable, ...] = ()
    allowed_outbound_hosts: tuple[str, ...] = ()

    def checked(self) -> FunctionSettings:
        """These settings in normal form; InvalidInput names the first field that breaks a rule."""
        return replace(
            self,
            memory_mb=_within(self.memory_mb, MEMORY_MB, "memory", "MB"),
            timeout_s=_within(self.timeout_s, TIMEOUT_S, "timeout", "seconds"),
            http_methods=_methods(self.http_methods),
            environment=_environment(self.environment),
            allowed_outbound_hosts=_hosts(self.allowed_outbound_hosts),
        )

    def without_secrets(self) -> FunctionSettings:
        """With the names of secret variables, but not their values."""
        return replace(self, environment=tuple(v if v.plain else replace(v, value="") for v in self.environment))


def _within(value: int, bounds: tuple[int, int], name: str, unit: str) -> int:
    low, high = bounds
    if not low <= value <= high:
        raise InvalidInput(f"{name} must be {low} to {high} {unit}, not {value}.", field=name)
    return value


def _methods(methods: Iterable[str]) -> tuple[str, ...]:
    chosen = tuple(dict.fromkeys(method.upper() for method in methods))
    if not chosen:
        raise InvalidInput("Choose at least one HTTP method.", field="httpMethods")
    for method in chosen:
        if method not in METHODS:
            raise InvalidInput(f"{method[:20]!r} is not one of {', '.join(METHODS)}.", field="httpMethods")
    return chosen


def _environment(variables: Iterable[EnvironmentVariable]) -> tuple[EnvironmentVariable, ...]:
    chosen = tuple(variables)
    for variable in chosen:
        if not _KEY.match(variable.name):
            problem = "a variable's name has letters, digits and _ and starts with no digit"
            raise InvalidInput(f"{variable.name[:40]!r}: {problem}.", field="environmentVariables")
        if "\x00" in variable.value:
            raise InvalidInput(f"{variable.name} holds a NUL character.", field="environmentVariables")
    if len({variable.name for variable in chosen}) != len(chosen):
        raise InvalidInput("Two environment variables have the same name.", field="environmentVariables")
    size = sum(len(v.name.encode()) + len(v.value.encode()) for v in chosen)
    if size > ENVIRONMENT_LIMIT:
        raise InvalidInput(
            f"Environment variables have {size:,} bytes; the limit is {ENVIRONMENT_LIMIT:,}.",
            field="environmentVariables",
        )
    return chosen


def _hosts(hosts: Iterable[str]) -> tuple[str, ...]:
    chosen = tuple(dict.fromkeys(host.strip().rstrip("/") for host in hosts if host.strip()))
    for host in chosen:
        if not _HOST.match(host):
            raise InvalidInput(
                f"{host[:60]!r}: write a host like https://api.example.com or http://*.example.com:8080.",
                field="allowedOutboundHosts",
            )
    return chosen


@dataclass(frozen=True, slots=True)
class FunctionRef:
    workspace_id: str
    id: str


@dataclass(frozen=True, slots=True)
class Live:
    """What answers now: ``mode`` is ``instant`` (source on the prepared base) or ``baked`` (its own component)."""

    deployment_id: str
    mode: str
    version: int | None
    code_hash: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Function:
    """A function as edited and as deployed.

    ``code_hash`` and ``source`` are the saved code; ``source`` is None when the repository did not inline it (large
    sources live in the code store under ``code_key``). ``revision`` guards saves; ``deploying`` is the id of the one
    deployment in progress; ``last_version`` is the highest version number given out. ``usage`` covers the last 24 h.
    """

    id: str
    workspace_id: str
    name: str
    description: str
    app_name: str
    settings: FunctionSettings
    code_hash: str
    created_at: datetime
    last_modified: datetime
    source: Source | None = field(default=None, repr=False)
    status: FunctionStatus = FunctionStatus.ACTIVE
    invocation_url: str | None = None
    last_deployed: datetime | None = None
    live: Live | None = None
    deploying: str | None = None
    last_version: int = 0
    revision: int = 1
    usage: Totals = NO_USAGE

    @classmethod
    def create(
        cls, workspace_id: str, name: str, description: str | None, settings: FunctionSettings, source: Source
    ) -> Function:
        moment = clock.now()
        return cls(
            id=ids.function_id(),
            workspace_id=workspace_id,
            name=clean_name(name),
            description=clean_description(description),
            app_name="",
            settings=settings.checked(),
            code_hash=source.hash,
            source=source,
            created_at=moment,
            last_modified=moment,
        )

    @property
    def ref(self) -> FunctionRef:
        return FunctionRef(self.workspace_id, self.id)

    @property
    def code_key(self) -> str:
        return code_key(self.workspace_id, self.id, self.code_hash)

    @property
    def has_undeployed_changes(self) -> bool:
        return self.live is not None and self.live.code_hash != self.code_hash

    def edited(self, **changes: object) -> Function:
        """With ``changes`` to name, description, settings, status, source, invocation_url or last_deployed."""
        edited = replace(self, **changes, last_modified=clock.now())  # type: ignore[arg-type]
        if edited.source is not None:
            edited = replace(edited, code_hash=edited.source.hash)
        return replace(
            edited,
            name=clean_name(edited.name),
            description=clean_description(edited.description),
            settings=edited.settings.checked(),
        )

    def serving(self, live: Live, url: str | None = None) -> Function:
        """With ``url`` as its own from now on, where its runtime gives it one."""
        return replace(self, live=live, last_deployed=clock.now(), invocation_url=url or self.invocation_url)


def code_key(workspace_id: str, function_id: str, code_hash: str) -> str:
    """Where a source lies in the code store: below its function, so that deleting a function finds all of them.

    A ``.py`` text, or a ``.zip`` for a source of several files: its hash tells (``Source.hash``).
    """
    digest, _, kind = code_hash.partition("-")
    return f"{workspace_id}/{function_id}/{digest}.{kind or 'py'}"
