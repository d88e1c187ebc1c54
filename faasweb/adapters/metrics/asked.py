"""What may be asked of a metric store. The same for every adapter."""

from __future__ import annotations

import re

from faasweb.domain.errors import InvalidInput

STEP_S = 60
WINDOW_S = (STEP_S, 86_400)
# A function id is a Kubernetes label in production. Narrower than any query language's special characters.
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?\Z")


def check(function_id: str, window_s: int) -> None:
    """InvalidInput, naming the field, unless this is a question that every metric store answers."""
    if not _LABEL.match(function_id):
        raise InvalidInput("That is not a function id.", field="function_id")
    low, high = WINDOW_S
    if not low <= window_s <= high:
        raise InvalidInput(f"window is {low} to {high} seconds, not {window_s}.", field="window")
