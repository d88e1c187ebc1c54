"""Which addresses a function's URL may lead to."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from faasweb.domain.errors import InvocationFailed
from faasweb.wasmhost.outbound import Address, Denied, Target, is_public

# Where clouds tell machines their secrets; the IPv4 one is link-local anyway.
METADATA = frozenset({ipaddress.ip_address("169.254.169.254"), ipaddress.ip_address("fd00:ec2::254")})


LookUp = Callable[[str, int], Awaitable[Sequence[Address]]]


async def look_up(host: str, port: int) -> Sequence[Address]:
    """Each address once. OSError or UnicodeError when there is none."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ipaddress.ip_address(str(item[4][0]).partition("%")[0]) for item in found))


@dataclass(frozen=True, slots=True)
class AddressRules:
    """Public addresses, the runtime's own names, and hosts that the operator allows by name.

    ``suffix`` is what the runtime's own names end in, ``.default.svc.cluster.local``, or several of them: they lead to
    private addresses, but never to this machine itself. What is ``allowed``, each a ``host`` or ``host:port`` in small
    letters, may lead anywhere. ``look_up`` asks for the addresses of a host and port.
    """

    suffix: str | tuple[str, ...]
    allowed: frozenset[str] = frozenset()
    look_up: LookUp = look_up

    async def resolve(self, target: Target) -> Sequence[Address]:
        """The addresses of ``target`` that may be called; to be connected to as they are. InvocationFailed if none."""
        try:
            found = await self.look_up(target.host, target.port)
        except (OSError, UnicodeError) as exc:
            raise InvocationFailed(f"The function's host {target.host} has no address.") from exc
        permitted = [address for address in found if self.permit(target, address)]
        if not permitted:
            raise InvocationFailed(
                f"The function's URL leads to {target.host}, which is not a public address. An operator can allow it "
                "in FAASWEB_INVOCATION_HOSTS."
            )
        return permitted

    def permit(self, target: Target, address: Address) -> bool:
        if self.allowed & {target.host, f"{target.host}:{target.port}"}:
            return True
        return is_public(address) or (target.host.endswith(self.suffix) and _may_be_a_service(address))


def _may_be_a_service(address: Address) -> bool:
    plain = (isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped) or address
    refused = plain.is_loopback or plain.is_link_local or plain.is_multicast or plain.is_unspecified
    return not refused and plain not in METADATA


def target_of(url: str) -> tuple[Target, str]:
    """Where a URL leads, and the path below which the function is, without a slash at its end. InvocationFailed."""
    try:
        parts = urlsplit(url)
        target = Target.parse(parts.scheme, parts.netloc)
        if not target.host.isascii():
            target = replace(target, host=target.host.encode("idna").decode())
    except (ValueError, Denied) as exc:
        raise InvocationFailed("The function's URL is not an http or https address.") from exc
    return target, parts.path.rstrip("/")
