"""Amounts of CPU and memory as Kubernetes writes them: ``500m``, ``1.5``, ``256Mi``."""

from __future__ import annotations

import re
from decimal import Decimal

from faasweb.domain.errors import InvalidInput

_QUANTITY = re.compile(r"(\d{1,18}(?:\.\d{1,9})?)(m|[KMGTPE]i|[kMGTPE])?\Z", re.ASCII)
_FACTORS = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    **{letter: Decimal(1000) ** power for power, letter in enumerate("kMGTPE", 1)},
    **{f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", 1)},
}


def is_amount(text: str) -> bool:
    """Kubernetes knows more forms, ``1e3`` among them, which only others write."""
    return _QUANTITY.match(text) is not None


def amount(text: str, field: str) -> Decimal:
    """What it stands for, in cores or bytes. InvalidInput names the field and the value."""
    match = _QUANTITY.match(text)
    if match is None:
        problem = "write a number with a unit, like 500m or 1.5 for CPU and 256Mi or 1G for memory"
        raise InvalidInput(
            f"Invalid resource format for {field}: {text[:60]!r}; {problem}.", field=field, value=text[:60]
        )
    return Decimal(match[1]) * _FACTORS[match[2] or ""]
