"""Where a reader of Loki is.

Loki has no positions, only times: several lines may share a nanosecond, ``start`` is inclusive, and a pod's lines may
arrive seconds after another pod's younger ones. So a cursor is a time a little before the newest line that its reader
has, together with the fingerprints of the lines since then that the reader has. Reading on from that time and leaving
those out skips nothing that arrived late (by up to ``OVERLAP``) and repeats nothing.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from faasweb.adapters.logs.asked import bad_cursor

OVERLAP = 30 * 1_000_000_000  # ns
IDLE = 600 * 1_000_000_000  # ns: how far back a reader looks who got nothing new
REMEMBERED = 100  # lines, but always all of the newest nanosecond
_CURSOR = re.compile(r"(\d{1,19})(?:\.((?:[A-Za-z0-9_-]{8})+))?\Z")
_LAST_TIME = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Line:
    """``source`` tells the pods (and their streams) apart; ``labels`` hold structured metadata too."""

    at_ns: int
    text: str
    source: str
    labels: Mapping[str, str] = field(repr=False)
    fingerprint: str = field(init=False)

    def __post_init__(self) -> None:
        content = f"{self.at_ns}\0{self.source}\0{self.text}".encode(errors="surrogatepass")
        short = hashlib.blake2b(content, digest_size=6).digest()
        object.__setattr__(self, "fingerprint", base64.urlsafe_b64encode(short).decode())


def source_of(labels: Mapping[str, str]) -> str:
    """What stays the same for a line however Loki groups it: guesses of a level and shards come and go."""
    kept = sorted((k, v) for k, v in labels.items() if k != "detected_level" and not k.startswith("__"))
    return "\0".join(f"{name}={value}" for name, value in kept)


@dataclass(frozen=True, slots=True)
class Cursor:
    since: int  # Unix ns
    seen: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, text: str) -> Cursor:
        match = _CURSOR.match(text)
        if not match or int(match[1]) > _LAST_TIME:
            raise bad_cursor()
        joined = match[2] or ""
        return cls(int(match[1]), frozenset(joined[i : i + 8] for i in range(0, len(joined), 8)))

    def __str__(self) -> str:
        return f"{self.since}.{''.join(sorted(self.seen))}" if self.seen else str(self.since)

    @classmethod
    def of_newest(cls, lines: Sequence[Line], limit: int, now: int) -> Cursor:
        """After the newest page. Of a full one, older lines that are not on it stay out for good."""
        if not lines:
            return cls(now - OVERLAP)
        oldest, newest = lines[0].at_ns, lines[-1].at_ns
        earliest = min(newest, oldest + 1) if len(lines) >= limit else now - IDLE
        since = max(_remembered_since(lines), earliest)
        return cls(since, _fingerprints(lines, since))

    @classmethod
    def of_each(cls, fresh: Sequence[Line], known: Collection[Line]) -> Iterator[Cursor]:
        """For every line of a page a short cursor: a reader who comes back with it has all lines up to that time.

        It does not look back for late lines as the page's own cursor does.
        """
        top = max((line.at_ns for line in known), default=0)
        at_top = {line.fingerprint for line in known if line.at_ns == top}
        for line in fresh:
            if line.at_ns > top:
                top, at_top = line.at_ns, set()
            if line.at_ns == top:
                at_top.add(line.fingerprint)
            yield cls(top, frozenset(at_top))

    def following(self, read: Sequence[Line], given: Sequence[Line], *, complete: bool, now: int) -> Cursor:
        """After ``read`` was found from here on, oldest first, and ``given`` of it was handed out.

        ``complete`` tells that there was nothing more to find.
        """
        if not complete and not given:  # more lines of one nanosecond than Loki ever shows
            return Cursor(read[-1].at_ns + 1)
        has = self.seen | {line.fingerprint for line in given}
        known = [line for line in read if line.fingerprint in has]
        owed = [line.at_ns for line in read if line.fingerprint not in has]
        if not complete:
            owed.append(read[-1].at_ns)
        since = max(self.since, _remembered_since(known))
        since = min(since, *owed) if owed else max(since, now - IDLE)
        # What was not read again this time may come up next time.
        unread = frozenset() if complete else has - {line.fingerprint for line in read}
        return Cursor(since, _fingerprints(known, since) | unread)


def _remembered_since(lines: Sequence[Line]) -> int:
    """The time from which on the newest lines are remembered: 0 without any."""
    if not lines:
        return 0
    oldest_remembered = lines[-REMEMBERED].at_ns if len(lines) > REMEMBERED else 0
    return max(lines[-1].at_ns - OVERLAP, oldest_remembered)


def _fingerprints(lines: Sequence[Line], since: int) -> frozenset[str]:
    return frozenset(line.fingerprint for line in lines if line.at_ns >= since)
