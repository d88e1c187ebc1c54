"""Requests to a registry: authorized, within a time limit, tried again while that may help."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

import httpx

from faasweb.adapters.registry.authorization import Authorization, capped, check_unpacked
from faasweb.adapters.registry.refusals import refusal
from faasweb.domain.errors import InvalidInput, NotAllowed, Unavailable

ANSWER_LIMIT = 64_000  # bytes of an answer that is no content
CHUNK = 1_000_000
TRIES = 5
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 20.0
REDIRECTS = 5
_REDIRECT = (301, 302, 303, 307, 308)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: httpx.Headers
    content: bytes = b""


@dataclass(frozen=True, slots=True)
class Part:
    """Some bytes of a file, sent as they are read."""

    path: Path
    start: int
    size: int

    def read(self, go_on: Callable[[], None]) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            file.seek(self.start)
            left = self.size
            while left and (chunk := file.read(min(CHUNK, left))):
                go_on()
                left -= len(chunk)
                yield chunk


class Trouble(Exception):
    """It did not work this time. ``wait_s`` is what the registry asks for."""

    def __init__(self, why: str, wait_s: float = 0.0) -> None:
        super().__init__(why)
        self.why = why
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class Calls:
    """``authorization.origin`` alone ever sees a password or token; ``deadline`` is monotonic, in seconds."""

    client: httpx.Client
    authorization: Authorization
    deadline: float
    pause: Callable[[float], None] = time.sleep

    @property
    def host(self) -> str:
        return urlsplit(self.authorization.origin).netloc

    def ask(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        limit: int = ANSWER_LIMIT,
    ) -> Answer:
        """The answer, whatever 2xx to 4xx it is but 401 and 403. Repeated while the registry is busy or away."""
        return self.again(lambda: self.once(method, path, headers=headers, content=content, limit=limit))

    def again(self, action: Callable[[], T]) -> T:
        """What ``action`` gives, which may raise Trouble a few times. Unavailable at the end of the patience."""
        for number in range(TRIES):
            try:
                return action()
            except Trouble as trouble:
                wait_s = min(LONGEST_PAUSE_S, max(trouble.wait_s, FIRST_PAUSE_S * 2**number))
                if number == TRIES - 1 or time.monotonic() + wait_s > self.deadline:
                    raise Unavailable(f"Registry {self.host} {trouble.why}.") from trouble
                self.pause(wait_s)
        raise AssertionError("unreachable")

    def once(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | Part = b"",
        limit: int = ANSWER_LIMIT,
    ) -> Answer:
        with self._stream(method, self.url(url), headers or {}, content) as response:
            return Answer(response.status_code, response.headers, capped(response, limit, self.go_on))

    def download(self, path: str, target: Path, size: int, digest: str) -> Answer:
        """A blob of exactly ``size`` bytes as a file. InvalidInput when it is another one than its digest says."""
        return self.again(lambda: self._download(path, target, size, digest))

    def _download(self, path: str, target: Path, size: int, digest: str) -> Answer:
        with self._stream("GET", self.url(path), {}, b"") as response:
            if response.status_code != 200:
                return Answer(response.status_code, response.headers, capped(response, ANSWER_LIMIT, self.go_on))
            check_unpacked(response)
            hashed, got = hashlib.sha256(), 0
            with _disk(), target.open("wb") as file:
                for chunk in response.iter_bytes(CHUNK):
                    self.go_on()
                    got += len(chunk)
                    if got > size:
                        break
                    hashed.update(chunk)
                    file.write(chunk)
        if got != size or f"sha256:{hashed.hexdigest()}" != digest:
            raise InvalidInput("The image can't run here: its content is not what its digest says.", field="image_ref")
        return Answer(200, response.headers)

    def go_on(self) -> None:
        if time.monotonic() > self.deadline:
            raise Unavailable(f"Registry {self.host} is too slow: it took longer than a push or pull may take.")

    def url(self, path: str) -> str:
        """An address as the registry gave it, or a path. NotAllowed for one that would be asked without TLS."""
        return self._joined(f"{self.authorization.origin}/", path)

    def _joined(self, base: str, path: str) -> str:
        try:
            url = urljoin(base, path)
        except ValueError as exc:
            raise Unavailable(f"Registry {self.host} leads to an address that is none.") from exc
        if not url.startswith("https://") and _origin(url) != self.authorization.origin:
            raise NotAllowed(f"Registry {self.host} leads to an address without TLS.")
        return url

    @contextlib.contextmanager
    def _stream(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | Part
    ) -> Iterator[httpx.Response]:
        """The answer to an authorized request; what it redirects to is followed, without authorization elsewhere."""
        challenged = False
        for _ in range(REDIRECTS + 2):
            with self._send(method, url, headers, content) as response:
                if response.status_code == 401 and not challenged and self._is_home(url):
                    challenged = True
                    self._meet(response)
                    continue
                if response.status_code in _REDIRECT and method == "GET":
                    url = self._joined(url, response.headers.get("location", ""))
                    continue
                self._check(response)
                yield response
                return
        raise Unavailable(f"Registry {self.host} redirects for ever.")

    @contextlib.contextmanager
    def _send(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | Part
    ) -> Iterator[httpx.Response]:
        self.go_on()
        sent = {"Accept-Encoding": "identity", **headers}
        if self._is_home(url) and (header := self.authorization.header):
            sent["Authorization"] = header
        body = content.read(self.go_on) if isinstance(content, Part) else content
        if method in ("POST", "PUT", "PATCH"):
            sent["Content-Length"] = str(content.size if isinstance(content, Part) else len(content))
        with self._transport(), self.client.stream(method, url, headers=sent, content=body or None) as response:
            yield response

    def _meet(self, response: httpx.Response) -> None:
        with self._transport():
            self.authorization.answer(response.headers.get_list("www-authenticate"), self.go_on)

    @contextlib.contextmanager
    def _transport(self) -> Iterator[None]:
        try:
            yield
        except httpx.TransportError as exc:
            if "SSL" in str(exc):
                hint = "If it has no TLS, an operator can name it in FAASWEB_PLAIN_HTTP_REGISTRIES."
                raise Unavailable(f"Registry {self.host} does not speak TLS that can be trusted. {hint}") from exc
            raise Trouble(
                "can't be reached" if isinstance(exc, httpx.ConnectError | httpx.ConnectTimeout) else "broke off"
            ) from exc
        except httpx.InvalidURL as exc:
            raise Unavailable(f"Registry {self.host} leads to an address that is none.") from exc

    def _check(self, response: httpx.Response) -> None:
        if response.status_code == 429 or response.status_code >= 500:
            wait = response.headers.get("retry-after", "")
            raise Trouble(f"answered {response.status_code}", float(wait) if wait.isdecimal() else 0.0)
        if response.status_code == 401:
            raise self.authorization.refused()
        if response.status_code == 403:
            content = capped(response, ANSWER_LIMIT, self.go_on)
            raise refusal(403, content, self.host, self.authorization.repository)

    def _is_home(self, url: str) -> bool:
        return _origin(url) == self.authorization.origin


@contextlib.contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise Unavailable("This machine's disk took no more of the image.") from exc


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
