"""The operators' own pages: workspaces and functions, work that is open, the system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.contrib import messages
from django.db import connection
from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from consoles.http import ConsoleRequest
from consoles.operator import machine
from consoles.operator.reading import context, operator_of
from faasweb.domain.builds import Build
from faasweb.domain.deployments import Deployment
from faasweb.domain.errors import FaaswebError
from faasweb.ports import Removal


@require_GET
def workspaces(request: ConsoleRequest) -> HttpResponseBase:
    found = request.platform.access.visible(operator_of(request))
    words = request.GET.get("q", "").strip().casefold()
    shown = [item for item in found if words in item.name.casefold() or words in item.id.casefold()]
    data = context(request, _("Workspaces"), workspaces=shown, words=request.GET.get("q", ""), total=len(found))
    return TemplateResponse(request, "admin/platform/workspaces.html", data)


@require_GET
def functions(request: ConsoleRequest, workspace: str) -> HttpResponseBase:
    entered = request.platform.access.enter(operator_of(request), workspace)
    data = context(
        request,
        entered.name,
        workspace=entered,
        functions=request.platform.functions.list(workspace),
        builds=request.platform.builds.list(workspace, 20),
        marked=request.GET.get("function", ""),
    )
    return TemplateResponse(request, "admin/platform/functions.html", data)


@require_GET
def find_function(request: ConsoleRequest) -> HttpResponseBase:
    """By its id, as it stands in a log line or a bug report."""
    function_id = request.GET.get("id", "").strip()
    try:
        function = request.platform.functions.find(function_id)
    except FaaswebError as exc:
        messages.warning(request, exc.message)
        return redirect("admin:workspaces")
    answer = redirect("admin:functions", workspace=function.workspace_id)
    answer["Location"] += f"?function={function.id}"
    return answer


# --- work --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Open:
    """A row of open work. ``why`` is what it waits for or fails with, as far as is known."""

    kind: str
    id: str
    workspace_id: str
    function_id: str
    status: str
    since: datetime
    attempts: int | None
    why: str
    at_work: bool
    until: datetime | None

    @property
    def can_be_ended(self) -> bool:
        return self.kind in ("build", "deployment")


@require_http_methods(["GET", "POST"])
def work(request: ConsoleRequest) -> HttpResponseBase:
    """Everything that has begun and not ended; what is stuck can be queued again or ended."""
    if request.method == "POST":
        return _act(request)
    builds, deployments, removals = request.platform.upkeep.stuck()
    rows = [
        *(_open_build(request, build) for build in builds),
        *(_open_deployment(deployment) for deployment in deployments),
        *(_open_removal(removal) for removal in removals),
    ]
    data = context(request, _("Builds and stuck work"), rows=sorted(rows, key=lambda row: row.since))
    return TemplateResponse(request, "admin/platform/work.html", data)


def _open_build(request: ConsoleRequest, build: Build) -> Open:
    at_work = request.platform.builds.is_running(build)
    lines = request.platform.builds.log(build.id)
    return Open(
        "build",
        build.id,
        build.workspace_id,
        build.function_id or "",
        str(build.status),
        build.created_at,
        build.attempts,
        lines[-1].text if lines else "",
        at_work,
        build.deadline,
    )


def _open_deployment(deployment: Deployment) -> Open:
    return Open(
        "deployment",
        deployment.id,
        deployment.workspace_id,
        deployment.function_id,
        str(deployment.status),
        deployment.entered_at or deployment.created_at,
        deployment.attempts,
        deployment.error or deployment.warning or "",
        deployment.leased,
        deployment.deadline,
    )


def _open_removal(removal: Removal) -> Open:
    function = removal.id if removal.kind == "function" else ""
    return Open(
        removal.kind, removal.id, removal.workspace_id, function, "being removed", removal.since, None, "", False, None
    )


def _act(request: ConsoleRequest) -> HttpResponseBase:
    kind, work_id = request.POST.get("kind", ""), request.POST.get("id", "")
    upkeep = request.platform.upkeep
    try:
        if request.POST.get("action") == "give-up":
            upkeep.give_up(kind, work_id)
            messages.success(request, _("%s was ended.") % work_id)
        else:
            upkeep.queue_again(kind, work_id)
            messages.success(request, _("%s was queued again.") % work_id)
        request.platform.accounts.audit(
            operator_of(request), f"{kind[:20]}.{request.POST.get('action', '')[:20]}", work_id
        )
    except FaaswebError as exc:
        messages.error(request, exc.message)
    return redirect("admin:work")


# --- the cluster -------------------------------------------------------------------------------------------------


@require_GET
def cluster(request: ConsoleRequest) -> HttpResponseBase:
    """What runs in the cluster, and where it differs from what was deployed here."""
    problem, found = "", None
    try:
        found = request.platform.clusters.compare()
    except FaaswebError as exc:
        problem = exc.message
    drifts = [(drift, _difference(drift.difference)) for drift in found.drifts] if found else []
    data = context(request, _("Cluster"), comparison=found, drifts=drifts, problem=problem)
    return TemplateResponse(request, "admin/platform/cluster.html", data)


def _difference(kind: str) -> str:
    words = {
        "missing": _("It is not in the cluster."),
        "orphan": _("It belongs to no live function."),
        "image": _("Another image runs."),
        "replicas": _("The number of pods was changed."),
        "changed": _("Somebody else changed it."),
    }
    return words[kind]


# --- the system --------------------------------------------------------------------------------------------------


@require_GET
def system(request: ConsoleRequest) -> HttpResponseBase:
    data = context(
        request,
        _("System"),
        problems=request.platform.readiness.problems(),
        processes=machine.processes(settings.DATA_DIR),
        sizes=machine.sizes(settings.DATA_DIR),
        data_folder=settings.DATA_DIR,
        versions=machine.versions(),
        backing=_backing(),
    )
    return TemplateResponse(request, "admin/platform/system.html", data)


def _backing() -> Sequence[tuple[str, str]]:
    """Which twin stands behind each port; names only, never an address that may hold a password."""
    chosen: Mapping[str, str] = {
        _("Storage"): "DynamoDB" if settings.DYNAMODB_TABLE_NAME else "SQLite",
        _("Code store"): "S3" if settings.S3_BUCKET_NAME else _("folder"),
        _("Runtime"): settings.RUNTIME,
        _("Logs"): "Loki" if settings.LOKI_SERVICE_URL else _("embedded"),
        _("Metrics"): "Prometheus" if settings.PROMETHEUS_SERVICE_URL else _("embedded"),
        _("Users and queue"): connection.vendor,
        _("Mode"): _("open: anybody may enter") if settings.OPEN_MODE else settings.ENVIRONMENT,
    }
    return list(chosen.items())
