from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from faasweb.domain import clock, ids
from faasweb.domain.names import clean_description, clean_name
from faasweb.domain.usage import NO_USAGE, Totals


@dataclass(frozen=True, slots=True)
class Workspace:
    """A team's room. ``function_count`` and ``usage`` (last 24 h) are kept by the repository, never by an edit."""

    id: str
    name: str
    description: str
    created_at: datetime
    revision: int = 1
    function_count: int = 0
    usage: Totals = NO_USAGE

    @classmethod
    def create(cls, name: str, description: str | None = None) -> Workspace:
        return cls(ids.workspace_id(), clean_name(name), clean_description(description), clock.now())

    def edited(self, name: str | None = None, description: str | None = None) -> Workspace:
        """``None`` leaves a field as it is."""
        return replace(
            self,
            name=self.name if name is None else clean_name(name),
            description=self.description if description is None else clean_description(description),
        )
