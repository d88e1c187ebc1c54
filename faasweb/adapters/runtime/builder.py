"""Functions on Kubernetes, deployed through a Builder Service and called at the address it answers."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from faasweb.adapters.builder.answers import ask
from faasweb.adapters.runtime.http_calls import UrlAnswer, UrlCalls
from faasweb.adapters.runtime.url_functions import call_live, health_at
from faasweb.domain.errors import BuilderBroken, FaaswebError, NotReady, Unavailable
from faasweb.domain.functions import Function
from faasweb.domain.invocations import InvocationRequest
from faasweb.domain.names import APP_NAME_LIMIT
from faasweb.domain.spinapps import SHIM_MB, AppOptions
from faasweb.ports import Health, Release

logger = logging.getLogger(__name__)
DEPLOY_TIMEOUT_S = 30.0  # the service runs kubectl three times while it answers
READY_TIMEOUT_S = 3.0
PAUSE_S = 5.0


@dataclass(frozen=True, slots=True)
class Placement:
    """Where and how the installation wants its functions to run. ``replicas`` counts without autoscaling only."""

    namespace: str = "default"
    autoscaling: bool = True
    replicas: int = 1
    use_spot: bool = True


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the service answered last for a function; ``at`` is monotonic, in seconds."""

    deployment_id: str
    url: str | None
    at: float

    @property
    def is_old(self) -> bool:
        return self.url is None and time.monotonic() - self.at >= PAUSE_S


class BuilderRuntime:
    """Runtime on a Builder Service's deploy endpoint, which has no candidates: what is applied replaces what is live.

    Kubernetes keeps the earlier pods until the new ones have started. ``client`` has the service's address.
    """

    instant = False

    def __init__(self, client: httpx.Client, calls: UrlCalls, placement: Placement) -> None:
        self.client = client
        self.calls = calls
        self.placement = placement
        self.asked: dict[str, _Asked] = {}  # by function; another process just asks again

    # what is live

    def apply(self, release: Release) -> None:
        self._deploy(release)

    def check(self, release: Release) -> Health:
        """A request to the function's address. Unavailable while it has none, or nothing listens there yet."""
        return health_at(self.calls, self._url(release), release)

    def switch(self, release: Release) -> str:
        """Nothing is left to switch. The URL it answers at; Unavailable while it has none."""
        return self._url(release)

    def update_settings(self, release: Release) -> None:
        """Its memory. The service can't hand environment variables to a function."""
        self._deploy(release)

    def check_options(self, options: AppOptions) -> None:
        """They are a cluster's alone."""

    def remove(self, function_id: str, app_name: str) -> None:
        """The service deletes nothing: the function's app stays in the cluster, and the log says so."""
        self.asked.pop(function_id, None)
        name, namespace = service_name(app_name, function_id), self.placement.namespace
        logger.warning("a Builder Service deletes nothing: SpinApp %s stays in namespace %s", name, namespace)

    def _url(self, release: Release) -> str:
        """Asks at most every ``PAUSE_S``: until a first Service has its address, that takes a while."""
        asked = self.asked.get(release.function_id)
        if asked is None or asked.deployment_id != release.deployment_id or asked.is_old:
            asked = self._deploy(release)
        if asked.url is None:
            raise Unavailable("The function's Service has no address yet.")
        return asked.url

    def _deploy(self, release: Release) -> _Asked:
        body = self._body(release)
        answer = ask(self.client, "POST", "/api/v1/deploy", json=body, timeout=DEPLOY_TIMEOUT_S)
        asked = _Asked(release.deployment_id, _url_in(answer), time.monotonic())
        self.asked[release.function_id] = asked
        return asked

    def _body(self, release: Release) -> Mapping[str, object]:
        if release.image is None:
            raise NotReady("This version was never pushed as an image: deploy the code again.")
        place, memory_mb = self.placement, release.settings.memory_mb
        body: dict[str, object] = {
            "app_name": service_name(release.app_name, release.function_id),
            "namespace": place.namespace,
            "image_ref": release.image,
            "function_id": release.function_id,
            "enable_autoscaling": place.autoscaling,
            "use_spot": place.use_spot,
            "memory_limit": f"{memory_mb + SHIM_MB}Mi",
            "memory_request": f"{memory_mb}Mi",
        }
        return body if place.autoscaling else {**body, "replicas": place.replicas}

    # calls

    async def invoke(self, function: Function, request: InvocationRequest, request_id: str) -> UrlAnswer:
        return await call_live(self.calls, function, request, request_id)

    async def aclose(self) -> None:
        """Close the connections of the running event loop, before it ends."""
        await self.calls.aclose()

    def ready(self) -> str | None:
        try:
            ask(self.client, "GET", "/health", timeout=READY_TIMEOUT_S)
        except FaaswebError as exc:
            return exc.message
        return None


def service_name(app_name: str, function_id: str) -> str:
    """The name that the service keeps as it is: it strips hyphens, so that two names could become one.

    A name that had hyphens gets the function's id instead: ``my-function`` -> ``myfunction2c4d5e6f``.
    """
    if "-" not in app_name:
        return app_name
    suffix = "".join(letter for letter in function_id.lower().removeprefix("fn-") if letter.isalnum())
    return app_name.replace("-", "")[: APP_NAME_LIMIT - len(suffix)] + suffix


def _url_in(answer: Mapping[str, Any]) -> str | None:
    """The endpoint as a URL; None while there is none."""
    endpoint, error = answer.get("endpoint"), answer.get("error")
    if error:
        raise BuilderBroken(f"The Builder Service could not deploy: {str(error)[:2000]}")
    if endpoint is None or endpoint == "":
        return None
    if not isinstance(endpoint, str) or len(endpoint) > 2000 or any(char.isspace() for char in endpoint):
        raise BuilderBroken("The Builder Service answered an endpoint that is no address.")
    url = endpoint if endpoint.startswith(("http://", "https://")) else f"http://{endpoint}"
    return url.rstrip("/")
