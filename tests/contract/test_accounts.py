"""What the product needs of accounts: roles, tokens, sign-in links, the audit trail."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.apps import apps
from django.contrib.auth.models import User
from django.db import OperationalError, connection, connections

from faasweb.adapters.accounts.django import DjangoAccounts
from faasweb.domain import clock
from faasweb.domain.access import OPEN_ACTOR, Actor, Role, Scope
from faasweb.domain.errors import InvalidInput, NotAllowed, NotFound, Unavailable

pytestmark = pytest.mark.django_db
ALL = frozenset(Scope)
ROOM, OTHER = "ws-22222222", "ws-33333333"


@pytest.fixture
def accounts() -> DjangoAccounts:
    return DjangoAccounts()


@pytest.fixture
def anna() -> Actor:
    user = User.objects.create_user("anna")
    return Actor(user.pk, "anna", address="192.0.2.7")


@pytest.fixture
def root() -> Actor:
    user = User.objects.create_superuser("root")
    return Actor(user.pk, "root", is_operator=True)


def rows(model: str):
    return apps.get_model("accounts", model).objects


# --- roles -------------------------------------------------------------------------------------------------------


def test_a_stranger_has_no_role_and_an_operator_owns_everything(accounts, anna, root):
    assert accounts.role(anna, ROOM) is None
    assert accounts.role(Actor(None, "nobody"), ROOM) is None
    assert accounts.role(root, ROOM) is Role.OWNER
    assert accounts.workspaces_of(anna) == frozenset()
    assert accounts.workspaces_of(Actor(None, "nobody")) == frozenset()
    assert accounts.workspaces_of(root) is None


def test_a_role_is_given_changed_and_taken_away(accounts, anna):
    accounts.join(ROOM, anna, Role.OWNER)
    assert accounts.role(anna, ROOM) is Role.OWNER
    accounts.set_role(ROOM, "anna", Role.VIEWER)
    assert accounts.role(anna, ROOM) is Role.VIEWER
    assert [(m.username, m.role) for m in accounts.members(ROOM)] == [("anna", Role.VIEWER)]
    assert accounts.workspaces_of(anna) == {ROOM}
    accounts.leave(ROOM, anna.user_id)
    accounts.leave(ROOM, anna.user_id)
    assert accounts.role(anna, ROOM) is None


def test_only_users_that_are_there_get_a_role(accounts, anna):
    User.objects.filter(username="anna").update(is_active=False)
    for name in ("anna", "nobody"):
        with pytest.raises(NotFound):
            accounts.set_role(ROOM, name, Role.OWNER)


def test_the_anonymous_actor_joins_nothing(accounts):
    accounts.join(ROOM, OPEN_ACTOR, Role.OWNER)
    assert accounts.members(ROOM) == []


def test_a_forgotten_workspace_has_no_members_and_no_other_loses_any(accounts, anna):
    accounts.join(ROOM, anna, Role.OWNER)
    accounts.join(OTHER, anna, Role.OWNER)
    accounts.forget_workspace(ROOM)
    assert accounts.members(ROOM) == []
    assert accounts.workspaces_of(anna) == {OTHER}


# --- tokens ------------------------------------------------------------------------------------------------------


def test_a_token_stands_for_its_user_with_its_scopes_and_workspaces(accounts, anna):
    expiry = clock.now() + timedelta(days=1)
    scopes = frozenset({Scope.READ})
    token, secret = accounts.issue_token(anna, " CI ", scopes=scopes, workspaces=frozenset({ROOM}), expires_at=expiry)
    actor = accounts.authenticate(secret)
    assert actor == Actor(anna.user_id, "anna", False, scopes, frozenset({ROOM}), expires_at=expiry)
    assert (token.name, token.scopes, token.workspaces) == ("CI", scopes, {ROOM})


def test_an_operator_s_token_is_an_operator_s(accounts, root):
    actor = accounts.authenticate(accounts.issue_token(root, "ops", scopes=ALL)[1])
    assert actor is not None
    assert actor.is_operator


def test_a_token_s_secret_is_stored_nowhere(accounts, anna):
    token, secret = accounts.issue_token(anna, "CI", scopes=ALL)
    stored = rows("ApiToken").values().get()
    assert secret.startswith(token.hint)
    assert len(token.hint) < 10
    assert all(secret not in str(value) for value in stored.values())
    assert len(stored["digest"]) == 64


@pytest.mark.parametrize("token", ["", "fwt_", "fwt_wrong", "wrong", "fwt_\x00", "fwt_한글"])
def test_an_unknown_token_is_nobody_s(accounts, token):
    assert accounts.authenticate(token) is None


def test_a_token_ends_at_its_expiry(accounts, anna):
    _token, secret = accounts.issue_token(anna, "CI", scopes=ALL, expires_at=clock.now() + timedelta(hours=1))
    assert accounts.authenticate(secret) is not None
    with time_machine.travel(clock.now() + timedelta(hours=1, seconds=1)):
        assert accounts.authenticate(secret) is None


def test_an_expiry_without_a_zone_is_utc_and_none_lies_in_the_past(accounts, anna):
    later = (datetime.now(UTC) + timedelta(hours=1)).replace(tzinfo=None)
    assert accounts.issue_token(anna, "CI", scopes=ALL, expires_at=later)[0].expires_at == later.replace(tzinfo=UTC)
    with pytest.raises(InvalidInput):
        accounts.issue_token(anna, "CI", scopes=ALL, expires_at=clock.now())


def test_a_revoked_token_ends_at_once_and_is_listed_no_more(accounts, anna):
    first, secret = accounts.issue_token(anna, "first", scopes=ALL)
    second, _secret = accounts.issue_token(anna, "second", scopes=ALL)
    assert [token.id for token in accounts.tokens_of(anna)] == [second.id, first.id]
    accounts.revoke_token(anna, first.id)
    assert accounts.authenticate(secret) is None
    assert [token.id for token in accounts.tokens_of(anna)] == [second.id]
    with pytest.raises(NotFound):
        accounts.revoke_token(anna, first.id)


def test_nobody_revokes_another_s_token_but_an_operator(accounts, anna, root):
    token, _secret = accounts.issue_token(root, "ops", scopes=ALL)
    mine, _secret = accounts.issue_token(anna, "CI", scopes=ALL)
    with pytest.raises(NotFound):
        accounts.revoke_token(anna, token.id)
    accounts.revoke_token(root, mine.id)
    assert accounts.tokens_of(anna) == []


def test_a_token_that_may_only_read_revokes_nothing(accounts, anna):
    token, secret = accounts.issue_token(anna, "CI", scopes=frozenset({Scope.READ}))
    with pytest.raises(NotAllowed):
        accounts.revoke_token(accounts.authenticate(secret), token.id)


def test_the_token_of_somebody_deactivated_is_nobody_s(accounts, anna):
    _token, secret = accounts.issue_token(anna, "CI", scopes=ALL)
    User.objects.filter(username="anna").update(is_active=False)
    assert accounts.authenticate(secret) is None


def test_the_last_use_is_noted_about_once_a_minute(accounts, anna):
    _token, secret = accounts.issue_token(anna, "CI", scopes=ALL)
    moment = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
    with time_machine.travel(moment, tick=False) as now:
        accounts.authenticate(secret)
        assert accounts.tokens_of(anna)[0].last_used_at == moment
        now.shift(timedelta(seconds=30))
        accounts.authenticate(secret)
        assert accounts.tokens_of(anna)[0].last_used_at == moment
        now.shift(timedelta(seconds=31))
        accounts.authenticate(secret)
        assert accounts.tokens_of(anna)[0].last_used_at == moment + timedelta(seconds=61)


@pytest.mark.parametrize(
    ("scopes", "workspaces", "days"),
    [
        (ALL, frozenset({ROOM}), 1),
        (frozenset({Scope.READ}), None, 1),
        (frozenset({Scope.READ}), frozenset({ROOM, OTHER}), 1),
        (frozenset({Scope.READ}), frozenset({ROOM}), 3),
        (frozenset({Scope.READ}), frozenset({ROOM}), None),
    ],
    ids=["more scopes", "every workspace", "another workspace", "longer", "for ever"],
)
def test_a_token_never_makes_one_that_reaches_further(accounts, anna, scopes, workspaces, days):
    _token, secret = accounts.issue_token(
        anna,
        "CI",
        scopes=frozenset({Scope.READ, Scope.WRITE}),
        workspaces=frozenset({ROOM}),
        expires_at=clock.now() + timedelta(days=2),
    )
    actor = accounts.authenticate(secret)
    expiry = None if days is None else clock.now() + timedelta(days=days)
    with pytest.raises(NotAllowed):
        accounts.issue_token(actor, "more", scopes=scopes, workspaces=workspaces, expires_at=expiry)
    accounts.issue_token(
        actor,
        "less",
        scopes=frozenset({Scope.READ}),
        workspaces=frozenset({ROOM}),
        expires_at=clock.now() + timedelta(days=1),
    )


@pytest.mark.parametrize(
    "wrong", [{"scopes": frozenset()}, {"scopes": ALL, "workspaces": frozenset()}, {"scopes": ALL, "name": " "}]
)
def test_a_token_for_nothing_is_refused(accounts, anna, wrong):
    with pytest.raises(InvalidInput):
        accounts.issue_token(anna, wrong.pop("name", "CI"), **wrong)


def test_open_mode_has_no_tokens(accounts):
    with pytest.raises(NotAllowed):
        accounts.issue_token(OPEN_ACTOR, "CI", scopes=ALL)
    assert accounts.tokens_of(OPEN_ACTOR) == []


# --- sign-in links -----------------------------------------------------------------------------------------------


def test_a_sign_in_link_works_once(accounts, anna):
    secret = accounts.issue_sign_in_link("anna")
    assert accounts.redeem_sign_in_link(secret) == anna.user_id
    assert accounts.redeem_sign_in_link(secret) is None
    assert accounts.redeem_sign_in_link("wrong") is None
    assert secret not in str(rows("SignInLink").values().get())


def test_a_sign_in_link_works_for_half_an_hour(accounts, anna):
    secret = accounts.issue_sign_in_link("anna")
    with time_machine.travel(clock.now() + timedelta(minutes=29)):
        assert accounts.redeem_sign_in_link(accounts.issue_sign_in_link("anna")) == anna.user_id
    with time_machine.travel(clock.now() + timedelta(minutes=31)):
        assert accounts.redeem_sign_in_link(secret) is None


def test_nobody_unknown_or_deactivated_gets_in_by_a_link(accounts, anna):
    secret = accounts.issue_sign_in_link("anna")
    User.objects.filter(username="anna").update(is_active=False)
    assert accounts.redeem_sign_in_link(secret) is None
    for name in ("anna", "nobody"):
        with pytest.raises(NotFound):
            accounts.issue_sign_in_link(name)


@pytest.mark.django_db(transaction=True)
def test_of_many_who_redeem_a_link_at_once_one_gets_in(accounts, anna):
    secret = accounts.issue_sign_in_link("anna")
    start, found = threading.Barrier(6), []

    def redeem():
        start.wait(10)
        try:
            found.append(accounts.redeem_sign_in_link(secret))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=redeem) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(found, key=str) == [anna.user_id, *[None] * 5]


# --- the audit trail, and a database that is away ----------------------------------------------------------------


def test_the_audit_trail_says_who_did_what_from_where(accounts, anna):
    accounts.audit(anna, "function.deploy", "fn-22222222", {"deployment": "dp-22222222"})
    accounts.audit(OPEN_ACTOR, "workspace.create", ROOM)
    second, first = rows("AuditRecord").all()
    assert (first.user_id, first.actor, first.address) == (anna.user_id, "anna", "192.0.2.7")
    assert (first.action, first.target, first.details) == (
        "function.deploy",
        "fn-22222222",
        {"deployment": "dp-22222222"},
    )
    assert (second.user_id, second.actor, second.details) == (None, "anonymous", {})


def test_the_audit_trail_outlives_its_user(accounts, anna):
    accounts.audit(anna, "x" * 100, "y" * 100)
    User.objects.all().delete()
    assert rows("AuditRecord").get().actor == "anna"


def test_a_database_that_is_away_is_unavailable(accounts, anna):
    def away(execute, sql, params, many, context):
        raise OperationalError("could not connect to server: password=hunter2")

    calls = [
        lambda: accounts.role(anna, ROOM),
        lambda: accounts.authenticate("fwt_x"),
        lambda: accounts.issue_token(anna, "CI", scopes=ALL),
        lambda: accounts.tokens_of(anna),
        lambda: accounts.revoke_token(anna, 1),
        lambda: accounts.workspaces_of(anna),
        lambda: accounts.members(ROOM),
        lambda: accounts.set_role(ROOM, "anna", Role.OWNER),
        lambda: accounts.join(ROOM, anna, Role.OWNER),
        lambda: accounts.leave(ROOM, 1),
        lambda: accounts.forget_workspace(ROOM),
        lambda: accounts.issue_sign_in_link("anna"),
        lambda: accounts.redeem_sign_in_link("x"),
        lambda: accounts.audit(anna, "a", "b"),
    ]
    for call in calls:
        with connection.execute_wrapper(away), pytest.raises(Unavailable) as caught:
            call()
        assert "hunter2" not in caught.value.message
