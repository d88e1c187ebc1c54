"""Spin's key-value stores: one SQLite file per function, one table for all of its stores."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from faasweb.wasmhost.abi_shapes import Err
from faasweb.wasmhost.databases import open_database
from faasweb.wasmhost.interfaces.registry import Interface, resource
from faasweb.wasmhost.sandbox import Sandbox

key_value = Interface("fermyon:spin/key-value")

MAX_KEY_BYTES = 1024
MAX_VALUE_BYTES = 2 << 20
MAX_KEYS = 50_000
SCHEMA = """CREATE TABLE IF NOT EXISTS entries(
    store TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (store, key)
) WITHOUT ROWID"""


@resource("fermyon:spin/key-value", "store")
class Store:
    """An open store."""

    def __init__(self, label: str) -> None:
        self.label = label


@contextmanager
def _table(guest: Sandbox) -> Iterator[sqlite3.Connection]:
    """The function's table; SQLite's errors become the interface's."""
    try:
        yield open_database(guest, guest.state / "key_value.db", schema=SCHEMA)
    except sqlite3.Error as error:
        guest.check()
        if "full" in str(error):
            raise Err(("store-table-full", None)) from error
        raise Err(("other", f"the key-value store failed: {error}")) from error


@key_value.static("store", "open")
def open_store(guest: Sandbox, label: str) -> Store:
    if label not in guest.release.key_value_stores:
        raise Err(("no-such-store", None))
    return Store(label)


@key_value.method("store", "get")
def get(guest: Sandbox, store: Store, key: str) -> bytes | None:
    with _table(guest) as table:
        row = table.execute("SELECT value FROM entries WHERE store = ? AND key = ?", (store.label, key)).fetchone()
    return None if row is None else row[0]


@key_value.method("store", "set")
def set_value(guest: Sandbox, store: Store, key: str, value: bytes) -> None:
    if len(key.encode()) > MAX_KEY_BYTES or len(value) > MAX_VALUE_BYTES:
        raise Err(("other", f"a key has at most {MAX_KEY_BYTES} bytes and a value {MAX_VALUE_BYTES >> 20} MB"))
    with _table(guest) as table:
        table.execute("INSERT OR REPLACE INTO entries VALUES (?, ?, ?)", (store.label, key, value))


@key_value.method("store", "delete")
def delete(guest: Sandbox, store: Store, key: str) -> None:
    with _table(guest) as table:
        table.execute("DELETE FROM entries WHERE store = ? AND key = ?", (store.label, key))


@key_value.method("store", "exists")
def exists(guest: Sandbox, store: Store, key: str) -> bool:
    with _table(guest) as table:
        row = table.execute("SELECT 1 FROM entries WHERE store = ? AND key = ?", (store.label, key)).fetchone()
    return row is not None


@key_value.method("store", "get-keys")
def get_keys(guest: Sandbox, store: Store) -> list[str]:
    with _table(guest) as table:
        query = "SELECT key FROM entries WHERE store = ? ORDER BY key LIMIT ?"
        rows = table.execute(query, (store.label, MAX_KEYS + 1)).fetchall()
    if len(rows) > MAX_KEYS:
        raise Err(("other", f"the store has more than {MAX_KEYS} keys, too many to list at once"))
    return [row[0] for row in rows]
