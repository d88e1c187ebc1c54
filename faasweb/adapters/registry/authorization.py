"""How a registry is told who asks: not at all, with a password, or with a token that a third party hands out."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

import httpx

from faasweb.adapters.registry.credentials import Login
from faasweb.domain.errors import NotAllowed, Unauthenticated, Unavailable

BASIC_S = 300.0
TOKEN_S = 60.0  # how long a token lives that does not say so
TOKEN_LIMIT = 64_000  # bytes of the answer that holds it
_PARAMETER = re.compile(r'([a-z_]+)="([^"]*)"', re.IGNORECASE)


@dataclass
class Known:
    """Headers that were accepted, until they end, shared by all pushes and pulls of this process."""

    headers: dict[str, tuple[str, float]] = field(default_factory=dict, repr=False)

    def get(self, key: str) -> str | None:
        header, until = self.headers.get(key, (None, 0.0))
        return header if time.monotonic() < until else None

    def keep(self, key: str, header: str, for_s: float) -> None:
        now = time.monotonic()
        self.headers = {name: kept for name, kept in self.headers.items() if kept[1] > now}
        self.headers[key] = header, now + for_s


@dataclass(frozen=True, slots=True)
class Authorization:
    """What to say to one registry about one repository. ``actions`` is ``pull`` or ``pull,push``."""

    client: httpx.Client
    origin: str
    repository: str
    actions: str
    login: Login | None
    known: Known

    @property
    def header(self) -> str | None:
        return self.known.get(self._key)

    @property
    def _key(self) -> str:
        who = f"{self.login.username}\0{self.login.password}" if self.login else ""
        named = f"{self.origin}\0{self.repository}\0{self.actions}\0{who}"
        return hashlib.sha256(named.encode()).hexdigest()  # no password stays in memory as a key

    def answer(self, challenges: list[str], go_on: Callable[[], None]) -> None:
        """Get what the registry asks for, while ``go_on`` raises nothing. Unauthenticated when that can't be had."""
        kinds = {text.split(" ", 1)[0].lower(): text for text in challenges}
        if "bearer" in kinds:
            self._get_token(dict(_PARAMETER.findall(kinds["bearer"])), go_on)
        elif "basic" in kinds and self.login is not None:
            self.known.keep(self._key, self.login.basic, BASIC_S)
        else:
            raise self.refused()

    def refused(self) -> Unauthenticated:
        host = urlsplit(self.origin).netloc
        if self.login is None:
            return Unauthenticated(f"Registry {host} wants a user name and a password.")
        return Unauthenticated(f"Registry {host} does not accept the user name and password.")

    def _is_as_plain(self, url: str) -> bool:
        """On the registry's own host, which has no TLS either."""
        try:
            home, there = urlsplit(self.origin), urlsplit(url)
        except ValueError:
            return False
        return home.scheme == there.scheme == "http" and home.hostname == there.hostname

    def _get_token(self, asked: dict[str, str], go_on: Callable[[], None]) -> None:
        realm = asked.get("realm", "")
        if not realm.startswith("https://") and not self._is_as_plain(realm):
            raise NotAllowed("The registry hands out its tokens without TLS: no password is sent there.")
        scope = f"repository:{self.repository}:{self.actions}"
        query = {name: asked[name] for name in ("service",) if name in asked} | {"scope": scope}
        url = f"{realm}{'&' if '?' in realm else '?'}{urlencode(query)}"
        headers = {"Accept-Encoding": "identity", **({"Authorization": self.login.basic} if self.login else {})}
        with self.client.stream("GET", url, headers=headers, follow_redirects=False) as response:
            if response.status_code in (400, 401, 403):
                raise self.refused()
            content = capped(response, TOKEN_LIMIT, go_on)
        self.known.keep(self._key, *_token_in(response.status_code, content))


def _token_in(status: int, content: bytes) -> tuple[str, float]:
    """The header, and how long it may be used."""
    try:
        found = httpx.Response(status, content=content).json() if status == 200 else {}
        token = found.get("token") or found.get("access_token")
        lives_s = float(found.get("expires_in") or TOKEN_S)
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        token, lives_s = None, 0.0
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise Unavailable(f"The registry's token server answered {status} without a token.")
    return f"Bearer {token}", min(lives_s, 3600.0) * 0.8


def check_unpacked(response: httpx.Response) -> None:
    """Unavailable for a compressed answer, which nobody asked for: a few bytes of it could fill the memory."""
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise Unavailable("The registry answered with compressed content that was not asked for.")


def capped(response: httpx.Response, limit: int, go_on: Callable[[], None]) -> bytes:
    """The body of a streamed answer; Unavailable when it is longer than ``limit`` bytes."""
    check_unpacked(response)
    content = bytearray()
    for chunk in response.iter_bytes():
        go_on()
        content += chunk
        if len(content) > limit:
            raise Unavailable(f"The registry answered with more than {limit:,} bytes where little is expected.")
    return bytes(content)
