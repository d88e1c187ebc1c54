from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from faasweb.domain.access import Actor, Need, Role, role_allows
from faasweb.domain.errors import InvalidInput, NotAllowed, NotFound
from faasweb.domain.workspaces import Workspace
from faasweb.ports import Accounts, Member, WorkspaceRepository


@dataclass(frozen=True, slots=True)
class Access:
    """Who may enter which workspace. Every door that shows or changes one comes through ``enter``."""

    accounts: Accounts
    workspaces: WorkspaceRepository

    def enter(self, actor: Actor, workspace_id: str, need: Need = Need.READ) -> Workspace:
        """The workspace, if the actor may do what is needed there.

        A stranger can't tell a private workspace from one that does not exist: both are NotFound. A member or token
        that may look but not do this gets NotAllowed.
        """
        self.allow(actor, workspace_id, need)
        return self.workspaces.get(workspace_id)

    def allow(self, actor: Actor, workspace_id: str, need: Need) -> None:
        """As ``enter``, without reading the workspace."""
        role = self.accounts.role(actor, workspace_id) if actor.reaches(workspace_id) else None
        if role is None:
            raise NotFound(f"Workspace {workspace_id} not found", workspace=workspace_id)
        if not role_allows(role, need):
            raise NotAllowed(f"A {role} of this workspace can't do that; ask an owner.", need=str(need))
        if not actor.has_scope(need):
            raise NotAllowed("This API token lacks the scope for that.", need=str(need))

    def may(self, actor: Actor, workspace_id: str, need: Need) -> bool:
        """Whether ``enter`` would let the actor in; pages show only what somebody may use."""
        try:
            self.allow(actor, workspace_id, need)
        except (NotAllowed, NotFound):
            return False
        return True

    def role(self, actor: Actor, workspace_id: str) -> Role | None:
        return self.accounts.role(actor, workspace_id)

    def visible(self, actor: Actor) -> Sequence[Workspace]:
        """The workspaces the actor may see, newest first."""
        if not actor.has_scope(Need.READ):
            raise NotAllowed("This API token lacks the scope read.", need=str(Need.READ))
        mine = self.accounts.workspaces_of(actor)
        return [w for w in self.workspaces.list() if actor.reaches(w.id) and (mine is None or w.id in mine)]

    def members(self, workspace_id: str) -> Sequence[Member]:
        return self.accounts.members(workspace_id)

    def set_role(self, actor: Actor, workspace_id: str, username: str, role: Role) -> None:
        """Add a member or change one's role. The last owner can't be demoted."""
        owners = [m.username for m in self.members(workspace_id) if m.role is Role.OWNER]
        if owners == [username] and role is not Role.OWNER:
            raise InvalidInput("A workspace needs an owner: make somebody else one first.", field="role")
        self.accounts.set_role(workspace_id, username, role)
        self.accounts.audit(actor, "member.set", workspace_id, {"user": username, "role": str(role)})

    def remove_member(self, actor: Actor, workspace_id: str, user_id: int) -> None:
        owners = [m.user_id for m in self.members(workspace_id) if m.role is Role.OWNER]
        if owners == [user_id]:
            raise InvalidInput("A workspace needs an owner: make somebody else one first.", field="user")
        self.accounts.leave(workspace_id, user_id)
        self.accounts.audit(actor, "member.remove", workspace_id, {"user_id": user_id})
