"""Functions that were not deployed here: they are called where their address says they run."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import unquote, urlsplit

from faasweb.adapters.runtime.http_calls import UrlCalls
from faasweb.domain.errors import InvalidInput
from faasweb.domain.functions import Function
from faasweb.domain.invocations import InvocationRequest
from faasweb.domain.spinapps import AppOptions
from faasweb.ports import Answer, Health, Release, Runtime


class AddressRuntime:
    """Another runtime, but for functions with an address and nothing live."""

    def __init__(self, here: Runtime, calls: UrlCalls) -> None:
        self.here = here
        self.calls = calls
        self.instant = here.instant

    def apply(self, release: Release) -> None:
        self.here.apply(release)

    def check(self, release: Release) -> Health:
        return self.here.check(release)

    def switch(self, release: Release) -> str | None:
        return self.here.switch(release)

    def update_settings(self, release: Release) -> None:
        self.here.update_settings(release)

    def check_options(self, options: AppOptions) -> None:
        self.here.check_options(options)

    def remove(self, function_id: str, app_name: str) -> None:
        self.here.remove(function_id, app_name)

    def ready(self) -> str | None:
        return self.here.ready()

    async def invoke(self, function: Function, request: InvocationRequest, request_id: str) -> Answer:
        """InvalidInput for a path that would lead out of what the address names."""
        url = function.invocation_url
        if function.live is not None or not url:
            return await self.here.invoke(function, request, request_id)
        timeout_s = float(function.settings.timeout_s)
        return await self.calls.call(url, below(url, request), request_id, timeout_s)


def below(url: str, request: InvocationRequest) -> InvocationRequest:
    """The request as it is sent to what ``url`` names: at exactly that path when it asks for ``/``, else below it."""
    if ".." in unquote(request.path).replace("\\", "/").split("/"):
        raise InvalidInput("A path can't lead up with ..", field="path")
    base = urlsplit(url)
    is_whole = request.path == "/" and base.path != "" and not base.path.endswith("/")
    query = "&".join(part for part in (base.query, request.query) if part)
    return replace(request, path="" if is_whole else request.path, query=query)
