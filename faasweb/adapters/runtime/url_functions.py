"""Functions on a cluster are called at their URLs: for their health as for everybody."""

from __future__ import annotations

import asyncio

from faasweb.adapters.runtime.http_calls import UrlAnswer, UrlCalls
from faasweb.domain.errors import InvocationFailed, NotReady, Unavailable
from faasweb.domain.functions import Function
from faasweb.domain.invocations import InvocationRequest
from faasweb.ports import Health, Release

HEALTH_TIMEOUT_S = 20.0


def health_at(calls: UrlCalls, url: str, release: Release) -> Health:
    """How it answers a request. Unavailable while nothing listens there yet."""
    timeout_s = min(float(release.settings.timeout_s), HEALTH_TIMEOUT_S)
    try:
        return asyncio.run(_health(UrlCalls(calls.rules, calls.transport), url, timeout_s))
    except InvocationFailed as exc:
        raise Unavailable(exc.message) from exc


async def _health(calls: UrlCalls, url: str, timeout_s: float) -> Health:
    request = InvocationRequest("GET", headers=(("user-agent", "faasweb-health"),))
    try:
        answer = await calls.call(url, request, "health", timeout_s)
        await answer.close()
    finally:
        await calls.aclose()
    if answer.head is None:
        return Health(ok=False, error=answer.report().error)
    return Health(ok=True, status=answer.head.status)


async def call_live(calls: UrlCalls, function: Function, request: InvocationRequest, request_id: str) -> UrlAnswer:
    """Call what is live, at the address that its runtime gave it. NotReady without one."""
    if not function.invocation_url:
        raise NotReady("The function has no address: press Deploy.")
    version = function.live.version if function.live else None
    timeout_s = float(function.settings.timeout_s)
    return await calls.call(function.invocation_url, request, request_id, timeout_s, version)
