"""Every door on one page."""

from django.urls import include, path

from consoles.operator.site import site

urlpatterns = [
    path("", include("consoles.gateway.urls")),  # first, because Django asks one after the other
    path("", include("consoles.api.urls")),
    path("", include("consoles.pages.urls")),
    path("operator/", site.urls),
]
handler404 = "consoles.pages.errors.not_found"
handler500 = "consoles.pages.errors.server_error"
