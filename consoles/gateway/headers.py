"""Which headers cross between a caller and a function, and which belong to the console or to one connection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.conf import settings

from faasweb.domain.invocations import Headers

# They describe one connection (RFC 9110, 7.6.1).
HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
# What a page of this host would decide for the whole host, and with it for the console.
HOST_WIDE = frozenset(
    {
        "alt-svc",
        "clear-site-data",
        "nel",
        "report-to",
        "reporting-endpoints",
        "service-worker-allowed",
        "strict-transport-security",
    }
)
# A function's page comes from the console's own origin. In a sandbox without "allow-same-origin" it gets an origin of
# its own instead: its scripts run, but can't use the console as whoever is signed in, nor read what it stored.
SANDBOX = "sandbox allow-scripts allow-forms allow-popups"
CONSOLE_COOKIES = frozenset({settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME, "messages"})
TOKEN_MARK = "fwt_"  # noqa: S105 - how a token of this console begins, no secret


CODE = frozenset({"script", "style", "worker", "sharedworker", "serviceworker", "manifest", "embed", "object"})


def is_code_for_the_console(headers: Mapping[str, str]) -> bool:
    """Whether a page of this origin asks for code: functions share the console's origin, and its CSP says 'self'.

    A function's own page has an origin of its own (``SANDBOX``), so its browser calls the same request cross-site.
    """
    return headers.get("Sec-Fetch-Site") == "same-origin" and headers.get("Sec-Fetch-Dest") in CODE


def for_function(headers: Iterable[tuple[bytes, bytes]], address: str) -> Headers:
    """The caller's headers as they came, without what is the console's secret or its connection's own."""
    pairs = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers]
    dropped = HOP | _listed_in_connection(pairs) | {"host", "content-length"}
    passed: list[tuple[str, str]] = []
    before = ""
    for name, value in pairs:
        if name == "x-forwarded-for":
            before = f"{before}{value}, "
        elif name == "cookie":
            passed.extend(("cookie", kept) for kept in [_without_console(value)] if kept)
        elif name not in dropped and not _is_console_token(name, value):
            passed.append((name, value))
    return [*passed, ("x-forwarded-for", f"{before}{address}")]


def for_caller(headers: Headers, request_id: str) -> list[tuple[str, str]]:
    """The function's headers as they came, without those that would act on the console; the sandbox comes on top."""
    pairs = [(name.lower(), value) for name, value in headers]
    dropped = HOP | HOST_WIDE | _listed_in_connection(pairs) | {"x-request-id"}
    if not _has_one_length(pairs):
        dropped |= {"content-length"}
    kept = [(n, v) for n, v in pairs if n not in dropped and not (n == "set-cookie" and not _may_set(v))]
    return [*kept, ("content-security-policy", SANDBOX), ("x-request-id", request_id)]


def _listed_in_connection(pairs: Headers) -> frozenset[str]:
    listed = [value.split(",") for name, value in pairs if name == "connection"]
    return frozenset(word.strip().lower() for words in listed for word in words)


def _is_console_token(name: str, value: str) -> bool:
    """An API token sent to a function by mistake: the function's author must not get it."""
    return name == "authorization" and any(word.startswith(TOKEN_MARK) for word in value.split())


def _without_console(cookie: str) -> str:
    parts = [part.strip() for part in cookie.split(";")]
    return "; ".join(part for part in parts if part and part.partition("=")[0].strip() not in CONSOLE_COOKIES)


def _may_set(cookie: str) -> bool:
    """A cookie without a name is sent back as its bare value, which can look like any name."""
    name, mark, _value = cookie.partition(";")[0].partition("=")
    return bool(mark) and name.strip() != "" and name.strip() not in CONSOLE_COOKIES


def _has_one_length(pairs: Headers) -> bool:
    lengths = [value for name, value in pairs if name == "content-length"]
    return len(lengths) == 1 and lengths[0].isascii() and lengths[0].isdigit()
