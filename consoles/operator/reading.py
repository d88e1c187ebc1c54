"""What the operators' pages share."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from django.contrib.admin import AdminSite, ModelAdmin
from django.forms import ModelForm
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from consoles.http import ConsoleRequest
from faasweb.domain.access import Actor

if TYPE_CHECKING:
    AnyAdmin = ModelAdmin[Any]
    AnyForm = ModelForm[Any]
else:  # generic only for the type checker
    AnyAdmin = ModelAdmin
    AnyForm = ModelForm

# Names of groups and tables: those of a model are kept in migrations, which know one language only.
NAMES = {
    "accounts": _("Access"),
    "auth": _("People"),
    "django_q": _("Queue"),
    "ApiToken": _("API tokens"),
    "AuditRecord": _("Audit records"),
    "Membership": _("Memberships"),
    "OrmQ": _("Queued tasks"),
    "Failure": _("Failed tasks"),
    "Success": _("Successful tasks"),
    "Schedule": _("Scheduled tasks"),
}


class Table(AnyAdmin):
    """A table under its plain name."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        title = NAMES.get(self.opts.object_name or "") or capfirst(self.opts.verbose_name_plural)
        answer = super().changelist_view(request, {"title": title, **(extra_context or {})})
        return cast("TemplateResponse", answer)


class ReadOnly(Table):
    """To look at, and to act on with its actions only."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def operator_of(request: ConsoleRequest) -> Actor:
    """Behind the site's permission there always is one."""
    if request.actor is None:
        raise TypeError("this view is outside of the operator site")
    return request.actor


def context(request: HttpRequest, title: str, **more: object) -> dict[str, object]:
    """What the site's frame shows around a page, and what the page itself needs."""
    site: AdminSite = import_module("consoles.operator.site").site  # it knows its pages: an import would be a circle
    return {**site.each_context(request), "title": title, **more}
