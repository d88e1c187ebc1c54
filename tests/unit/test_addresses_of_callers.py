"""Who calls, when a balancer stands in front: limits and the audit go by it."""

import ipaddress

import pytest
from django.test import RequestFactory

from consoles.identity import address_of
from tests.unit.test_settings import read_settings

STRANGER, OTHER, BALANCER, SECOND = "203.0.113.9", "198.51.100.7", "10.0.1.5", "10.0.2.6"


def asked(peer, forwarded=None):
    more = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    return address_of(RequestFactory().get("/", REMOTE_ADDR=peer, **more))


@pytest.fixture
def behind_balancers(settings):
    settings.PROXIES = [ipaddress.ip_network("10.0.0.0/16")]


def test_without_proxies_only_who_connects_counts(settings):
    settings.PROXIES = []
    assert asked(BALANCER, STRANGER) == BALANCER


@pytest.mark.usefixtures("behind_balancers")
@pytest.mark.parametrize(
    ("peer", "forwarded", "caller"),
    [
        (BALANCER, STRANGER, STRANGER),
        (BALANCER, f"{STRANGER}, {SECOND}", STRANGER),  # one balancer behind the other
        (BALANCER, f"{OTHER}, {STRANGER}", STRANGER),  # the first one is the stranger's own invention
        (BALANCER, f"127.0.0.1,{STRANGER}", STRANGER),
        (STRANGER, OTHER, STRANGER),  # came by another way: not believed
        (BALANCER, None, BALANCER),
        (BALANCER, "", BALANCER),
        (BALANCER, f"{STRANGER}, ", BALANCER),
        (SECOND, BALANCER, BALANCER),  # a balancer asks for itself
        (BALANCER, "unknown", "unknown"),
        (BALANCER, f"{OTHER}, unknown", "unknown"),
        ("", STRANGER, ""),
    ],
)
def test_the_last_stranger_is_the_caller(peer, forwarded, caller):
    assert asked(peer, forwarded) == caller


@pytest.mark.usefixtures("behind_balancers")
def test_an_endless_header_is_cut():
    assert len(asked(BALANCER, "x" * 10_000)) == 64


def test_a_network_that_is_none_stops_the_start(tmp_path):
    answer = read_settings(tmp_path, FAASWEB_PROXIES="10.0.0.0/33")
    assert answer.returncode != 0
    assert "FAASWEB_PROXIES: '10.0.0.0/33'" in answer.stderr
