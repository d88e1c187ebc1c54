"""How the environment is read: one function for each kind of value, each of which says what to write instead."""

from __future__ import annotations

import ipaddress
import json
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured


def reason(exc: Exception) -> str:
    return (exc.strerror if isinstance(exc, OSError) else None) or str(exc)


def env(name: str, default: str | None = None) -> str:
    """The value of NAME, or the content of the file that NAME_FILE names (a mounted secret)."""
    if path := os.environ.get(f"{name}_FILE"):
        try:
            return Path(path).read_text().strip()
        except (OSError, ValueError) as exc:
            raise ImproperlyConfigured(f"{name}_FILE={path!r} can't be read ({reason(exc)})") from exc
    value = os.environ.get(name) or default
    if value is None:
        raise ImproperlyConfigured(f"set {name} (or {name}_FILE)")
    return value


def env_given(name: str) -> bool:
    return bool(os.environ.get(name) or os.environ.get(f"{name}_FILE"))


def env_secret(name: str, shortest: int, default: str | None = None) -> str:
    value = env(name, default)
    if value != default and len(value) < shortest:
        raise ImproperlyConfigured(f"{name}: at least {shortest} characters")
    return value


def env_choice(name: str, choices: tuple[str, ...]) -> str:
    """One of ``choices``; the first is the default."""
    value = env(name, choices[0])
    if value not in choices:
        raise ImproperlyConfigured(f"{name}={value!r}: choose one of {', '.join(choices)}")
    return value


def env_flag(name: str, default: bool = False) -> bool:
    value = env(name, "1" if default else "0").lower()
    if value not in ("0", "1", "true", "false", "yes", "no"):
        raise ImproperlyConfigured(f"{name}={value!r}: write 1 or 0")
    return value in ("1", "true", "yes")


def env_int(name: str, default: int, low: int, high: int) -> int:
    value = env(name, str(default))
    if not (value.isascii() and value.isdecimal()) or not low <= int(value) <= high:
        raise ImproperlyConfigured(f"{name}={value!r}: write a whole number from {low} to {high}")
    return int(value)


def env_list(name: str, default: str = "") -> list[str]:
    """Comma separated, or a JSON array as the earlier system wrote it."""
    value = env(name, default).strip()
    if value.startswith("["):
        try:
            return [str(item) for item in json.loads(value)]
        except ValueError as exc:
            raise ImproperlyConfigured(f"{name}: not a JSON array") from exc
    return [item.strip() for item in value.split(",") if item.strip()]


def env_url(name: str) -> str:
    """An http or https address without a slash at its end; empty when it is not set."""
    value = env(name, "").rstrip("/")
    parts = urlsplit(value)
    if value and (parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment):
        raise ImproperlyConfigured(f"{name}={value!r}: write an address like http://builder.example.com:8000")
    return value


def env_path(name: str, default: str) -> Path:
    return Path(env(name, default)).expanduser().resolve()


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def env_namespace(name: str, default: str) -> str:
    return _namespace(name, env(name, default))


def env_namespaces(name: str) -> list[str]:
    return [_namespace(name, value) for value in env_list(name)]


def _namespace(name: str, value: str) -> str:
    if not re.fullmatch(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", value):
        raise ImproperlyConfigured(f"{name}={value!r}: write the name of a Kubernetes namespace")
    return value
