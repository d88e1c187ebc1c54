from __future__ import annotations

from datetime import datetime
from typing import Annotated

from ninja import P, PathEx, Router, Status
from pydantic import Field

from consoles.api.doors import actor_of
from consoles.api.wire import CamelSchema, Moment, Name, WorkspaceId
from consoles.http import ConsoleRequest
from faasweb.domain.access import Actor, Need, Scope
from faasweb.domain.clock import as_utc
from faasweb.domain.errors import InvalidInput, NotAllowed
from faasweb.domain.ids import is_workspace_id
from faasweb.ports import Token

router = Router(by_alias=True)


class TokenIn(CamelSchema):
    """Without ``workspaces`` it reaches all of its user's. Times without an offset are UTC."""

    name: Name
    scopes: Annotated[list[Scope], Field(json_schema_extra={"minItems": 1})] = [Scope.READ]
    workspaces: Annotated[list[WorkspaceId], Field(json_schema_extra={"minItems": 1})] | None = None
    expires_at: datetime | None = None


class TokenOut(CamelSchema):
    """``hint`` is the begin of the secret."""

    id: int
    name: str
    hint: str
    scopes: list[str]
    workspaces: list[str] | None
    created_at: Moment
    expires_at: Moment | None
    last_used_at: Moment | None

    @classmethod
    def of(cls, token: Token) -> TokenOut:
        return cls.model_validate(_facts(token))


class NewTokenOut(TokenOut):
    """``token`` is shown this once."""

    token: str


def _facts(token: Token) -> dict[str, object]:
    return {
        "id": token.id,
        "name": token.name,
        "hint": token.hint,
        "scopes": sorted(token.scopes),
        "workspaces": None if token.workspaces is None else sorted(token.workspaces),
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "last_used_at": token.last_used_at,
    }


@router.post("", response={201: NewTokenOut}, operation_id="create_token")
def create_token(request: ConsoleRequest, body: TokenIn) -> Status[NewTokenOut]:
    actor = _keeper(request)
    for workspace_id in body.workspaces or ():
        if not is_workspace_id(workspace_id):
            raise InvalidInput(f"{workspace_id[:40]!r} is no id of a workspace.", field="workspaces")
    token, secret = request.platform.credentials.issue_token(
        actor,
        body.name,
        scopes=frozenset(body.scopes),
        workspaces=None if body.workspaces is None else frozenset(body.workspaces),
        expires_at=None if body.expires_at is None else as_utc(body.expires_at),
    )
    return Status(201, NewTokenOut.model_validate({**_facts(token), "token": secret}))


@router.get("", response=list[TokenOut], operation_id="list_tokens")
def list_tokens(request: ConsoleRequest) -> list[TokenOut]:
    """The caller's own, newest first."""
    return [TokenOut.of(token) for token in request.platform.accounts.tokens_of(actor_of(request))]


@router.delete("/{token_id}", response={204: None}, operation_id="revoke_token")
def revoke_token(request: ConsoleRequest, token_id: PathEx[int, P(ge=1, le=2**53)]) -> Status[None]:
    request.platform.credentials.revoke_token(_keeper(request), token_id)
    return Status(204, None)


def _keeper(request: ConsoleRequest) -> Actor:
    """Who may make and revoke tokens: a token that only reads could lock its user out otherwise."""
    actor = actor_of(request)
    if not actor.has_scope(Need.WRITE):
        raise NotAllowed("This API token lacks the scope write.", need=str(Need.WRITE))
    return actor
