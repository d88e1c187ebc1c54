from __future__ import annotations

from dataclasses import replace

import pytest

from faasweb.domain.access import Actor
from faasweb.domain.deployments import DeploymentStatus
from faasweb.domain.errors import Conflict, NotReady, TimedOut, Unavailable
from faasweb.domain.functions import EnvironmentVariable, FunctionStatus
from faasweb.domain.provided import NOTHING_ASKED
from faasweb.domain.source import Source
from faasweb.ports import BuildFailure, Site
from faasweb.usecases.functions import Changes
from faasweb.usecases.releases import Heard, silent
from tests.unit.usecases.doubles import TYPE_ERROR
from tests.unit.usecases.world import ANNA, HELLO, HELLO_AGAIN, World


def save(world: World, function, text: str) -> None:
    world.platform.functions.edit(ANNA, function.ref, Changes(source=Source.single(text)))


def test_a_deployment_answers_instantly_and_is_baked_when_its_build_is_done(world: World):
    function = world.function()
    deployment = world.deploy(function.ref)
    assert world.now(function).status is FunctionStatus.BUILDING
    world.queue.work(queue="default")
    building = world.deployment(deployment.id)
    assert building.status is DeploymentStatus.BUILDING
    live = world.now(function).live
    assert live is not None
    assert (live.mode, live.version, live.deployment_id) == ("instant", None, deployment.id)
    assert not world.builder.runs
    world.work()
    live = world.now(function).live
    assert live is not None
    assert (live.mode, live.version) == ("baked", 1)
    assert world.now(function).status is FunctionStatus.ACTIVE
    assert world.deployment(deployment.id).status is DeploymentStatus.LIVE
    world.check(function)


def test_a_later_deployment_replaces_the_one_before(world: World):
    function = world.deployed()
    save(world, function, HELLO_AGAIN)
    world.deploy(function.ref)
    world.settle()
    statuses = [item.status for item in world.platform.deployments.list(function.id)]
    assert statuses == [DeploymentStatus.LIVE, DeploymentStatus.REPLACED]
    assert [item.number for item in world.platform.deployments.list_versions(function.id)] == [2, 1]
    world.check(function)


def test_unchanged_code_can_be_deployed_again_as_a_version_of_its_own(world: World):
    function = world.deployed()
    world.deploy(function.ref)
    world.settle()
    second, first = world.platform.deployments.list_versions(function.id)
    assert second.code_hash == first.code_hash
    world.check(function)


def test_a_type_error_ends_a_deployment_with_its_place_and_nothing_goes_live(world: World):
    function = world.function(f"{HELLO}{TYPE_ERROR}\n")
    deployment = world.deploy(function.ref)
    world.settle()
    failed = world.deployment(deployment.id)
    assert failed.status is DeploymentStatus.FAILED
    assert failed.error == "app.py:1:1: error: Unsupported operand types"
    assert world.now(function).live is None
    assert world.now(function).status is FunctionStatus.FAILED
    world.check(function)


@pytest.mark.parametrize("trouble", ["type error", "build", "instant", "baked"])
def test_when_a_deployment_fails_the_version_before_is_live_again(world: World, trouble: str):
    function = world.deployed()
    first = world.platform.deployments.list(function.id)[0]
    save(world, function, HELLO_AGAIN + (TYPE_ERROR if trouble == "type error" else ""))
    world.builder.failure = "app.py:1: it does not compile" if trouble == "build" else ""
    world.runtime.sick = {trouble}
    deployment = world.deploy(function.ref)
    world.settle()
    failed = world.deployment(deployment.id)
    assert failed.status is DeploymentStatus.FAILED
    assert failed.error
    live = world.now(function).live
    assert live is not None
    assert (live.version, live.deployment_id) == (1, first.id)
    assert world.runtime.live[function.id].version == 1
    assert world.deployment(first.id).status is DeploymentStatus.LIVE
    world.check(function)
    world.runtime.sick, world.builder.failure = set(), ""
    save(world, function, HELLO_AGAIN)
    assert world.deploy(function.ref).id  # the claim is given back
    world.settle()
    world.check(function)


def test_when_the_very_first_build_fails_the_source_goes_on_answering(world: World):
    function = world.function()
    world.builder.failure = "no"
    deployment = world.deploy(function.ref)
    world.settle()
    assert world.deployment(deployment.id).status is DeploymentStatus.FAILED
    live = world.now(function).live
    assert live is not None
    assert live.mode == "instant"
    assert world.runtime.live[function.id].deployment_id == deployment.id
    world.check(function)


def test_of_two_deployments_at_once_one_is_refused(world: World):
    function = world.function()
    world.deploy(function.ref)
    with pytest.raises(Conflict, match="in progress"):
        world.deploy(function.ref)
    world.settle()
    assert len(world.platform.deployments.list(function.id)) == 1
    world.check(function)


def test_a_roll_back_is_refused_while_a_deployment_runs(world: World):
    function = world.deployed()
    world.deploy(function.ref)
    with pytest.raises(Conflict):
        world.platform.deployments.roll_back(ANNA, function.ref, 1)


def test_an_edit_at_the_moment_of_deploying_is_no_reason_to_refuse(world: World, monkeypatch):
    function = world.function()
    begin, edits = world.stored.deployments.begin, iter([HELLO_AGAIN])

    def begin_late(deployment, claimed):
        for text in edits:
            save(world, function, text)
        return begin(deployment, claimed)

    monkeypatch.setattr(type(world.stored.deployments), "begin", lambda _self, *args: begin_late(*args))
    deployment = world.deploy(function.ref)
    world.settle()
    assert world.deployment(deployment.id).code_hash == world.now(function).code_hash
    world.check(function)


def test_edits_during_a_deployment_are_kept_and_wait_for_the_next(world: World):
    function = world.function()
    deployment = world.deploy(function.ref)
    world.queue.work(queue="default")
    save(world, function, HELLO_AGAIN)
    world.platform.functions.edit(ANNA, function.ref, Changes(name="greeting", description="says hello"))
    world.settle()
    now = world.now(function)
    assert world.deployment(deployment.id).status is DeploymentStatus.LIVE
    assert (now.name, now.description) == ("greeting", "says hello")
    assert now.has_undeployed_changes
    assert now.live is not None
    assert now.live.code_hash == Source.single(HELLO).hash
    world.check(function)


def test_settings_edited_while_a_release_is_switched_in_reach_it(world: World, monkeypatch):
    function = world.function()
    settings = replace(function.settings, environment=(EnvironmentVariable("COLOR", "blue"),))
    switch = world.runtime.switch

    def switch_and_edit(release):
        switch(release)
        if release.mode == "baked":
            world.platform.functions.edit(ANNA, function.ref, Changes(settings=settings))

    monkeypatch.setattr(world.runtime, "switch", switch_and_edit)
    world.deploy(function.ref)
    world.settle()
    assert world.runtime.live[function.id].settings.environment == settings.environment
    world.check(function)


def test_a_roll_back_is_live_when_the_call_returns_and_builds_nothing(world: World):
    function = world.deployed()
    save(world, function, HELLO_AGAIN)
    world.deploy(function.ref)
    world.settle()
    builds = len(world.builder.runs)
    deployment = world.platform.deployments.roll_back(ANNA, function.ref, 1)
    assert deployment.status is DeploymentStatus.LIVE
    assert (deployment.version, deployment.build_id) == (1, None)
    assert world.runtime.live[function.id].version == 1
    assert len(world.builder.runs) == builds
    assert world.now(function).last_version == 2
    assert world.now(function).has_undeployed_changes
    world.check(function)


def test_a_roll_back_whose_health_request_fails_changes_nothing(world: World):
    function = world.deployed()
    save(world, function, HELLO_AGAIN)
    world.deploy(function.ref)
    world.settle()
    world.runtime.sick = {"baked"}
    deployment = world.platform.deployments.roll_back(ANNA, function.ref, 1)
    assert deployment.status is DeploymentStatus.FAILED
    assert "ImportError" in (deployment.error or "")
    assert world.runtime.live[function.id].version == 2
    world.check(function)


def test_a_roll_back_goes_on_by_itself_when_the_runtime_was_away(world: World):
    function = world.deployed()
    world.runtime.away = True
    deployment = world.platform.deployments.roll_back(ANNA, function.ref, 1)
    assert not deployment.status.finished
    world.work()
    world.runtime.away = False
    world.work()
    assert world.deployment(deployment.id).status is DeploymentStatus.LIVE
    assert world.deployment(deployment.id).warning is None
    world.check(function)


def test_a_version_that_was_never_built_is_not_rolled_back_to(world: World):
    function = world.deployed()
    version = world.stored.versions.get(function.id, 1)
    world.stored.versions.add(replace(version, number=7, artifact=None))
    with pytest.raises(NotReady):
        world.platform.deployments.roll_back(ANNA, function.ref, 7)


def test_a_disabled_function_is_neither_deployed_nor_rolled_back(world: World):
    function = world.deployed()
    world.platform.functions.edit(ANNA, function.ref, Changes(status=FunctionStatus.DISABLED))
    with pytest.raises(NotReady, match="disabled"):
        world.deploy(function.ref)
    with pytest.raises(NotReady, match="disabled"):
        world.platform.deployments.roll_back(ANNA, function.ref, 1)


@pytest.mark.parametrize("failure", ["", "no"])
def test_disabling_during_a_deployment_outlasts_it(world: World, failure: str):
    function = world.deployed()
    world.builder.failure = failure
    world.deploy(function.ref)
    world.platform.functions.edit(ANNA, function.ref, Changes(status=FunctionStatus.DISABLED))
    world.settle()
    assert world.now(function).status is FunctionStatus.DISABLED
    world.check(function)


def test_the_last_deployment_is_no_status_anybody_can_set(world: World):
    function = world.deployed()
    world.platform.functions.edit(ANNA, function.ref, Changes(status=FunctionStatus.BUILDING))
    assert world.now(function).status is FunctionStatus.ACTIVE


def test_a_runtime_that_serves_no_sources_gets_the_component_only(world: World):
    world.runtime.instant = False
    function = world.function()
    world.deploy(function.ref)
    world.settle()
    assert [mode for _, mode in world.runtime.switches] == ["baked"]
    world.check(function)


def test_a_server_error_at_the_health_request_is_a_warning_only(world: World):
    world.runtime.health_status = 500
    function = world.function()
    deployment = world.deploy(function.ref)
    world.settle()
    live = world.deployment(deployment.id)
    assert live.status is DeploymentStatus.LIVE
    assert "GET /" in (live.warning or "")


def test_an_uploaded_build_is_deployed_without_building_and_its_code_is_kept_with_the_function(world: World):
    function = world.deployed()
    build = world.platform.builds.submit(ANNA, world.workspace.id, "greet", Source.single(HELLO_AGAIN), "인사 말.py")
    with pytest.raises(NotReady, match="pending"):
        world.platform.deployments.deploy(ANNA, function.ref, build=build)
    world.work()
    build, runs = world.platform.builds.get(build.id), len(world.builder.runs)
    deployment = world.platform.deployments.deploy(ANNA, function.ref, build=build)
    world.settle()
    version = world.stored.versions.get(function.id, 2)
    assert (version.build_id, version.artifact) == (build.id, build.artifact)
    assert len(world.builder.runs) == runs
    assert world.code.get(version.code_key).decode() == HELLO_AGAIN
    assert world.deployment(deployment.id).status is DeploymentStatus.LIVE
    world.check(function)


def test_a_function_deleted_while_it_is_deployed_is_gone_for_good(world: World):
    function = world.function()
    deployment = world.deploy(function.ref)
    world.queue.work(queue="default")
    world.platform.functions.remove(ANNA, function.ref)
    world.settle()
    assert function.id not in world.runtime.live
    assert not world.code.exists(function.code_key)
    with pytest.raises(Exception, match="not found"):
        world.deployment(deployment.id)


def test_a_runtime_that_stays_away_ends_a_deployment_by_its_deadline_with_the_reason(world: World):
    function = world.deployed()
    deployment = world.deploy(function.ref)
    world.queue.work(queue="default")
    world.runtime.away = True
    for _ in range(7):
        world.work()
        world.later(minutes=1)
    world.runtime.away = False
    world.settle()
    failed = world.deployment(deployment.id)
    assert failed.status is DeploymentStatus.FAILED
    assert "deadline" in (failed.error or "")
    assert "The runtime is away." in (failed.error or "")
    assert world.runtime.live[function.id].version == 1
    world.check(function)


def test_what_nobody_could_undo_is_told_and_the_function_is_free_again(world: World):
    function = world.deployed()
    deployment = world.deploy(function.ref)
    world.queue.work(queue="default")
    world.runtime.away = True
    world.builder.failure = "no"
    for _ in range(30):
        world.work()
        world.later(minutes=1)
        world.platform.upkeep.reap()
    failed = world.deployment(deployment.id)
    assert (failed.status, failed.error) == (DeploymentStatus.FAILED, "no")
    assert world.now(function).deploying is None


def test_every_state_ends_by_its_deadline_when_no_worker_came_meanwhile(world: World):
    function = world.function()
    deployment = world.deploy(function.ref)
    world.queue.waiting.clear()
    world.later(minutes=6)
    world.platform.upkeep.reap()
    world.settle()
    failed = world.deployment(deployment.id)
    assert failed.status is DeploymentStatus.FAILED
    assert "queued past its deadline" in (failed.error or "")
    world.check(function)


def test_a_step_that_kills_its_worker_ends_the_deployment_after_five_times(world: World, monkeypatch):
    function = world.function()
    deployment = world.deploy(function.ref)

    def burst(release):
        raise MemoryError

    monkeypatch.setattr(world.runtime, "apply", burst)
    for _ in range(8):
        world.queue.waiting.clear()
        world.platform.upkeep.reap()
        try:
            world.work()
        except MemoryError:
            world.queue.working = False
        world.later(seconds=36)
    failed = world.deployment(deployment.id)
    assert failed.status is DeploymentStatus.FAILED
    assert "tried 5 times while queued" in (failed.error or "")


def test_a_step_is_leased_to_one_worker(world: World, monkeypatch):
    function = world.function()
    deployment = world.deploy(function.ref)
    apply, seen = world.runtime.apply, []

    def apply_and_be_disturbed(release):
        seen.append(release.mode)
        world.platform.deployments.advance(deployment.id)
        apply(release)

    monkeypatch.setattr(world.runtime, "apply", apply_and_be_disturbed)
    world.settle()
    assert seen == ["instant", "baked"]
    world.check(function)


def test_a_worker_that_comes_back_after_its_lease_can_undo_nothing(world: World, monkeypatch):
    """It finds out at its next save that another one has finished the deployment."""
    function = world.function()
    deployment = world.deploy(function.ref)
    world.queue.work(queue="default")
    check = world.runtime.check
    hung: list[object] = []

    def check_late(release):
        health = check(release)
        if not hung:
            hung.append(release)
            world.later(seconds=40)
            world.platform.deployments.advance(deployment.id)
            return replace(health, ok=False, error="too late")
        return health

    monkeypatch.setattr(world.runtime, "check", check_late)
    world.settle()
    assert world.deployment(deployment.id).status is DeploymentStatus.LIVE
    world.check(function)


def test_an_operator_can_end_a_deployment(world: World):
    function = world.deployed()
    deployment = world.deploy(function.ref)
    world.queue.work(queue="default")
    world.platform.upkeep.give_up("deployment", deployment.id)
    failed = world.deployment(deployment.id)
    assert (failed.status, failed.error) == (DeploymentStatus.FAILED, "An operator ended it.")
    assert world.runtime.live[function.id].version == 1
    world.check(function)
    world.platform.upkeep.give_up("deployment", deployment.id)
    world.settle()
    world.check(function)


def test_a_deployment_ended_while_it_switches_leaves_what_was_live(world: World, monkeypatch):
    function = world.deployed()
    deployment = world.deploy(function.ref)
    switch = world.runtime.switch
    ended: list[bool] = []

    def switch_too_late(release):
        if release.deployment_id == deployment.id and not ended:
            ended.append(True)
            world.platform.upkeep.give_up("deployment", deployment.id)
            world.runtime.apply(release)
        switch(release)

    monkeypatch.setattr(world.runtime, "switch", switch_too_late)
    world.settle()
    assert world.deployment(deployment.id).status is DeploymentStatus.FAILED
    assert world.runtime.live[function.id].version == 1
    world.check(function)


def test_who_deployed_is_in_the_audit_trail_and_on_the_version(world: World):
    function = world.function()
    world.platform.deployments.deploy(Actor(7, "ben"), function.ref)
    world.settle()
    assert ("function.deploy", function.id) in world.accounts.audited
    assert world.stored.versions.get(function.id, 1).created_by == "ben"


# --- packages ----------------------------------------------------------------------------------------------------

SITE = Site("a" * 64, {"markdown": "3.8"})


def with_packages(world: World):
    function = world.function()
    project = Source({"app.py": HELLO, "requirements.txt": "markdown==3.8\n"})
    world.platform.functions.edit(ANNA, function.ref, Changes(source=project))
    return world.now(function)


def test_an_instant_release_has_its_packages_also_when_its_settings_change(world: World):
    world.builder.packages = SITE
    function = with_packages(world)
    world.deploy(function.ref)
    world.queue.work(queue="default")
    assert world.runtime.live[function.id].site == SITE
    world.platform.functions.edit(
        ANNA, function.ref, Changes(settings=replace(world.now(function).settings, timeout_s=7))
    )
    assert world.runtime.live[function.id].settings.timeout_s == 7
    assert world.runtime.live[function.id].site == SITE
    world.settle()
    assert world.runtime.live[function.id].mode == "baked"
    world.check(function)


def test_packages_that_cannot_be_used_end_the_deployment_at_once(world: World):
    world.builder.packages = BuildFailure("Requirements installation failed: numpy has no pure-Python wheel.")
    function = with_packages(world)
    deployment = world.deploy(function.ref)
    world.settle()
    ended = world.deployment(deployment.id)
    assert (ended.status, ended.error) == (DeploymentStatus.FAILED, world.builder.packages.message)
    assert not world.builder.runs
    world.check(function)


@pytest.mark.parametrize("error", [TimedOut("It took too long."), Unavailable("The index is away.")])
def test_packages_that_are_not_there_at_once_are_left_to_the_build(world: World, error):
    world.builder.packages = error
    function = with_packages(world)
    deployment = world.deploy(function.ref)
    world.queue.work(queue="default")
    waiting = world.deployment(deployment.id)
    assert waiting.status is DeploymentStatus.BUILDING
    assert waiting.warning == f"It answers once it is built: {error.message}"
    assert world.now(function).live is None
    world.settle()
    assert world.deployment(deployment.id).status is DeploymentStatus.LIVE
    world.check(function)


def test_when_packages_fail_in_instant_mode_the_build_decides(world: World):
    world.builder.packages = SITE
    world.runtime.sick = {"instant"}
    function = with_packages(world)
    deployment = world.deploy(function.ref)
    world.queue.work(queue="default")
    building = world.deployment(deployment.id)
    assert building.status is DeploymentStatus.BUILDING
    assert "perhaps because of its packages: ImportError in instant mode" in (building.warning or "")
    world.settle()
    assert world.deployment(deployment.id).status is DeploymentStatus.LIVE
    assert world.runtime.live[function.id].mode == "baked"
    world.check(function)


MOUNTING = """\
spin_manifest_version = 2
[application]
name = "greet"
[[trigger.http]]
route = "/..."
component = "greet"
[component.greet]
source = "app.wasm"
files = ["assets/*", {source = "data.txt", destination = "/d.txt"}]
key_value_stores = ["notes"]
"""


def test_a_release_has_the_files_and_stores_of_its_manifest_in_either_mode(world):
    function = world.deployed()
    source = Source({"app.py": HELLO, "spin.toml": MOUNTING, "assets/a.txt": "a", "data.txt": "d"})
    world.platform.functions.edit(ANNA, function.ref, Changes(source=source))
    world.deploy(function.ref)
    world.settle()
    live = world.runtime.live[function.id]
    assert live.mode == "baked"
    assert live.provided.files == {"assets/a.txt": b"a", "d.txt": b"d"}
    assert live.provided.key_value_stores == ("default", "notes")
    releases = world.platform.invocations.releases
    assert releases.draft(function, source, silent).provided == live.provided
    heard = Heard([])
    broken = source.with_file("spin.toml", "files = [")
    assert releases.draft(function, broken, heard).provided == NOTHING_ASKED
    assert "spin.toml is not valid TOML" in heard.lines[0].text
