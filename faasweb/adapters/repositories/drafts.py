from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from faasweb.adapters.repositories import keys
from faasweb.adapters.repositories.functions import not_found as function_not_found
from faasweb.adapters.repositories.table import Check, ConditionFailed, Delete, Operation, Put, Table
from faasweb.domain.clock import parse, sortable
from faasweb.domain.errors import InvalidInput, TooLarge
from faasweb.domain.source import SOURCE_LIMIT
from faasweb.ports import Draft

PART_BYTES = 350_000
PARTS = -(-SOURCE_LIMIT // (PART_BYTES - 3))
READ_TRIES = 3


@dataclass(frozen=True, slots=True)
class Drafts:
    """A draft is one item, or up to three when its text is long; ``stamp`` tells which of them belong together."""

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
                text = "".join(part["text"] for part in parts)
                return Draft(function_id, user, text, head["base"], parse(head["savedAt"]))
        return None

    def save(self, draft: Draft) -> None:
        parts = _split(draft.text)
        saved_at = sortable(draft.saved_at)
        head = {"user": draft.user, "base": draft.base, "savedAt": saved_at, "parts": len(parts)}
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


def _split(text: str) -> Sequence[str]:
    """Parts that fit an item each, cut between characters; one empty part for an empty text."""
    try:
        content = text.encode()
    except UnicodeEncodeError as exc:
        raise InvalidInput("The code is not valid Unicode text.", field="code") from exc
    if len(content) > SOURCE_LIMIT:
        message = f"The code has {len(content):,} bytes; the limit is {SOURCE_LIMIT:,}."
        raise TooLarge(message, field="code", limit=SOURCE_LIMIT)
    parts: list[str] = []
    start = 0
    while start < len(content) or not parts:
        end = min(start + PART_BYTES, len(content))
        while end < len(content) and content[end] & 0xC0 == 0x80:
            end -= 1
        parts.append(content[start:end].decode())
        start = end
    return parts
