from __future__ import annotations

from datetime import timedelta

from faasweb.adapters.repositories.builds import Builds
from faasweb.adapters.repositories.deployments import Deployments
from faasweb.adapters.repositories.drafts import Drafts
from faasweb.adapters.repositories.executions import RETENTION, Executions
from faasweb.adapters.repositories.functions import Functions
from faasweb.adapters.repositories.maintenance import Upkeep
from faasweb.adapters.repositories.table import Table
from faasweb.adapters.repositories.versions import Versions
from faasweb.adapters.repositories.workspaces import Workspaces
from faasweb.ports import Repositories


def repositories_over(table: Table, retention: timedelta = RETENTION) -> Repositories:
    """``retention`` is how long executions are kept."""
    return Repositories(
        workspaces=Workspaces(table),
        functions=Functions(table),
        versions=Versions(table),
        builds=Builds(table),
        deployments=Deployments(table),
        executions=Executions(table, retention),
        drafts=Drafts(table),
        maintenance=Upkeep(table),
    )
