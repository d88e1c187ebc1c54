"""Who may come in: users, memberships, tokens, sign-in links, the audit log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from faasweb.domain.access import Actor, Role, Scope


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
