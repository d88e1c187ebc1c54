from django.urls import path, re_path

from consoles.gateway.views import call_function

urlpatterns = [
    path("fn/<str:workspace>/<str:function>", call_function, name="function-route"),
    re_path(r"^fn/", call_function),  # the view reads the rest as it was sent
]
