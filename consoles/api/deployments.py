from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from ninja import Router, Schema
from pydantic import Field

from consoles.api.doors import actor_of, allow, function_at
from consoles.api.function_schemas import route_of
from consoles.http import ConsoleRequest
from faasweb.domain import names
from faasweb.domain.access import Need
from faasweb.domain.builds import Build
from faasweb.domain.errors import InvalidInput, NamespaceMissing, NotAllowed, NotFound
from faasweb.domain.functions import Function
from faasweb.domain.ids import DEFAULT_WORKSPACE
from faasweb.domain.spinapps import AppOptions

router = Router()
IN_CLUSTER = ".svc.cluster.local"
OPTION_NAMES = {
    "enable_autoscaling": "autoscaling",
    "custom_tolerations": "tolerations",
    "custom_affinity": "affinity",
}


class AppIn(Schema):
    namespace: str = Field(min_length=1)
    image_ref: str = Field(min_length=1)
    app_name: str | None = None
    function_id: str | None = None
    service_account: str | None = None
    cpu_limit: str | None = None
    memory_limit: str | None = None
    cpu_request: str | None = None
    memory_request: str | None = None
    enable_autoscaling: bool | None = None
    replicas: int | None = Field(None, description="Counts without autoscaling only, and is at least 1 then.")
    use_spot: bool | None = None
    custom_tolerations: list[dict[str, Any]] | None = None
    custom_affinity: dict[str, Any] | None = None

    @property
    def options(self) -> AppOptions:
        """Those that are in the request: a default that nobody wrote is no choice."""
        given = {name: value for name in self.model_fields_set if (value := getattr(self, name)) is not None}
        return AppOptions.named({OPTION_NAMES.get(name, name): value for name, value in given.items()})


class DeployIn(AppIn):
    """Accounts, limits, replicas, tolerations and the like take effect where functions run on Kubernetes.

    What is not given, or null, stays as it is deployed; before that, as this installation has it.
    """


class DeployOut(Schema):
    """``service_status`` found: it answers at ``endpoint``, which has no scheme. pending: it is still on its way."""

    app_name: str
    namespace: str
    service_name: str | None
    service_status: str
    endpoint: str | None
    enable_autoscaling: bool | None
    use_spot: bool | None
    error: str | None


@router.post("/deploy", response=DeployOut, operation_id="deploy")
def deploy(request: ConsoleRequest, body: DeployIn) -> DeployOut:
    """Bring an image live, built here or in a registry that is allowed. The answer waits until it can be called.

    An image that was not built here is pulled first, and needs the ``function_id``. While it is on its way, asking
    again tells how far it is.
    """
    function, build, image = _find(request, body)
    apps = request.platform.apps
    deployment = apps.settled(apps.begin(actor_of(request), function, build, image, body.options))
    if deployment.error == NamespaceMissing.of(body.namespace).message:  # the cluster behind it has said so
        raise NamespaceMissing.of(body.namespace)
    function = request.platform.functions.get(function.ref)
    live = function.live is not None and function.live.deployment_id == deployment.id
    return DeployOut(
        app_name=function.app_name,
        namespace=body.namespace,
        service_name=function.app_name if live else None,
        service_status="found" if live else "pending" if deployment.error is None else "not_found",
        endpoint=endpoint_of(request, function) if live else None,
        enable_autoscaling=chosen_or(deployment.options.autoscaling, apps.defaults.autoscaling),
        use_spot=chosen_or(deployment.options.use_spot, apps.defaults.use_spot),
        error=deployment.error,
    )


def chosen_or(chosen: bool | None, default: bool) -> bool:
    return default if chosen is None else chosen


def _find(request: ConsoleRequest, body: DeployIn) -> tuple[Function, Build | None, str | None]:
    """The function to deploy, and the build behind the image or the image itself. The caller must know both."""
    if body.function_id:
        function = function_at(request, None, body.function_id, Need.WRITE)
        try:
            return function, request.platform.builds.by_image(function.workspace_id, body.image_ref), None
        except NotFound:
            seen = _workspaces(request)
            image = request.platform.images.deployable(actor_of(request), function, body.image_ref, seen)
            return function, None, image
    build = _build_of(request, body.image_ref)
    app_name = names.app_name(body.app_name or build.app_name)
    if not app_name:
        raise InvalidInput("An app name needs a letter of a to z.", field="app_name")
    try:
        return request.platform.functions.resolve(build.workspace_id, app_name), build, None
    except NotFound:
        message = f"No function runs as {app_name} there: create it first, or give its function_id."
        raise NotFound(message, app_name=app_name) from None


def _build_of(request: ConsoleRequest, image: str) -> Build:
    """The build behind an image, in whichever workspace the caller may change."""
    with contextlib.suppress(NotFound, NotAllowed):
        build = request.platform.builds.find_by_image(image)
        allow(request, build.workspace_id, Need.WRITE)
        return build
    for workspace_id in _workspaces(request):
        try:
            build = request.platform.builds.by_image(workspace_id, image)
            allow(request, workspace_id, Need.WRITE)
        except NotFound:
            continue
        return build
    raise NotFound("No image of that name was built here.", image=image[:300])


def _workspaces(request: ConsoleRequest) -> Iterator[str]:
    seen = [workspace.id for workspace in request.platform.access.visible(actor_of(request))]
    yield from seen
    if DEFAULT_WORKSPACE not in seen and request.platform.access.may(actor_of(request), DEFAULT_WORKSPACE, Need.READ):
        yield DEFAULT_WORKSPACE


def endpoint_of(request: ConsoleRequest, function: Function) -> str:
    """Its bare name in the cluster where it runs in one, else where this console serves it; without a scheme."""
    parts = urlsplit(function.invocation_url or "")
    if not (parts.hostname or "").endswith(IN_CLUSTER):
        parts = urlsplit(route_of(request, function))
    return f"{parts.netloc}{parts.path}"
