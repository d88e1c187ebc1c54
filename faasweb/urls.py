"""Every door on one page."""

from importlib.util import find_spec

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("consoles.gateway.urls")),  # first, because Django asks one after the other
    path("", include("consoles.api.urls")),
    path("", include("consoles.pages.urls")),
]
if find_spec("consoles.operator.site"):
    from consoles.operator.site import site

    urlpatterns.append(path("operator/", site.urls))

handler404 = "consoles.pages.errors.not_found"
handler500 = "consoles.pages.errors.server_error"
