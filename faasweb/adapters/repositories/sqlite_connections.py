from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from faasweb.domain.errors import Unavailable

BUSY_S = 20.0
SCHEMA_VERSION = 1
_SCHEMA = """
    CREATE TABLE IF NOT EXISTS items (
        pk TEXT NOT NULL, sk TEXT NOT NULL, expires INTEGER, value TEXT NOT NULL, PRIMARY KEY (pk, sk)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS items_expires ON items (expires) WHERE expires IS NOT NULL;
"""
_REASONS = {
    sqlite3.SQLITE_BUSY: "The storage is busy: another process is writing for too long.",
    sqlite3.SQLITE_LOCKED: "The storage is busy: another process is writing for too long.",
    sqlite3.SQLITE_FULL: "The storage's disk is full.",
    sqlite3.SQLITE_READONLY: "The storage is read-only.",
    sqlite3.SQLITE_PERM: "The storage is read-only.",
    sqlite3.SQLITE_CORRUPT: "The storage's file is damaged.",
    sqlite3.SQLITE_NOTADB: "The storage's file is damaged.",
    sqlite3.SQLITE_CANTOPEN: "The storage's file can't be opened.",
    sqlite3.SQLITE_IOERR: "The storage's disk does not work.",
}


class Connections:
    """Open connections to one file, each used by one thread at a time and kept for the next.

    Writers of this process wait for each other in a lock, which is fairer than SQLite's waiting; those of other
    processes wait in SQLite. A connection must never cross a fork: idle ones are closed before it, used ones are
    forgotten by the child, unclosed, because closing them would release what the parent holds.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: list[sqlite3.Connection] = []
        self._writer = threading.Lock()
        self._create()
        _everybody.add(self)

    def close(self) -> None:
        """Those in use are closed by nobody; their threads put them back and may go on."""
        with suppress(IndexError):
            while True:
                self._idle.pop().close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        with _translated():
            connection = self._take()
            try:
                yield connection
            except sqlite3.Error:
                connection.close()
                raise
            except BaseException:
                self._idle.append(connection)
                raise
            self._idle.append(connection)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: committed when the block ends well, taken back when it raises."""
        if not self._writer.acquire(timeout=BUSY_S):
            raise Unavailable(_REASONS[sqlite3.SQLITE_BUSY])
        try:
            with self.reading() as connection:
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    raise
        finally:
            self._writer.release()

    def _take(self) -> sqlite3.Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return self._open()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    def _create(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))  # it holds secrets
        except OSError as exc:
            raise Unavailable(_REASONS[sqlite3.SQLITE_CANTOPEN]) from exc
        with self.reading() as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > SCHEMA_VERSION:
                raise Unavailable("The storage was written by a later release of faasweb.")
            if version < SCHEMA_VERSION:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT")

    def _after_fork(self) -> None:
        _left_behind.extend(self._idle)
        self._idle = []
        self._writer = threading.Lock()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as exc:
        code = getattr(exc, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        raise Unavailable(_REASONS.get(code, "The storage does not work.")) from exc


_everybody: weakref.WeakSet[Connections] = weakref.WeakSet()
_left_behind: list[sqlite3.Connection] = []


def _before_fork() -> None:
    for connections in list(_everybody):
        connections.close()


def _after_fork_in_child() -> None:
    for connections in list(_everybody):
        connections._after_fork()


os.register_at_fork(before=_before_fork, after_in_child=_after_fork_in_child)
