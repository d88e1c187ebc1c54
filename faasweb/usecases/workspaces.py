from __future__ import annotations

from dataclasses import dataclass

from faasweb.domain.access import Actor, Need, Role
from faasweb.domain.errors import NotAllowed
from faasweb.domain.workspaces import Workspace
from faasweb.ports import Accounts, Queue, WorkspaceRepository
from faasweb.usecases.retry import on_conflict
from faasweb.usecases.tasks import CLEAR_AWAY


@dataclass(frozen=True, slots=True)
class Workspaces:
    repository: WorkspaceRepository
    accounts: Accounts
    queue: Queue

    def create(self, actor: Actor, name: str, description: str | None = None) -> Workspace:
        """A new workspace, owned by the actor."""
        if not actor.has_scope(Need.WRITE) or actor.workspaces is not None:
            raise NotAllowed("This API token can't create workspaces.", need=str(Need.WRITE))
        workspace = Workspace.create(name, description)
        self.accounts.join(workspace.id, actor, Role.OWNER)
        self.repository.add(workspace)
        self.accounts.audit(actor, "workspace.create", workspace.id, {"name": workspace.name})
        return workspace

    def edit(
        self, actor: Actor, workspace_id: str, *, name: str | None = None, description: str | None = None
    ) -> Workspace:
        """``None`` leaves a field as it is."""

        def save() -> Workspace:
            return self.repository.save(self.repository.get(workspace_id).edited(name, description))

        workspace = on_conflict(save)
        self.accounts.audit(actor, "workspace.edit", workspace_id)
        return workspace

    def remove(self, actor: Actor, workspace_id: str) -> None:
        """Out of sight now; all it owns is cleared away by a task that survives crashes."""
        workspace = self.repository.get(workspace_id)
        removal = self.repository.remove(workspace)
        self.accounts.forget_workspace(workspace_id)
        CLEAR_AWAY.enqueue(self.queue, removal.id)
        self.accounts.audit(actor, "workspace.remove", workspace_id, {"name": workspace.name})
