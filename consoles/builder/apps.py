"""Manifests of images, and images made to run."""

from __future__ import annotations

from ninja import Router

from consoles.api.deployments import DeployOut, chosen_or, endpoint_of
from consoles.api.doors import actor_of
from consoles.api.scaffold import ScaffoldOut, scaffolded
from consoles.builder.schemas import DeployIn, ScaffoldIn
from consoles.http import ConsoleRequest
from faasweb.usecases.apps import Placed

router = Router()


@router.post("/scaffold", response=ScaffoldOut, operation_id="scaffold")
def scaffold(request: ConsoleRequest, body: ScaffoldIn) -> ScaffoldOut:
    """The SpinApp manifest of an image, to look at or to apply by hand."""
    return scaffolded(request, body.image_ref, body.component, body.replicas)


@router.post("/deploy", response=DeployOut, operation_id="deploy")
def deploy(request: ConsoleRequest, body: DeployIn) -> DeployOut:
    """Make an image run. While ``service_status`` is pending, ask again: nothing is begun twice."""
    apps = request.platform.apps
    placed = apps.deploy(actor_of(request), body.spec)
    options = placed.options
    return DeployOut(
        app_name=placed.app_name,
        namespace=body.namespace,
        service_name=placed.app_name,
        service_status=placed.service_status,
        endpoint=_endpoint(request, placed),
        enable_autoscaling=chosen_or(options.autoscaling, apps.defaults.autoscaling),
        use_spot=chosen_or(options.use_spot, apps.defaults.use_spot),
        error=None,
    )


def _endpoint(request: ConsoleRequest, placed: Placed) -> str | None:
    """Without scheme. What runs on this machine answers under the name that this service was called by."""
    if placed.function is None or placed.service_status != "found":
        return placed.endpoint
    return endpoint_of(request, placed.function)
