"""One example for each thing on the wire, shown in the description of the API. They tell one story together."""

from __future__ import annotations

from typing import Any

_CODE = (
    "ZnJvbSBzcGluX3NkayBpbXBvcnQgaHR0cAoKCmNsYXNzIEluY29taW5nSGFuZGxlcihodHRwLkluY29taW5nSGFuZGxlcik6CiAgICBkZWYgaGFuZGxl"
    "X3JlcXVlc3Qoc2VsZiwgcmVxdWVzdCk6CiAgICAgICAgcmV0dXJuIGh0dHAuUmVzcG9uc2UoMjAwLCB7fSwgYiJoZWxsbyIpCg=="
)
_AT = "2026-11-21T13:00:00.123456+09:00"
WORKSPACE_ID, FUNCTION_ID = "ws-7KfRw2Qx", "fn-Jm4tYc9B"
TASK_ID = "5b3c6f0e-7d1a-4c57-9a0e-2f4a8f1c9d63"
_SOURCE = f"s3://code/build-sources/{WORKSPACE_ID}/{TASK_ID}/greet.py"
_IMAGE = "localhost/faasweb/greet:1f0c9b7e4a2d"
_WORKSPACE = {
    "id": WORKSPACE_ID,
    "name": "Team A",
    "description": "Functions of team A",
    "createdAt": _AT,
    "functionCount": 1,
    "invocations24h": 4,
    "errorRate": 25.0,
}
_FUNCTION = {
    "id": FUNCTION_ID,
    "workspaceId": WORKSPACE_ID,
    "name": "greet",
    "description": "Says hello",
    "runtime": "Python 3.12",
    "memory": 256,
    "timeout": 30,
    "httpMethods": ["GET", "POST"],
    "environmentVariables": {"GREETING": "********"},
    "allowedOutboundHosts": ["https://api.example.com"],
    "code": _CODE,
    "invocationUrl": f"https://faasweb.example.com/fn/{WORKSPACE_ID}/greet",
    "status": "active",
    "lastModified": _AT,
    "lastDeployed": _AT,
    "invocations24h": 4,
    "errors24h": 1,
    "avgDuration": 12.5,
}
_EXECUTION = {
    "id": "q8ZtR3Hn",
    "functionId": FUNCTION_ID,
    "timestamp": _AT,
    "status": "success",
    "duration": 12.5,
    "statusCode": 200,
    "requestBody": {"name": "지수"},
    "responseBody": {"hello": "지수"},
    "logs": ["greeting 지수"],
    "level": "info",
}
_RESULT = {"wasm_path": f"s3://code/build-artifacts/{TASK_ID}/app.wasm", "image_url": _IMAGE, "image_uri": _IMAGE}
_TASK = {"task_id": TASK_ID, "status": "done", "result": {**_RESULT, "file_path": _SOURCE}, "error": None}
_TASK_ITEM = {**_TASK, "app_name": "greet", "created_at": _AT, "updated_at": _AT}
_TOKEN = {
    "id": 7,
    "name": "nightly job",
    "hint": "fwt_x7Qe",
    "scopes": ["invoke", "read"],
    "workspaces": [WORKSPACE_ID],
    "createdAt": _AT,
    "expiresAt": None,
    "lastUsedAt": None,
}
_CPU = {
    "cpu_total": 0.02,
    "cpu_series": [{"timestamp": 1795233600.0, "value": 0.02}],
    "window_seconds": 3600,
    "instant_query": "cpu of the last sample",
    "range_query": "cpu of the last hour",
    "raw_instant": None,
    "raw_range": None,
}

SCHEMAS: dict[str, Any] = {
    "WorkspaceIn": {"name": "Team A", "description": "Functions of team A"},
    "WorkspaceChanges": {"name": "Team B"},
    "WorkspaceOut": _WORKSPACE,
    "FunctionIn": {
        "name": "greet",
        "code": _CODE,
        "httpMethods": ["GET", "POST"],
        "environmentVariables": {"GREETING": "hello"},
    },
    "FunctionChanges": {"memory": 512, "timeout": 60, "description": None},
    "FunctionOut": _FUNCTION,
    "ExecutionOut": _EXECUTION,
    "ExecutionsOut": {"logs": [_EXECUTION], "total": 1},
    "LinesOut": {
        "logs": [{"timestamp": "1795233600123456000", "line": "greeting 지수"}],
        "total": 1,
        "function_id": FUNCTION_ID,
    },
    "MetricsOut": {"status": "success", "function_id": FUNCTION_ID, "data": _CPU},
    "BuildOut": {
        "task_id": TASK_ID,
        "status": "pending",
        "message": "Build task created",
        "source_s3_path": _SOURCE,
    },
    "TaskOut": _TASK,
    "TasksOut": {"workspace_id": WORKSPACE_ID, "tasks": [_TASK_ITEM], "count": 1},
    "PushIn": {"workspace_id": WORKSPACE_ID, "s3_source_path": _SOURCE, "tag": "v2"},
    "DeployIn": {"namespace": "default", "image_ref": _IMAGE, "function_id": FUNCTION_ID},
    "DeployOut": {
        "app_name": "greet",
        "namespace": "default",
        "service_name": "greet",
        "service_status": "found",
        "endpoint": f"faasweb.example.com/fn/{WORKSPACE_ID}/greet",
        "enable_autoscaling": True,
        "use_spot": True,
        "error": None,
    },
    "ScaffoldIn": {"image_ref": "ghcr.io/acme/greet:v2", "replicas": 2},
    "ScaffoldOut": {
        "success": True,
        "yaml_content": "apiVersion: core.spinkube.dev/v1alpha1\nkind: SpinApp\n...",
        "file_path": None,
        "error": None,
    },
    "TokenIn": {"name": "nightly job", "scopes": ["read", "invoke"], "workspaces": [WORKSPACE_ID]},
    "TokenOut": _TOKEN,
    "NewTokenOut": {**_TOKEN, "token": "fwt_x7Qe..."},
}
INVOKE_BODY = {"name": "지수"}
REFUSALS: dict[int, tuple[str, str, dict[str, Any]]] = {
    400: (
        "VALIDATION_ERROR",
        "memory: Input should be less than or equal to 1024",
        {"field": "memory", "errors": [{"field": "memory", "message": "Input should be less than or equal to 1024"}]},
    ),
    401: ("UNAUTHENTICATED", "The API token is unknown, expired or revoked.", {}),
    403: ("FORBIDDEN", "A viewer of this workspace can't do that; ask an owner.", {"need": "write"}),
    404: ("NOT_FOUND", f"Function {FUNCTION_ID} not found", {"function": FUNCTION_ID}),
    405: ("METHOD_NOT_ALLOWED", "The function answers GET, not POST.", {"allowed": ["GET"]}),
    409: ("CONFLICT", "A deployment of this function is in progress.", {}),
    413: ("TOO_LARGE", "The code has 1,200,000 bytes; the limit is 1,000,000.", {"field": "code", "limit": 1_000_000}),
    429: ("RATE_LIMITED", "Too many calls: ask again in 3 seconds.", {"retry_after_s": 3}),
    500: ("INTERNAL_ERROR", "Something went wrong here; the server's log has it as request 9f2c41d07be35a68.", {}),
    503: ("UNAVAILABLE", "The storage does not answer.", {}),
    504: ("TIMEOUT", "The function ran into its time limit.", {"request_id": "9f2c41d07be35a68"}),
}
