"""Which headers cross, and which do not."""

import pytest

from consoles.gateway.headers import SANDBOX, for_caller, for_function


def into(*pairs):
    return for_function([(name.encode(), value.encode()) for name, value in pairs], "203.0.113.9")


def test_a_callers_headers_pass_as_they_came():
    assert into(("Accept", "a"), ("x-thing", "1"), ("x-thing", "2"), ("Authorization", "Basic abc")) == [
        ("accept", "a"),
        ("x-thing", "1"),
        ("x-thing", "2"),
        ("authorization", "Basic abc"),
        ("x-forwarded-for", "203.0.113.9"),
    ]


def test_the_callers_address_is_added_behind_those_of_proxies():
    assert into(("x-forwarded-for", "10.0.0.1")) == [("x-forwarded-for", "10.0.0.1, 203.0.113.9")]


def test_headers_of_one_connection_stay_behind():
    assert into(
        ("connection", "keep-alive, X-Private"),
        ("x-private", "1"),
        ("te", "trailers"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("proxy-authorization", "x"),
        ("content-length", "3"),
        ("host", "localhost"),
    ) == [("x-forwarded-for", "203.0.113.9")]


@pytest.mark.parametrize(
    ("cookie", "passed"),
    [
        ("sessionid=secret", None),
        ("theme=dark; sessionid=secret; csrftoken=abc; lang=ko", "theme=dark; lang=ko"),
        ("theme=dark", "theme=dark"),
        ("bare; a=1=2;; messages=x", "bare; a=1=2"),
        (" sessionid = secret ; a=1", "a=1"),
    ],
)
def test_the_consoles_cookies_stay_behind(cookie, passed):
    assert dict(into(("cookie", cookie))).get("cookie") == passed


@pytest.mark.parametrize("value", ["Bearer fwt_abc", "bearer  fwt_abc", "BEARER\tfwt_abc"])
def test_a_token_of_the_console_stays_behind(value):
    assert into(("authorization", value)) == [("x-forwarded-for", "203.0.113.9")]


def test_another_token_passes():
    assert ("authorization", "Bearer abc") in into(("authorization", "Bearer abc"))


def out(*pairs):
    return for_caller(list(pairs), "0123")


ALWAYS = [("content-security-policy", SANDBOX), ("x-request-id", "0123")]


def test_a_functions_headers_pass_as_they_came():
    given = [("content-type", "text/html"), ("vary", "a"), ("vary", "b"), ("set-cookie", "a=1; Path=/x"), ("x-y", "é")]

    assert out(*given) == [*given, *ALWAYS]


@pytest.mark.parametrize(
    "pair",
    [
        ("Set-Cookie", "sessionid=evil"),
        ("set-cookie", " csrftoken = evil; Path=/"),
        ("set-cookie", "=sessionid=evil"),
        ("set-cookie", "sessionid"),
        ("Clear-Site-Data", '"*"'),
        ("strict-transport-security", "max-age=1"),
        ("NEL", "{}"),
        ("transfer-encoding", "chunked"),
        ("connection", "close"),
        ("x-request-id", "mine"),
        ("content-length", "-1"),
    ],
)
def test_what_would_act_on_the_console_or_the_connection_is_dropped(pair):
    assert out(pair) == ALWAYS


def test_two_lengths_are_none():
    assert out(("content-length", "1"), ("content-length", "2")) == ALWAYS
    assert out(("content-length", "1")) == [("content-length", "1"), *ALWAYS]


def test_a_functions_own_policy_holds_beside_the_sandbox():
    own = ("content-security-policy", "default-src 'none'; sandbox allow-same-origin")

    assert out(own) == [own, *ALWAYS]
