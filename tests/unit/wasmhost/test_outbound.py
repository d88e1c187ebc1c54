import ipaddress
import socket

import pytest

from faasweb.wasmhost import outbound
from faasweb.wasmhost.outbound import Denied, NotFound, Target, allowing_rules, checked_addresses, connect, is_public


def allowed(url, *allow_list):
    scheme, _, authority = url.partition("://")
    try:
        return bool(allowing_rules(Target.parse(scheme, authority), allow_list))
    except Denied:
        return False


@pytest.mark.parametrize(
    ("url", "entry"),
    [
        ("https://api.example.com", "https://api.example.com"),
        ("https://API.example.com:443", "https://api.example.com/"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("https://a.b.example.com", "https://*.example.com"),
        ("https://example.com:8443", "https://example.com:*"),
        ("http://anything.example:81", "*://*:*"),
        ("http://anything.example:81", "*"),
        ("https://example.com", "*://example.com"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_the_allow_list_allows(url, entry):
    assert allowed(url, entry)


@pytest.mark.parametrize(
    ("url", "entry"),
    [
        ("http://api.example.com", "https://api.example.com"),
        ("https://api.example.com:8443", "https://api.example.com"),
        ("https://example.com", "https://*.example.com"),
        ("https://evilexample.com", "https://*.example.com"),
        ("https://api.example.com.evil.com", "https://api.example.com"),
        ("https://user@api.example.com", "https://api.example.com"),
        ("ftp://example.com", "*"),
        ("https://example.com", ""),
        ("https://example.com", "example.com"),
        ("https://example.com", "https://example.com/path"),
    ],
)
def test_the_allow_list_refuses(url, entry):
    assert not allowed(url, entry)


NOT_PUBLIC = """
127.0.0.1 10.0.0.1 172.16.0.1 192.168.1.1 169.254.169.254 0.0.0.0 100.64.0.1 224.0.0.1 255.255.255.255 ::1 :: fe80::1
fc00::1 ff02::1 ::ffff:127.0.0.1 ::ffff:169.254.169.254 64:ff9b::7f00:1 2002:7f00:1::1 ::7f00:1
"""


@pytest.mark.parametrize("address", NOT_PUBLIC.split())
def test_an_address_that_is_not_public_is_known(address):
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["93.184.216.34", "1.1.1.1", "2606:4700::1111", "64:ff9b::101:101"])
def test_a_public_address_is_known(address):
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"])
def test_a_wildcard_does_not_lead_to_this_machine(host):
    with pytest.raises((Denied, NotFound)):
        checked_addresses(Target.parse("http", host), ["*"])


def test_a_private_host_is_reached_when_it_is_named():
    assert checked_addresses(Target.parse("http", "127.0.0.1:8080"), ["http://127.0.0.1:8080", "*"])


def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch):
    """A second answer of the name server (rebinding) is never asked for."""
    asked = []

    def resolve(host, port, **_options):
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", port))]

    def create(address, timeout):
        asked.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(outbound.socket, "getaddrinfo", resolve)
    monkeypatch.setattr(outbound.socket, "create_connection", create)
    with pytest.raises(ConnectionRefusedError):
        connect(Target.parse("https", "rebind.example"), ["*"], 1.0)
    assert asked == ["rebind.example", ("93.184.216.34", 443)]


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "[fe80::1]", "[::ffff:169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "[fd00:ec2::254]"]
)
def test_what_hands_out_credentials_is_refused_even_when_it_is_named(host):
    target = Target.parse("http", host)
    with pytest.raises(Denied, match="link-local"):
        checked_addresses(target, [f"http://{host}"])


def test_a_named_host_that_resolves_to_a_link_local_address_is_refused(monkeypatch):
    answer = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 80))]
    monkeypatch.setattr(outbound.socket, "getaddrinfo", lambda *_args, **_more: answer)
    with pytest.raises(Denied, match="link-local"):
        checked_addresses(Target.parse("http", "metadata.example"), ["http://metadata.example"])
