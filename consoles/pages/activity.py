"""What happened and happens: the tabs Deployments, Executions, Logs and Metrics of a function, and builds."""

from __future__ import annotations

from datetime import UTC, datetime

from django.contrib import messages
from django.http import HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from consoles.pages.charts import cpu_rows, minute_rows
from consoles.pages.doors import actor_of, at_function, in_workspace, takes
from consoles.pages.functions import page
from consoles.pages.parts import download, wants_partial, went_to
from consoles.pages.request import PageRequest
from faasweb.domain import clock
from faasweb.domain.access import Need
from faasweb.domain.deployments import DeploymentStatus
from faasweb.domain.errors import FaaswebError, LogsUnavailable, MetricsUnavailable, NotFound
from faasweb.domain.functions import Function
from faasweb.domain.telemetry import LogPage
from faasweb.domain.workspaces import Workspace

EXECUTIONS = 50
SHOWN_LINES = 200
DOWNLOAD_LINES = 1000


@takes("GET")
@at_function()
def deployments(request: PageRequest, function: Function) -> HttpResponseBase:
    """The one in progress with its live log, then history and versions."""
    history = request.platform.deployments.list(function.id)
    versions = {item.number: item for item in request.platform.deployments.list_versions(function.id)}
    active = next((item for item in history if not item.status.finished), None)
    context = page(
        request,
        function,
        "deployments",
        deployments=[(item, versions.get(item.version or 0)) for item in history],
        active=active,
    )
    template = "functions/_deployments.html" if wants_partial(request) else "functions/deployments.html"
    return render(request, template, context)


@takes("POST")
@at_function(Need.WRITE)
def roll_back(request: PageRequest, function: Function, number: int) -> HttpResponseBase:
    try:
        deployment = request.platform.deployments.roll_back(actor_of(request), function.ref, number)
    except FaaswebError as exc:
        messages.error(request, exc.message)
    else:
        if deployment.error:
            messages.error(request, deployment.error)
        elif deployment.status is DeploymentStatus.LIVE:
            messages.success(request, _("Version %(number)s answers now.") % {"number": number})
        else:
            messages.info(request, _("Version %(number)s is on its way.") % {"number": number})
    return went_to(request, "function-deployments", function.workspace_id, function.id)


@takes("GET")
@in_workspace()
def builds(request: PageRequest, workspace: Workspace) -> HttpResponseBase:
    context = {"workspace": workspace, "builds": request.platform.builds.list(workspace.id), "nav": "builds"}
    template = "builds/_table.html" if wants_partial(request) else "builds/list.html"
    return render(request, template, context)


@takes("GET")
@in_workspace()
def build(request: PageRequest, workspace: Workspace, build_id: str) -> HttpResponseBase:
    found = request.platform.builds.get(build_id)
    if found.workspace_id != workspace.id:
        raise NotFound(f"Task not found: {build_id}")
    context = {
        "workspace": workspace,
        "build": found,
        "lines": request.platform.builds.log(build_id),
        "nav": "builds",
    }
    template = "builds/_build.html" if wants_partial(request) else "builds/detail.html"
    return render(request, template, context)


@takes("GET")
@at_function()
def executions(request: PageRequest, function: Function) -> HttpResponseBase:
    found, older = request.platform.invocations.list(function.id, EXECUTIONS, request.GET.get("before"))
    context = page(request, function, "executions", executions=found, older=older)
    template = "functions/_executions.html" if wants_partial(request) else "functions/executions.html"
    return render(request, template, context)


@takes("GET")
@at_function()
def execution(request: PageRequest, function: Function, execution_id: str) -> HttpResponseBase:
    """One execution with bodies and everything it printed; ``?at=`` is its time, a part of its key."""
    found = request.platform.invocations.get(function.id, execution_id, _moment(request.GET.get("at", "")))
    try:
        lines = request.platform.invocations.lines(found)
    except LogsUnavailable:
        lines = LogPage((), "")
    context = page(request, function, "executions", execution=found, lines=lines.entries)
    return render(request, "functions/execution.html", context)


def _moment(text: str) -> datetime:
    try:
        return clock.parse(text.replace(" ", "+"))
    except ValueError as exc:
        raise NotFound("No such execution.") from exc


@takes("GET")
@at_function()
def logs(request: PageRequest, function: Function) -> HttpResponseBase:
    """The newest lines; a script goes on from their cursor over SSE. ``?download=1`` gives them as a file."""
    text, stream = request.GET.get("text", ""), request.GET.get("stream", "")
    problem = None
    try:
        limit = DOWNLOAD_LINES if "download" in request.GET else SHOWN_LINES
        found = request.platform.logs.tail(function.id, text=text, stream=stream, limit=limit)
    except LogsUnavailable as exc:
        found, problem = LogPage((), ""), exc.message
    if "download" in request.GET:
        return download(_as_text(found), f"{function.app_name}.log")
    context = page(request, function, "logs", page=found, text=text, stream=stream, problem=problem)
    template = "functions/_logs.html" if wants_partial(request) else "functions/logs.html"
    return render(request, template, context)


def _as_text(found: LogPage) -> str:
    lines = [
        f"{datetime.fromtimestamp(entry.at_ns / 1e9, UTC).isoformat(timespec='milliseconds')} "
        f"{entry.stream or 'stdout'} {entry.text}\n"
        for entry in found.entries
    ]
    return "".join(lines)


@takes("GET")
@at_function()
def metrics(request: PageRequest, function: Function) -> HttpResponseBase:
    """CPU over the last hour, invocations, errors and durations; as JSON, the rows the charts draw."""
    cpu, problem = None, None
    try:
        cpu = request.platform.metrics.cpu(function.id)
    except MetricsUnavailable as exc:
        problem = exc.message
    traffic = request.platform.metrics.traffic(function.id)
    if request.headers.get("Accept", "").startswith("application/json"):
        return JsonResponse({"cpu": cpu_rows(cpu), "minutes": minute_rows(traffic), "problem": problem})
    values = [sample.value for sample in cpu.series] if cpu else []
    context = page(
        request,
        function,
        "metrics",
        cpu=cpu,
        cpu_average=sum(values) / len(values) if values else None,
        cpu_peak=max(values) if values else None,
        traffic=traffic,
        problem=problem,
    )
    return render(request, "functions/metrics.html", context)
