"""The API's own description: for programs at ``/openapi.json``, for people at ``/docs``."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe
from ninja import NinjaAPI
from ninja.openapi.docs import Swagger

from consoles.api.api import RefusalOut, api
from consoles.http import json_answer


class LocalSwagger(Swagger):
    """ninja's own copy of Swagger UI: nothing is fetched from elsewhere, and no script is inline."""

    def get_openapi_url(self, api: NinjaAPI, path_params: dict[str, Any]) -> str:
        return reverse("openapi")


_swagger = LocalSwagger({"validatorUrl": None})


@require_safe
def openapi(request: HttpRequest) -> HttpResponse:
    return json_answer(_schema())


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    return _swagger.render_page(request, api)


@cache
def _schema() -> dict[str, Any]:
    """ninja's schema, with the one error answer that every operation has."""
    schema: dict[str, Any] = dict(api.get_openapi_schema(path_prefix="/api/"))
    refusal = RefusalOut.model_json_schema(ref_template="#/components/schemas/{model}")
    schema["components"]["schemas"].update(refusal.pop("$defs"), RefusalOut=refusal)
    answer = {
        "description": "An error",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/RefusalOut"}}},
    }
    for operations in schema["paths"].values():
        for operation in operations.values():
            operation["responses"]["default"] = answer
    return schema
