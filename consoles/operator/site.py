"""The operators' site: Django's admin under the console's sign-in, with pages about the platform itself."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _

from consoles.operator import pages, people, queues
from consoles.operator.reading import NAMES
from faasweb.domain.errors import NotAllowed

PAGES = [
    ("workspaces", _("Workspaces and functions"), "workspaces/", pages.workspaces),
    ("work", _("Builds and stuck work"), "work/", pages.work),
    ("cluster", _("Cluster"), "cluster/", pages.cluster),
    ("system", _("System"), "system/", pages.system),
]


class OperatorSite(AdminSite):
    site_header = _("faasweb operators")
    site_title = _("faasweb operators")
    index_title = _("Operators")
    enable_nav_sidebar = True
    site_url = "/"

    def has_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and getattr(request.user, "is_superuser", False))

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The console's own sign-in; a signed-in user who is no operator is told so instead of being asked again."""
        wanted = request.GET.get("next", "")
        if not url_has_allowed_host_and_scheme(wanted, {request.get_host()}):
            wanted = reverse("admin:index")
        if self.has_permission(request):
            return HttpResponseRedirect(wanted)
        if request.user.is_authenticated:
            raise NotAllowed("Only operators enter the operator site.")
        return redirect_to_login(wanted)

    def logout(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:  # type: ignore[override]
        return redirect("account")  # signing out is a form of the header

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:  # type: ignore[override]
        return redirect("account")

    def get_urls(self) -> list[URLPattern | URLResolver]:
        own: list[URLPattern | URLResolver] = [
            path(route, self.admin_view(view), name=name) for name, _title, route, view in PAGES
        ]
        own += [
            path("workspaces/<str:workspace>/", self.admin_view(pages.functions), name="functions"),
            path("functions/", self.admin_view(pages.find_function), name="find-function"),
            path("users/<int:user_id>/sign-in-link/", self.admin_view(people.sign_in_link), name="sign-in-link"),
        ]
        return own + super().get_urls()

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """The platform's pages first, then the tables."""
        apps = super().get_app_list(request, app_label)
        for app in apps:
            app["name"] = NAMES.get(app["app_label"], app["name"])
            for model in app["models"]:
                model["name"] = NAMES.get(model["object_name"], model["name"])
        return apps if app_label else [_platform_entry(), *apps]


def _platform_entry() -> dict[str, Any]:
    entries = [
        {
            "name": title,
            "object_name": f"Platform{name}",
            "perms": {"view": True},
            "admin_url": reverse(f"admin:{name}"),
            "add_url": None,
            "view_only": True,
        }
        for name, title, _route, _view in PAGES
    ]
    url = reverse("admin:workspaces")
    return {"name": _("Platform"), "app_label": "platform", "app_url": url, "has_module_perms": True, "models": entries}


site = OperatorSite(name="admin")
people.register(site)
queues.register(site)
