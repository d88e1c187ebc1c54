"""Questions to a Builder Service, its answers, and its ways to say no as errors of ours."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import httpx

from faasweb.domain.errors import (
    BuilderBroken,
    BuilderTimedOut,
    BuilderUnavailable,
    FaaswebError,
    InvalidInput,
    NamespaceMissing,
    NotAllowed,
    NotFound,
    TooLarge,
)

TOLD_LIMIT = 2000  # characters of a service's own words that are passed on
_REFUSALS: dict[int, type[FaaswebError]] = {401: NotAllowed, 403: NotAllowed, 413: TooLarge}
_LATER = (408, 425, 429, 503)
_NO_NAMESPACE = re.compile(r"Namespace '([^']{1,253})' not found\Z")


def ask(client: httpx.Client, method: str, path: str, **more: Any) -> Mapping[str, Any]:
    """The JSON object a Builder Service answers; ``more`` is what httpx takes for a request.

    Raises BuilderTimedOut, BuilderBroken and BuilderUnavailable when asking again may help. NotFound, NotAllowed,
    TooLarge and InvalidInput are its own refusals, with its own words.
    """
    answer = _answer(client, method, path, more)
    if not answer.is_success:
        raise _refusal(answer)
    content = _json(answer)
    if not isinstance(content, dict):
        raise BuilderBroken("What answers at BUILDER_SERVICE_URL is no Builder Service: it gave no JSON object.")
    return content


def _answer(client: httpx.Client, method: str, path: str, more: Mapping[str, Any]) -> httpx.Response:
    try:
        return client.request(method, path, **more)
    except httpx.TimeoutException as exc:
        raise BuilderTimedOut("The Builder Service did not answer in time.") from exc
    except httpx.TransportError as exc:
        raise BuilderUnavailable("The Builder Service can't be reached.") from exc
    except httpx.HTTPError as exc:
        raise BuilderBroken("The Builder Service's answer can't be read.") from exc


def _refusal(answer: httpx.Response) -> FaaswebError:
    status, told = answer.status_code, _told(_json(answer))
    words = f"The Builder Service answered with status {status}" + (f": {told}" if told else ".")
    if status == httpx.codes.GATEWAY_TIMEOUT:
        return BuilderTimedOut(words)
    if status in _LATER:
        return BuilderUnavailable(words)
    if status == httpx.codes.NOT_FOUND:
        # Only the service itself knows what it does not know: a proxy before it may just have lost it.
        return NotFound(words) if told else BuilderBroken(words)
    if not 400 <= status < 500:
        return BuilderBroken(words)
    if missing := _NO_NAMESPACE.match(told):
        return NamespaceMissing.of(missing[1])
    return _REFUSALS.get(status, InvalidInput)(f"The Builder Service refused: {told or f'status {status}'}")


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except (ValueError, RecursionError):
        return None


def _told(content: Any) -> str:
    """The sentence in an error's body: ``{"detail": text or list}``, or ``{"error": {"message": text}}``."""
    match content:
        case {"detail": str(text)} | {"error": {"message": str(text)}} | {"detail": {"error": {"message": str(text)}}}:
            return text[:TOLD_LIMIT]
        case {"detail": [*problems]}:
            return "; ".join(map(_problem, problems))[:TOLD_LIMIT]
        case {"detail": detail}:
            return json.dumps(detail)[:TOLD_LIMIT]
    return ""


def _problem(problem: Any) -> str:
    """One entry of a 422, without the value that was sent: that may be a password."""
    match problem:
        case {"loc": [*place], "msg": str(text)}:
            return f"{'.'.join(str(part) for part in place if part != 'body')}: {text}"
    return "a value breaks a rule"
