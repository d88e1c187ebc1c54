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
from faasweb.domain.errors import (
    BuilderBroken,
    FaaswebError,
    InvalidInput,
    NotAllowed,
    NotFound,
    NotReady,
    TooLarge,
    Unavailable,
)
from faasweb.domain.functions import Function
from faasweb.domain.invocations import InvocationRequest
from faasweb.domain.names import APP_NAME_LIMIT
from faasweb.domain.spinapps import RESOURCES, AppDefaults, AppOptions, AppSpec, completed
from faasweb.ports import Health, Release

logger = logging.getLogger(__name__)
DEPLOY_TIMEOUT_S = 30.0  # the service runs kubectl three times while it answers
READY_TIMEOUT_S = 3.0
PAUSE_S = 5.0
OWN_TITLE = "faasweb Builder Service"  # in the description of ours


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
        self.keeps_names: bool | None = None  # None: not asked yet

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
        """Whether its namespace is there, the service says when it deploys."""

    def remove(self, function_id: str, app_name: str) -> None:
        """The service deletes nothing: the function's app stays in the cluster, and the log says so."""
        self.asked.pop(function_id, None)
        try:
            name = self._name(app_name, function_id)
        except FaaswebError:  # it is away, and nothing is asked of it here
            name = app_name
        namespace = self.placement.namespace
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
        chosen, options = release.options, self._completed(release, release.image)
        body: dict[str, object] = {
            "app_name": self._name(release.app_name, release.function_id),
            "namespace": chosen.namespace or self.placement.namespace,
            "image_ref": release.image,
            "function_id": release.function_id,
            "enable_autoscaling": options.autoscaling,
            "use_spot": options.use_spot,
            "replicas": options.replicas,
            "service_account": chosen.service_account,
            "custom_tolerations": chosen.tolerations,
            "custom_affinity": chosen.affinity,
        }
        # The amounts of a CPU are the service's own, unless somebody chose one: then they must fit together.
        has_cpu = chosen.cpu_limit is not None or chosen.cpu_request is not None
        amounts = {name: getattr(options, name) for name in RESOURCES if has_cpu or name.startswith("memory")}
        return {name: value for name, value in {**body, **amounts}.items() if value is not None}

    def _completed(self, release: Release, image: str) -> AppOptions:
        place = self.placement
        defaults = AppDefaults(autoscaling=place.autoscaling, replicas=place.replicas, use_spot=place.use_spot)
        memory_mb = release.settings.memory_mb
        spec = AppSpec(place.namespace, release.app_name, image, options=release.options, memory_mb=memory_mb)
        return completed(spec, defaults).options

    def _name(self, app_name: str, function_id: str) -> str:
        """What the service shall call the app: by its own name, when it keeps that as it is."""
        return app_name if "-" not in app_name or self._keeps_names() else stripped(app_name, function_id)

    def _keeps_names(self) -> bool:
        """Ours does; the earlier system's strips hyphens. Asked once, and before anything could be overwritten."""
        if self.keeps_names is None:
            try:
                told = ask(self.client, "GET", "/openapi.json", timeout=READY_TIMEOUT_S).get("info")
            except (NotFound, NotAllowed, InvalidInput, TooLarge):
                told = None
            self.keeps_names = isinstance(told, Mapping) and told.get("title") == OWN_TITLE
        return self.keeps_names

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


def stripped(app_name: str, function_id: str) -> str:
    """A name that a service which strips hyphens keeps as it is, and no other function gets.

    The function's id takes the hyphens' place: ``my-function`` -> ``myfunction2c4d5e6f``.
    """
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
