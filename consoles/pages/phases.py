"""The steps of a deployment as the progress list shows them."""

from __future__ import annotations

from collections.abc import Sequence

from faasweb.domain.deployments import Deployment, DeploymentStatus

ORDER = (
    DeploymentStatus.QUEUED,
    DeploymentStatus.BUILDING,
    DeploymentStatus.APPLYING,
    DeploymentStatus.CHECKING,
    DeploymentStatus.LIVE,
)
# A failed deployment tells by what it has got to how far it came.
_FINISHED = (DeploymentStatus.LIVE, DeploymentStatus.REPLACED)


def phases(deployment: Deployment) -> Sequence[dict[str, str]]:
    """``{"phase", "state"}`` for each step; state is done, running, failed or waiting. A roll back builds nothing."""
    steps = [s for s in ORDER if not (s is DeploymentStatus.BUILDING and deployment.rollback_to)]
    if deployment.status in _FINISHED:
        return [{"phase": str(step), "state": "done"} for step in steps]
    reached = _reached(deployment)
    at = steps.index(reached)
    word = "failed" if deployment.status is DeploymentStatus.FAILED else "running"
    states = ["done"] * at + [word] + ["waiting"] * (len(steps) - at - 1)
    return [{"phase": str(step), "state": state} for step, state in zip(steps, states, strict=True)]


def _reached(deployment: Deployment) -> DeploymentStatus:
    if deployment.status is not DeploymentStatus.FAILED:
        return deployment.status
    if deployment.rollback_to or deployment.version:
        return DeploymentStatus.CHECKING
    return DeploymentStatus.BUILDING if deployment.instant_at else DeploymentStatus.QUEUED
