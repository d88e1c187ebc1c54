"""How the JSON API writes and reads: times in KST, compact JSON, strict UTF-8."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Schema
from ninja.parser import Parser
from ninja.renderers import BaseRenderer
from pydantic import ConfigDict, PlainSerializer, WithJsonSchema

from consoles.http import json_text
from faasweb.domain.clock import KST, as_utc
from faasweb.domain.ids import WORKSPACE_PATTERN
from faasweb.domain.names import DESCRIPTION_LIMIT, NAME_LIMIT

DEPTH_LIMIT = 100
Shown = dict[str, object]
"""Something as its schema describes it, ready to be written. Made without the schema, whose objects would take longer
to make and to write than everything else about a list; tests compare the two."""


def in_kst(moment: datetime) -> str:
    """``2026-11-21T13:00:00.123456+09:00``; the fraction is left out when it is zero."""
    return (moment if moment.tzinfo else as_utc(moment)).astimezone(KST).isoformat()


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
    if not isinstance(value, (dict, list)):
        return True
    level = _children(value)
    for _depth in range(DEPTH_LIMIT):
        if not level:
            return True
        level = [child for item in level for child in _children(item)]
    return False


def _children(item: object) -> list[object]:
    if isinstance(item, dict):
        return list(item.values())
    return item if isinstance(item, list) else []
