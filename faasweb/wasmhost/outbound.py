"""Which addresses a function may call, and connecting to exactly the address that was checked.

The allow-list is Spin's ``allowed_outbound_hosts``: ``scheme://host[:port]`` with ``*`` as scheme, host or port and
``*.`` in front of a host for its subdomains. A name is resolved once and the connection goes to the address that was
looked at, so a second answer of the name server cannot lead elsewhere. Addresses that are not public are refused
unless the list names exactly that host. Link-local ones are refused in any case: there, clouds hand out the machine's
own credentials.
"""

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}
EC2_CREDENTIALS = ipaddress.ip_address("fd00:ec2::254")
EMBEDDED_IPV4 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("::/96"))

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Denied(Exception):
    """The allow-list does not contain the host, or its address is not public."""


class NotFound(Exception):
    """The name has no address."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes: scheme ``http`` or ``https``, lower-case host, port."""

    scheme: str
    host: str
    port: int

    @classmethod
    def parse(cls, scheme: str, authority: str) -> "Target":
        """Raises Denied for what is not an http(s) authority."""
        try:
            parts = urlsplit(f"{scheme}://{authority}")
            host, port = (parts.hostname or "").rstrip("."), parts.port
        except ValueError as error:
            raise Denied(f"{authority!r} is not a host") from error
        if scheme not in DEFAULT_PORTS or not host or "@" in authority:
            raise Denied(f"{scheme}://{authority} is not an http or https address")
        return cls(scheme, host, DEFAULT_PORTS[scheme] if port is None else port)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of an allow-list. ``None`` matches everything."""

    scheme: str | None
    host: str | None
    subdomains: bool
    port: int | None

    @classmethod
    def parse(cls, entry: str) -> "Rule | None":
        """None for an entry that allows nothing (another scheme, a typing error)."""
        if entry in ("*", "insecure:allow-all"):
            return cls(None, None, subdomains=False, port=None)
        scheme, separator, rest = entry.strip().rstrip("/").lower().partition("://")
        host, port_text = _split_port(rest)
        if not separator or not host or "/" in rest or (scheme != "*" and scheme not in DEFAULT_PORTS):
            return None
        if port_text not in ("", "*") and not port_text.isdigit():
            return None
        any_port = port_text == "*" or (not port_text and scheme == "*")
        port = None if any_port else int(port_text) if port_text else DEFAULT_PORTS[scheme]
        subdomains = host.startswith("*.")
        name = None if host == "*" else host.removeprefix("*.").strip("[]")
        return cls(None if scheme == "*" else scheme, name, subdomains, port)

    @property
    def is_exact(self) -> bool:
        """Whether the host is named, so that even a private address is meant."""
        return self.host is not None and not self.subdomains

    def matches(self, target: Target) -> bool:
        if self.scheme not in (None, target.scheme) or self.port not in (None, target.port):
            return False
        if self.host is None:
            return True
        return target.host.endswith("." + self.host) if self.subdomains else target.host == self.host


def _split_port(rest: str) -> tuple[str, str]:
    if rest.startswith("["):
        host, _, tail = rest.partition("]")
        return host + "]", tail.removeprefix(":")
    host, _, port = rest.partition(":")
    return host, port


def allowing_rules(target: Target, allow_list: Iterable[str]) -> list[Rule]:
    """The entries that allow ``target``. Raises Denied when there is none."""
    parsed = (Rule.parse(entry) for entry in allow_list)
    rules = [rule for rule in parsed if rule and rule.matches(target)]
    if not rules:
        raise Denied(f"{target} is not in allowed_outbound_hosts")
    return rules


def is_public(address: Address) -> bool:
    """Whether an address is on the public internet, also when it is an IPv4 address in IPv6 clothes."""
    if inner := _inner(address):
        return is_public(inner) and not address.is_loopback
    return address.is_global and not address.is_multicast


def is_link_local(address: Address) -> bool:
    """Whether it is 169.254.0.0/16 or fe80::/10, in whatever clothes, or the IPv6 address of Amazon's credentials."""
    return (_inner(address) or address).is_link_local or address == EC2_CREDENTIALS


def _inner(address: Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 one leads to."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    inner = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1]) or None
    if inner is None and any(address in network for network in EMBEDDED_IPV4):
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return inner


def checked_addresses(target: Target, allow_list: Iterable[str]) -> list[Address]:
    """The addresses of ``target`` that may be connected to. Raises Denied or NotFound."""
    rules = allowing_rules(target, allow_list)
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NotFound(f"{target.host} has no address") from error
    addresses = list(dict.fromkeys(ipaddress.ip_address(str(item[4][0]).partition("%")[0]) for item in found))
    addresses = [address for address in addresses if not is_link_local(address)]
    if not addresses:
        raise Denied(f"{target.host} has a link-local address, which no function may call")
    if any(rule.is_exact for rule in rules):
        return addresses
    public = [address for address in addresses if is_public(address)]
    if not public:
        raise Denied(f"{target.host} has the address {addresses[0]}, which is not public: name the host exactly")
    return public


def connect(target: Target, allow_list: Iterable[str], timeout_s: float) -> socket.socket:
    """A TCP connection to a checked address. Raises Denied, NotFound or OSError."""
    failure: OSError | None = None
    for address in checked_addresses(target, allow_list):
        try:
            return socket.create_connection((str(address), target.port), timeout=timeout_s)
        except OSError as error:
            failure = error
    raise failure or NotFound(f"{target.host} has no address")
