from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from faasweb.domain.builds import Artifact
from faasweb.domain.functions import FunctionSettings


@dataclass(frozen=True, slots=True)
class Version:
    """What was deployed once, for good: code, settings and the component built of them. Numbers count from 1.

    One that was deployed as an image has no code that is known here: its hash and key are empty.
    """

    function_id: str
    workspace_id: str
    number: int
    created_at: datetime
    code_hash: str
    code_key: str
    settings: FunctionSettings = field(repr=False)
    build_id: str = ""
    artifact: Artifact | None = None
    image: str | None = None
    created_by: str = ""
