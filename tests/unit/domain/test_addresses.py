"""The address of a function that runs elsewhere, as somebody types it."""

import pytest

from faasweb.domain.addresses import invocation_url
from faasweb.domain.errors import InvalidInput


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("greet.example.com:8080/x", "http://greet.example.com:8080/x"),
        (" greet.example.com ", "http://greet.example.com"),
        ("https://greet.example.com/x?key=1", "https://greet.example.com/x?key=1"),
        ("my-function.default.svc.cluster.local", "http://my-function.default.svc.cluster.local"),
        ("http://8.8.8.8/", "http://8.8.8.8/"),
        ("http://[2606:4700::1111]:81/", "http://[2606:4700::1111]:81/"),
    ],
)
def test_an_address_gets_a_scheme_and_stays_what_it_is(typed, kept):
    assert invocation_url(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "ftp://greet.example.com",
        "file:///etc/passwd",
        "javascript://x",
        "http://",
        "http://./",
        "http://[::1",
        "http://host:0/",
        "http://host:99999/",
        "http://host/a b",
        "http://host\\@127.0.0.1/",
        "http://host/\nx",
        "http://user:secret@greet.example.com/",
        "user@greet.example.com",
        "http://greet.example.com/#part",
    ],
)
def test_what_is_no_http_address_is_refused(typed):
    with pytest.raises(InvalidInput) as refusal:
        invocation_url(typed)

    assert refusal.value.details["field"] == "invocationUrl"
    assert "secret" not in refusal.value.message


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "LocalHost.",
        "app.localhost",
        "127.1",
        "0x7f000001",
        "2130706433",
        "0",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "224.0.0.1",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:a9fe:a9fe]",
        "[fe80::1]",
        "[fd00:ec2::254]",
    ],
)
def test_an_address_of_this_machine_or_its_network_is_refused_however_it_is_spelled(host):
    with pytest.raises(InvalidInput, match="FAASWEB_INVOCATION_HOSTS"):
        invocation_url(f"http://{host}/")


def test_an_operator_allows_hosts_or_single_ports_of_them():
    assert invocation_url("localhost:9000", ["localhost:9000"]) == "http://localhost:9000"
    assert invocation_url("https://10.1.2.3/", ["10.1.2.3:443"]) == "https://10.1.2.3/"
    assert invocation_url("http://10.1.2.3:81/", ["10.1.2.3"]) == "http://10.1.2.3:81/"
    with pytest.raises(InvalidInput):
        invocation_url("localhost:9001", ["localhost:9000"])
