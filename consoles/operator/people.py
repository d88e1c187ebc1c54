"""Users, what they may enter, their tokens, and who did what."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.apps import apps
from django.contrib import messages
from django.contrib.admin import AdminSite, action, display
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache

from consoles.http import ConsoleRequest
from consoles.operator.reading import AnyForm, ReadOnly, Table, context, operator_of
from faasweb.bootstrap import get_platform
from faasweb.domain import clock
from faasweb.domain.errors import FaaswebError, NotFound


def register(site: AdminSite) -> None:
    site.register(get_user_model(), UserAdmin)
    site.register(apps.get_model("accounts", "Membership"), MembershipAdmin)
    site.register(apps.get_model("accounts", "ApiToken"), TokenAdmin)
    site.register(apps.get_model("accounts", "AuditRecord"), AuditAdmin)


def _audit(request: HttpRequest, action_name: str, target: str, **details: object) -> None:
    typed = cast("ConsoleRequest", request)
    typed.platform.accounts.audit(operator_of(typed), action_name, target, details)


class UserForm(AnyForm):
    class Meta:
        model = User
        fields = ("username", "email", "is_active", "is_superuser")
        labels = {"is_superuser": gettext_lazy("Operator")}
        help_texts = {"is_superuser": gettext_lazy("Enters every workspace as an owner, and this site.")}


class UserAdmin(Table):
    """Passwords are nobody's business here: a new user gets a one-time link and sets one."""

    form = UserForm
    change_form_template = "admin/user_change_form.html"
    list_display = ("username", "email", "is_superuser", "is_active", "last_login", "date_joined")
    list_filter = ("is_superuser", "is_active")
    search_fields = ("username", "email")
    ordering = ("username",)
    actions = ("make_links",)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        if not change:
            obj.set_unusable_password()
        obj.is_staff = obj.is_superuser
        super().save_model(request, obj, form, change)
        _audit(request, "user.edit" if change else "user.create", obj.get_username(), fields=list(form.changed_data))

    def response_add(self, request: HttpRequest, obj: User, post_url_continue: str | None = None) -> HttpResponse:
        """On to the link, without which the new user can't get in."""
        answer = super().response_add(request, obj, post_url_continue)
        stays = {"_addanother", "_continue", "_popup"} & request.POST.keys()
        return answer if stays or not obj.is_active else redirect("admin:sign-in-link", obj.pk)

    @action(description=gettext_lazy("Make one-time sign-in links"))
    def make_links(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponseBase:
        return _links(cast("ConsoleRequest", request), list(queryset.filter(is_active=True)[:50]))


@never_cache
def sign_in_link(request: ConsoleRequest, user_id: int) -> HttpResponseBase:
    """A link that signs one user in, once. Shown only in the answer to the press of the button."""
    user = get_object_or_404(User, pk=user_id, is_active=True)
    if request.method == "POST":
        return _links(request, [user])
    data = context(request, _("Sign-in link"), asked=user)
    return TemplateResponse(request, "admin/platform/sign_in_links.html", data)


def _links(request: ConsoleRequest, users: list[User]) -> HttpResponseBase:
    made = []
    for user in users:
        secret = request.platform.credentials.sign_in_link(operator_of(request), user.get_username())
        made.append((user, request.build_absolute_uri(reverse("sign-in-link", args=[secret]))))
    answer = TemplateResponse(
        request, "admin/platform/sign_in_links.html", context(request, _("Sign-in link"), links=made)
    )
    answer["Cache-Control"] = "no-store"
    return answer


class MembershipForm(AnyForm):
    class Meta:
        model = apps.get_model("accounts", "Membership")
        fields = ("user", "workspace_id", "role")

    def clean_workspace_id(self) -> str:
        workspace_id = str(self.cleaned_data["workspace_id"])
        try:
            get_platform().workspaces.repository.get(workspace_id)
        except NotFound as exc:
            raise forms.ValidationError(exc.message) from exc
        return workspace_id


class MembershipAdmin(Table):
    form = MembershipForm
    list_display = ("user", "workspace_id", "role", "created_at")
    list_filter = ("role",)
    list_select_related = ("user",)
    search_fields = ("user__username", "workspace_id")
    autocomplete_fields = ("user",)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        _audit(request, "member.set", obj.workspace_id, user=obj.user.get_username(), role=obj.role)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        super().delete_model(request, obj)
        _audit(request, "member.remove", obj.workspace_id, user=obj.user.get_username())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for membership in queryset:
            self.delete_model(request, membership)


class TokenAdmin(ReadOnly):
    """Their secrets are nowhere: only the first characters, to recognise one."""

    list_display = ("name", "user", "begins", "scopes", "state", "expires_at", "last_used_at", "created_at")
    list_filter = ("revoked_at", "expires_at", "created_at")
    list_select_related = ("user",)
    search_fields = ("name", "hint", "user__username")
    fields = ("name", "user", "begins", "scopes", "workspaces", "state", "expires_at", "last_used_at", "created_at")
    actions = ("revoke",)

    @display(description=gettext_lazy("begins with"))
    def begins(self, token: Any) -> str:
        return f"{token.hint}…"

    @display(description=gettext_lazy("state"))
    def state(self, token: Any) -> str:
        if token.revoked_at:
            return _("revoked")
        expired = token.expires_at is not None and token.expires_at <= clock.now()
        return _("expired") if expired else _("valid")

    @action(description=gettext_lazy("Revoke the selected tokens"))
    def revoke(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        typed, revoked = cast("ConsoleRequest", request), 0
        for token in queryset.filter(revoked_at=None):
            try:
                typed.platform.accounts.revoke_token(operator_of(typed), token.pk)
            except FaaswebError as exc:
                messages.error(request, f"{token}: {exc.message}")
                continue
            _audit(request, "token.revoke", str(token.pk), user=token.user.get_username(), name=token.name)
            revoked += 1
        messages.success(request, _("Revoked: %d") % revoked)


class AuditAdmin(ReadOnly):
    list_display = ("at", "actor", "action", "target", "address", "details")
    list_filter = ("action", "at")
    search_fields = ("actor", "target", "action", "address")
    date_hierarchy = "at"
