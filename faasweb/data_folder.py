"""What has to be in the data folder before Django starts: the secret key, and the file of the users' database."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from faasweb.environment import reason


def secret_key_in(data: Path) -> str:
    """Made once and kept there."""
    path = data / "secret_key"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _make_secret_key(path)
        key = path.read_text()
    except (OSError, ValueError) as exc:
        raise ImproperlyConfigured(
            f"the data folder {data} can't be used ({path.name}: {reason(exc)}): set FAASWEB_DATA to one that can"
        ) from exc
    if not key:
        raise ImproperlyConfigured(f"{path} is empty: delete it and start again")
    return key


def _make_secret_key(path: Path) -> None:
    """Whole or not at all, also on a full disk; of two processes that make one, the first wins."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".secret_key.") as made:  # readable by its owner
        made.write(secrets.token_urlsafe(48))
        made.flush()
        os.fsync(made.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(made.name, path)


def sqlite_in(data: Path) -> dict[str, object]:
    """SQLite with the options under which concurrent writers don't fail, in a file that only its owner reads."""
    path = data / "django.db"
    with contextlib.suppress(OSError):  # read-only, or somebody else's: whoever opens it will say so
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.chmod(0o600)  # whoever reads the sessions in it can be anybody
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "CONN_MAX_AGE": 600,
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
        },
    }
