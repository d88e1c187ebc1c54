"""Which keys a code store takes. The same for every adapter, so that what works on one machine works in S3."""

from __future__ import annotations

import re

from faasweb.domain.errors import InvalidInput

KEY_LIMIT = 1024  # characters: the limit of S3
_SEGMENT = re.compile(r"[A-Za-z0-9._-]{1,255}\Z")


def checked(key: str) -> str:
    """``key`` itself when it is a relative POSIX path that can't leave its store. InvalidInput otherwise."""
    segments = key.split("/")
    if len(key) > KEY_LIMIT or any(not _SEGMENT.match(part) or part in (".", "..") for part in segments):
        raise InvalidInput(f"{key[:60]!r} can't be the name of stored code.", field="key")
    return key


def checked_prefix(prefix: str) -> str:
    """Like ``checked``, for a folder: ends in exactly one ``/``, and is never the whole store."""
    if not prefix.endswith("/"):
        raise InvalidInput(f"{prefix[:60]!r} is no folder of stored code: it does not end in /.", field="key")
    checked(prefix[:-1])
    return prefix
