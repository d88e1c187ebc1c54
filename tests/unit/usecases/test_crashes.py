"""Whatever kills a process, and wherever: what was begun ends, as live or as failed with a reason."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import pytest

from faasweb.domain.deployments import DeploymentStatus
from faasweb.domain.errors import NotFound
from faasweb.domain.functions import Function
from faasweb.domain.source import Source
from faasweb.usecases.functions import Changes
from tests.unit.usecases.doubles import TYPE_ERROR
from tests.unit.usecases.world import ANNA, HELLO, HELLO_AGAIN, World


@dataclass(frozen=True)
class Scenario:
    """A world prepared for one deployment, and how that one ends when nobody is killed."""

    text: str = HELLO_AGAIN
    first: bool = False
    back: bool = False
    sick: str = ""
    failure: str = ""
    image: str = ""
    instant: bool = True
    ends: DeploymentStatus = DeploymentStatus.LIVE

    def prepare(self, world: World) -> Function:
        world.runtime.instant = self.instant
        function = world.function() if self.first else world.deployed()
        if self.back:
            world.deploy(function.ref)
            world.settle()
        world.platform.functions.edit(ANNA, function.ref, Changes(source=Source.single(self.text)))
        world.runtime.sick = {self.sick}
        world.builder.failure = world.registry.refusal = self.failure
        return function

    def begin(self, world: World, function: Function) -> None:
        if self.back:
            world.later(seconds=1)
            world.platform.deployments.roll_back(ANNA, function.ref, 1)
        elif self.image:
            world.later(seconds=1)
            world.platform.deployments.deploy(ANNA, function.ref, image=self.image)
        else:
            world.deploy(function.ref)


FAILED = DeploymentStatus.FAILED
SCENARIOS = {
    "first": Scenario(first=True),
    "second": Scenario(),
    "without instant mode": Scenario(instant=False),
    "type error": Scenario(text=f"{HELLO}{TYPE_ERROR}\n", ends=FAILED),
    "source does not start": Scenario(sick="instant", ends=FAILED),
    "does not build": Scenario(failure="no", ends=FAILED),
    "first does not build": Scenario(first=True, failure="no", ends=FAILED),
    "component does not start": Scenario(sick="baked", ends=FAILED),
    "image": Scenario(image="ghcr.io/team/greet:v1"),
    "first is an image": Scenario(image="ghcr.io/team/greet:v1", first=True),
    "image that is not there": Scenario(image="ghcr.io/team/greet:v1", failure="no such image", ends=FAILED),
    "image does not start": Scenario(image="ghcr.io/team/greet:v1", sick="baked", ends=FAILED),
    "roll back": Scenario(back=True),
    "roll back to one that does not start": Scenario(back=True, sick="baked", ends=FAILED),
}


@pytest.mark.parametrize(("after", "lost"), [(False, False), (True, True)], ids=["before", "after-and-lost"])
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_deployment_killed_at_any_step_ends(new_world: Callable[[], World], name: str, after: bool, lost: bool):
    scenario, killed, blow_at = SCENARIOS[name], True, 0
    while killed:
        blow_at += 1
        world = new_world()
        function = scenario.prepare(world)
        earlier = len(world.stored.deployments.list(function.id))
        killed = world.survive(partial(scenario.begin, world, function), blow_at, after=after, lost=lost)
        world.check(function)
        begun = world.stored.deployments.list(function.id)
        assert len(begun) in (earlier, earlier + 1)
        if len(begun) > earlier:
            assert begun[0].status is scenario.ends, (blow_at, begun[0])
        if blow_at % 5 == 0:
            assert_it_can_be_deployed_again(world, function)
    assert blow_at > 10


@pytest.mark.parametrize("name", ["second", "without instant mode", "image", "roll back"])
def test_a_deployment_whose_workers_come_back_after_all_deadlines_ends(new_world: Callable[[], World], name: str):
    scenario, killed, blow_at, ends = SCENARIOS[name], True, 0, set()
    while killed:
        blow_at += 1
        world = new_world()
        function = scenario.prepare(world)
        begin = partial(scenario.begin, world, function)
        killed = world.survive(begin, blow_at, after=True, lost=True, away_s=900)
        world.check(function)
        ends.add(world.stored.deployments.list(function.id)[0].status)
    assert ends == {DeploymentStatus.LIVE, DeploymentStatus.FAILED}


def assert_it_can_be_deployed_again(world: World, function: Function) -> None:
    world.runtime.sick, world.builder.failure = set(), ""
    world.registry.refusal = ""
    world.platform.functions.edit(ANNA, function.ref, Changes(source=Source.single(HELLO)))
    again = world.deploy(function.ref)
    world.settle()
    assert world.deployment(again.id).status is DeploymentStatus.LIVE
    world.check(function)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("what", ["function", "workspace"])
def test_a_removal_killed_at_any_step_leaves_nothing_behind(new_world: Callable[[], World], what: str, after: bool):
    killed, blow_at = True, 0
    while killed:
        blow_at += 1
        world = new_world()
        function = world.deployed()
        world.platform.functions.keep_draft(function, "anna", Source({"app.py": "unsaved"}), function.code_hash)
        world.deploy(function.ref)

        begin = partial(remove, world, function, what)
        killed = world.survive(begin, blow_at, after=after, lost=True)
        with suppress(NotFound):  # unless the process was killed before it began
            begin()
            world.settle()
        assert_nothing_is_left(world, function, what)
    assert blow_at > 10


def remove(world: World, function: Function, what: str) -> None:
    if what == "function":
        world.platform.functions.remove(ANNA, function.ref)
    else:
        world.platform.workspaces.remove(ANNA, world.workspace.id)


def assert_nothing_is_left(world: World, function: Function, what: str) -> None:
    rows = world.stored.functions.table.query  # type: ignore[attr-defined]
    assert not rows(f"FN#{function.id}")
    assert not rows("OPEN")
    left = [path.relative_to(world.path / "code").as_posix() for path in (world.path / "code").rglob("*.*")]
    assert left == []
    assert function.id not in world.runtime.live
    assert function.app_name in world.registry.removed
    if what == "workspace":
        assert not rows(f"WS#{world.workspace.id}")
        assert not world.accounts.roles
    else:
        assert world.function().app_name == function.app_name  # free again
