"""SQLite files of a guest: opened once per request, bounded in size and time, fenced in against their SQL."""

import sqlite3
from pathlib import Path

from faasweb.wasmhost.sandbox import Sandbox

PAGE_BYTES = 4096
MAX_DATABASE_BYTES = 256 << 20
MAX_STATEMENT_BYTES = 1 << 20
MAX_VALUE_BYTES = 16 << 20
MAX_LOCK_WAIT_S = 5.0
STEPS_PER_CHECK = 2000
SETTINGS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA cache_size = -4096",
    "PRAGMA foreign_keys = ON",
)

# PRAGMAs that only look at or tune the open file. Everything else may reach the file system or undo a limit.
ALLOWED_PRAGMAS = """
table_info table_xinfo table_list index_list index_info index_xinfo foreign_key_list foreign_keys foreign_key_check
user_version application_id integrity_check quick_check recursive_triggers case_sensitive_like collation_list
function_list compile_options data_version encoding defer_foreign_keys page_count freelist_count
"""
ALLOWED = frozenset(ALLOWED_PRAGMAS.split())
FORBIDDEN_ACTIONS = frozenset({sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH})
FORBIDDEN_FUNCTIONS = frozenset({"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit"})


def open_database(guest: Sandbox, path: Path, schema: str | None = None) -> sqlite3.Connection:
    """The request's connection to ``path``, in autocommit mode; closed with the request.

    A statement that is still running at the request's deadline fails with sqlite3.OperationalError.
    """
    if path in guest.databases:
        return guest.databases[path]
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = sqlite3.connect(
        path, timeout=min(MAX_LOCK_WAIT_S, guest.left_s()), isolation_level=None, cached_statements=16
    )
    guest.databases[path] = database
    database.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, MAX_STATEMENT_BYTES)
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
    for setting in (*SETTINGS, f"PRAGMA max_page_count = {MAX_DATABASE_BYTES // PAGE_BYTES}"):
        database.execute(setting)
    if schema:
        database.execute(schema)
    database.set_progress_handler(lambda: _must_stop(guest), STEPS_PER_CHECK)
    return database


def _must_stop(guest: Sandbox) -> bool:
    return guest.stop_reason is not None or guest.left_s() <= 0


def fence(database: sqlite3.Connection) -> None:
    """Forbid SQL that reaches other files, loads code or lifts a limit."""
    database.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    database.set_authorizer(_authorize)


def _authorize(action: int, first: str | None, second: str | None, _database: str | None, _by: str | None) -> int:
    if action in FORBIDDEN_ACTIONS:
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_PRAGMA and (first or "").lower() not in ALLOWED:
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in FORBIDDEN_FUNCTIONS:
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK
