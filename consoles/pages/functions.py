from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _

from consoles.pages.doors import actor_of, at_function, in_workspace, takes
from consoles.pages.forms import FunctionForm, SettingsForm
from consoles.pages.parts import deletion_confirmed, wants_partial, went_to
from consoles.pages.request import PageRequest
from faasweb.domain.access import Need
from faasweb.domain.declared import missing_variables
from faasweb.domain.errors import FaaswebError, InvalidInput, TooLarge
from faasweb.domain.functions import Function, FunctionStatus
from faasweb.domain.source import Source
from faasweb.domain.starters import STARTERS, Example
from faasweb.domain.workspaces import Workspace
from faasweb.usecases.functions import Changes


@takes("GET")
@in_workspace()
def index(request: PageRequest, workspace: Workspace) -> HttpResponseBase:
    """All functions of a workspace; ``?q=`` keeps those whose name or description holds it."""
    wanted = request.GET.get("q", "").strip()
    functions = request.platform.functions.list(workspace.id)
    shown = [function for function in functions if _matches(function, wanted)]
    context = {
        "workspace": workspace,
        "functions": shown,
        "count": len(functions),
        "busy": any(function.deploying for function in shown),
        "q": wanted,
        "nav": "functions",
    }
    template = "functions/_table.html" if wants_partial(request) else "functions/list.html"
    return render(request, template, context)


def _matches(function: Function, wanted: str) -> bool:
    text = f"{function.name}\n{function.description}\n{function.app_name}".casefold()
    return wanted.casefold() in text


@takes("GET", "POST")
@in_workspace(Need.WRITE)
def new(request: PageRequest, workspace: Workspace) -> HttpResponseBase:
    """A form with a starter chosen by ``?starter=``; what was typed survives a change of starter and an error."""
    starter = next((s for s in STARTERS if s.id == request.GET.get("starter")), STARTERS[0])
    if request.method == "GET":
        return _new(request, workspace, FunctionForm.starting(starter, request.GET), starter.id)
    uploaded = request.FILES.get("upload")
    form = FunctionForm(request.POST)
    form.fields["code"].required = uploaded is None
    if form.is_valid():
        try:
            function = request.platform.functions.create(
                actor_of(request),
                workspace.id,
                form.cleaned_data["name"],
                _first_source(uploaded, form.cleaned_data["code"]),
                description=form.cleaned_data["description"],
                settings=form.settings(),
            )
        except (InvalidInput, TooLarge) as exc:
            form.refuse(exc)
        else:
            messages.success(request, _("%(name)s is created. Run it, then press Deploy.") % {"name": function.name})
            return went_to(request, "function", workspace.id, function.id)
    return _new(request, workspace, form, starter.id, 422)


def _first_source(uploaded: object, code: str) -> Source:
    """The uploaded file or project when there is one, else what is in the editor."""
    if not isinstance(uploaded, UploadedFile):
        return Source.single(code)
    return Source.upload(uploaded.name or "", uploaded.read(), manifest=False)


def _new(
    request: PageRequest, workspace: Workspace, form: FunctionForm, starter_id: str, status: int = 200
) -> HttpResponse:
    context = {
        "workspace": workspace,
        "form": form,
        "starters": STARTERS,
        "starter_id": starter_id,
        "nav": "functions",
    }
    return render(request, "functions/new.html", context, status=status)


def page(request: PageRequest, function: Function, tab: str, **context: Any) -> dict[str, Any]:
    """What the header of a function's page needs, on every tab."""
    return {
        "workspace": request.workspace,
        "function": function,
        "tab": tab,
        "nav": "functions",
        "url": function_url(request, function),
        "in_cluster": request.platform.clusters.in_use,
    } | context


def function_url(request: PageRequest, function: Function) -> str:
    """The stable address of a function."""
    return request.build_absolute_uri(f"/fn/{function.workspace_id}/{function.app_name}")


def missing(request: PageRequest, function: Function) -> tuple[str, ...]:
    """Variables of the saved ``spin.toml`` that nobody has given a value yet."""
    source = request.platform.functions.with_source(function).source
    try:
        manifest = source.manifest if source else None
    except InvalidInput:  # it was saved before a rule that holds now; saving it again tells
        manifest = None
    return missing_variables(function.settings, manifest)


@takes("POST")
@at_function(Need.WRITE)
def deploy(request: PageRequest, function: Function) -> HttpResponseBase:
    return deployed(request, function)


def deployed(request: PageRequest, function: Function) -> HttpResponseBase:
    """Begin to deploy what is saved, and go where that is followed."""
    try:
        request.platform.deployments.deploy(actor_of(request), function.ref)
    except FaaswebError as exc:
        messages.error(request, exc.message)
    return went_to(request, "function-deployments", function.workspace_id, function.id)


@takes("GET")
@at_function()
def test(request: PageRequest, function: Function) -> HttpResponseBase:
    """Call what is live, with method, path, headers and body."""
    source = request.platform.functions.with_source(function).source
    return render(request, "functions/test.html", page(request, function, "test", example=example_of(source)))


def example_of(source: Source | None) -> Example | None:
    """The request that shows what a starter does, while the code is still that of the starter."""
    text = source.files.get(source.main_file) if source else None
    return next((starter.example for starter in STARTERS if starter.source == text), None)


@takes("GET", "POST")
@at_function()
def settings(request: PageRequest, function: Function) -> HttpResponseBase:
    if request.method == "GET":
        return _settings(request, function, SettingsForm.of(function, missing(request, function)))
    request.platform.access.enter(actor_of(request), function.workspace_id, Need.WRITE)
    form = SettingsForm(request.POST, memory_mb=function.settings.memory_mb)
    if form.is_valid():
        try:
            changes = form.changes(function)
            function = request.platform.functions.edit(actor_of(request), function.ref, changes)
        except InvalidInput as exc:
            form.refuse(exc)
        else:
            messages.success(request, _("Saved. The settings are in effect."))
            return went_to(request, "function-settings", function.workspace_id, function.id)
    return _settings(request, function, form, 422)


def _settings(request: PageRequest, function: Function, form: SettingsForm, status: int = 200) -> HttpResponse:
    context = page(request, function, "settings", form=form, missing=missing(request, function))
    return render(request, "functions/settings.html", context, status=status)


@takes("POST")
@at_function(Need.WRITE)
def set_status(request: PageRequest, function: Function) -> HttpResponseBase:
    """Enable or disable."""
    disable = request.POST.get("status") == FunctionStatus.DISABLED
    changes = Changes(status=FunctionStatus.DISABLED if disable else FunctionStatus.ACTIVE)
    request.platform.functions.edit(actor_of(request), function.ref, changes)
    name = {"name": function.name}
    messages.success(request, _("%(name)s is disabled.") % name if disable else _("%(name)s is enabled.") % name)
    if request.POST.get("back") == "function-list":
        return went_to(request, "function-list", function.workspace_id)
    return went_to(request, "function-settings", function.workspace_id, function.id)


@takes("POST")
@at_function(Need.WRITE)
def remove(request: PageRequest, function: Function) -> HttpResponseBase:
    if not deletion_confirmed(request, function.name):
        messages.error(request, _("Nothing was deleted: the name you typed is not the function's name."))
        return went_to(request, "function-settings", function.workspace_id, function.id)
    request.platform.functions.remove(actor_of(request), function.ref)
    messages.success(request, _("%(name)s and all it held are being removed.") % {"name": function.name})
    return went_to(request, "function-list", function.workspace_id)
