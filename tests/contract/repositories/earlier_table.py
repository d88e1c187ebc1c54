"""A table and a code store as the earlier system left them, good and bad rows together."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from faasweb.adapters.repositories.dynamodb_values import from_item, to_item
from faasweb.adapters.repositories.table import Item
from faasweb.domain import clock
from faasweb.domain.clock import KST
from faasweb.ports import CodeStore

KST_NOON = "2025-12-07T12:00:00.123456+09:00"
CODE = "print(1)\r\n"
LARGE = "#" + "x" * 40_000
TEAM, OTHER, GONE = "ws-team2345", "ws-other234", "ws-gone2345"
GREET, LARGEST, SAME, STORED, SLOPPY, LOST, KOREAN = (
    f"fn-{name}" for name in ("greet234", "Large234", "same2345", "stred234", "sppyy234", "gne23456", "krean234")
)
UUID = "0b5b2f0e-0000-4000-8000-00000000000{}"


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def workspace(id_: str, **changes: Any) -> Item:
    item = {
        "PK": f"WS#{id_}",
        "SK": "METADATA",
        "id": id_,
        "name": f"Workspace {id_}",
        "description": "",
        "createdAt": KST_NOON,
        "functionCount": 99,
        "invocations24h": 12,
        "errorRate": 8.5,
    }
    return item | changes


def function(workspace_id: str, id_: str, name: str, code: str | None = base64_of(CODE), **changes: Any) -> Item:
    item = {
        "PK": f"WS#{workspace_id}",
        "SK": f"FN#{id_}",
        "id": id_,
        "workspaceId": workspace_id,
        "name": name,
        "description": None,
        "runtime": "Python 3.12",
        "memory": 256,
        "timeout": 30,
        "httpMethods": ["GET", "POST"],
        "environmentVariables": {"TOKEN": "topsecret"},
        "invocationUrl": None,
        "status": "active",
        "lastModified": KST_NOON,
        "lastDeployed": None,
        "invocations24h": 12,
        "errors24h": 1,
        "avgDuration": 57.5,
    }
    return item | ({} if code is None else {"code": code}) | changes


def call(function_id: str, at: datetime, id_: str, status: int = 200) -> Item:
    stamp = at.astimezone(KST).isoformat()
    return {
        "PK": f"FN#{function_id}",
        "SK": f"LOG#{stamp}#{id_}",
        "id": id_,
        "functionId": function_id,
        "timestamp": stamp,
        "status": "success" if status < 400 else "error",
        "duration": 57,
        "statusCode": status,
        "requestBody": {"a": 1},
        "responseBody": "text",
        "logs": [],
        "level": "info",
    }


def build(workspace_id: str, id_: str, status: str, created_at: str = KST_NOON, **changes: Any) -> Item:
    item = {
        "PK": f"WS#{workspace_id}",
        "SK": f"BUILD#{id_}",
        "Type": "BuildTask",
        "task_id": id_,
        "workspace_id": workspace_id,
        "app_name": "greet",
        "status": status,
        "source_code_path": "",
        "wasm_path": None,
        "image_url": None,
        "error_message": None,
        "created_at": created_at,
        "updated_at": created_at,
    }
    return item | changes


OF_THE_BUILDER = {
    "PK": f"ws#{TEAM}",
    "SK": f"build#{UUID.format(3)}",
    "Type": "BuildTask",
    "AppName": "greet",
    "Status": "DONE",
    "SourceCodePath": f"s3://bucket/build-sources/{TEAM}/x/app.py",
    "ImageUrl": "registry/greet:1",
    "CreatedAt": "2025-12-07T04:00:00.123456",
    "UpdatedAt": "2025-12-07T04:00:30",
}


def rows() -> list[Item]:
    now = clock.now()
    return [
        workspace(TEAM),
        workspace(OTHER, createdAt="2025-12-08T03:00:00"),
        {"PK": f"WS#{GONE}", "SK": "METADATA", "invocations24h": 3, "errorRate": 100},  # a late call brought it back
        function(TEAM, GREET, "greet"),
        function(TEAM, LARGEST, "Large one", base64_of(LARGE), status="ACTIVE"),
        function(OTHER, SAME, "GREET", memory=4096, timeout=0, httpMethods=["get", "BANANA"]),
        function(TEAM, STORED, "stored", None),
        function(TEAM, SLOPPY, "sloppy", "!!!!", status="building"),
        function(TEAM, LOST, "lost", "", invocations24h=None),
        function(TEAM, KOREAN, "  함수\n", lastModified="yesterday", createdAt="2025-12-07T03:00:00"),
        function(GONE, "fn-rphan234", "orphan"),
        {"PK": f"WS#{TEAM}", "SK": "FN#fn-stub2345", "invocations24h": 4, "lastModified": KST_NOON},
        call(GREET, now - timedelta(minutes=1), "recent22"),
        call(GREET, now - timedelta(hours=3), "recent33", 500),
        call(GREET, now - timedelta(days=3), "earlier2"),
        build(TEAM, "22charactersofshortuuid", "done", image_url="registry/greet:0"),
        build(TEAM, UUID.format(1), "BUILDING", "2025-12-07T05:00:00.123456"),
        build("ws-default", UUID.format(2), "FAILED", "2025-12-07T03:00:00"),
        build(GONE, UUID.format(4), "done"),
        {"PK": f"WS#{TEAM}", "SK": f"BUILD#{UUID.format(5)}", "status": "done"},
        OF_THE_BUILDER,
    ]


def fill(client: Any, table_name: str, code: CodeStore) -> None:
    for row in rows():
        client.put_item(TableName=table_name, Item=to_item(row))
    code.put(f"{TEAM}/{STORED}.py", b"print('stored')\n")
    code.put(f"{TEAM}/{SLOPPY}.py", LARGE.encode())


def dump(client: Any, table_name: str) -> Mapping[tuple[str, str], Item]:
    pages = client.get_paginator("scan").paginate(TableName=table_name)
    items = [from_item(item) for page in pages for item in page["Items"]]
    return {(item["PK"], item["SK"]): item for item in items}


class Killed(BaseException):
    """Not an Exception, as a signal is none."""


def kill_at(client: Any, number: int) -> Callable[[], None]:
    """Let ``client`` die just before it sends its ``number``-th write; the answer undoes that."""
    writes = 0

    def count(**_: Any) -> None:
        nonlocal writes
        writes += 1
        if writes == number:
            raise Killed

    event = "before-call.dynamodb.TransactWriteItems"
    client.meta.events.register(event, count)
    return lambda: client.meta.events.unregister(event, count)
