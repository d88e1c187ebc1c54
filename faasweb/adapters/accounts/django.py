"""Users, roles, tokens and the audit trail in Django's database."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.contrib.auth import get_user_model
from django.db import Error
from django.db.models import Q

from faasweb.adapters.accounts.models import ApiToken, AuditRecord, Membership, SignInLink
from faasweb.domain import clock
from faasweb.domain.access import Actor, Role, Scope
from faasweb.domain.errors import InvalidInput, NotAllowed, NotFound, Unavailable
from faasweb.domain.names import clean_name
from faasweb.ports import Member, Token

TOKEN_PREFIX = "fwt_"  # noqa: S105 - lets secret scanners recognise a leaked token; no secret itself
LINK_LIFETIME = timedelta(minutes=30)
_USED_AGAIN = timedelta(minutes=1)


@contextmanager
def _database() -> Iterator[None]:
    try:
        yield
    except Error as exc:
        raise Unavailable("The database of users does not answer.") from exc


class DjangoAccounts:
    def role(self, actor: Actor, workspace_id: str) -> Role | None:
        if actor.is_operator:
            return Role.OWNER
        if actor.user_id is None:
            return None
        with _database():
            found = Membership.objects.filter(user_id=actor.user_id, workspace_id=workspace_id).first()
        return Role(found.role) if found else None

    def authenticate(self, token: str) -> Actor | None:
        if not token.startswith(TOKEN_PREFIX):
            return None
        now = clock.now()
        with _database():
            found = (
                ApiToken.objects.select_related("user")
                .filter(Q(expires_at=None) | Q(expires_at__gt=now), digest=_digest(token), revoked_at=None)
                .first()
            )
            if found is None or not found.user.is_active:
                return None
            if found.last_used_at is None or now - found.last_used_at > _USED_AGAIN:
                ApiToken.objects.filter(pk=found.pk).update(last_used_at=now)
        return Actor(
            user_id=found.user.pk,
            name=found.user.get_username(),
            is_operator=found.user.is_superuser,
            scopes=frozenset(Scope(scope) for scope in found.scopes),
            workspaces=None if found.workspaces is None else frozenset(found.workspaces),
            expires_at=found.expires_at,
        )

    def issue_token(
        self,
        actor: Actor,
        name: str,
        *,
        scopes: frozenset[Scope],
        workspaces: frozenset[str] | None = None,
        expires_at: datetime | None = None,
    ) -> tuple[Token, str]:
        if actor.user_id is None:
            raise NotAllowed("Open mode has no users to give tokens to.")
        if not scopes:
            raise InvalidInput("Choose at least one scope.", field="scopes")
        if workspaces is not None and not workspaces:
            raise InvalidInput("Choose at least one workspace, or all.", field="workspaces")
        expires_at = None if expires_at is None else clock.as_utc(expires_at)
        if expires_at is not None and expires_at <= clock.now():
            raise InvalidInput("The expiry lies in the past.", field="expiresAt")
        if not _within(actor, scopes, workspaces, expires_at):
            raise NotAllowed("A token can't reach further than the token that makes it.")
        secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
        with _database():
            stored = ApiToken.objects.create(
                user_id=actor.user_id,
                name=clean_name(name),
                digest=_digest(secret),
                hint=secret[: len(TOKEN_PREFIX) + 4],
                scopes=sorted(scopes),
                workspaces=None if workspaces is None else sorted(workspaces),
                expires_at=expires_at,
            )
        return _token(stored), secret

    def tokens_of(self, actor: Actor) -> Sequence[Token]:
        if actor.user_id is None:
            return []
        with _database():
            found = ApiToken.objects.filter(user_id=actor.user_id, revoked_at=None).order_by("-created_at", "-pk")
            return [_token(stored) for stored in found]

    def revoke_token(self, actor: Actor, token_id: int) -> None:
        if Scope.WRITE not in actor.scopes:
            raise NotAllowed("This API token lacks the scope write.")
        with _database():
            mine = ApiToken.objects.filter(pk=token_id, revoked_at=None)
            mine = mine if actor.is_operator else mine.filter(user_id=actor.user_id or 0)
            if not mine.update(revoked_at=clock.now()):
                raise NotFound("No such token.")

    def workspaces_of(self, actor: Actor) -> frozenset[str] | None:
        if actor.is_operator:
            return None
        if actor.user_id is None:
            return frozenset()
        with _database():
            mine = Membership.objects.filter(user_id=actor.user_id)
            return frozenset(mine.values_list("workspace_id", flat=True))

    def members(self, workspace_id: str) -> Sequence[Member]:
        with _database():
            found = Membership.objects.select_related("user").filter(workspace_id=workspace_id)
            return [Member(m.user.pk, m.user.get_username(), Role(m.role)) for m in found.order_by("user__username")]

    def set_role(self, workspace_id: str, username: str, role: Role) -> None:
        with _database():
            user = get_user_model().objects.filter(username=username, is_active=True).first()
            if user is None:
                raise NotFound(f"There is no user {username[:150]!r}.", field="username")
            Membership.objects.update_or_create(user=user, workspace_id=workspace_id, defaults={"role": str(role)})

    def join(self, workspace_id: str, actor: Actor, role: Role) -> None:
        if actor.user_id is not None:
            with _database():
                Membership.objects.update_or_create(
                    user_id=actor.user_id, workspace_id=workspace_id, defaults={"role": str(role)}
                )

    def leave(self, workspace_id: str, user_id: int) -> None:
        with _database():
            Membership.objects.filter(workspace_id=workspace_id, user_id=user_id).delete()

    def forget_workspace(self, workspace_id: str) -> None:
        with _database():
            Membership.objects.filter(workspace_id=workspace_id).delete()

    def issue_sign_in_link(self, username: str) -> str:
        secret = secrets.token_urlsafe(24)
        with _database():
            user = get_user_model().objects.filter(username=username, is_active=True).first()
            if user is None:
                raise NotFound(f"There is no user {username[:150]!r}.", field="username")
            SignInLink.objects.create(user=user, digest=_digest(secret), expires_at=clock.now() + LINK_LIFETIME)
        return secret

    def redeem_sign_in_link(self, secret: str) -> int | None:
        now = clock.now()
        with _database():
            fresh = SignInLink.objects.filter(digest=_digest(secret), expires_at__gt=now, user__is_active=True)
            link = fresh.filter(used_at=None).first()
            # Of two at once only one finds it unused here: PostgreSQL looks again at a row it had to wait for.
            if link is None or not SignInLink.objects.filter(pk=link.pk, used_at=None).update(used_at=now):
                return None
        return int(link.user_id)

    def audit(self, actor: Actor, action: str, target: str, details: Mapping[str, object] | None = None) -> None:
        with _database():
            AuditRecord.objects.create(
                user_id=actor.user_id,
                actor=actor.name[:150],
                action=action[:64],
                target=target[:64],
                address=actor.address[:64],
                details=dict(details or {}),
            )


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _within(
    actor: Actor, scopes: frozenset[Scope], workspaces: frozenset[str] | None, expires_at: datetime | None
) -> bool:
    """Whether such a token can do no more, nowhere else and no longer than the actor, who may be a token too."""
    if actor.workspaces is not None and (workspaces is None or not workspaces <= actor.workspaces):
        return False
    if actor.expires_at is not None and (expires_at is None or expires_at > actor.expires_at):
        return False
    return scopes <= actor.scopes


def _token(stored: ApiToken) -> Token:
    return Token(
        id=stored.pk,
        name=stored.name,
        hint=stored.hint,
        scopes=frozenset(Scope(scope) for scope in stored.scopes),
        workspaces=None if stored.workspaces is None else frozenset(stored.workspaces),
        created_at=stored.created_at,
        expires_at=stored.expires_at,
        last_used_at=stored.last_used_at,
    )
