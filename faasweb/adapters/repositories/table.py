"""What a database has to do for the repositories: items by key, one transaction at a time.

An item is a dict of text, whole numbers, floats, booleans, None, lists and dicts; read items also hold their ``PK`` and
``SK``. Both databases keep DynamoDB's limits: 400 KB per item, 100 operations and 4 MB per transaction.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from faasweb.domain.errors import InvalidInput, TooLarge

Key = tuple[str, str]
Item = dict[str, Any]

ITEM_LIMIT = 400_000
TRANSACTION_OPERATIONS = 100
TRANSACTION_BYTES = 4_000_000
EXPIRES = "expires_at"
"""The attribute that holds when an item may be forgotten, in Unix seconds."""
FIRST, LAST = " ", "\U0010ffff"
"""Before and after every sort key."""


@dataclass(frozen=True, slots=True)
class When:
    """What must be true of an item. ``equals`` is an attribute and its value; None stands for no such attribute."""

    present: bool = True
    equals: tuple[str, str | int | None] | None = None

    def holds(self, item: Mapping[str, Any] | None) -> bool:
        if item is None or not self.present:
            return (item is not None) == self.present
        if self.equals is None:
            return True
        name, value = self.equals
        if value is None:
            return name not in item
        return bool(item.get(name) == value)


PRESENT = When()
ABSENT = When(present=False)


def unchanged(revision: int) -> When:
    """The stored item still has that revision. Items of the earlier system have none: they are read as revision 0."""
    return When(equals=("revision", revision or None))


@dataclass(frozen=True, slots=True)
class Put:
    key: Key
    item: Item
    when: When | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """Changes some attributes. Without ``when`` it creates the item when there is none."""

    key: Key
    set: Mapping[str, Any] = field(default_factory=dict)
    add: Mapping[str, int] = field(default_factory=dict)
    remove: Sequence[str] = ()
    when: When | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Deleting what is not there is no error, unless ``when`` says so."""

    key: Key
    when: When | None = None


@dataclass(frozen=True, slots=True)
class Check:
    key: Key
    when: When = PRESENT


Operation = Put | Update | Delete | Check


class ConditionFailed(Exception):
    """Nothing was written; ``indexes`` are the operations whose ``when`` did not hold."""

    def __init__(self, indexes: Iterable[int]) -> None:
        self.indexes = frozenset(indexes)
        super().__init__(f"the conditions of operations {sorted(self.indexes)} do not hold")


class Table(Protocol):
    """Every read sees every write that returned before it. May raise Unavailable."""

    def get(self, key: Key) -> Item | None: ...

    def batch_get(self, keys: Sequence[Key]) -> Mapping[Key, Item]:
        """Any number of items; absent ones are left out."""
        ...

    def query(
        self,
        pk: str,
        first: str = FIRST,
        last: str = LAST,
        *,
        after: str | None = None,
        limit: int | None = None,
        reverse: bool = False,
        keys_only: bool = False,
    ) -> Sequence[Item]:
        """The items of ``pk`` from ``first`` to ``last`` (both included) in the order of their sort keys.

        All of them, however many pages that are, or the first ``limit``. ``after`` goes on behind that sort key, in the
        direction of reading; it must lie between ``first`` and ``last``.
        """
        ...

    def write(self, operations: Sequence[Operation]) -> None:
        """All or nothing, durable when it returns.

        At most 100 operations on different items. Raises ConditionFailed, TooLarge, InvalidInput (a value that no
        database stores).
        """
        ...

    def expire(self, now: datetime, limit: int) -> int:
        """Delete at most ``limit`` expired items, where the database does not do it by itself; how many."""
        ...


def storable(key: Key) -> bool:
    """Whether an item can have that key; what can't be a key is just not there when read."""
    try:
        pk, sk = key[0].encode(), key[1].encode()
    except UnicodeEncodeError:
        return False
    return 0 < len(pk) <= 2048 and 0 < len(sk) <= 1024


def checked(operations: Sequence[Operation]) -> Sequence[Operation]:
    """The operations, if one transaction can hold them."""
    keys = {operation.key for operation in operations}
    if len(operations) > TRANSACTION_OPERATIONS or len(keys) != len(operations):
        raise ValueError(f"a transaction has at most {TRANSACTION_OPERATIONS} operations on different items")
    if not all(map(storable, keys)):
        raise InvalidInput("This identifier is too long or not valid text.")
    return operations


def check_size(item: Mapping[str, Any]) -> None:
    size = item_size(item)
    if size > ITEM_LIMIT:
        raise TooLarge(f"This is too large to be stored: {size:,} of {ITEM_LIMIT:,} bytes.", limit=ITEM_LIMIT)


def item_size(item: Mapping[str, Any]) -> int:
    """Bytes as DynamoDB counts them (its keys left out: they are below 3 KB). InvalidInput for what it can't hold."""
    try:
        return sum(len(name.encode()) + _value_size(value) for name, value in item.items())
    except UnicodeEncodeError as exc:
        raise InvalidInput("This is not valid Unicode text.") from exc


def _value_size(value: object) -> int:
    match value:
        case str():
            return len(value.encode())
        case None | bool():
            return 1
        case int():
            return len(str(value)) // 2 + 2
        case float():
            if not math.isfinite(value):
                raise InvalidInput("A number is not finite.")
            return len(repr(value)) // 2 + 2
        case list() | tuple():
            return 3 + sum(1 + _value_size(part) for part in value)
        case dict():
            return 3 + sum(1 + len(name.encode()) + _value_size(part) for name, part in value.items())
    raise TypeError(f"{type(value).__name__} is not stored")
