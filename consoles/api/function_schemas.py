"""A function as the JSON API takes and shows it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from django.conf import settings
from django.http import HttpRequest
from pydantic import Field, WithJsonSchema

from consoles.api.wire import CamelSchema, Description, Moment, Name, Shown, in_kst
from faasweb.domain.addresses import invocation_url
from faasweb.domain.clock import as_utc
from faasweb.domain.functions import METHODS, RUNTIME, EnvironmentVariable, Function, FunctionSettings, FunctionStatus
from faasweb.domain.source import text_from_base64
from faasweb.usecases.functions import MASK, Changes, SettingsChanges, merged_environment

# What the domain checks, said to who reads the description; its refusals are sentences.
_METHOD = {"type": "string", "pattern": f"^(?:{'|'.join(METHODS)})$"}
_VARIABLE = {"type": "string", "pattern": r"^[A-Za-z_][A-Za-z0-9_]*$"}
Code = Annotated[
    str,
    WithJsonSchema(
        {"type": "string", "contentEncoding": "base64", "minLength": 4, "description": "Base64 of UTF-8 text"}
    ),
]
HttpMethods = Annotated[list[str], WithJsonSchema({"type": "array", "items": _METHOD, "minItems": 1})]
Environment = Annotated[
    dict[str, str],
    WithJsonSchema(
        {
            "type": "object",
            "propertyNames": _VARIABLE,
            "additionalProperties": {"type": "string", "pattern": r"^[^\x00]*$"},
        }
    ),
]
OutboundHosts = Annotated[
    list[str],
    Field(
        description="Where the function may connect to; * for everywhere",
        examples=[["https://api.example.com", "http://*.example.com:8080"]],
    ),
]


class FunctionIn(CamelSchema):
    """``code`` is Base64 of UTF-8 text. ``status`` is understood and left to the server, as deployments set it."""

    name: Name
    code: Code
    description: Description | None = None
    runtime: str = Field(RUNTIME, max_length=100)
    memory: int = Field(256, ge=128, le=1024, description="MB")
    timeout: int = Field(30, ge=1, le=900, description="seconds")
    http_methods: HttpMethods = ["GET"]
    environment_variables: Environment = {}
    allowed_outbound_hosts: OutboundHosts = []
    status: FunctionStatus | None = None

    def settings(self) -> FunctionSettings:
        return FunctionSettings(
            runtime=self.runtime,
            memory_mb=self.memory,
            timeout_s=self.timeout,
            http_methods=tuple(self.http_methods),
            environment=environment((), self.environment_variables),
            allowed_outbound_hosts=tuple(self.allowed_outbound_hosts),
        ).checked()


class FunctionChanges(CamelSchema):
    """What is absent stays. null empties ``description``, ``invocationUrl`` and ``lastDeployed``.

    An ``invocationUrl`` that is the function's own address on this console changes nothing.
    """

    name: Name | None = None
    code: Code | None = None
    description: Description | None = None
    runtime: str | None = Field(None, max_length=100)
    memory: int | None = Field(None, ge=128, le=1024, description="MB")
    timeout: int | None = Field(None, ge=1, le=900, description="seconds")
    http_methods: HttpMethods | None = None
    environment_variables: Environment | None = Field(
        None, description=f"Replaces all of them; a value sent as {MASK} stays what it is."
    )
    allowed_outbound_hosts: OutboundHosts | None = None
    invocation_url: str | None = Field(
        None,
        max_length=2000,
        description="Where a function runs that was not deployed here: http or https, a public host or one that an "
        "operator allows",
        examples=["https://greet.example.com/run"],
    )
    last_deployed: datetime | None = None
    status: FunctionStatus | None = None

    def changes(self, served_at: str = "") -> Changes:
        """``served_at`` is where this console serves the function: given back as an ``invocationUrl`` it is none."""
        url, given = (self.invocation_url or "").strip(), self.model_fields_set
        if url and _bare(url) == _bare(served_at):
            url, given = "", given - {"invocation_url"}
        emptied = {
            "description": not self.description,
            "invocation_url": not url,
            "last_deployed": self.last_deployed is None,
        }
        return Changes(
            name=self.name,
            description=self.description or None,
            settings=self._settings(),
            text=None if self.code is None else text_from_base64(self.code),
            status=self.status,
            invocation_url=invocation_url(url, settings.INVOCATION_HOSTS) if url else None,
            last_deployed=None if self.last_deployed is None else as_utc(self.last_deployed),
            clear=frozenset(name for name, empty in emptied.items() if empty and name in given),
        )

    def _settings(self) -> SettingsChanges | None:
        hosts, variables = self.allowed_outbound_hosts, self.environment_variables
        changes = SettingsChanges(
            runtime=self.runtime,
            memory_mb=self.memory,
            timeout_s=self.timeout,
            http_methods=None if self.http_methods is None else tuple(self.http_methods),
            allowed_outbound_hosts=None if hosts is None else tuple(hosts),
            environment=None if variables is None else lambda now: environment(now, variables),
        )
        return changes if changes.names() else None


class FunctionOut(CamelSchema):
    id: str
    workspace_id: str
    name: str
    description: str
    runtime: str
    memory: int
    timeout: int
    http_methods: list[str]
    environment_variables: dict[str, str]
    allowed_outbound_hosts: list[str]
    code: str
    invocation_url: str | None
    status: str
    last_modified: Moment
    last_deployed: Moment | None
    invocations24h: int
    errors24h: int
    avg_duration: float

    @staticmethod
    def of(function: Function, console: str) -> Shown:
        """``function`` must have its source at hand; ``console`` is where it was asked: see ``console_of``."""
        settings, usage = function.settings, function.usage
        return {
            "id": function.id,
            "workspaceId": function.workspace_id,
            "name": function.name,
            "description": function.description,
            "runtime": settings.runtime,
            "memory": settings.memory_mb,
            "timeout": settings.timeout_s,
            "httpMethods": settings.http_methods,
            "environmentVariables": {v.name: v.value if v.plain else MASK for v in settings.environment},
            "allowedOutboundHosts": settings.allowed_outbound_hosts,
            "code": function.source.base64 if function.source else "",
            "invocationUrl": function.invocation_url or (_route(console, function) if function.live else None),
            "status": function.status.value,
            "lastModified": in_kst(function.last_modified),
            "lastDeployed": None if function.last_deployed is None else in_kst(function.last_deployed),
            "invocations24h": usage.invocations,
            "errors24h": usage.errors,
            "avgDuration": usage.average_ms,
        }


def _bare(url: str) -> str:
    return (url.partition("://")[2] or url).rstrip("/")


def console_of(request: HttpRequest) -> str:
    """``https://console.example.com``, as the caller knows it."""
    return f"{request.scheme}://{request.get_host()}"


def route_of(request: HttpRequest, function: Function) -> str:
    """Where the function answers on this console."""
    return _route(console_of(request), function)


def _route(console: str, function: Function) -> str:
    return f"{console}/fn/{function.workspace_id}/{function.app_name}"


def environment(before: tuple[EnvironmentVariable, ...], given: Mapping[str, str]) -> tuple[EnvironmentVariable, ...]:
    """``given`` as variables; a masked value and the mark "plain" are kept from ``before``."""
    plain = {variable.name for variable in before if variable.plain}
    after = [EnvironmentVariable(name, value, name in plain) for name, value in given.items()]
    return merged_environment(before, after)
