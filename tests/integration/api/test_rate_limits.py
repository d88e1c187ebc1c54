"""How often somebody may call, and what they are told when it was too often."""

import pytest

from consoles import ratelimits
from consoles.ratelimits import Buckets
from faasweb.domain.errors import RateLimited
from tests.integration.conftest import Api, Edge, assert_error

pytestmark = pytest.mark.django_db(transaction=True)


class Clock:
    def __init__(self):
        self.at = 1000.0

    def __call__(self):
        return self.at


@pytest.fixture
def clock(monkeypatch):
    """The clock of both limits, which begin anew."""
    clock = Clock()
    for buckets in (ratelimits.api_calls, ratelimits.invocations):
        monkeypatch.setattr(buckets, "now", clock)
        buckets.left.clear()
    yield clock
    ratelimits.api_calls.left.clear()
    ratelimits.invocations.left.clear()


def test_a_minutes_calls_pass_at_once_and_then_as_time_goes_by(clock):
    buckets = Buckets(lambda: 3, clock)

    for _ in range(3):
        buckets.take("ada")
    with pytest.raises(RateLimited) as refusal:
        buckets.take("ada")
    buckets.take("bob")

    assert refusal.value.details == {"retry_after_s": 20}
    clock.at += 20
    buckets.take("ada")
    with pytest.raises(RateLimited):
        buckets.take("ada")


def test_without_a_limit_nothing_is_counted(clock):
    buckets = Buckets(lambda: 0, clock)

    for _ in range(1000):
        buckets.take("ada")

    assert buckets.left == {}


def test_callers_are_forgotten_when_they_are_too_many(clock, monkeypatch):
    monkeypatch.setattr(ratelimits, "MOST_CALLERS", 10)
    buckets = Buckets(lambda: 3, clock)

    for number in range(100):
        buckets.take(f"stranger {number}")

    assert len(buckets.left) == 10


def test_the_api_refuses_who_calls_too_often_and_says_when_to_ask_again(ada, clock, settings, token):
    settings.RATE_API = 2
    path = "/api/workspaces"

    assert [ada.get(path).status_code for _ in range(2)] == [200, 200]
    refused = ada.get(path)

    error = assert_error(refused, 429, "RATE_LIMITED")
    assert refused.headers["retry-after"] == "30"
    assert error["details"] == {"retry_after_s": 30}
    assert_error(Api(token("ada")).get(path), 429, "RATE_LIMITED")  # another token does not help
    clock.at += 30
    assert ada.get(path).status_code == 200


def test_who_tries_out_tokens_is_slowed_down(ada, clock, settings):
    settings.RATE_API = 2

    answers = [Api("fwt_wrong").get("/api/workspaces").status_code for _ in range(3)]

    assert answers == [401, 401, 429]
    assert ada.get("/api/workspaces").status_code == 200


def test_callers_without_a_name_are_told_apart_by_their_address(embedded, clock, settings):
    settings.OPEN_MODE, settings.RATE_API = True, 1

    def status(address):
        return Api().get("/api/workspaces", REMOTE_ADDR=address).status_code

    assert [status("127.0.0.1"), status("127.0.0.1"), status("127.0.0.2")] == [200, 429, 200]


def test_invocations_have_a_limit_of_their_own(ada, clock, settings, embedded, workspace):
    settings.RATE_API, settings.RATE_INVOKE = 1, 2
    function = embedded.deployed(workspace)
    edge = Edge(ada.token)

    def invoke():
        return edge.call("POST", f"/api/functions/{function.id}/invoke", json={}, headers={"origin": "https://x"})

    assert ada.get("/api/workspaces").status_code == 200
    assert [invoke().status_code for _ in range(2)] == [200, 200]
    refused = invoke()
    assert_error(refused, 429, "RATE_LIMITED")
    assert refused.headers["retry-after"] == "30"
    assert ada.get("/api/workspaces").status_code == 429
