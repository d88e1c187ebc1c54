"""What may be asked of a log store. The same for every adapter."""

from __future__ import annotations

import re

from faasweb.domain.errors import InvalidInput

LIMIT = 5000  # entries of one answer, Loki's own limit
TEXT_LIMIT = 500  # characters of a filter
# A function id is a Kubernetes label in production. Narrower than any query language's special characters.
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?\Z")
_STREAM = re.compile(r"[a-z]{0,20}\Z")


def check(function_id: str, limit: int = 1, text: str = "", stream: str = "") -> None:
    """InvalidInput, naming the field, unless this is a question that every log store answers."""
    if not _LABEL.match(function_id):
        raise InvalidInput("That is not a function id.", field="function_id")
    if not 1 <= limit <= LIMIT:
        raise InvalidInput(f"limit is 1 to {LIMIT}, not {limit}.", field="limit")
    if len(text) > TEXT_LIMIT:
        raise InvalidInput(f"A filter has at most {TEXT_LIMIT} characters.", field="text")
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        raise InvalidInput("The filter is not valid Unicode text.", field="text")
    if not _STREAM.match(stream):
        raise InvalidInput("stream is stdout, stderr or system.", field="stream")


def check_request_id(request_id: str) -> None:
    if not _LABEL.match(request_id):
        raise InvalidInput("That is not a request id.", field="request_id")


def bad_cursor() -> InvalidInput:
    return InvalidInput("That cursor is not one of these logs.", field="after")
