"""Log lines and CPU samples, written in batches by one thread, so that no request waits for the disk.

``lines`` is read by the log view in the order of ``id``; ``samples`` sums CPU and requests per 15 seconds. When the
database is locked or the disk is full, lines are counted instead and a marker says later how many were lost.
"""

import sqlite3
import threading
import time
from collections import Counter, defaultdict, deque
from pathlib import Path

from faasweb.wasmhost.frames import LogLine

BUCKET_S = 15
FLUSH_EVERY_S = 0.05
BATCH_ROWS = 500
MAX_WAITING = 20_000
LOCK_WAIT_S = 2.0
PRUNE_EVERY_S = 300.0
KEEP_LINES_S = 7 * 86_400
KEEP_LINES = 100_000
KEEP_SAMPLES_S = 48 * 3600
PRUNE_ROWS = 2000

SCHEMA = """
CREATE TABLE IF NOT EXISTS lines(
    id INTEGER PRIMARY KEY AUTOINCREMENT, function_id TEXT NOT NULL, ts_ns INTEGER NOT NULL, stream TEXT NOT NULL,
    request_id TEXT NOT NULL, version INTEGER, text TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS lines_of_function ON lines(function_id, id);
CREATE TABLE IF NOT EXISTS samples(
    function_id TEXT NOT NULL, bucket INTEGER NOT NULL, cpu_ns INTEGER NOT NULL, requests INTEGER NOT NULL,
    PRIMARY KEY(function_id, bucket)
) WITHOUT ROWID;
"""
ADD_LINE = "INSERT INTO lines(function_id, ts_ns, stream, request_id, version, text) VALUES (?, ?, ?, ?, ?, ?)"
ADD_SAMPLE = """INSERT INTO samples VALUES (?, ?, ?, ?) ON CONFLICT(function_id, bucket)
DO UPDATE SET cpu_ns = cpu_ns + excluded.cpu_ns, requests = requests + excluded.requests"""
OVER_COUNT = """DELETE FROM lines WHERE function_id = ? AND id <=
(SELECT id FROM lines WHERE function_id = ? ORDER BY id DESC LIMIT 1 OFFSET ?)"""
# Ids grow with time, so the oldest lines are the first ones: no index on the time is needed.
OVER_AGE = "DELETE FROM lines WHERE id IN (SELECT id FROM lines ORDER BY id LIMIT ?) AND ts_ns < ?"

Row = tuple[str, int, str, str, int | None, str]


class Telemetry:
    """The writer of one process; ``line`` and ``sample`` may be called from any thread and never fail."""

    def __init__(self, path: Path, *, max_waiting: int = MAX_WAITING) -> None:
        self._path = path
        self._max_waiting = max_waiting
        self._lines: deque[Row] = deque()
        self._samples: defaultdict[tuple[str, int], list[int]] = defaultdict(lambda: [0, 0])
        self._dropped: Counter[str] = Counter()
        self._active: set[str] = set()
        self._lock = threading.Lock()
        self._work = threading.Event()
        self._ending = threading.Event()
        self._closing = False
        self._pruned_at = time.monotonic()
        self._database: sqlite3.Connection | None = None
        self._thread = threading.Thread(target=self._write_forever, name="telemetry", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def line(self, function_id: str, line: LogLine, request_id: str, version: int | None) -> None:
        """Store a log line soon, or count it as dropped when too many are waiting."""
        with self._lock:
            if len(self._lines) >= self._max_waiting:
                self._dropped[function_id] += 1
            else:
                self._lines.append((function_id, line.ts, line.stream, request_id, version, line.text))
        self._work.set()

    def sample(self, function_id: str, cpu_ns: int) -> None:
        """Add one request and its CPU time."""
        bucket = int(time.time()) // BUCKET_S * BUCKET_S
        with self._lock:
            sums = self._samples[function_id, bucket]
            sums[0] += cpu_ns
            sums[1] += 1
        self._work.set()

    def close(self, timeout_s: float = 1.0) -> None:
        """Write what is waiting and end the thread."""
        self._closing = True
        self._ending.set()
        self._work.set()
        self._thread.join(timeout_s)

    def _write_forever(self) -> None:
        while True:
            self._work.wait()
            self._work.clear()
            wrote = self._write()
            if self._closing:
                break
            # What comes after a silence is written at once: its reader may be waiting. What follows is gathered.
            self._ending.wait(FLUSH_EVERY_S if wrote else 1.0)
            if not wrote:
                self._work.set()
        if self._database is not None:
            self._database.close()

    def _write(self) -> bool:
        """Write everything that is waiting. False when the database does not take it now."""
        try:
            database = self._open()
            while self._write_batch(database):
                pass
            self._prune(database)
        except sqlite3.Error:
            self._reset()
            return False
        return True

    def _open(self) -> sqlite3.Connection:
        if self._database is None:
            self._database = sqlite3.connect(self._path, timeout=LOCK_WAIT_S, isolation_level=None)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._database.executescript(SCHEMA)
            self._path.chmod(0o600)
        return self._database

    def _reset(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None

    def _write_batch(self, database: sqlite3.Connection) -> bool:
        """Move one batch to the database; it leaves memory only after the commit. False when nothing was waiting."""
        with self._lock:
            rows = [self._lines[position] for position in range(min(BATCH_ROWS, len(self._lines)))]
            samples, self._samples = self._samples, defaultdict(lambda: [0, 0])
            dropped, self._dropped = self._dropped, Counter()
        if not rows and not samples and not dropped:
            return False
        try:
            self._insert(database, rows, samples, dropped)
        except sqlite3.Error:
            self._give_back(samples, dropped)
            raise
        with self._lock:
            for _ in rows:
                self._lines.popleft()
        self._active.update(row[0] for row in rows)
        return True

    @staticmethod
    def _insert(
        database: sqlite3.Connection,
        rows: list[Row],
        samples: dict[tuple[str, int], list[int]],
        dropped: Counter[str],
    ) -> None:
        now = time.time_ns()
        markers = [(name, now, "system", "", None, f"[{count} lines dropped]") for name, count in dropped.items()]
        database.execute("BEGIN IMMEDIATE")
        try:
            database.executemany(ADD_LINE, [*rows, *markers])
            database.executemany(ADD_SAMPLE, [(*key, *sums) for key, sums in samples.items()])
            database.execute("COMMIT")
        except sqlite3.Error:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise

    def _give_back(self, samples: dict[tuple[str, int], list[int]], dropped: Counter[str]) -> None:
        with self._lock:
            for key, (cpu_ns, requests) in samples.items():
                self._samples[key][0] += cpu_ns
                self._samples[key][1] += requests
            self._dropped.update(dropped)

    def _prune(self, database: sqlite3.Connection) -> None:
        if time.monotonic() - self._pruned_at < PRUNE_EVERY_S:
            return
        self._pruned_at = time.monotonic()
        prune(database, self._active, time.time())
        self._active.clear()


def prune(database: sqlite3.Connection, function_ids: set[str], now: float) -> None:
    """Delete lines and samples past their time, and lines beyond the count of these functions. ``now`` in seconds."""
    for function_id in function_ids:
        database.execute(OVER_COUNT, (function_id, function_id, KEEP_LINES))
    oldest_ns = int((now - KEEP_LINES_S) * 1e9)
    while database.execute(OVER_AGE, (PRUNE_ROWS, oldest_ns)).rowcount:
        pass
    database.execute("DELETE FROM samples WHERE bucket < ?", (int(now) - KEEP_SAMPLES_S,))
