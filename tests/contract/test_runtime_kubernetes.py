"""The port Runtime on Kubernetes: whole deployments on a real API server, whose operator is played by hand."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import time_machine

import consoles.tasks
from faasweb import bootstrap
from faasweb.adapters.runtime.address import AddressRuntime
from faasweb.adapters.runtime.addresses import AddressRules
from faasweb.adapters.runtime.http_calls import UrlCalls
from faasweb.adapters.runtime.kubernetes import KubernetesRuntime
from faasweb.adapters.runtime.kubernetes_cluster import KubernetesCluster
from faasweb.adapters.runtime.kubernetes_connection import ClusterAddress, Connection
from faasweb.domain.builds import Build
from faasweb.domain.deployments import Deployment, DeploymentStatus
from faasweb.domain.errors import InvalidInput, NamespaceMissing, NotReady, Unavailable
from faasweb.domain.functions import EnvironmentVariable, FunctionSettings
from faasweb.domain.invocations import InvocationRequest
from faasweb.domain.source import Source
from faasweb.domain.spinapps import AppDefaults, AppOptions
from faasweb.ports import Progress, Release, Say
from faasweb.usecases.functions import Changes
from tests.contract.kubernetes_world import AUTOSCALERS, DEPLOYMENTS, SECRETS, SPINAPPS, Operator
from tests.unit.test_settings import last_line, read_settings
from tests.unit.usecases.doubles import MemoryBuilder
from tests.unit.usecases.world import ANNA, HELLO_AGAIN, World

IMAGE = "registry.example.com/greet:1"
PULL_FAILS = {
    "name": "greet",
    "image": "x",
    "imageID": "",
    "ready": False,
    "restartCount": 0,
    "state": {"waiting": {"reason": "ErrImagePull", "message": "401 Unauthorized"}},
}


async def look_up(host: str, port: int) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    return [ipaddress.ip_address("10.0.0.7")]


@pytest.fixture
def operator(kubernetes):
    with kubernetes.client() as client:
        yield Operator(client, kubernetes.add_namespace())


@pytest.fixture
def runtime(kubernetes, operator) -> KubernetesRuntime:
    connection = Connection(ClusterAddress(str(kubernetes.kubeconfig)), pause_s=0.01)
    cluster = KubernetesCluster(connection, AppDefaults(), patience_s=0)
    rules = AddressRules(f".{operator.namespace}.svc.cluster.local", look_up=look_up)
    calls = UrlCalls(rules, lambda: httpx.MockTransport(lambda request: httpx.Response(200, content=b"hello")))
    return KubernetesRuntime(cluster, calls, (operator.namespace,))


def release_of(image: str | None = IMAGE, options: AppOptions | None = None, **settings) -> Release:
    return Release(
        "fn-2C4d5E6f",
        "ws-22222222",
        "greet",
        "dp-1",
        FunctionSettings(**settings),
        version=1,
        image=image,
        options=options or AppOptions(),
    )


def test_it_is_healthy_when_all_of_its_pods_are_new_and_it_answers(runtime, operator):
    runtime.apply(release_of())
    with pytest.raises(Unavailable, match="0 of 1 pod runs: SpinKube's operator has made no Deployment"):
        runtime.check(release_of())
    operator.reconcile("greet")
    with pytest.raises(Unavailable, match="the new pods are being started"):
        runtime.check(release_of())
    operator.roll_out("greet")
    assert runtime.check(release_of()).status == 200
    assert runtime.switch(release_of()) == f"http://greet.{operator.namespace}.svc.cluster.local"


def test_where_pods_may_run_is_said_once_the_operator_has_made_them(runtime, operator):
    runtime.apply(release_of())
    operator.reconcile("greet")
    assert "tolerations" not in operator.get(DEPLOYMENTS, "greet")["spec"]["template"]["spec"]
    with pytest.raises(Unavailable):
        runtime.check(release_of())
    assert "tolerations" in operator.get(DEPLOYMENTS, "greet")["spec"]["template"]["spec"]


def test_settings_are_memory_and_variables(runtime, operator):
    runtime.apply(release_of(memory_mb=128))
    limits = operator.get(SPINAPPS, "greet")["spec"]["resources"]["limits"]
    assert limits == {"cpu": "500m", "memory": "384Mi"}
    secret = EnvironmentVariable("API_KEY", "s3cret")
    runtime.update_settings(release_of(memory_mb=512, environment=(secret,)))
    spec = operator.get(SPINAPPS, "greet")["spec"]
    assert spec["resources"]["limits"]["memory"] == "768Mi"
    assert spec["variables"][0]["valueFrom"]["secretKeyRef"] == {"name": "greet-variables", "key": "api_key"}


def test_what_somebody_did_to_the_app_is_put_right_while_it_is_checked(runtime, operator):
    runtime.apply(release_of())
    operator.patch(SPINAPPS, "greet", "kubectl-edit", spec={"image": "theirs"})
    with pytest.raises(Unavailable, match="deployed again"):
        runtime.check(release_of())
    assert operator.get(SPINAPPS, "greet")["spec"]["image"] == IMAGE
    operator.delete(SPINAPPS, "greet")
    with pytest.raises(Unavailable, match="deployed again"):
        runtime.check(release_of())
    assert operator.get(SPINAPPS, "greet") is not None


def test_a_version_without_an_image_can_not_be_deployed(runtime):
    with pytest.raises(NotReady, match="never pushed"):
        runtime.apply(release_of(image=None))


def test_only_namespaces_that_are_listed_may_be_named(kubernetes, runtime, operator):
    other = kubernetes.add_namespace()
    with pytest.raises(NamespaceMissing, match=f"Namespace '{other}' not found"):
        runtime.check_options(AppOptions(namespace=other))
    runtime.check_options(AppOptions(namespace=operator.namespace))
    listed = KubernetesRuntime(runtime.cluster, runtime.calls, (operator.namespace, other, "no-such-ns"))
    listed.check_options(AppOptions(namespace=other))
    with pytest.raises(NamespaceMissing, match="Namespace 'no-such-ns' not found"):
        listed.check_options(AppOptions(namespace="no-such-ns"))


def test_a_function_that_moves_leaves_nothing_behind(kubernetes, runtime, operator):
    other = kubernetes.add_namespace()
    runtime = KubernetesRuntime(runtime.cluster, runtime.calls, (operator.namespace, other))
    runtime.apply(release_of())
    moved = release_of(options=AppOptions(namespace=other))
    runtime.apply(moved)
    elsewhere = Operator(operator.client, other)
    elsewhere.reconcile("greet")
    elsewhere.roll_out("greet")
    assert runtime.switch(moved) == f"http://greet.{other}.svc.cluster.local"
    assert operator.get(SPINAPPS, "greet") is None
    assert elsewhere.get(SPINAPPS, "greet") is not None
    runtime.remove("fn-2C4d5E6f", "greet")
    assert elsewhere.get(SPINAPPS, "greet") is None


# --- in the platform ---------------------------------------------------------------------------------------------


class PushingBuilder(MemoryBuilder):
    def advance(self, build: Build, source: Source, say: Say) -> Progress:
        progress = super().advance(build, source, say)
        return replace(progress, build=replace(progress.build, image=f"registry.example.com/greet:{build.id}"))


@dataclass
class Site:
    """A platform, and the cluster in which its functions run. ``working`` is whether the operator is at work."""

    world: World
    operator: Operator
    working: bool = True

    def work(self, rounds: int = 8) -> None:
        for _ in range(rounds):
            self.world.work()
            if self.working and self.operator.get(SPINAPPS, "greet"):
                self.operator.reconcile("greet")
                self.operator.roll_out("greet")
            self.world.later(seconds=5)

    def deploy(self, function, **options) -> Deployment:
        self.world.later(seconds=1)
        deployment = self.world.platform.deployments.deploy(ANNA, function.ref, options=AppOptions(**options))
        self.work()
        return self.world.deployment(deployment.id)

    @property
    def spec(self):
        return self.operator.get(SPINAPPS, "greet")["spec"]


@pytest.fixture
def site(tmp_path: Path, monkeypatch, runtime, operator) -> Iterator[Site]:
    with time_machine.travel(datetime(2026, 11, 21, 4, 0, tzinfo=UTC), tick=False) as traveller:
        world = World(tmp_path, traveller)
        for name, part in (("runtime", runtime), ("builder", PushingBuilder(world.code))):
            setattr(world, name, part)
        world.platform = world._platform()
        monkeypatch.setattr(consoles.tasks, "get_platform", lambda: world.platform)
        yield Site(world, operator)
    world.stored.functions.table.close()  # type: ignore[attr-defined]


def test_a_function_is_built_deployed_called_and_deleted(site):
    function = site.world.function()
    deployment = site.deploy(function)
    assert deployment.status is DeploymentStatus.LIVE
    live = site.world.now(function)
    assert live.invocation_url == f"http://greet.{site.operator.namespace}.svc.cluster.local"
    assert site.spec["podLabels"]["function_id"] == function.id

    async def call() -> bytes:
        answer = await site.world.runtime.invoke(live, InvocationRequest("GET"), "r1")
        return b"".join([chunk async for chunk in answer.body()])

    assert asyncio.run(call()) == b"hello"
    site.world.platform.functions.remove(ANNA, function.ref)
    site.work()
    assert site.operator.get(SPINAPPS, "greet") is None
    assert site.operator.get(AUTOSCALERS, "greet-hpa") is None
    assert site.operator.get(SECRETS, "greet-variables") is None


def test_why_pods_do_not_start_is_told_while_it_waits_and_when_it_gives_up(site):
    function = site.world.function()
    site.working = False
    site.world.later(seconds=1)
    begun = site.world.platform.deployments.deploy(ANNA, function.ref)
    site.work(2)
    site.operator.reconcile("greet")
    site.operator.add_pod("greet", "greet-1", containerStatuses=[PULL_FAILS])
    site.work(2)
    reason = "0 of 1 pod runs: the image can't be pulled (unauthorized: check the pull secrets)."
    assert site.world.deployment(begun.id).warning == reason
    site.work(45)
    failed = site.world.deployment(begun.id)
    assert failed.status is DeploymentStatus.FAILED
    assert reason in (failed.error or "")
    assert site.operator.get(SPINAPPS, "greet") is None  # nothing was live before


def test_options_last_over_deployments_settings_and_roll_backs(site):
    function = site.world.function()
    site.deploy(function, autoscaling=False, replicas=3, service_account="reader", cpu_limit="1")
    assert (site.spec["replicas"], site.spec["serviceAccountName"]) == (3, "reader")
    site.world.platform.functions.edit(ANNA, function.ref, Changes(source=Source.single(HELLO_AGAIN)))
    site.deploy(function, replicas=2)
    assert (site.spec["replicas"], site.spec["serviceAccountName"]) == (2, "reader")
    assert site.spec["resources"]["limits"]["cpu"] == "1"
    settings = replace(site.world.now(function).settings, memory_mb=512)
    site.world.platform.functions.edit(ANNA, function.ref, Changes(settings=settings))
    assert site.spec["resources"]["limits"] == {"cpu": "1", "memory": "768Mi"}
    site.world.later(seconds=1)
    site.world.platform.deployments.roll_back(ANNA, function.ref, 1)
    site.work()
    assert site.world.now(function).live.version == 1
    assert (site.spec["replicas"], site.spec["serviceAccountName"]) == (2, "reader")


def test_a_deployment_that_fails_takes_its_options_with_it(site):
    function = site.world.function()
    site.deploy(function)
    before = site.spec
    site.world.platform.functions.edit(ANNA, function.ref, Changes(source=Source.single(HELLO_AGAIN)))
    site.working = False
    site.deploy(function, service_account="missing", memory_limit="8Gi")
    assert site.spec["serviceAccountName"] == "missing"
    site.work(45)
    assert site.world.now(function).live.version == 1
    assert site.spec == before


def test_wrong_options_are_refused_before_anything_begins(site):
    function = site.world.function()
    with pytest.raises(InvalidInput, match="memory_limit"):
        site.world.platform.deployments.deploy(ANNA, function.ref, options=AppOptions(memory_limit="1mb"))
    with pytest.raises(NamespaceMissing, match="Namespace 'elsewhere' not found"):
        site.world.platform.deployments.deploy(ANNA, function.ref, options=AppOptions(namespace="elsewhere"))
    assert site.world.now(function).deploying is None


def test_a_smaller_limit_lowers_the_request_of_an_earlier_deployment(site):
    function = site.world.function()
    site.deploy(function, memory_request="1Gi", memory_limit="2Gi")
    site.deploy(function, memory_limit="512Mi")
    assert site.spec["resources"]["requests"]["memory"] == "512Mi"


# --- what should run and what does --------------------------------------------------------------------------------


def differences(site: Site) -> list[tuple[str, str, str, tuple[str, ...]]]:
    runtime: Any = site.world.runtime
    clusters = replace(site.world.platform.clusters, cluster=runtime.cluster, namespaces=(site.operator.namespace,))
    found = clusters.compare()
    assert found is not None
    return [(drift.difference, drift.app_name, drift.found, drift.by) for drift in found.drifts]


def test_what_differs_from_what_was_deployed_is_found(site):
    function = site.world.function()
    site.deploy(function, autoscaling=False, replicas=2)
    assert differences(site) == []
    site.operator.patch(SPINAPPS, "greet", "kubectl-scale", spec={"replicas": 5})
    assert differences(site) == [("replicas", "greet", "5", ("kubectl-scale",))]
    site.operator.patch(SPINAPPS, "greet", "kubectl-edit", spec={"image": "theirs", "replicas": 2})
    assert differences(site) == [("image", "greet", "theirs", ("kubectl-edit",))]
    site.operator.delete(SPINAPPS, "greet")
    assert differences(site) == [("missing", "greet", "", ())]
    spec = {"image": "x", "executor": "containerd-shim-spin"}
    labels = {"app.kubernetes.io/managed-by": "blue-faas", "function_id": "fn-gone"}
    kind = {"apiVersion": "core.spinkube.dev/v1alpha1", "kind": "SpinApp"}
    site.operator.make(SPINAPPS, "left", **kind, metadata={"labels": labels}, spec=spec)
    assert ("orphan", "left", "x", ("python-httpx",)) in differences(site)


# --- chosen by settings ------------------------------------------------------------------------------------------


def test_the_settings_choose_it(settings):
    bootstrap.cluster.cache_clear()
    settings.RUNTIME, settings.NAMESPACE, settings.NAMESPACES = "kubernetes", "functions", ["more"]
    settings.KUBECONFIG, settings.KUBE_CONTEXT, settings.CPU_LIMIT = "/nowhere", "there", "2"
    runtime = bootstrap.adapters_from_settings().runtime
    assert isinstance(runtime, AddressRuntime)
    assert isinstance(runtime.here, KubernetesRuntime)
    assert runtime.here.namespaces == ("functions", "more")
    assert runtime.here.calls.rules.suffix == (".functions.svc.cluster.local", ".more.svc.cluster.local")
    cluster = runtime.here.cluster
    assert isinstance(cluster, KubernetesCluster)
    assert cluster.defaults.cpu_limit == "2"
    assert cluster.connection.address == ClusterAddress("/nowhere", "there")
    assert "context there can't be used" in (runtime.ready() or "")
    bootstrap.cluster.cache_clear()


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"FAASWEB_RUNTIME": "kubernetes"}, "FAASWEB_RUNTIME=kubernetes: set ECR_REGISTRY_URL"),
        ({"FAASWEB_NAMESPACES": "one,Two"}, "FAASWEB_NAMESPACES='Two'"),
        ({"FAASWEB_CPU_LIMIT": "lots"}, "FAASWEB_CPU_LIMIT: Invalid resource format for cpu_limit: 'lots'"),
        ({"FAASWEB_MEMORY_REQUEST": "1Gi"}, "FAASWEB_MEMORY_REQUEST: memory_request '1Gi' is more than memory_limit"),
        ({"FAASWEB_EXECUTOR": "My Executor"}, "FAASWEB_EXECUTOR"),
        ({"FAASWEB_PULL_SECRETS": "-"}, "FAASWEB_PULL_SECRETS"),
        ({"FAASWEB_MAX_REPLICAS": "0"}, "FAASWEB_MAX_REPLICAS"),
    ],
)
def test_wrong_settings_stop_the_start(tmp_path, environment, words):
    assert words in last_line(read_settings(tmp_path, **environment))
