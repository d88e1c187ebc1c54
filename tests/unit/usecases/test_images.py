"""Deploying images of which no source is known here, and who may deploy which."""

from __future__ import annotations

import pytest

from faasweb.domain.access import Actor
from faasweb.domain.builds import Artifact, Build, BuildStatus, PushTarget
from faasweb.domain.deployments import DeploymentStatus
from faasweb.domain.errors import InvalidInput, NotFound
from faasweb.domain.functions import EnvironmentVariable, FunctionSettings
from faasweb.domain.images import RegistryRules
from faasweb.domain.source import Source
from faasweb.ports import Progress
from faasweb.usecases.functions import Changes
from faasweb.usecases.images import Images
from faasweb.usecases.pulls import Pulls
from tests.unit.usecases.world import ANNA, HELLO_AGAIN, World

IMAGE = "ghcr.io/team/greet:v1"


def deploy_image(world: World, function, image: str = IMAGE):
    world.later(seconds=1)
    return world.platform.deployments.deploy(ANNA, function.ref, image=image)


def pulled(world: World, function):
    deployment = deploy_image(world, function)
    world.work()
    assert world.deployment(deployment.id).status is DeploymentStatus.LIVE
    return world.now(function)


def test_an_image_becomes_a_version_without_a_source(world: World):
    function = pulled(world, world.function())
    [version] = world.stored.versions.list(function.id)
    assert (version.code_hash, version.code_key, version.image) == ("", "", f"{IMAGE}@sha256:1")
    assert version.artifact is not None
    assert world.code.get(version.artifact.key) == b"wsm"
    assert world.runtime.live[function.id].image == f"{IMAGE}@sha256:1"
    assert function.has_undeployed_changes
    assert world.builder.runs == []
    world.check(function)


def test_its_build_tells_what_the_image_counts_on_and_nothing_is_widened(world: World):
    settings = FunctionSettings(environment=(EnvironmentVariable("KEY", "x"),))
    function = world.function()
    world.platform.functions.edit(ANNA, function.ref, Changes(settings=settings))
    pulled(world, function)
    [build] = world.stored.builds.list(world.workspace.id)
    assert build.origin == IMAGE
    told = [line.text for line in world.stored.builds.read_log(build.id)]
    assert told[0] == f"{IMAGE}@sha256:1"
    assert "https://api.example.com" in told[1]
    assert "variables GREETING:" in told[2]
    assert "/hello" in told[3]
    assert world.now(function).settings.allowed_outbound_hosts == ()


def test_one_can_roll_back_to_an_image_and_deploy_code_again(world: World):
    function = pulled(world, world.deployed())
    world.platform.functions.edit(ANNA, function.ref, Changes(source=Source.single(HELLO_AGAIN)))
    world.deploy(function.ref)
    world.work()
    assert world.now(function).last_version == 3
    world.later(seconds=1)
    back = world.platform.deployments.roll_back(ANNA, function.ref, 2)
    assert back.status is DeploymentStatus.LIVE
    assert world.runtime.live[function.id].image == f"{IMAGE}@sha256:1"
    world.check(function)


def test_a_pulled_build_deployed_again_is_pulled_again_by_its_digest(world: World):
    function = pulled(world, world.function())
    build = world.platform.builds.by_image(function.workspace_id, IMAGE)
    world.later(seconds=1)
    deployment = world.platform.deployments.deploy(ANNA, function.ref, build=build)
    world.work()
    assert world.deployment(deployment.id).status is DeploymentStatus.LIVE
    assert world.registry.pulled == [IMAGE, f"{IMAGE}@sha256:1"]


def test_a_registry_that_is_away_is_waited_for(world: World):
    function = world.function()
    world.registry.away = True
    deployment = deploy_image(world, function)
    world.work()
    assert world.deployment(deployment.id).status is DeploymentStatus.BUILDING
    world.registry.away = False
    world.settle()
    assert world.deployment(deployment.id).status is DeploymentStatus.LIVE


def test_an_image_that_can_not_be_pulled_fails_with_the_reason_and_what_was_live_stays(world: World):
    function = world.deployed()
    world.registry.refusal = "There is no image of that name."
    deployment = deploy_image(world, function)
    world.work()
    ended = world.deployment(deployment.id)
    assert (ended.status, ended.error) == (DeploymentStatus.FAILED, "There is no image of that name.")
    assert world.now(function).live == function.live
    world.check(function)


def test_a_cluster_pulls_by_itself(world: World):
    pulls = Pulls(world.registry, world.code, world.stored.functions, components=False)  # type: ignore[arg-type]
    build = Build.create(world.workspace.id, "greet", "", "", origin=IMAGE)
    progress = pulls.advance(build, lambda phase, line: None)
    assert isinstance(progress, Progress)
    assert (progress.build.status, progress.build.image, progress.build.artifact) == (BuildStatus.DONE, IMAGE, None)
    assert world.registry.pulled == []


# --- who may deploy which ----------------------------------------------------------------------------------------


def images(world: World, *listed: str, default: str = "") -> Images:
    return Images(RegistryRules(listed, default), world.stored.builds, world.stored.versions)


def built(world: World, workspace_id: str, image: str) -> None:
    build = Build.create(workspace_id, "greet", "key", "hash", push=PushTarget())
    world.stored.builds.add(build)
    world.stored.builds.save(build.attempted().done(Artifact("sha256:1", 1, "key"), image))


def test_an_image_of_a_listed_registry_may_be_deployed_by_anybody_who_may_write(world: World):
    assert images(world, "ghcr.io/team").deployable(ANNA, world.function(), IMAGE, []) == IMAGE
    with pytest.raises(InvalidInput, match="FAASWEB_REGISTRIES"):
        images(world, "ghcr.io/other").deployable(ANNA, world.function(), IMAGE, [])


@pytest.mark.parametrize("default", ["", "registry.example.com/faas"])
def test_of_the_installations_own_images_only_those_of_visible_workspaces_may_be_deployed(world: World, default: str):
    name = default or "local/greet"
    other = world.platform.workspaces.create(ANNA, "Other")
    built(world, other.id, f"{name}:v1@sha256:{'1' * 64}")
    asking, function = images(world, default=default), world.function()
    for wanted in (f"{name}:v1", f"{name}:v1@sha256:{'1' * 64}"):
        assert asking.deployable(ANNA, function, wanted, [world.workspace.id, other.id]) == wanted
        with pytest.raises(NotFound):
            asking.deployable(ANNA, function, wanted, [world.workspace.id])
        root = Actor(user_id=2, name="root", is_operator=True)
        assert asking.deployable(root, function, wanted, []) == wanted


def test_what_was_live_in_a_function_before_may_be_deployed_again(world: World):
    function = pulled(world, world.function())
    asking = images(world, default="ghcr.io/team/greet")
    assert asking.deployable(ANNA, function, IMAGE, []) == IMAGE


def test_a_dummy_password_stands_for_the_platforms_own(world: World):
    asking, source = images(world, "ghcr.io"), Source.single(HELLO_AGAIN)
    for password in (None, "", "dummy-password"):
        target = asking.push_target(source, "ghcr.io/team", "sha256", "AWS", password)
        assert target == PushTarget("ghcr.io/team", source.hash[:12])
    assert asking.push_target(source, "", "v1", "ada", "x") == PushTarget("", "v1", "ada", "x")
    for url, tag, field in (("quay.io/x", "", "registry_url"), ("", "a b", "tag")):
        with pytest.raises(InvalidInput) as caught:
            asking.push_target(source, url, tag)
        assert caught.value.details["field"] == field
