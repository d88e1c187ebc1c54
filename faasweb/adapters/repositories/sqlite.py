"""The table in one SQLite file: durable before a write returns, shared by threads and processes."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from json import JSONDecoder, JSONEncoder
from pathlib import Path
from typing import Any

from faasweb.adapters.repositories.assembly import repositories_over
from faasweb.adapters.repositories.executions import RETENTION
from faasweb.adapters.repositories.sqlite_connections import Connections
from faasweb.adapters.repositories.table import (
    EXPIRES,
    FIRST,
    ITEM_LIMIT,
    LAST,
    ConditionFailed,
    Delete,
    Item,
    Key,
    Operation,
    Put,
    Update,
    check_size,
    checked,
    storable,
)
from faasweb.domain.errors import InvalidInput
from faasweb.ports import Repositories

_encode = JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_decode = JSONDecoder().raw_decode

_GET = "SELECT value FROM items WHERE pk = ? AND sk = ?"
_PUT = "INSERT OR REPLACE INTO items (pk, sk, expires, value) VALUES (?, ?, ?, ?)"
_DELETE = "DELETE FROM items WHERE pk = ? AND sk = ?"
_EXPIRE = """
    DELETE FROM items WHERE (pk, sk) IN (SELECT pk, sk FROM items WHERE expires <= ? ORDER BY expires LIMIT ?)
"""


def open_repositories(path: Path, *, retention: timedelta = RETENTION) -> Repositories:
    """The repositories over the database at ``path``, which is made when absent. Unavailable when it can't be used."""
    return repositories_over(SqliteTable(path), retention)


class SqliteTable:
    def __init__(self, path: Path) -> None:
        self._connections = Connections(path)

    def close(self) -> None:
        self._connections.close()

    def get(self, key: Key) -> Item | None:
        return self.batch_get([key]).get(key)

    def batch_get(self, keys: Sequence[Key]) -> Mapping[Key, Item]:
        found: dict[Key, Item] = {}
        with self._connections.reading() as connection:
            for key in filter(storable, keys):
                row = connection.execute(_GET, key).fetchone()
                if row is not None:
                    found[key] = _item(*key, row[0])
        return found

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
        if not storable((pk, first)):
            return []
        columns = "sk, '{}'" if keys_only else "sk, value"
        beyond = f"AND sk {'<' if reverse else '>'} ?" if after is not None else ""
        order = "DESC" if reverse else "ASC"
        statement = (
            f"SELECT {columns} FROM items WHERE pk = ? AND sk BETWEEN ? AND ? {beyond} ORDER BY sk {order} LIMIT ?"  # noqa: S608 - only the constants above
        )
        values = [pk, first, last, *([after] if after is not None else []), -1 if limit is None else limit]
        with self._connections.reading() as connection:
            rows = connection.execute(statement, values).fetchall()
        return [_item(pk, sk, value) for sk, value in rows]

    def write(self, operations: Sequence[Operation]) -> None:
        """All conditions are looked at before anything changes, as DynamoDB does."""
        checked(operations)
        with self._connections.writing() as connection:
            current = [_current(connection, operation) for operation in operations]
            failed = [
                index
                for index, operation in enumerate(operations)
                if operation.when is not None and not operation.when.holds(current[index])
            ]
            if failed:
                raise ConditionFailed(failed)
            for operation, item in zip(operations, current, strict=True):
                _apply(connection, operation, item)

    def expire(self, now: datetime, limit: int) -> int:
        with self._connections.writing() as connection:
            return connection.execute(_EXPIRE, (int(now.timestamp()), limit)).rowcount


def _item(pk: str, sk: str, value: str) -> Item:
    item: Item = _decode(value)[0]
    item["PK"], item["SK"] = pk, sk
    return item


def _current(connection: sqlite3.Connection, operation: Operation) -> Item | None:
    if operation.when is None and not isinstance(operation, Update):
        return None
    row = connection.execute(_GET, operation.key).fetchone()
    return None if row is None else _decode(row[0])[0]


def _apply(connection: sqlite3.Connection, operation: Operation, item: Item | None) -> None:
    match operation:
        case Put():
            _store(connection, operation.key, operation.item)
        case Update():
            _store(connection, operation.key, _updated(item or {}, operation))
        case Delete():
            connection.execute(_DELETE, operation.key)


def _updated(item: Item, update: Update) -> Item:
    item.update(update.set)
    for name, amount in update.add.items():
        item[name] = item.get(name, 0) + amount
    for name in update.remove:
        item.pop(name, None)
    return item


def _store(connection: sqlite3.Connection, key: Key, item: Mapping[str, Any]) -> None:
    try:
        text = _encode(item)
        if len(text) * 4 > ITEM_LIMIT:  # only then it can be too large, counted in bytes
            check_size(item)
        connection.execute(_PUT, (*key, item.get(EXPIRES), text))
    except (ValueError, UnicodeEncodeError) as exc:
        raise InvalidInput("This holds text or numbers that can't be stored.") from exc
