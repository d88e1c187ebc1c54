"""References of images, and which registries images may go to and come from."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from faasweb.domain.addresses import is_private
from faasweb.domain.errors import InvalidInput

OWN = "local"
"""What the registry on this machine's disk is called in references."""
DUMMY_PASSWORDS = frozenset({"", "dummy-password"})
"""What clients of the earlier system send when they have none: the platform's own credentials are meant."""
_HOST = r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:]+\])"
_AUTHORITY = re.compile(rf"(?P<host>{_HOST})(?::(?P<port>[0-9]{{1,5}}))?\Z")
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_PART}(?:/{_PART})*\Z")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}\Z")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_NOT_LISTED = "That registry is not one of FAASWEB_REGISTRIES, the list of those that images may go to."


@dataclass(frozen=True, slots=True)
class ImageRef:
    """``registry/repository:tag@digest``; ``registry`` is host or host:port, tag or digest may be empty."""

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> ImageRef:
        """InvalidInput for what no registry would take. The registry must be named: nothing is guessed."""
        named, _, digest = text.strip().partition("@")
        path, colon, tag = named.rpartition(":")
        if not colon or "/" in tag:  # the colon of a port
            path, tag = named, ""
        registry, _, repository = path.partition("/")
        found = cls(registry.lower(), repository, tag, digest)
        if not found._is_right or (colon and path != named and not tag) or ("@" in text and not digest):
            raise InvalidInput(
                f"{text.strip()[:200]!r} is no image: write registry/repository:tag, with the registry's host.",
                field="image_ref",
            )
        return found

    @property
    def _is_right(self) -> bool:
        return (
            is_host(self.registry)
            and len(self.repository) <= 255
            and _REPOSITORY.match(self.repository) is not None
            and (not self.tag or is_tag(self.tag))
            and (not self.digest or _DIGEST.match(self.digest) is not None)
        )

    @property
    def name(self) -> str:
        return f"{self.registry}/{self.repository}"

    @property
    def tagged(self) -> str:
        """Without the digest, unless there is nothing else to tell it by."""
        return f"{self.name}:{self.tag}" if self.tag else str(self)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.name}{tag}{'@' if self.digest else ''}{self.digest}"


@dataclass(frozen=True, slots=True)
class RegistryRules:
    """Which registries are used: ``default`` by itself (host/repository; empty: the one on disk), others if listed.

    An entry of ``listed`` is a host, a host:port, either of them with a repository or the begin of one, or ``*``.
    ``*`` stands for every registry but the installation's own, whose images belong to workspaces, and, in production
    (``strict``), for none on this machine or its network.
    """

    listed: tuple[str, ...] = ()
    default: str = ""
    strict: bool = True
    entries: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "entries", tuple(_without_scheme(entry).lower() for entry in self.listed))

    def target(self, url: str) -> str:
        """``registry_url`` as it was given -> ``host/repository``, empty for the default one. InvalidInput.

        A host alone is fine too: then each application has a repository of its own there. This machine's own names mean
        the default registry unless they are listed, because that is what is called ``localhost`` from outside.
        """
        given = _without_scheme(url)
        host, _, repository = given.partition("/")
        given = f"{host.lower()}/{repository}" if repository else host.lower()
        if given in ("", OWN, self.home) or given == self.home.partition("/")[0]:
            return ""
        is_right = is_host(host.lower()) and host.lower() != OWN and (not repository or _REPOSITORY.match(repository))
        if is_right and self.allows(given):
            return given
        if is_right and _host(given) in _LOOPBACK:
            return ""
        raise InvalidInput(_NOT_LISTED, field="registry_url")

    def allows(self, name: str) -> bool:
        """Whether images may go to and come from ``host/repository``, because an operator has listed it."""
        if any(_covers(entry, name) for entry in self.entries):
            return True
        return "*" in self.entries and not self.is_own(name) and not (self.strict and is_private(_host(name)))

    def is_own(self, name: str) -> bool:
        """The registry on disk and the default one hold images of all workspaces."""
        host, _, _repository = name.partition("/")
        return host == OWN or name == self.home or ("/" not in self.home and host == self.home)

    def trusts(self, name: str) -> bool:
        """Whether the platform's own credentials may be shown there: an operator has named it, not only ``*``."""
        named = any(_covers(entry, name) for entry in self.entries)
        return named or name.partition("/")[0] == self.home.partition("/")[0]

    @property
    def home(self) -> str:
        """``default`` without a scheme."""
        return _without_scheme(self.default)


def is_host(text: str) -> bool:
    """host or host:port, in lower case."""
    found = _AUTHORITY.match(text)
    return found is not None and int(found["port"] or 1) in range(1, 65536)


def is_tag(text: str) -> bool:
    return _TAG.match(text) is not None


def shown_image(image: str) -> str:
    """As it is told to programs: ``<registry_url>:<tag>``. What is on this machine's disk keeps its digest."""
    named, _, _digest = image.partition("@")
    has_tag = ":" in named.rpartition("/")[2]
    return named if has_tag and not image.startswith(f"{OWN}/") else image


def credentials(username: str | None, password: str | None) -> tuple[str, str]:
    """What somebody gave, or twice nothing where the platform's own are meant."""
    if not username or password is None or password in DUMMY_PASSWORDS:
        return "", ""
    return username, password


def _covers(entry: str, name: str) -> bool:
    """An entry without a port covers every port of its host."""
    listed, _, begin = entry.partition("/")
    authority, _, repository = name.partition("/")
    host = authority.rpartition(":")[0] if not authority.endswith("]") and ":" in authority else authority
    return listed in (authority, host) and _is_below(repository, begin)


def _is_below(repository: str, begin: str) -> bool:
    return not begin or repository == begin or repository.startswith(f"{begin}/")


def _host(name: str) -> str:
    found = _AUTHORITY.match(name.partition("/")[0])
    return found["host"].strip("[]") if found else ""


def _without_scheme(url: str) -> str:
    return re.sub(r"\Ahttps?://", "", url.strip(), flags=re.IGNORECASE).rstrip("/")


def listed_problem(entries: Iterable[str]) -> str | None:
    """A sentence about the first entry of FAASWEB_REGISTRIES that can't be meant."""
    for entry in entries:
        host, _, begin = _without_scheme(entry).lower().partition("/")
        if entry != "*" and (not is_host(host) or (begin and not _REPOSITORY.match(begin))):
            return f"{entry!r}: write host, host:port or host/repository, or *"
    return None
