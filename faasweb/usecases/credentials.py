from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from faasweb.domain.access import Actor, Scope
from faasweb.ports import Accounts, Token


@dataclass(frozen=True, slots=True)
class Credentials:
    """Secrets that let somebody in. Who made and who took back which is in the audit trail; the secret is not."""

    accounts: Accounts

    def issue_token(
        self,
        actor: Actor,
        name: str,
        *,
        scopes: frozenset[Scope],
        workspaces: frozenset[str] | None = None,
        expires_at: datetime | None = None,
    ) -> tuple[Token, str]:
        """The token and its secret, which can never be read again. Never wider than the actor itself."""
        token, secret = self.accounts.issue_token(
            actor, name, scopes=scopes, workspaces=workspaces, expires_at=expires_at
        )
        details = {
            "name": token.name,
            "begins": token.hint,
            "scopes": sorted(token.scopes),
            "workspaces": None if token.workspaces is None else sorted(token.workspaces),
            "expires_at": None if token.expires_at is None else token.expires_at.isoformat(),
        }
        self.accounts.audit(actor, "token.create", str(token.id), details)
        return token, secret

    def revoke_token(self, actor: Actor, token_id: int) -> None:
        """NotFound when it is not the actor's."""
        self.accounts.revoke_token(actor, token_id)
        self.accounts.audit(actor, "token.revoke", str(token_id))

    def sign_in_link(self, actor: Actor, username: str) -> str:
        """The secret of a link that signs this user in once. NotFound."""
        secret = self.accounts.issue_sign_in_link(username)
        self.accounts.audit(actor, "user.sign_in_link", username)
        return secret

    def entered(self, actor: Actor, by: str) -> None:
        """Somebody signed in, ``by`` password or link."""
        self.accounts.audit(actor, "user.sign_in", actor.name, {"by": by})
