"""Logs of functions on Kubernetes, from Loki's HTTP API."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from faasweb.adapters.logs.asked import LIMIT, check, check_request_id
from faasweb.adapters.logs.loki_cursor import Cursor, Line, source_of
from faasweb.domain.errors import LogsUnavailable
from faasweb.domain.telemetry import LogEntry, LogPage

SECOND = 1_000_000_000
LOOK_BACK = 7 * 86_400 * SECOND  # how old the newest page's lines may be; Loki refuses more than 30 days and an hour
SKEW = 60 * SECOND  # clocks of nodes may run ahead of ours
OF_REQUEST = 1200 * SECOND  # a run lasts up to 900 s
_VERSION = re.compile(r"\d{1,9}\Z")
# Without it, Loki splits one pod's lines into a stream per value of its structured metadata.
_WHOLE_STREAMS = {"X-Loki-Response-Encoding-Flags": "categorize-labels"}


@dataclass(frozen=True, slots=True)
class LokiLogStore:
    """Lines whose stream has the label ``function_id``.

    ``client`` has Loki's address as its base_url, and a time limit: Loki holds queries back while it starts. Times are
    Unix nanoseconds; ``clock`` gives the present one.
    """

    client: httpx.Client
    clock: Callable[[], int] = time.time_ns

    def tail(self, function_id: str, after: str | None, limit: int, *, text: str = "", stream: str = "") -> LogPage:
        """See the port. Loki says nothing about lines it dropped itself, so ``dropped`` is 0."""
        check(function_id, limit, text, stream)
        query = _query(function_id, text, stream)
        if after is None:
            return self._newest(query, limit)
        return self._go_on(query, Cursor.parse(after), limit)

    def of_request(self, function_id: str, request_id: str, at: datetime) -> LogPage:
        """The lines that carry this request id as a label or as structured metadata; none when nothing sets it."""
        check(function_id)
        check_request_id(request_id)
        query = f"{_query(function_id)} | request_id={_quoted(request_id)}"
        middle = int(at.timestamp()) * SECOND
        lines = self._range(query, middle - OF_REQUEST, middle + OF_REQUEST, LIMIT, "forward")
        return _page(lines, Cursor.of_newest(lines, LIMIT, middle))

    def _newest(self, query: str, limit: int) -> LogPage:
        now = self.clock()
        lines = self._range(query, now - LOOK_BACK, now + SKEW, limit, "backward")
        if not lines:
            self._require_ready()
        return _page(lines, Cursor.of_newest(lines, limit, now))

    def _go_on(self, query: str, cursor: Cursor, limit: int) -> LogPage:
        """The next lines: everything from the cursor's time on, without what its reader has."""
        now = self.clock()
        asked = min(LIMIT, limit + len(cursor.seen))
        start = max(cursor.since, now - LOOK_BACK)
        lines = self._range(query, start, max(now + SKEW, start + 1), asked, "forward")
        fresh = [line for line in lines if line.fingerprint not in cursor.seen][:limit]
        known = [line for line in lines if line.fingerprint in cursor.seen]
        following = cursor.following(lines, fresh, complete=len(lines) < asked, now=now)
        return _page(fresh, following, known)

    def _range(self, query: str, start: int, end: int, limit: int, direction: str) -> list[Line]:
        """Lines of ``start <= time < end``, oldest first; the newest or the oldest ``limit`` of them."""
        params = {
            "query": query,
            "start": str(start),
            "end": str(end),
            "limit": str(limit),
            "direction": direction,
        }
        return _lines(self._get("/loki/api/v1/query_range", params), direction)

    def _get(self, path: str, params: Mapping[str, str]) -> Any:
        try:
            answer = self.client.get(path, params=params, headers=_WHOLE_STREAMS)
        except httpx.TimeoutException as exc:
            raise LogsUnavailable("Loki did not answer in time.") from exc
        except httpx.HTTPError as exc:
            raise LogsUnavailable("Loki can't be reached.") from exc
        if answer.status_code != httpx.codes.OK:  # the body is plain text for people who run Loki
            raise LogsUnavailable(f"Loki answered with status {answer.status_code}.", status=answer.status_code)
        try:
            return answer.json()
        except ValueError as exc:
            raise LogsUnavailable("Loki's answer can't be read.") from exc

    def _require_ready(self) -> None:
        """A Loki that is still starting finds nothing and says 200: an empty page must not be taken for "no logs".

        Only 503 counts, because proxies before Loki often don't pass this path on.
        """
        try:
            status = self.client.get("/ready").status_code
        except httpx.HTTPError as exc:
            raise LogsUnavailable("Loki can't be reached.") from exc
        if status == httpx.codes.SERVICE_UNAVAILABLE:
            raise LogsUnavailable("Loki is still starting.")


def _query(function_id: str, text: str = "", stream: str = "") -> str:
    selector = f"function_id={_quoted(function_id)}" + (f", stream={_quoted(stream)}" if stream else "")
    return f"{{{selector}}}" + (f" |= {_quoted(text)}" if text else "")


def _quoted(text: str) -> str:
    """A LogQL string. JSON's escapes are a part of Go's, which LogQL uses."""
    return json.dumps(text, ensure_ascii=False)


def _lines(answer: Any, direction: str) -> list[Line]:
    """All streams' lines, oldest first. Loki keeps an order only inside one stream."""
    try:
        if answer["status"] != "success":
            raise LogsUnavailable("Loki could not answer the query.")
        streams = answer["data"]["result"]
        lines = [line for stream in streams for line in _of_stream(stream, direction)]
    except (LookupError, TypeError, ValueError, AttributeError) as exc:
        raise LogsUnavailable("Loki's answer can't be read.") from exc
    return sorted(lines, key=lambda line: (line.at_ns, line.source))


def _of_stream(stream: Mapping[str, Any], direction: str) -> Iterator[Line]:
    labels: Mapping[str, str] = stream["stream"]
    values: Sequence[Sequence[Any]] = stream["values"]
    source = source_of(labels)
    for value in values if direction == "forward" else reversed(values):
        # Two items, or three with structured metadata.
        extra = value[2].get("structuredMetadata", {}) if len(value) > 2 else {}
        yield Line(int(value[0]), str(value[1]), source, {**labels, **extra})


def _page(lines: Sequence[Line], cursor: Cursor, known: Sequence[Line] = ()) -> LogPage:
    """``known`` are the lines that the reader has already, as far as they were read again."""
    entries = []
    for line, own in zip(lines, Cursor.of_each(lines, known), strict=True):
        version = line.labels.get("version", "")
        entries.append(
            LogEntry(
                cursor=str(own),
                at_ns=line.at_ns,
                text=line.text,
                stream=line.labels.get("stream", ""),
                request_id=line.labels.get("request_id", ""),
                version=int(version) if _VERSION.match(version) else None,
            )
        )
    return LogPage(tuple(entries), str(cursor))
