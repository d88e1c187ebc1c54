"""The description of the Builder Service: what ninja knows of each operation, and how each can be refused."""

from __future__ import annotations

from typing import Any, Literal

from ninja import Schema

from consoles.builder.api import api

PREFIX = "/api/v1/"
ALWAYS = (401, 403, 429, 500, 503)
MEANINGS = {
    400: "What was asked for can't run, or the namespace is not there.",
    401: "No token, or a wrong one.",
    403: "Without a token: called under another name than this machine's, or by a web page.",
    404: "No task or image of that name.",
    409: "An app of that name is another function's, or something else is being deployed.",
    413: "The file or the request is too large.",
    422: "Values that break a rule, each with its place.",
    429: "Too many calls; `Retry-After` says when to ask again.",
    500: "A defect; the log has it under the id in the text.",
    502: "The cluster refused.",
    503: "A part did not answer; asking again later may work.",
    504: "A part did not answer in time.",
}


class Problem(Schema):
    """``loc`` is ``body`` or ``query`` and the field; ``input`` is never told, because it may be a password."""

    type: str
    loc: list[str | int]
    msg: str
    input: Literal[None]


class RefusalOut(Schema):
    detail: str


class ProblemsOut(Schema):
    detail: list[Problem]


def description() -> dict[str, Any]:
    """OpenAPI 3.1."""
    schema: dict[str, Any] = dict(api.get_openapi_schema(path_prefix=PREFIX))
    schema["servers"] = [{"url": "/", "description": "This service"}]
    for model in (RefusalOut, ProblemsOut):
        parts = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schema["components"]["schemas"].update(parts.pop("$defs", {}), **{model.__name__: parts})
    for operations in schema["paths"].values():
        for operation in operations.values():
            operation["responses"] |= {str(status): _refusal(status) for status in _refusals_of(operation)}
    return schema


def _refusals_of(operation: dict[str, Any]) -> list[int]:
    name, brings_body = operation["operationId"], "requestBody" in operation
    places = {parameter["in"] for parameter in operation.get("parameters", ())}
    possible = {
        400: name == "deploy",
        404: "path" in places or name in ("push", "deploy"),
        409: name == "deploy",
        413: brings_body,
        422: brings_body or "query" in places,
        502: name == "deploy",
        504: name == "deploy",
    }
    return sorted([*ALWAYS, *(status for status, can_be in possible.items() if can_be)])


def _refusal(status: int) -> dict[str, Any]:
    shape = "ProblemsOut" if status == 422 else "RefusalOut"
    content = {"schema": {"$ref": f"#/components/schemas/{shape}"}}
    return {"description": MEANINGS[status], "content": {"application/json": content}}
