"""Pages' own part of the edge: running code, and following what happens, over server-sent events.

These views are async. What touches storage runs in a thread; nothing here holds one while it waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from consoles.http import in_thread, status_of
from consoles.pages.project import posted_source, project_of
from consoles.pages.request import PageRequest
from faasweb.domain import projects
from faasweb.domain.access import Need
from faasweb.domain.deployments import Deployment
from faasweb.domain.errors import FaaswebError, InvalidInput, NotFound, Unauthenticated
from faasweb.domain.executions import RecordedBody
from faasweb.domain.functions import Function, FunctionRef
from faasweb.domain.invocations import InvocationRequest
from faasweb.domain.source import Source
from faasweb.domain.telemetry import LogEntry

POLL_S = 0.5
HEARTBEAT_S = 15
LIFETIME_S = 600  # the browser reconnects with its cursor; a forgotten tab doesn't hold a stream for ever
LINES = 500


async def _enter(request: PageRequest, workspace: str, function: str, need: Need) -> Function:
    actor = request.actor
    if actor is None:
        raise Unauthenticated(_("Sign in again: your session has ended."))

    def enter() -> Function:
        request.platform.access.allow(actor, workspace, need)
        return request.platform.functions.get(FunctionRef(workspace, function))

    return await in_thread(enter)


# running


async def run_draft(request: PageRequest, workspace: str, function: str) -> HttpResponseBase:
    """Run the code in the editor once. Nothing is saved or deployed."""
    found = await _enter(request, workspace, function, Need.INVOKE)
    try:
        source = await in_thread(_typed_source, request, found)
        run = await request.platform.invocations.run_draft(found, source, _typed_request(request))
    except FaaswebError as exc:
        return _result(request, {"error": exc.message}, status_of(exc))
    head = run.head
    return _result(
        request,
        {
            "head": head,
            "body": _shown(run.body, dict(head.headers).get("content-type", "") if head else ""),
            "report": run.report,
            "error": run.report.error,
            "lines": run.report.logs,
            "draft": True,
        },
    )


def _typed_source(request: PageRequest, function: Function) -> Source:
    return projects.saveable(posted_source(request, project_of(request, function)))


async def run_test(request: PageRequest, workspace: str, function: str) -> HttpResponseBase:
    """Call what is live, as the Test tab does. It is recorded like any other execution."""
    found = await _enter(request, workspace, function, Need.INVOKE)
    try:
        invocation = await request.platform.invocations.open(found, _typed_request(request), "console")
    except FaaswebError as exc:
        return _result(request, {"error": exc.message}, status_of(exc))
    try:
        async for _chunk in invocation.body():
            pass
    finally:
        execution = await asyncio.shield(invocation.finish())
    report = invocation.answer.report()
    return _result(
        request,
        {
            "head": invocation.head,
            "body": _shown(execution.response_body, execution.response_type),
            "report": report,
            "error": report.error,
            "lines": report.logs,
            "execution": execution,
        },
    )


def _typed_request(request: PageRequest) -> InvocationRequest:
    """What the person filled in: method, path with query, headers one per line, body."""
    path, _mark, query = request.POST.get("path", "/").strip().partition("?")
    headers = []
    for line in request.POST.get("headers", "").splitlines():
        name, colon, value = line.partition(":")
        if line.strip() and not colon:
            raise InvalidInput(_("Write headers as Name: value, one per line."), field="headers")
        if line.strip():
            headers.append((name.strip().lower(), value.strip()))
    body = request.POST.get("body", "").encode()
    if body and not any(name == "content-type" for name, _value in headers):
        headers.append(("content-type", "application/json"))
    return InvocationRequest(
        method=request.POST.get("method", "GET").upper(),
        path=path if path.startswith("/") else f"/{path}",
        query=query,
        headers=headers,
        body=body,
        host=request.get_host(),
        scheme=request.scheme or "http",
    )


def _shown(body: RecordedBody, content_type: str) -> dict[str, object]:
    """The body for people: JSON is indented."""
    text = body.text
    if "json" in content_type and not body.cut:
        with contextlib.suppress(ValueError):
            text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    return {"text": text, "size": body.size, "cut": body.cut, "content_type": content_type}


def _result(request: PageRequest, context: dict[str, Any], status: int = 200) -> HttpResponse:
    # A refusal is shown where the result would be, so htmx must swap it in: 200 with the reason, its status beside.
    return render(request, "functions/_run_result.html", context | {"refused_with": status if status != 200 else None})


# following


async def logs(request: PageRequest, workspace: str, function: str) -> HttpResponseBase:
    """Log lines after ``?after=`` as they come; every event's id is the cursor to go on from."""
    found = await _enter(request, workspace, function, Need.READ)
    after = request.headers.get("Last-Event-ID") or request.GET.get("after") or None
    filters = {"text": request.GET.get("text", ""), "stream": request.GET.get("stream", "")}

    async def events() -> AsyncIterator[str]:
        cursor, told = after, ""
        async for _tick in _ticks():
            try:
                page = await in_thread(request.platform.logs.tail, found.id, after=cursor, limit=LINES, **filters)
                problem = ""
            except FaaswebError as exc:
                problem = exc.message
            if problem != told:  # also when it is over
                told = problem
                yield _event("problem", {"message": problem})
            if problem:
                continue
            if page.dropped:
                yield _event("dropped", {"count": page.dropped})
            for entry in page.entries:
                yield _event("line", _log_line(entry), entry.cursor)
            if page.cursor != cursor:
                # Of the page, not of its last line: what a filter left out, or came late, is accounted for too.
                cursor = page.cursor
                yield _event("cursor", {}, cursor)

    return _stream(events())


async def deployment(request: PageRequest, workspace: str, function: str, deployment: str) -> HttpResponseBase:
    """A deployment until it ends: ``state`` when its state changes, ``line`` for each line of its build's log."""
    found = await _enter(request, workspace, function, Need.READ)
    last = request.headers.get("Last-Event-ID") or request.GET.get("after") or "0"
    after = int(last) if last.isdecimal() else 0

    def look(number: int) -> tuple[Deployment, list[Any]]:
        now = request.platform.deployments.get(deployment)
        if now.function_id != found.id:
            raise NotFound(f"Deployment {deployment} not found")
        return now, list(request.platform.builds.log(now.build_id, number)) if now.build_id else []

    await in_thread(look, after)  # refuses before the stream begins

    async def events() -> AsyncIterator[str]:
        number, shown = after, None
        async for _tick in _ticks():
            now, lines = await in_thread(look, number)
            for line in lines:
                number = line.number
                data = {"at": line.at.timestamp() * 1e3, "phase": line.phase, "text": line.text}
                yield _event("line", data, str(number))
            if _state(now) != shown:
                shown = _state(now)
                yield _event("state", shown)
            if now.status.finished:
                yield _event("end", {})
                return

    return _stream(events())


def _log_line(entry: LogEntry) -> dict[str, object]:
    return {"at": entry.at_ns / 1e6, "stream": entry.stream, "text": entry.text, "request": entry.request_id}


def _state(now: Deployment) -> dict[str, object]:
    return {
        "status": str(now.status),
        "started": now.created_at.isoformat(),
        "entered": now.entered_at.isoformat() if now.entered_at else None,
        "instant": now.instant_at is not None,
        "error": now.error,
        "warning": now.warning,
        "version": now.version,
    }


async def _ticks() -> AsyncIterator[float]:
    """Times to look again, until the stream has lived long enough."""
    begin = time.monotonic()
    while time.monotonic() - begin < LIFETIME_S:
        yield time.monotonic()
        await asyncio.sleep(POLL_S)


def _event(name: str, data: object, event_id: str | None = None) -> str:
    head = f"id: {event_id}\n" if event_id is not None else ""
    return f"{head}event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"


async def _with_heartbeat(events: AsyncIterator[str]) -> AsyncIterator[str]:
    """A ping now and then: it tells proxies and the browser that the stream lives."""
    yield "retry: 2000\n\n"
    pending = asyncio.ensure_future(anext(events))
    try:
        while True:
            done, _waiting = await asyncio.wait({pending}, timeout=HEARTBEAT_S)
            if not done:
                yield _event("ping", {})
                continue
            try:
                yield pending.result()
            except StopAsyncIteration:
                return
            pending = asyncio.ensure_future(anext(events))
    finally:
        pending.cancel()


def _stream(events: AsyncIterator[str]) -> StreamingHttpResponse:
    answer = StreamingHttpResponse(_with_heartbeat(events), content_type="text/event-stream")
    answer["Cache-Control"] = "no-store"
    answer["X-Accel-Buffering"] = "no"
    return answer
