from __future__ import annotations

import pytest

from faasweb.domain.access import OPEN_ACTOR, SYSTEM_ACTOR, Actor, Need, Role, Scope
from faasweb.domain.errors import InvalidInput, NotAllowed, NotFound
from tests.unit.usecases.world import ANNA, World

ALLOWED = {
    None: set(),
    Role.VIEWER: {Need.READ},
    Role.DEVELOPER: {Need.READ, Need.INVOKE, Need.WRITE},
    Role.OWNER: {Need.READ, Need.INVOKE, Need.WRITE, Need.OWN},
}
SCOPES = {Need.READ: Scope.READ, Need.INVOKE: Scope.INVOKE, Need.WRITE: Scope.WRITE, Need.OWN: Scope.WRITE}
SCOPE_SETS = [frozenset(), *(frozenset({scope}) for scope in Scope), frozenset(Scope)]


@pytest.mark.parametrize("need", Need)
@pytest.mark.parametrize("role", ALLOWED)
@pytest.mark.parametrize("scopes", SCOPE_SETS, ids=lambda scopes: "+".join(sorted(scopes)) or "none")
@pytest.mark.parametrize("reach", ["everything", "this workspace", "another workspace"])
def test_role_scope_and_restriction_must_all_allow_it(world: World, role, need, scopes, reach):
    room = world.workspace.id
    workspaces = {"everything": None, "this workspace": frozenset({room})}.get(reach, frozenset({"ws-22222222"}))
    ben = Actor(2, "ben", scopes=scopes, workspaces=workspaces)
    if role is not None:
        world.accounts.roles[room, 2] = role
    enter = world.platform.access.enter
    if role is None or reach == "another workspace":
        with pytest.raises(NotFound):
            enter(ben, room, need)
    elif need in ALLOWED[role] and SCOPES[need] in scopes:
        assert enter(ben, room, need).id == room
    else:
        with pytest.raises(NotAllowed):
            enter(ben, room, need)


def test_a_private_workspace_and_none_look_the_same_to_a_stranger(world: World):
    stranger = Actor(2, "ben")
    told = []
    for room in (world.workspace.id, "ws-22222222"):
        with pytest.raises(NotFound) as caught:
            world.platform.access.enter(stranger, room)
        told.append(caught.value.message.replace(room, "..."))
    assert told[0] == told[1]


@pytest.mark.parametrize("actor", [OPEN_ACTOR, SYSTEM_ACTOR, Actor(9, "root", is_operator=True)])
def test_operators_enter_everywhere(world: World, actor: Actor):
    assert world.platform.access.enter(actor, world.workspace.id, Need.OWN).id == world.workspace.id
    with pytest.raises(NotFound):
        world.platform.access.enter(actor, "ws-22222222", Need.OWN)


def test_one_sees_one_s_own_workspaces_as_far_as_the_token_reaches(world: World):
    other = world.platform.workspaces.create(ANNA, "Other")
    world.platform.workspaces.create(Actor(2, "ben"), "Ben's")
    visible = world.platform.access.visible
    assert {room.id for room in visible(ANNA)} == {world.workspace.id, other.id}
    assert [room.id for room in visible(Actor(1, "anna", workspaces=frozenset({other.id})))] == [other.id]
    assert len(visible(OPEN_ACTOR)) == 3
    assert visible(Actor(3, "cleo")) == []
    with pytest.raises(NotAllowed):
        visible(Actor(1, "anna", scopes=frozenset({Scope.INVOKE})))


def test_the_last_owner_stays(world: World):
    access, room = world.platform.access, world.workspace.id
    with pytest.raises(InvalidInput):
        access.set_role(ANNA, room, "user1", Role.VIEWER)
    with pytest.raises(InvalidInput):
        access.remove_member(ANNA, room, 1)
    access.set_role(ANNA, room, "user2", Role.OWNER)
    access.remove_member(ANNA, room, 1)
    assert [(member.user_id, member.role) for member in access.members(room)] == [(2, Role.OWNER)]
    assert [action for action, _ in world.accounts.audited[-2:]] == ["member.set", "member.remove"]


# --- workspaces --------------------------------------------------------------------------------------------------


def test_whoever_makes_a_workspace_owns_it(world: World):
    assert world.platform.access.role(ANNA, world.workspace.id) is Role.OWNER


@pytest.mark.parametrize(
    "token",
    [Actor(1, "anna", scopes=frozenset({Scope.READ})), Actor(1, "anna", workspaces=frozenset({"ws-22222222"}))],
    ids=["reads only", "restricted"],
)
def test_some_tokens_make_no_workspaces(world: World, token: Actor):
    with pytest.raises(NotAllowed):
        world.platform.workspaces.create(token, "More")


def test_an_edit_of_a_workspace_leaves_what_is_not_given(world: World):
    edit = world.platform.workspaces.edit
    edit(ANNA, world.workspace.id, description="what we do")
    edited = edit(ANNA, world.workspace.id, name=" Team B ")
    assert (edited.name, edited.description) == ("Team B", "what we do")
    with pytest.raises(NotFound):
        edit(ANNA, "ws-22222222", name="x")


def test_a_removed_workspace_takes_everything_with_it_and_nothing_else(world: World):
    function = world.deployed()
    other = world.platform.workspaces.create(ANNA, "Other")
    world.platform.workspaces.remove(ANNA, world.workspace.id)
    assert [room.id for room in world.platform.access.visible(ANNA)] == [other.id]
    world.settle()
    assert function.id not in world.runtime.live
    assert not list((world.path / "code").rglob("*.*"))
    assert list(world.accounts.roles) == [(other.id, 1)]
    with pytest.raises(NotFound):
        world.platform.workspaces.remove(ANNA, world.workspace.id)
