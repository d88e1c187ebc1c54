"""Spin's SQLite: a file per function and database, fenced in by ``databases.fence``."""

import re
import sqlite3
from typing import Any

from faasweb.wasmhost.abi_shapes import Err
from faasweb.wasmhost.databases import fence, open_database
from faasweb.wasmhost.interfaces.registry import Interface, resource
from faasweb.wasmhost.sandbox import Sandbox

sqlite = Interface("fermyon:spin/sqlite", "spin:sqlite/sqlite")

DATABASE_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
MAX_RESULT_BYTES = 16 << 20
CELL_BYTES = 64


class _Connection:
    """An open database."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self.database = database


@resource("fermyon:spin/sqlite", "connection")
class Connection2(_Connection):
    """The connection of fermyon:spin/sqlite@2."""


@resource("spin:sqlite/sqlite", "connection")
class Connection3(_Connection):
    """The connection of spin:sqlite@3; the guest's types are distinct, so the classes are."""


def _open(guest: Sandbox, name: str) -> sqlite3.Connection:
    if name not in guest.release.sqlite_databases or not DATABASE_NAME.fullmatch(name):
        raise Err(("no-such-database", None))
    try:
        database = open_database(guest, guest.state / "sqlite" / f"{name}.db")
    except sqlite3.Error as error:
        raise Err(("io", str(error))) from error
    fence(database)
    return database


@Interface("fermyon:spin/sqlite").static("connection", "open")
def open_2(guest: Sandbox, name: str) -> Connection2:
    return Connection2(_open(guest, name))


@Interface("spin:sqlite/sqlite").static("connection", "open")
def open_3(guest: Sandbox, name: str) -> Connection3:
    return Connection3(_open(guest, name))


def _value(cell: Any) -> tuple[str, Any]:
    match cell:
        case None:
            return "null", None
        case int():
            return "integer", cell
        case float():
            return "real", cell
        case str():
            return "text", cell
        case _:
            return "blob", bytes(cell)


def _rows(cursor: sqlite3.Cursor) -> list[dict[str, Any]]:
    rows, size = [], 0
    for row in cursor:
        size += sum(CELL_BYTES + (len(cell) if isinstance(cell, str | bytes) else 0) for cell in row)
        if size > MAX_RESULT_BYTES:
            raise Err(("io", f"the result is larger than {MAX_RESULT_BYTES >> 20} MB"))
        rows.append({"values": [_value(cell) for cell in row]})
    return rows


@sqlite.method("connection", "execute")
def execute(
    guest: Sandbox, connection: _Connection, statement: str, parameters: list[tuple[str, Any]]
) -> dict[str, Any]:
    try:
        cursor = connection.database.execute(statement, [value for _, value in parameters])
        columns = [column[0] for column in cursor.description or []]
        return {"columns": columns, "rows": _rows(cursor)}
    except (sqlite3.Error, sqlite3.Warning) as error:
        guest.check()
        if "database or disk is full" in str(error):
            raise Err(("database-full", None)) from error
        raise Err(("io", str(error))) from error


@sqlite.method("connection", "last-insert-rowid")
def last_insert_rowid(guest: Sandbox, connection: _Connection) -> int:
    row: tuple[int] = connection.database.execute("SELECT last_insert_rowid()").fetchone()
    return row[0]


@sqlite.method("connection", "changes")
def changes(guest: Sandbox, connection: _Connection) -> int:
    row: tuple[int] = connection.database.execute("SELECT changes()").fetchone()
    return row[0]
