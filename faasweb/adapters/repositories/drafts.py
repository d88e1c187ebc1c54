from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from faasweb.adapters.repositories import keys
from faasweb.adapters.repositories.functions import not_found as function_not_found
from faasweb.adapters.repositories.table import Check, ConditionFailed, Delete, Operation, Put, Table
from faasweb.domain.clock import parse, sortable
from faasweb.domain.errors import InvalidInput, TooLarge
from faasweb.domain.source import MAIN_FILE, SOURCE_LIMIT, Source
from faasweb.ports import Draft

PART_BYTES = 350_000
DRAFT_LIMIT = 2_500_000
"""Bytes of a packed source of several files: as Base64 all of it has to fit one transaction."""
PARTS = -(-DRAFT_LIMIT * 4 // 3 // (PART_BYTES - 3)) + 1
READ_TRIES = 3


@dataclass(frozen=True, slots=True)
class Drafts:
    """A draft is one item, or more when it is long; ``stamp`` tells which of them belong together.

    One file is stored as its text; several are packed.
    """

    table: Table

    def get(self, function_id: str, user: str) -> Draft | None:
        wanted = [keys.draft(function_id, user, part) for part in range(PARTS)]
        for _ in range(READ_TRIES):
            found = self.table.batch_get(wanted)
            head = found.get(wanted[0])
            if head is None:
                return None
            parts = [found.get(key, {}) for key in wanted[: head["parts"]]]
            if all(part.get("stamp") == head["stamp"] for part in parts):
                source = _read("".join(part["text"] for part in parts), packed=bool(head.get("packed")))
                return Draft(function_id, user, source, head["base"], parse(head["savedAt"]))
        return None

    def save(self, draft: Draft) -> None:
        text, packed = _written(draft.source)
        parts = _split(text.encode())
        saved_at = sortable(draft.saved_at)
        head = {"user": draft.user, "base": draft.base, "savedAt": saved_at, "parts": len(parts), "packed": packed}
        operations: list[Operation] = [Check(keys.function_pointer(draft.function_id))]
        for number in range(PARTS):
            key = keys.draft(draft.function_id, draft.user, number)
            if number < len(parts):
                item = {"text": parts[number], "stamp": saved_at}
                operations.append(Put(key, item if number else head | item))
            else:
                operations.append(Delete(key))
        try:
            self.table.write(operations)
        except ConditionFailed as exc:
            raise function_not_found(draft.function_id) from exc

    def remove(self, function_id: str, user: str) -> None:
        self.table.write([Delete(keys.draft(function_id, user, part)) for part in range(PARTS)])


def _written(source: Source) -> tuple[str, bool]:
    """What is stored, and whether that is a packed source in Base64."""
    try:
        if source.is_single:
            text = source.text
            _check_size(len(text.encode()), SOURCE_LIMIT)
            return text, False
        packed = source.packed
    except UnicodeEncodeError as exc:
        raise InvalidInput("The code is not valid Unicode text.", field="code") from exc
    _check_size(len(packed), DRAFT_LIMIT)
    return base64.b64encode(packed).decode(), True


def _read(text: str, *, packed: bool) -> Source:
    return Source.unpack(base64.b64decode(text)) if packed else Source({MAIN_FILE: text})


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise TooLarge(f"The code has {size:,} bytes; the limit of a draft is {limit:,}.", field="code", limit=limit)


def _split(content: bytes) -> Sequence[str]:
    """Parts that fit an item each, cut between characters; one empty part for an empty text."""
    parts: list[str] = []
    start = 0
    while start < len(content) or not parts:
        end = min(start + PART_BYTES, len(content))
        while end < len(content) and content[end] & 0xC0 == 0x80:
            end -= 1
        parts.append(content[start:end].decode())
        start = end
    return parts
