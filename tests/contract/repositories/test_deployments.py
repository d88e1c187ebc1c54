from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from faasweb.domain import clock
from faasweb.domain.deployments import Deployment, DeploymentStatus
from faasweb.domain.errors import Conflict, NotFound
from faasweb.domain.functions import Function, FunctionStatus
from faasweb.domain.spinapps import AppOptions
from faasweb.ports import Repositories


def deployment_of(function: Function, **changes: object) -> Deployment:
    made = Deployment.create(function.id, function.workspace_id, function.code_hash, "김", build_id="b-1")
    return replace(made, **changes)  # type: ignore[arg-type]


def test_beginning_claims_the_function(store: Repositories, function: Function):
    deployment = deployment_of(function, previous_version=4)
    claimed = store.deployments.begin(deployment, replace(function, status=FunctionStatus.BUILDING))
    assert (claimed.deploying, claimed.revision, claimed.status) == (deployment.id, 2, FunctionStatus.BUILDING)
    assert store.functions.get(function.ref) == claimed
    assert store.deployments.get(deployment.id) == deployment
    assert list(store.maintenance.open_work().deployments) == [deployment.id]


def test_options_come_back_word_for_word(store: Repositories, function: Function):
    toleration = {"key": "gpu", "operator": "Exists", "tolerationSeconds": 30}
    options = AppOptions(autoscaling=False, replicas=3, tolerations=[toleration], affinity={"weight": 1.5, "빈": None})
    deployment = deployment_of(function, options=options)
    store.deployments.begin(deployment, function)
    assert store.deployments.get(deployment.id).options == options
    assert store.deployments.list(function.id)[0].options == options


def test_one_deployment_at_a_time(store: Repositories, function: Function):
    claimed = store.deployments.begin(deployment_of(function), function)
    second = deployment_of(function)
    for stale_or_claimed in (function, claimed):
        with pytest.raises(Conflict):
            store.deployments.begin(second, stale_or_claimed)
    with pytest.raises(NotFound):
        store.deployments.get(second.id)
    assert len(store.deployments.list(function.id)) == 1
    freed = store.functions.save(replace(claimed, deploying=None))
    assert store.deployments.begin(second, freed).deploying == second.id


def test_a_function_that_changed_or_went_is_not_claimed(store: Repositories, function: Function):
    saved = store.functions.save(function.edited(name="renamed"))
    with pytest.raises(Conflict):
        store.deployments.begin(deployment_of(function), function)
    store.functions.remove(saved)
    with pytest.raises(NotFound):
        store.deployments.begin(deployment_of(function), saved)
    assert list(store.maintenance.open_work().deployments) == []


def test_everything_that_can_be_saved_is_saved(store: Repositories, function: Function):
    deployment = deployment_of(function, rollback_to=2)
    store.deployments.begin(deployment, function)
    changed = replace(deployment, version=3, instant_at=clock.now(), warning="careful").attempted()
    saved = store.deployments.save(changed)
    assert saved == replace(changed, revision=2)
    assert store.deployments.get(deployment.id) == saved
    failed = store.deployments.save(saved.failed("it did not start"))
    assert store.deployments.get(deployment.id) == failed
    assert failed.status is DeploymentStatus.FAILED


def test_saving_what_somebody_else_changed_is_a_conflict(store: Repositories, function: Function):
    deployment = deployment_of(function)
    with pytest.raises(NotFound):
        store.deployments.save(deployment)
    store.deployments.begin(deployment, function)
    store.deployments.save(deployment.attempted())
    with pytest.raises(Conflict):
        store.deployments.save(deployment.failed("late"))


def test_a_finished_deployment_leaves_the_open_work(store: Repositories, function: Function):
    deployment = deployment_of(function)
    store.deployments.begin(deployment, function)
    saved = store.deployments.save(deployment.entering(DeploymentStatus.BUILDING))
    assert list(store.maintenance.open_work().deployments) == [deployment.id]
    saved = store.deployments.save(saved.entering(DeploymentStatus.LIVE))
    assert list(store.maintenance.open_work().deployments) == []
    store.deployments.save(saved.entering(DeploymentStatus.REPLACED))
    assert store.deployments.get(deployment.id).status is DeploymentStatus.REPLACED


def test_the_list_is_newest_first(store: Repositories, function: Function):
    now = clock.now()
    made = []
    for number in range(5):
        function = replace(function, deploying=None)
        made.append(deployment_of(function, created_at=now + timedelta(seconds=number)))
        function = store.deployments.begin(made[-1], function)
    assert list(store.deployments.list(function.id)) == made[::-1]
    assert list(store.deployments.list(function.id, limit=2)) == made[:-3:-1]


@pytest.mark.parametrize("deployment_id", ["", "dp-22222222", "\ud800", "x" * 3000])
def test_an_unknown_deployment_is_not_found(store: Repositories, deployment_id: str):
    with pytest.raises(NotFound):
        store.deployments.get(deployment_id)
