"""Logs of the functions that run on this machine, from the database that wasmhost writes."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from faasweb.adapters.logs.asked import LIMIT, bad_cursor, check, check_request_id
from faasweb.domain.errors import LogsUnavailable
from faasweb.domain.telemetry import LogEntry, LogPage

LOCK_WAIT_S = 5.0
_CURSOR = re.compile(r"\d{1,18}\Z")
_DROPPED = re.compile(r"(\d+) lines dropped")

# ``instr`` is case-sensitive like Loki's |=, and knows no wildcards that a filter would have to escape.
_LINES = """SELECT id, ts_ns, text, stream, request_id, version FROM lines
WHERE function_id = :function_id AND id > :after AND (:stream = '' OR stream = :stream)
AND (:text = '' OR instr(text, :text) > 0)"""
_OLDEST_FIRST = f"{_LINES} ORDER BY id LIMIT :limit"
_NEWEST_FIRST = f"{_LINES} ORDER BY id DESC LIMIT :limit"
_OF_REQUEST = """SELECT id, ts_ns, text, stream, request_id, version FROM lines
WHERE function_id = :function_id AND request_id = :request_id ORDER BY id LIMIT :limit"""

Row = tuple[int, int, str, str, str, int | None]


@dataclass(frozen=True, slots=True)
class EmbeddedLogStore:
    """Reads ``path``, an SQLite file with a table ``lines``. No file yet means that nothing was printed yet.

    A cursor is a row's id. Ids are given out by AUTOINCREMENT inside the write transaction, and SQLite has one writer
    at a time however many wasmhost processes there are: when an id is visible, every smaller one is. So a tail that
    has seen all ids up to its cursor can never miss a line.
    """

    path: Path

    def tail(self, function_id: str, after: str | None, limit: int, *, text: str = "", stream: str = "") -> LogPage:
        check(function_id, limit, text, stream)
        seen = _position(after)
        with self._snapshot() as database:
            if database is None:
                return LogPage((), after or "0")
            last = _last_id(database)
            if seen is not None and seen > last:
                seen = None  # the database was made anew: its ids start again
            asked = {"function_id": function_id, "after": seen or 0, "limit": limit, "text": text, "stream": stream}
            rows: list[Row] = database.execute(_NEWEST_FIRST if seen is None else _OLDEST_FIRST, asked).fetchall()
        if seen is None:
            return _page(rows[::-1], last)
        # A short page has looked at everything, so the next one need not look at the filtered-out lines again.
        return _page(rows, rows[-1][0] if len(rows) == limit else last)

    def of_request(self, function_id: str, request_id: str, at: datetime) -> LogPage:
        """The first 5,000 lines. ``at`` is not needed: request ids are unique among the lines that are kept."""
        check(function_id)
        check_request_id(request_id)
        with self._snapshot() as database:
            if database is None:
                return LogPage((), "0")
            asked = {"function_id": function_id, "request_id": request_id, "limit": LIMIT}
            return _page(database.execute(_OF_REQUEST, asked).fetchall(), _last_id(database))

    @contextlib.contextmanager
    def _snapshot(self) -> Iterator[sqlite3.Connection | None]:
        """One consistent state of the database for several questions; None while there is no table."""
        if not self.path.exists():
            yield None
            return
        try:
            with contextlib.closing(_open(self.path)) as database:
                database.execute("BEGIN")
                yield database if _has_lines(database) else None
        except sqlite3.Error as exc:
            raise LogsUnavailable("The log database can't be read.") from exc


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=LOCK_WAIT_S, isolation_level=None)


def _has_lines(database: sqlite3.Connection) -> bool:
    asked = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'lines'"
    return database.execute(asked).fetchone() is not None


def _last_id(database: sqlite3.Connection) -> int:
    """The highest id given out so far, also when its row was pruned since."""
    row = database.execute("SELECT seq FROM sqlite_sequence WHERE name = 'lines'").fetchone()
    return int(row[0]) if row else 0


def _position(after: str | None) -> int | None:
    if after is None:
        return None
    if not _CURSOR.match(after):
        raise bad_cursor()
    return int(after)


def _page(rows: Sequence[Row], cursor: int) -> LogPage:
    entries = tuple(LogEntry(str(id_), at, text, stream, request, ver) for id_, at, text, stream, request, ver in rows)
    return LogPage(entries, str(cursor), sum(_dropped(entry) for entry in entries))


def _dropped(entry: LogEntry) -> int:
    """How many lines a marker of the platform tells of."""
    found = _DROPPED.search(entry.text) if entry.stream == "system" else None
    return int(found[1]) if found else 0
