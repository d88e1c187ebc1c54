"""Times are aware UTC inside; doors show them in the reader's zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

KST = timezone(timedelta(hours=9))


def now() -> datetime:
    return datetime.now(UTC)


def as_utc(moment: datetime) -> datetime:
    """``moment`` in UTC. A naive time is taken as UTC, as earlier clients send it."""
    if moment.tzinfo is UTC:
        return moment
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def sortable(moment: datetime) -> str:
    """``2026-11-21T04:00:00.123456Z``: sorts as text in time order."""
    return as_utc(moment).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse(text: str) -> datetime:
    return as_utc(datetime.fromisoformat(text))
