"""Reading DynamoDB's answers as they come.

botocore walks through every value of an answer and asks for each of the ten kinds of attribute whether it is that one:
three quarters of the time that a list of functions costs. But what it makes of text, numbers, lists and maps is what
the answer's JSON already is. (Binary values alone would differ; the table has none.)
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from botocore.exceptions import HTTPClientError

READS = ("GetItem", "BatchGetItem", "Query", "Scan")


def read_as_it_comes(client: Any) -> None:
    """Let ``client`` take the items of successful answers from their JSON. Doing it again is harmless."""
    for operation in READS:
        client.meta.events.register(f"before-parse.dynamodb.{operation}", _take, unique_id=f"as-it-comes-{operation}")


def _take(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object) -> None:
    """Leave botocore an empty answer to parse, and what was in it as the result."""
    if response_dict["status_code"] != HTTPStatus.OK:
        return
    try:
        customized_response_dict.update(json.loads(response_dict["body"]))
    except ValueError as exc:  # botocore would take a proxy's page for an answer without items
        raise HTTPClientError(error="an answer that is no JSON") from exc
    response_dict["body"] = b"{}"
