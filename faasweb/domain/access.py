"""Who asks, and what they may do."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import datetime


class Role(enum.StrEnum):
    OWNER = "owner"
    DEVELOPER = "developer"
    VIEWER = "viewer"


class Scope(enum.StrEnum):
    READ = "read"
    WRITE = "write"
    INVOKE = "invoke"


class Need(enum.StrEnum):
    """What a door asks for before it lets somebody into a workspace."""

    READ = "read"
    INVOKE = "invoke"
    WRITE = "write"
    OWN = "own"


_ROLE_ALLOWS = {
    Role.VIEWER: {Need.READ},
    Role.DEVELOPER: {Need.READ, Need.INVOKE, Need.WRITE},
    Role.OWNER: {Need.READ, Need.INVOKE, Need.WRITE, Need.OWN},
}
_SCOPE_FOR = {
    Need.READ: Scope.READ,
    Need.INVOKE: Scope.INVOKE,
    Need.WRITE: Scope.WRITE,
    Need.OWN: Scope.WRITE,
}


@dataclass(frozen=True, slots=True)
class Actor:
    """A person or program at a door.

    ``user_id`` is None for the anonymous caller of open mode. ``scopes`` and ``workspaces`` narrow a token; a browser
    session has all scopes and ``workspaces`` None (no restriction). Operators enter every workspace as owners.
    ``address`` is where the request came from, for the audit trail; ``expires_at`` is when a token ends.
    """

    user_id: int | None
    name: str
    is_operator: bool = False
    scopes: frozenset[Scope] = field(default_factory=lambda: frozenset(Scope))
    workspaces: frozenset[str] | None = None
    address: str = ""
    expires_at: datetime | None = None

    def has_scope(self, need: Need) -> bool:
        return _SCOPE_FOR[need] in self.scopes

    def reaches(self, workspace_id: str) -> bool:
        return self.workspaces is None or workspace_id in self.workspaces


def role_allows(role: Role, need: Need) -> bool:
    return need in _ROLE_ALLOWS[role]


OPEN_ACTOR = Actor(user_id=None, name="anonymous", is_operator=True)
"""The caller of open mode: nobody in particular, allowed everything on this one machine."""

SYSTEM_ACTOR = Actor(user_id=None, name="faasweb", is_operator=True)
"""Tasks and commands."""
