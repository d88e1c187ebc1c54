"""A function on Kubernetes: what would be written there, how its app does, and Deploy with options."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from consoles.pages.doors import actor_of, at_function, takes
from consoles.pages.functions import page
from consoles.pages.options_form import OptionsForm
from consoles.pages.parts import download, wants_partial, went_to
from consoles.pages.request import PageRequest
from faasweb.domain.access import Need
from faasweb.domain.errors import FaaswebError, InvalidInput, NotFound
from faasweb.domain.functions import Function
from faasweb.domain.spinapps import AppStatus


@takes("GET")
@at_function()
def preview(request: PageRequest, function: Function) -> HttpResponseBase:
    """The manifests that Deploy would apply; ``?download=1`` gives them as a file."""
    found = request.platform.clusters.preview(function)
    if "download" in request.GET:
        return download(found.text, f"{function.app_name}.yaml")
    context = page(request, function, "deployments", preview=found)
    return render(request, "functions/_preview.html" if wants_partial(request) else "functions/preview.html", context)


@takes("GET")
@at_function()
def app(request: PageRequest, function: Function) -> HttpResponseBase:
    """How the app of a function does now. Polled; a cluster that is away is told, and asked again."""
    status, problem, gone = None, "", False
    try:
        status = request.platform.clusters.status(function)
    except NotFound:
        gone = True
    except FaaswebError as exc:
        problem = exc.message
    context = page(request, function, "deployments", app=status, app_state=_state(status), problem=problem, gone=gone)
    return render(request, "functions/_app.html" if wants_partial(request) else "functions/app.html", context)


def _state(status: AppStatus | None) -> str:
    if status is None:
        return ""
    return "running" if status.rolled_out else "starting" if status.ready else "stopped"


@takes("GET", "POST")
@at_function(Need.WRITE)
def options(request: PageRequest, function: Function) -> HttpResponseBase:
    """Deploy with options. With ``preview`` nothing is deployed: it shows what would be applied."""
    if not request.platform.clusters.in_use:
        return redirect("function-deployments", function.workspace_id, function.id)
    if request.method == "GET":
        return _options(request, function, OptionsForm.of(request.platform.clusters, function))
    form = OptionsForm(request.POST)
    if not form.is_valid():
        return _options(request, function, form, 422)
    if "preview" in request.POST:
        return _options(request, function, form)
    try:
        request.platform.deployments.deploy(
            actor_of(request), function.ref, options=form.options(), forgotten=form.forgotten()
        )
    except InvalidInput as exc:
        form.refuse(exc)
        return _options(request, function, form, 422)
    except FaaswebError as exc:
        messages.error(request, exc.message)
    return went_to(request, "function-deployments", function.workspace_id, function.id)


def _options(request: PageRequest, function: Function, form: OptionsForm, status: int = 200) -> HttpResponse:
    clusters = request.platform.clusters
    found, error = None, ""
    try:
        if not form.is_bound:
            found = clusters.preview(function)
        elif form.is_valid():
            found = clusters.preview(function, form.options(), form.forgotten())
        else:
            error = _("Correct what is marked, then its manifests are shown.")
    except InvalidInput as exc:
        error, status = exc.message, 422
    context = page(
        request,
        function,
        "deployments",
        form=form,
        preview=found,
        preview_error=error,
        of_form=True,
        usual=clusters.effective(function, form.AMOUNTS),
        most_replicas=clusters.defaults.max_replicas,
    )
    is_part = wants_partial(request) and "preview" in request.POST
    return render(request, "functions/_preview.html" if is_part else "functions/options.html", context, status=status)
