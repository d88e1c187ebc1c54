"""The address of a function that runs elsewhere, as somebody types it."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection
from urllib.parse import SplitResult, urlsplit

from faasweb.domain.errors import InvalidInput

FIELD = "invocationUrl"
SCHEMES = ("http", "https")


def invocation_url(text: str, allowed: Collection[str] = ()) -> str:
    """``host:port/x`` becomes ``http://host:port/x``. InvalidInput for what is no address that may be called.

    ``allowed`` are ``host`` or ``host:port`` that may be called wherever they are. Where a name leads is looked up and
    checked at each call: what it was when somebody typed it says nothing.
    """
    url = text.strip()
    url = url if "://" in url else f"http://{url}"
    parts, port = _split(url)
    if "@" in parts.netloc:
        raise InvalidInput("invocationUrl can't hold a user name or a password.", field=FIELD)
    if "#" in url:
        raise InvalidInput("invocationUrl can't have a fragment: leave out # and what follows.", field=FIELD)
    host = (parts.hostname or "").rstrip(".")
    if not {host, f"{host}:{port}"} & {entry.lower() for entry in allowed} and is_private(host):
        problem = f"invocationUrl leads to {host[:100]}, which is not a public address. An operator can allow it"
        raise InvalidInput(f"{problem} in FAASWEB_INVOCATION_HOSTS.", field=FIELD)
    return url


def _split(url: str) -> tuple[SplitResult, int]:
    try:
        parts = urlsplit(url)
        port = parts.port if parts.port is not None else {"https": 443}.get(parts.scheme, 80)
        valid = parts.scheme in SCHEMES and bool((parts.hostname or "").strip(".")) and port != 0
    except ValueError:
        valid = False
    if not valid or not url.isprintable() or " " in url or "\\" in url:
        raise InvalidInput("invocationUrl is an http or https address, e.g. http://host/path.", field=FIELD)
    return parts, port


def is_private(host: str) -> bool:
    """Does the host itself say that it is this machine or its network? A name that only leads there does not."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = _literal(host)
    if address is None:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return not address.is_global or address.is_multicast


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that a host spells, also as old resolvers read it: ``127.1``, ``0x7f000001``, ``2130706433``."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None
