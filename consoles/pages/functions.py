from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from consoles.http import status_of
from consoles.pages.doors import actor_of, at_function, in_workspace, takes
from consoles.pages.forms import FunctionForm, SettingsForm
from consoles.pages.parts import deletion_confirmed, wants_partial, went_to
from consoles.pages.request import PageRequest
from faasweb.domain.access import Need
from faasweb.domain.builds import Diagnostic
from faasweb.domain.errors import FaaswebError, InvalidInput, Stale, TooLarge, Unavailable
from faasweb.domain.functions import Function, FunctionStatus
from faasweb.domain.source import Source
from faasweb.domain.starters import STARTERS
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
    form = FunctionForm(request.POST)
    if form.is_valid():
        try:
            function = request.platform.functions.create(
                actor_of(request),
                workspace.id,
                form.cleaned_data["name"],
                Source.single(form.cleaned_data["code"]),
                description=form.cleaned_data["description"],
                settings=form.settings(),
            )
        except (InvalidInput, TooLarge) as exc:
            form.refuse(exc)
        else:
            messages.success(request, _("%(name)s is created. Run it, then press Deploy.") % {"name": function.name})
            return went_to(request, "function", workspace.id, function.id)
    return _new(request, workspace, form, starter.id, 422)


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
    } | context


def function_url(request: PageRequest, function: Function) -> str:
    """The stable address of a function."""
    return request.build_absolute_uri(f"/fn/{function.workspace_id}/{function.app_name}")


@takes("GET")
@at_function()
def code(request: PageRequest, function: Function) -> HttpResponseBase:
    """The editor: the user's draft if there is one, else the saved code."""
    function = request.platform.functions.with_source(function)
    draft = request.platform.functions.draft(function, actor_of(request).name)
    saved = function.source.text if function.source else ""
    starter = next((starter for starter in STARTERS if starter.source == saved), None)
    context = page(
        request,
        function,
        "code",
        code=_main_text(draft.source) if draft else saved,
        draft=draft,
        base=draft.base if draft else function.code_hash,
        stale=draft is not None and draft.base != function.code_hash,
        example=starter.example if starter else None,
    )
    return render(request, "functions/code.html", context)


@takes("POST")
@at_function(Need.WRITE)
def save(request: PageRequest, function: Function) -> HttpResponseBase:
    """Save the code; with ``deploy`` also bring it live. A stale save shows both versions and saves neither."""
    text = request.POST.get("code", "")
    base = request.POST.get("base") or None
    actor = actor_of(request)
    try:
        changes = Changes(source=_edited(request, function).with_text(text))
        function = request.platform.functions.edit(actor, function.ref, changes, base=base)
    except Stale:
        return _stale(request, function, text)
    except (InvalidInput, TooLarge) as exc:
        return render(request, "functions/_save_refused.html", {"error": exc.message}, status=422)
    request.platform.functions.discard_draft(function, actor.name)
    if "deploy" in request.POST:
        return _deploy(request, function)
    if wants_partial(request):
        return render(request, "functions/_saved.html", page(request, function, "code"))
    messages.success(request, _("Saved."))
    return redirect("function", function.workspace_id, function.id)


def _stale(request: PageRequest, function: Function, text: str) -> HttpResponse:
    now = request.platform.functions.with_source(request.platform.functions.get(function.ref))
    theirs, mine = now.source.text if now.source else "", text.replace("\r\n", "\n")
    context = page(request, now, "code", mine=mine, theirs=theirs, diff={"before": theirs, "after": mine})
    template = "functions/_stale.html" if wants_partial(request) else "functions/stale.html"
    return render(request, template, context, status=409)


@takes("POST")
@at_function(Need.WRITE)
def keep_draft(request: PageRequest, function: Function) -> HttpResponseBase:
    """Autosave of the editor. 409 tells that the draft is kept, but that the saved code has moved on meanwhile."""
    base = request.POST.get("base", "")
    try:
        before = _edited(request, function)
        source = before.with_file(before.main_file, request.POST.get("code", ""))
        draft = request.platform.functions.keep_draft(function, actor_of(request).name, source, base)
    except FaaswebError as exc:
        return JsonResponse({"message": exc.message}, status=status_of(exc))
    # What is saved already is no draft, wherever it started.
    kept = base != function.code_hash and request.platform.functions.draft(function, draft.user) is not None
    return JsonResponse({"saved_at": draft.saved_at.isoformat()}, status=409 if kept else 200)


@takes("POST")
@at_function(Need.WRITE)
def discard_draft(request: PageRequest, function: Function) -> HttpResponseBase:
    request.platform.functions.discard_draft(function, actor_of(request).name)
    return went_to(request, "function", function.workspace_id, function.id)


@takes("POST")
@at_function(Need.READ)
def check(request: PageRequest, function: Function) -> HttpResponseBase:
    """Type check of the text in the editor, as lint markers."""
    try:
        found = request.platform.builds.check(
            _edited(request, function).with_text(request.POST.get("code", ""))
        ).diagnostics
    except (InvalidInput, TooLarge) as exc:
        found = [Diagnostic("app.py", 1, 1, exc.message)]
    except Unavailable as exc:
        return JsonResponse({"message": exc.message, "diagnostics": []}, status=status_of(exc))
    shown = [
        {
            "line": item.line,
            "column": item.column,
            "message": item.message,
            "code": item.code,
            "severity": "error" if item.blocking else "warning",
        }
        for item in found
    ]
    return JsonResponse({"diagnostics": shown})


@takes("POST")
@at_function(Need.WRITE)
def deploy(request: PageRequest, function: Function) -> HttpResponseBase:
    return _deploy(request, function)


def _deploy(request: PageRequest, function: Function) -> HttpResponseBase:
    try:
        request.platform.deployments.deploy(actor_of(request), function.ref)
    except FaaswebError as exc:
        messages.error(request, exc.message)
    return went_to(request, "function-deployments", function.workspace_id, function.id)


def _edited(request: PageRequest, function: Function) -> Source:
    return request.platform.functions.editing(function, actor_of(request).name)


def _main_text(source: Source) -> str:
    """Of a draft, which may be of anything."""
    return source.files.get(source.main_file, "")


@takes("GET")
@at_function()
def test(request: PageRequest, function: Function) -> HttpResponseBase:
    """Call what is live, with method, path, headers and body."""
    source = request.platform.functions.with_source(function).source
    starter = next((starter for starter in STARTERS if source and starter.source == source.text), None)
    context = page(request, function, "test", example=starter.example if starter else None)
    return render(request, "functions/test.html", context)


@takes("GET", "POST")
@at_function()
def settings(request: PageRequest, function: Function) -> HttpResponseBase:
    if request.method == "GET":
        return _settings(request, function, SettingsForm.of(function))
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
    context = page(request, function, "settings", form=form)
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
