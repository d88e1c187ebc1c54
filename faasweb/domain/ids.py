"""Identifiers: short, typed by prefix, drawn from an alphabet without look-alikes (no 0 O 1 I l)."""

from __future__ import annotations

import re
import secrets
import uuid

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_SHORT = f"[{ALPHABET}]{{8}}"
DEFAULT_WORKSPACE = "ws-default"
WORKSPACE_PATTERN = f"ws-(?:{_SHORT}|default)"
_WORKSPACE = re.compile(rf"{WORKSPACE_PATTERN}\Z")
FUNCTION_PATTERN = f"fn-{_SHORT}"
_FUNCTION = re.compile(rf"{FUNCTION_PATTERN}\Z")


def short_id() -> str:
    number, base, letters = secrets.randbelow(len(ALPHABET) ** 8), len(ALPHABET), []
    for _ in range(8):
        number, index = divmod(number, base)
        letters.append(ALPHABET[index])
    return "".join(letters)


def workspace_id() -> str:
    return f"ws-{short_id()}"


def function_id() -> str:
    return f"fn-{short_id()}"


def deployment_id() -> str:
    return f"dp-{short_id()}"


def build_id() -> str:
    """UUID4 text, as the Builder Service's clients expect of a task id."""
    return str(uuid.uuid4())


def is_workspace_id(text: str) -> bool:
    return _WORKSPACE.match(text) is not None


def is_function_id(text: str) -> bool:
    return _FUNCTION.match(text) is not None
