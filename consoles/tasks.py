"""The worker's door: a task is a name and ids, short, and may run twice. ``faasweb.usecases.tasks`` names their queues.

An expected error is one line in the log and the end of the task: what has to be tried again was stored as open work
before, and the reaper finds it there. Anything else is a defect; django-q2 keeps its traceback among the failed tasks.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable

from django.core.management import call_command

from faasweb.bootstrap import get_platform
from faasweb.domain.errors import FaaswebError, Unavailable
from faasweb.domain.functions import FunctionRef
from faasweb.usecases.tasks import APPLY_SETTINGS, GO_ON_DEPLOYING

logger = logging.getLogger(__name__)
RETRY_S = 3.0
SETTINGS_RETRY_S = 10.0
PRUNE_TIME_S = 30.0


def task(work: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(work)
    def run(*args: str) -> None:
        try:
            work(*args)
        except FaaswebError as exc:
            logger.warning("%s %s: %s", work.__name__, " ".join(args), exc.message)

    return run


@task
def run_build(build_id: str) -> None:
    get_platform().builds.run(build_id)


@task
def advance_deployment(deployment_id: str) -> None:
    """A part that is away for a moment is asked again soon; the deployment's own deadlines end the waiting."""
    deployments = get_platform().deployments
    try:
        deployments.advance(deployment_id)
    except Unavailable:
        GO_ON_DEPLOYING.enqueue(deployments.queue, deployment_id, delay_s=RETRY_S)


@task
def apply_settings(workspace_id: str, function_id: str, tries: str = "12") -> None:
    functions = get_platform().functions
    try:
        functions.apply_settings(FunctionRef(workspace_id, function_id))
    except Unavailable:
        if int(tries) <= 1:
            raise
        left = str(int(tries) - 1)
        APPLY_SETTINGS.enqueue(functions.queue, workspace_id, function_id, left, delay_s=SETTINGS_RETRY_S)


@task
def clear_away(removal_id: str) -> None:
    get_platform().upkeep.clear_away(removal_id)


@task
def reap() -> None:
    get_platform().upkeep.reap()


@task
def prune() -> None:
    """What has expired, in small portions; the next run takes what is left."""
    upkeep, end = get_platform().upkeep, time.monotonic() + PRUNE_TIME_S
    while upkeep.prune() and time.monotonic() < end:
        pass
    call_command("clearsessions")
