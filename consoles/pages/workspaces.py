from __future__ import annotations

import json

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from consoles.http import status_of
from consoles.pages.doors import actor_of, in_workspace, signed_in, takes
from consoles.pages.forms import Remembering
from consoles.pages.parts import deletion_confirmed, wants_partial, went_to
from consoles.pages.request import PageRequest
from faasweb.domain.access import Actor, Need, Role
from faasweb.domain.errors import FaaswebError, InvalidInput, NotFound
from faasweb.domain.names import DESCRIPTION_LIMIT, NAME_LIMIT
from faasweb.domain.usage import total
from faasweb.domain.workspaces import Workspace

RECENT = 10


class WorkspaceForm(Remembering):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=NAME_LIMIT)
    description = forms.CharField(
        label=gettext_lazy("Description"), max_length=DESCRIPTION_LIMIT, required=False, widget=forms.Textarea
    )

    @classmethod
    def of(cls, workspace: Workspace) -> WorkspaceForm:
        shown = {"name": workspace.name, "description": workspace.description}
        return cls(initial=shown | {"shown": json.dumps(shown)})

    def typed(self) -> dict[str, str]:
        data = self.cleaned_data
        return {"name": data["name"], "description": data["description"].replace("\r\n", "\n")}


class MemberForm(forms.Form):
    username = forms.CharField(label=gettext_lazy("User name"), max_length=150)
    role = forms.ChoiceField(
        label=gettext_lazy("Role"),
        choices=[
            (Role.DEVELOPER, gettext_lazy("Developer")),
            (Role.VIEWER, gettext_lazy("Viewer")),
            (Role.OWNER, gettext_lazy("Owner")),
        ],
    )


@takes("GET")
@signed_in
def index(request: PageRequest, actor: Actor) -> HttpResponseBase:
    return _list(request, actor, WorkspaceForm())


def _list(request: PageRequest, actor: Actor, form: WorkspaceForm, status: int = 200) -> HttpResponse:
    context = {"workspaces": request.platform.access.visible(actor), "form": form, "nav": "workspaces"}
    return render(request, "workspaces/list.html", context, status=status)


@takes("POST")
@signed_in
def create(request: PageRequest, actor: Actor) -> HttpResponseBase:
    form = WorkspaceForm(request.POST)
    if not form.is_valid():
        return _list(request, actor, form, 422)
    try:
        workspace = request.platform.workspaces.create(actor, **form.typed())
    except InvalidInput as exc:
        form.add_error(None, exc.message)
        return _list(request, actor, form, status_of(exc))
    messages.success(request, _("Workspace %(name)s is ready.") % {"name": workspace.name})
    return went_to(request, "workspace-overview", workspace.id)


@takes("GET")
@in_workspace()
def overview(request: PageRequest, workspace: Workspace) -> HttpResponseBase:
    """Counters of the last 24 hours and the newest executions."""
    functions = request.platform.functions.list(workspace.id)
    by_id = {function.id: function for function in functions}
    recent = request.platform.invocations.recent(functions, RECENT)
    context = {
        "workspace": workspace,
        "functions": functions,
        "live_count": sum(1 for function in functions if function.live),
        "totals": total(function.usage for function in functions),
        "activity": [(execution, by_id[execution.function_id]) for execution in recent],
        "nav": "overview",
    }
    template = "workspaces/_activity.html" if wants_partial(request) else "workspaces/overview.html"
    return render(request, template, context)


@takes("GET")
@in_workspace()
def settings(request: PageRequest, workspace: Workspace) -> HttpResponseBase:
    return _settings(request, workspace, WorkspaceForm.of(workspace), MemberForm())


def _settings(
    request: PageRequest, workspace: Workspace, form: WorkspaceForm, member_form: MemberForm, status: int = 200
) -> HttpResponse:
    context = {
        "workspace": workspace,
        "form": form,
        "member_form": member_form,
        "members": request.platform.access.members(workspace.id),
        "nav": "settings",
    }
    return render(request, "workspaces/settings.html", context, status=status)


@takes("POST")
@in_workspace(Need.OWN)
def edit(request: PageRequest, workspace: Workspace) -> HttpResponseBase:
    form = WorkspaceForm(request.POST)
    try:
        if form.is_valid():
            request.platform.workspaces.edit(actor_of(request), workspace.id, **form.changed(form.typed()))
            messages.success(request, _("Saved."))
            return went_to(request, "workspace-settings", workspace.id)
    except InvalidInput as exc:
        form.add_error(None, exc.message)
    return _settings(request, workspace, form, MemberForm(), 422)


@takes("POST")
@in_workspace(Need.OWN)
def set_member(request: PageRequest, workspace: Workspace) -> HttpResponseBase:
    """Add somebody, or change a role."""
    form = MemberForm(request.POST)
    try:
        if form.is_valid():
            username, role = form.cleaned_data["username"], Role(form.cleaned_data["role"])
            request.platform.access.set_role(actor_of(request), workspace.id, username, role)
            messages.success(request, _("%(user)s is a member now.") % {"user": username})
            return went_to(request, "workspace-settings", workspace.id)
    except (InvalidInput, NotFound) as exc:
        form.add_error(None, exc.message)
    return _settings(request, workspace, WorkspaceForm.of(workspace), form, 422)


@takes("POST")
@in_workspace(Need.OWN)
def remove_member(request: PageRequest, workspace: Workspace, user_id: int) -> HttpResponseBase:
    try:
        request.platform.access.remove_member(actor_of(request), workspace.id, user_id)
    except FaaswebError as exc:
        messages.error(request, exc.message)
    if not request.platform.access.may(actor_of(request), workspace.id, Need.READ):
        return went_to(request, "workspace-list")  # somebody left
    return went_to(request, "workspace-settings", workspace.id)


@takes("POST")
@in_workspace(Need.OWN)
def remove(request: PageRequest, workspace: Workspace) -> HttpResponseBase:
    if not deletion_confirmed(request, workspace.name):
        messages.error(request, _("Nothing was deleted: the name you typed is not the workspace's name."))
        return went_to(request, "workspace-settings", workspace.id)
    request.platform.workspaces.remove(actor_of(request), workspace.id)
    messages.success(request, _("Workspace %(name)s and all it held are being removed.") % {"name": workspace.name})
    return went_to(request, "workspace-list")
