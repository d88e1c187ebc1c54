"""The description of the JSON API: what ninja knows of each operation, and what holds for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from ninja import Schema

from consoles.api import examples
from consoles.api.api import api
from faasweb.domain.functions import METHODS
from faasweb.domain.ids import FUNCTION_PATTERN

READ_ONLY = "get"
# Which operations can answer what; every one can answer ALWAYS.
ALWAYS = (401, 429, 500, 503)
NO_SCOPE_NEEDED = {"list_tokens"}
CONFLICTS = {
    "edit_workspace",
    "delete_workspace",
    "create_function",
    "edit_function",
    "edit_function_by_id",
    "delete_function",
    "delete_function_by_id",
    "put_source",
    "put_source_by_id",
    "deploy",
}
FINDS_BY_BODY = {"build", "build_and_push", "push", "deploy"}
CHECKS_ID = {"list_log_lines", "get_metrics"}
INVOKES = {"invoke_function", "invoke_function_by_id"}
MEANINGS = {
    400: ("Invalid", "A value breaks a rule: `details.field` is the first, `details.errors` lists all."),
    401: ("Unauthenticated", "No token, or one that is unknown, expired or revoked."),
    403: ("Forbidden", "The role or the token's scope does not allow it, or a CSRF or origin check failed."),
    404: ("NotFound", "It does not exist, or not for this caller."),
    405: ("MethodNotAllowed", "The function does not answer this method."),
    409: ("Conflict", "Somebody changed it meanwhile, or a deployment is in progress."),
    413: (
        "TooLarge",
        "A Python file over 1 MB, a zip file over 8 MB (16 MB unpacked), a call's body over 6 MB, a request over 8 MB.",
    ),
    429: ("RateLimited", "Too many calls; `Retry-After` says when to ask again."),
    500: ("Defect", "A defect; the log has it under the id in the message and in `X-Request-Id`."),
    503: ("Unavailable", "A part did not answer; asking again later may work."),
    504: ("Timeout", "The function ran into its time limit."),
}
HEADERS = {
    401: {"WWW-Authenticate": {"schema": {"type": "string"}, "description": "Bearer"}},
    405: {"Allow": {"schema": {"type": "string"}, "description": "The methods it answers, comma separated"}},
    429: {"Retry-After": {"schema": {"type": "string", "pattern": "^[0-9]+$"}, "description": "Seconds"}},
}
# What views check by themselves, because their refusals are sentences.
FORMS = {
    "method": {"anyOf": [{"type": "string", "enum": list(METHODS)}, {"type": "null"}]},
    "path": {"pattern": "^/"},
    "workspace_id": {"examples": [examples.WORKSPACE_ID]},
    "function_id": {"examples": [examples.FUNCTION_ID]},
    "task_id": {"examples": [examples.TASK_ID]},
}
TAGS = [
    {"name": "workspaces", "description": "Where functions and the people who work on them belong."},
    {"name": "functions", "description": "Code and settings, and calling what is live."},
    {"name": "logs and metrics", "description": "What calls left behind, and what functions print and use."},
    {"name": "builds", "description": "From source to an image, and from an image to what is live."},
    {"name": "tokens", "description": "Secrets by which programs call this API for a person."},
]


class Refusal(Schema):
    code: str
    message: str
    details: dict[str, Any]


class RefusalOut(Schema):
    """Every error: ``code`` is for programs, ``message`` for people, ``details.field`` names a wrong field."""

    error: Refusal


def description() -> dict[str, Any]:
    """OpenAPI 3.1."""
    schema: dict[str, Any] = dict(api.get_openapi_schema(path_prefix="/api/"))
    schema["tags"] = TAGS
    schema["servers"] = [{"url": "/", "description": "This console"}]
    parts = schema["components"]
    refusal = RefusalOut.model_json_schema(ref_template="#/components/schemas/{model}")
    parts["schemas"].update(refusal.pop("$defs"), RefusalOut=refusal)
    for name, example in examples.SCHEMAS.items():
        parts["schemas"][name]["examples"] = [example]
    parts["responses"] = {MEANINGS[status][0]: _refusal(status) for status in MEANINGS}
    parts["securitySchemes"] = _doors()
    for method, operation in _operations(schema):
        _complete(method, operation)
    return schema


def _operations(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for operations in schema["paths"].values():
        yield from operations.items()


def _complete(method: str, operation: dict[str, Any]) -> None:
    for status in _refusals_of(method, operation):
        operation["responses"][str(status)] = {"$ref": f"#/components/responses/{MEANINGS[status][0]}"}
    for parameter in operation.get("parameters", ()):
        parameter["schema"].update(FORMS.get(parameter["name"], {}))
        if operation["operationId"] in CHECKS_ID and parameter["name"] == "function_id":
            parameter["schema"]["pattern"] = f"^{FUNCTION_PATTERN}$"
    session: dict[str, list[str]] = {"session": []} if method == READ_ONLY else {"session": [], "csrf": []}
    operation["security"] = [{"token": []}, session]
    if operation["operationId"] in INVOKES:
        operation["requestBody"]["content"]["application/json"]["example"] = examples.INVOKE_BODY


def _refusals_of(method: str, operation: dict[str, Any]) -> list[int]:
    name = operation["operationId"]
    places = {parameter["in"] for parameter in operation.get("parameters", ())}
    brings_body = "requestBody" in operation
    possible = {
        400: brings_body or "query" in places or name in CHECKS_ID or name == "revoke_token",
        403: name not in NO_SCOPE_NEEDED,
        404: "path" in places or name in FINDS_BY_BODY,
        405: name in INVOKES,
        409: name in CONFLICTS,
        413: brings_body,
        504: name in INVOKES,
    }
    return sorted([*ALWAYS, *(status for status, can_be in possible.items() if can_be)])


def _refusal(status: int) -> dict[str, Any]:
    code, message, details = examples.REFUSALS[status]
    content = {
        "schema": {"$ref": "#/components/schemas/RefusalOut"},
        "example": {"error": {"code": code, "message": message, "details": details}},
    }
    answer = {"description": MEANINGS[status][1], "content": {"application/json": content}}
    return {**answer, "headers": HEADERS[status]} if status in HEADERS else answer


def _doors() -> dict[str, Any]:
    return {
        "token": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API token: `Authorization: Bearer fwt_...`. In open mode calls need none.",
        },
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": settings.SESSION_COOKIE_NAME,
            "description": "A browser that is signed in.",
        },
        "csrf": {
            "type": "apiKey",
            "in": "header",
            "name": "X-CSRFToken",
            "description": "With a session, for every change: the value of the CSRF cookie.",
        },
    }
