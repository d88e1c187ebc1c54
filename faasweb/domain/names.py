"""The rules that names obey, each in one place."""

from __future__ import annotations

import re
import secrets

from faasweb.domain.errors import InvalidInput

NAME_LIMIT = 100
DESCRIPTION_LIMIT = 2000
APP_NAME_LIMIT = 59  # a Kubernetes label has 63; four are kept for the autoscaler's "-hpa"

_MOODS = ("brave", "bright", "calm", "clever", "eager", "gentle", "quiet", "swift", "warm", "wise")
_PLACES = ("bay", "brook", "cloud", "field", "forest", "harbor", "hill", "lake", "meadow", "river")


def clean_name(text: str, *, field: str = "name") -> str:
    """A display name: any language, trimmed, 1 to 100 characters, no control characters."""
    name = text.strip()
    if not name:
        raise InvalidInput("Give it a name.", field=field)
    if len(name) > NAME_LIMIT:
        raise InvalidInput(f"A name has at most {NAME_LIMIT} characters; this one has {len(name)}.", field=field)
    if any(not char.isprintable() for char in name):
        raise InvalidInput("A name can't hold line breaks or control characters.", field=field)
    return name


def clean_description(text: str | None) -> str:
    description = (text or "").strip()
    if len(description) > DESCRIPTION_LIMIT:
        raise InvalidInput(f"A description has at most {DESCRIPTION_LIMIT} characters.", field="description")
    return description


def app_name(text: str) -> str:
    """The DNS-1123 label that a name gives: ``"My function!" -> "my-function"``; empty when nothing is left."""
    label = re.sub(r"[^a-z0-9]+", "-", text.lower())
    label = re.sub(r"\A[^a-z]+", "", label)
    return label[:APP_NAME_LIMIT].rstrip("-")


def invented() -> str:
    """A name for an app that nobody named: ``spin-quiet-harbor-4711``."""
    return f"spin-{secrets.choice(_MOODS)}-{secrets.choice(_PLACES)}-{1000 + secrets.randbelow(9000)}"


def app_name_for(name: str, function_id: str, *, taken: bool = False) -> str:
    """The unique name a function runs under. A suffix from its id settles collisions and empty labels."""
    label, suffix = app_name(name), function_id.removeprefix("fn-").lower()
    if not label:
        return f"fn-{suffix}"
    return f"{label[: APP_NAME_LIMIT - len(suffix) - 1].rstrip('-')}-{suffix}" if taken else label
