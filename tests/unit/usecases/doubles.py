"""Ports in memory, each doing what its docstring in ``faasweb.ports`` promises and no more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from faasweb.domain.access import Actor, Role
from faasweb.domain.builds import Artifact, Build, Diagnostic
from faasweb.domain.errors import FaaswebError, NotFound, NotReady, Unavailable
from faasweb.domain.source import Source
from faasweb.domain.spinapps import AppOptions
from faasweb.ports import (
    BuildFailure,
    Check,
    CodeStore,
    Component,
    Health,
    Member,
    Progress,
    PulledImage,
    Release,
    Say,
    Site,
)

TYPE_ERROR = "int('x') + 'y'"


class MemoryRuntime:
    """Serves sources at once. ``sick`` names the modes whose health requests fail, ``away`` takes it off the air."""

    instant = True

    def __init__(self) -> None:
        self.live: dict[str, Release] = {}
        self.candidates: dict[str, Release] = {}
        self.removed: list[tuple[str, str]] = []
        self.sick: set[str] = set()
        self.health_status = 200
        self.away = False
        self.switches: list[tuple[str, str]] = []

    def _ask(self) -> None:
        if self.away:
            raise Unavailable("The runtime is away.")

    def apply(self, release: Release) -> None:
        self._ask()
        self.candidates[release.function_id] = release

    def check(self, release: Release) -> Health:
        self._ask()
        candidate = self.candidates.get(release.function_id)
        if candidate is None or _identity(candidate) != _identity(release):
            return Health(ok=False, error="There is no such candidate.")
        if release.mode in self.sick:
            return Health(ok=False, error=f"ImportError in {release.mode} mode")
        return Health(ok=True, status=self.health_status)

    def switch(self, release: Release) -> None:
        self._ask()
        candidate = self.candidates.get(release.function_id)
        if candidate is not None and _identity(candidate) == _identity(release):
            self.live[release.function_id] = self.candidates.pop(release.function_id)
            self.switches.append(_identity(release))
        elif _identity(self.live.get(release.function_id)) != _identity(release):
            raise NotReady("There is nothing to switch to.")

    def update_settings(self, release: Release) -> None:
        self._ask()
        self.live[release.function_id] = release

    def check_options(self, options: AppOptions) -> None:
        """They are a cluster's alone."""

    def remove(self, function_id: str, app_name: str) -> None:
        self._ask()
        self.live.pop(function_id, None)
        self.candidates.pop(function_id, None)
        self.removed.append((function_id, app_name))

    def ready(self) -> str | None:
        return "The runtime is away." if self.away else None


def _identity(release: Release | None) -> tuple[str, str]:
    return (release.deployment_id, release.mode) if release else ("", "")


@dataclass
class MemoryBuilder:
    """Builds in one step; with ``polls`` it lets itself be asked that often before, as a Builder Service does."""

    code: CodeStore
    failure: str = ""
    away: str = ""
    polls: int = 0
    packages: Site | BuildFailure | FaaswebError | None = None
    runs: list[str] = field(default_factory=list)
    asked: dict[str, int] = field(default_factory=dict)

    def advance(self, build: Build, source: Source, say: Say) -> Progress:
        if self.away:
            raise Unavailable(self.away)
        self.runs.append(build.id)
        say("check", "checked")
        if self.asked.setdefault(build.id, 0) < self.polls:
            self.asked[build.id] += 1
            return Progress(build.waiting("task-1"), again_in_s=2)
        if self.failure:
            return Progress(build.failed(self.failure))
        artifact = Artifact(f"sha256:{source.hash}", 3, f"build-artifacts/{build.id}/app.wasm")
        self.code.put(artifact.key, b"wsm")
        say("build", "built")
        return Progress(build.done(artifact, None))

    def check(self, source: Source) -> Check:
        if self.away:
            raise Unavailable(self.away)
        found = TYPE_ERROR in source.text
        return Check([Diagnostic("app.py", 1, 1, "Unsupported operand types")] if found else [])

    def dependencies(self, source: Source, say: Say, patience_s: float) -> Site | BuildFailure | None:
        say("packages", "installing")
        if isinstance(self.packages, FaaswebError):
            raise self.packages
        return self.packages

    def ready(self) -> str | None:
        return self.away or None


class MemoryRegistry:
    """Has every image but those of ``refusal``; ``away`` takes it off the air."""

    def __init__(self) -> None:
        self.removed: list[str] = []
        self.refusal = ""
        self.away = False
        self.pulled: list[str] = []

    def pull(self, reference: str, target: Path, say: Say) -> PulledImage:
        if self.away:
            raise Unavailable("The registry is away.")
        if self.refusal:
            raise NotFound(self.refusal)
        self.pulled.append(reference)
        target.write_bytes(b"wsm")
        component = Component(target, "sha256:pulled", 3)
        asked = ("https://api.example.com",)
        return PulledImage(f"{reference}@sha256:1", component, "greet", "/hello", asked, {"GREETING": "hi"}, ("key",))

    def remove(self, app_name: str) -> None:
        self.removed.append(app_name)

    def ready(self) -> str | None:
        return None


class MemoryAccounts:
    """Roles by workspace and user id, and the audit trail as a list."""

    def __init__(self) -> None:
        self.roles: dict[tuple[str, int], Role] = {}
        self.audited: list[tuple[str, str]] = []

    def role(self, actor: Actor, workspace_id: str) -> Role | None:
        if actor.is_operator:
            return Role.OWNER
        return self.roles.get((workspace_id, actor.user_id or 0))

    def workspaces_of(self, actor: Actor) -> frozenset[str] | None:
        if actor.is_operator:
            return None
        return frozenset(workspace for workspace, user in self.roles if user == actor.user_id)

    def members(self, workspace_id: str) -> Sequence[Member]:
        found = [(user, role) for (workspace, user), role in self.roles.items() if workspace == workspace_id]
        return [Member(user, f"user{user}", role) for user, role in sorted(found)]

    def set_role(self, workspace_id: str, username: str, role: Role) -> None:
        if not username.startswith("user"):
            raise NotFound(f"There is no user {username!r}.")
        self.roles[workspace_id, int(username.removeprefix("user"))] = role

    def join(self, workspace_id: str, actor: Actor, role: Role) -> None:
        if actor.user_id is not None:
            self.roles[workspace_id, actor.user_id] = role

    def leave(self, workspace_id: str, user_id: int) -> None:
        self.roles.pop((workspace_id, user_id), None)

    def forget_workspace(self, workspace_id: str) -> None:
        self.roles = {key: role for key, role in self.roles.items() if key[0] != workspace_id}

    def audit(self, actor: Actor, action: str, target: str, details: Mapping[str, object] | None = None) -> None:
        self.audited.append((action, target))
