"""All files of a function, as one zip file each way."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from django.http import HttpResponse
from ninja import Router

from consoles.api.builds import upload_content
from consoles.api.doors import actor_of, function_at
from consoles.api.functions import NESTED, SHORT
from consoles.api.wire import CamelSchema
from consoles.http import UNREADABLE, ConsoleRequest
from faasweb.domain.access import Need
from faasweb.domain.declared import missing_variables
from faasweb.domain.errors import InvalidInput
from faasweb.domain.functions import Function
from faasweb.domain.source import Source
from faasweb.usecases.functions import Changes

router = Router(by_alias=True)

_ETAG = {"schema": {"type": "string"}, "description": "The hash of the source in quotes, for If-Match"}
_ZIP: dict[str, Any] = {
    "responses": {
        200: {
            "description": "A zip file of all files",
            "headers": {"ETag": _ETAG},
            "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
        }
    }
}
_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "A .py file, or a .zip of app.py or of what a spin.toml at its root names",
                        }
                    },
                }
            }
        },
    },
    "parameters": [
        {
            "in": "header",
            "name": "If-Match",
            "required": False,
            "schema": {"type": "string"},
            "description": "The ETag of the source that this one was made from: when another one is saved, 409",
        }
    ],
}


class SourceOut(CamelSchema):
    """What was saved. ``missingVariables`` are those of its spin.toml that still need a value."""

    function_id: str
    hash: str
    module: str
    files: list[str]
    missing_variables: list[str]


@router.get(f"{NESTED}/{{function_id}}/source", operation_id="get_source", openapi_extra=_ZIP)
def get_source(request: ConsoleRequest, workspace_id: str, function_id: str) -> HttpResponse:
    """All files of the saved code, as a zip file."""
    return _download(request, function_at(request, workspace_id, function_id))


@router.get(f"{SHORT}/{{function_id}}/source", operation_id="get_source_by_id", openapi_extra=_ZIP)
def get_source_by_id(request: ConsoleRequest, function_id: str) -> HttpResponse:
    """All files of the saved code, as a zip file."""
    return _download(request, function_at(request, None, function_id))


@router.put(f"{NESTED}/{{function_id}}/source", response=SourceOut, operation_id="put_source", openapi_extra=_FORM)
def put_source(request: ConsoleRequest, workspace_id: str, function_id: str) -> SourceOut:
    """Replace all files by those of an uploaded .py or .zip file. It is live after the next deployment."""
    return _replace(request, function_at(request, workspace_id, function_id, Need.WRITE))


@router.put(f"{SHORT}/{{function_id}}/source", response=SourceOut, operation_id="put_source_by_id", openapi_extra=_FORM)
def put_source_by_id(request: ConsoleRequest, function_id: str) -> SourceOut:
    """Replace all files by those of an uploaded .py or .zip file. It is live after the next deployment."""
    return _replace(request, function_at(request, None, function_id, Need.WRITE))


def _download(request: ConsoleRequest, function: Function) -> HttpResponse:
    source = request.platform.functions.with_source(function).source
    archive = source.archive if source else b""
    headers = {
        "Content-Disposition": f'attachment; filename="{function.app_name}.zip"',
        "ETag": f'"{function.code_hash}"',
    }
    return HttpResponse(archive, content_type="application/zip", headers=headers)


def _replace(request: ConsoleRequest, function: Function) -> SourceOut:
    name, content = _uploaded(request)
    source = Source.upload(name, content, manifest=False)
    changes, base = Changes(source=source), _base(request, function)
    saved = request.platform.functions.edit(actor_of(request), function.ref, changes, base=base)
    return SourceOut(
        function_id=saved.id,
        hash=saved.code_hash,
        module=source.module,
        files=sorted(source.contents),
        missing_variables=list(missing_variables(saved.settings, source.manifest)),
    )


def _uploaded(request: ConsoleRequest) -> tuple[str, bytes]:
    """Django itself reads forms of POST only."""
    try:
        _, files = request.parse_file_upload(request.META, request)
    except UNREADABLE as exc:
        raise InvalidInput("Send a form (multipart/form-data) with the field file.", field="file") from exc
    file = files.get("file")
    if file is None:
        raise InvalidInput("Send a form (multipart/form-data) with the field file.", field="file")
    return file.name or "", upload_content(file)


def _base(request: ConsoleRequest, function: Function) -> str | None:
    """The hash that If-Match asks for; several are one of them that is there, and ``*`` is any."""
    wanted: Sequence[str] = re.findall(r'"([^"]*)"', request.headers.get("If-Match", ""))
    if not wanted:
        return None
    return function.code_hash if function.code_hash in wanted else wanted[0]
