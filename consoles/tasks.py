"""The worker's door: a task is a name and ids, short, and may run twice."""

from __future__ import annotations

from faasweb.bootstrap import get_platform
from faasweb.domain.errors import Unavailable

RETRY_S = 3.0


def run_build(build_id: str) -> None:
    get_platform().builds.run(build_id)


def advance_deployment(deployment_id: str) -> None:
    """A part that is away for a moment is asked again soon; the deployment's own deadlines end the waiting."""
    deployments = get_platform().deployments
    try:
        deployments.advance(deployment_id)
    except Unavailable:
        deployments.queue.enqueue("advance_deployment", deployment_id, queue="builds", delay_s=RETRY_S)


def clear_away(removal_id: str) -> None:
    get_platform().upkeep.clear_away(removal_id)


def reap() -> None:
    get_platform().upkeep.reap()


def prune() -> None:
    get_platform().upkeep.prune()
