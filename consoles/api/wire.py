"""How the JSON API writes and reads: times in KST, compact JSON, strict UTF-8."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar

from django.http import HttpRequest, HttpResponse
from ninja import Schema
from ninja.parser import Parser
from ninja.renderers import BaseRenderer
from pydantic import ConfigDict, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticSerializationError

from consoles.http import json_text
from faasweb.domain.clock import KST, as_utc
from faasweb.domain.ids import WORKSPACE_PATTERN
from faasweb.domain.names import DESCRIPTION_LIMIT, NAME_LIMIT

DEPTH_LIMIT = 100
S = TypeVar("S", bound=Schema)


def in_kst(moment: datetime) -> str:
    """``2026-11-21T13:00:00.123456+09:00``; the fraction is left out when it is zero."""
    return as_utc(moment).astimezone(KST).isoformat()


Moment = Annotated[
    datetime,
    PlainSerializer(in_kst, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


Name = Annotated[
    str,
    WithJsonSchema(
        {
            "type": "string",
            "minLength": 1,
            "maxLength": NAME_LIMIT,
            "pattern": r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$",
        }
    ),
]
WorkspaceId = Annotated[str, WithJsonSchema({"type": "string", "pattern": f"^{WORKSPACE_PATTERN}$"})]
Description = Annotated[str, WithJsonSchema({"type": "string", "maxLength": DESCRIPTION_LIMIT})]


def camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), name)


class CamelSchema(Schema):
    """Spelled ``likeThis`` on the wire."""

    model_config = ConfigDict(alias_generator=camel, populate_by_name=True)


def made(kind: type[S], **values: Any) -> S:
    """One part of a list, of values that are right already: validating them costs ten times what writing them does."""
    return kind.model_construct(**values)


def answer(content: Schema | Sequence[Schema]) -> HttpResponse:
    """What may be long, written at once. Handed to ninja, each part of it would be validated once more."""
    parts = [content] if isinstance(content, Schema) else content
    texts = b",".join(_written(part) for part in parts)
    return HttpResponse(texts if isinstance(content, Schema) else b"[%b]" % texts, content_type="application/json")


def _written(part: Schema) -> bytes:
    try:
        return part.model_dump_json(by_alias=True).encode()
    except PydanticSerializationError:  # half a character, which only ours can write
        return json_text(part.model_dump(by_alias=True))


class CompactJson(BaseRenderer):
    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        return json_text(data)


class StrictJson(Parser):
    """An object. Refuses what Python's parser lets through and storage can't keep: NaN, infinity, half characters."""

    def parse_body(self, request: HttpRequest) -> Any:
        """ValueError for what is not JSON in UTF-8; ninja makes a refusal of it."""
        content = json.loads(request.body.decode(), parse_constant=refuse_constant)
        if not isinstance(content, dict):  # ninja would take a list for an object without any field
            raise ValueError("not an object")
        if b"\\u" in request.body:  # the only way in for half a character
            json.dumps(content, ensure_ascii=False).encode()
        return content


def refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def writable(value: object) -> bool:
    """Is its nesting within what can be written again? Reading allows more than writing."""
    level: list[object] = [value]
    for _depth in range(DEPTH_LIMIT):
        level = [child for item in level for child in _children(item)]
        if not level:
            return True
    return False


def _children(item: object) -> list[object]:
    if isinstance(item, dict):
        return list(item.values())
    return item if isinstance(item, list) else []
