"""What developers see and choose of a cluster that their functions run in."""

from dataclasses import replace

import pytest
import yaml
from django.apps import apps

from faasweb.adapters.runtime.kubernetes_cluster import KubernetesCluster
from faasweb.adapters.runtime.kubernetes_connection import ClusterAddress, Connection
from faasweb.domain.spinapps import AppDefaults, AppOptions, AppSpec
from tests.contract.kubernetes_world import DEPLOYMENTS, SPINAPPS, Operator
from tests.integration.pages.conftest import HTMX, at, is_whole_page, said

pytestmark = pytest.mark.django_db
IMAGE = "registry.example.com/greet:1"
PULL_FAILS = {
    "name": "greet",
    "image": "x",
    "imageID": "",
    "ready": False,
    "restartCount": 0,
    "state": {"waiting": {"reason": "ErrImagePull", "message": "401 Unauthorized"}},
}
USUAL = {"scale": "auto", "replicas": "1", "cpu_limit": "", "memory_limit": "", "use_spot": "on"}


@pytest.fixture
def in_cluster(embedded, monkeypatch, tmp_path):
    """``in_cluster(kubeconfig, namespace)`` makes the pages look at that cluster; without one it is away."""

    def use(kubeconfig=None, namespace="functions"):
        connection = Connection(ClusterAddress(str(kubeconfig or _nowhere(tmp_path))), pause_s=0.01)
        cluster = KubernetesCluster(connection, AppDefaults(), patience_s=0)
        clusters = replace(embedded.platform.clusters, cluster=cluster, namespaces=(namespace,))
        platform = replace(embedded.platform, clusters=clusters)
        monkeypatch.setattr("consoles.middleware.get_platform", lambda: platform)
        return cluster

    return use


def _nowhere(folder):
    path = folder / "kubeconfig"
    content = {
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}],
        "users": [{"name": "u", "user": {"token": "t0ken"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture
def live(embedded, workspace):
    return embedded.deployed(workspace)


@pytest.fixture
def operator(kubernetes):
    with kubernetes.client() as client:
        yield Operator(client, kubernetes.add_namespace())


# how it does


def test_the_pods_of_a_live_function_are_told(ada, in_cluster, kubernetes, operator, live):
    cluster = in_cluster(kubernetes.kubeconfig, operator.namespace)
    assert "The app is not in the cluster" in said(ada.get(at(live, "app")))
    cluster.apply(AppSpec(operator.namespace, "greet", IMAGE, live.id, AppOptions(autoscaling=False, replicas=2)))
    operator.reconcile("greet")
    operator.add_pod("greet", "greet-1", containerStatuses=[PULL_FAILS])
    waiting = said(ada.get(at(live, "app"), headers=HTMX))
    assert "0 of 2 pods run" in waiting
    assert "The image can't be pulled (unauthorized: check the pull secrets)." in waiting
    operator.roll_out("greet")
    page = ada.get(at(live, "app"), headers=HTMX)
    assert not is_whole_page(page)
    assert "2 of 2 pods run" in said(page)
    assert "can't be pulled" not in said(page)
    assert f"{operator.namespace}/greet" in said(page)
    assert IMAGE in said(page)
    assert "every 5s" in page.content.decode()
    operator.delete(DEPLOYMENTS, "greet")
    operator.delete(SPINAPPS, "greet")
    assert "Somebody deleted it." in said(ada.get(at(live, "app")))


def test_a_cluster_that_is_away_is_told_politely_and_asked_again(ada, in_cluster, live):
    in_cluster()
    page = ada.get(at(live, "app"), headers=HTMX)
    assert page.status_code == 200
    assert "The cluster can't be seen now" in said(page)
    assert "The Kubernetes cluster does not answer." in said(page)
    assert "every 5s" in page.content.decode()
    assert is_whole_page(ada.get(at(live, "app")))


def test_the_tab_waits_for_no_cluster(ada, in_cluster, live):
    in_cluster()
    page = ada.get(at(live, "deployments"))
    assert "Asking the cluster" in said(page)
    assert "load, every 5s" in page.content.decode()


def test_a_function_that_was_never_deployed_is_not_looked_for(ada, in_cluster, greet):
    in_cluster()
    assert "Not in the cluster yet" in said(ada.get(at(greet, "app")))


# options


def choose(browser, function, **typed):
    form = browser.get(at(function, "deploy/options")).context["form"]
    return browser.post(at(function, "deploy/options"), {**USUAL, "shown": form["shown"].value(), **typed})


def options_of(embedded, function):
    return embedded.platform.deployments.list(function.id)[0].options


def test_chosen_options_are_stored_with_the_deployment(ada, in_cluster, embedded, live):
    in_cluster()
    answer = choose(ada, live, scale="fixed", replicas="3", cpu_limit="1")
    assert answer["Location"] == at(live, "deployments")
    assert options_of(embedded, live) == AppOptions(autoscaling=False, replicas=3, cpu_limit="1")
    newest = apps.get_model("accounts", "AuditRecord").objects.latest("pk")
    assert (newest.action, newest.target) == ("function.deploy", live.id)


def test_what_was_not_touched_is_no_choice(ada, in_cluster, embedded, live):
    in_cluster()
    choose(ada, live)
    assert options_of(embedded, live) == AppOptions()


def test_the_form_shows_what_was_chosen_and_an_emptied_amount_is_usual_again(ada, in_cluster, embedded, live):
    in_cluster()
    choose(ada, live, scale="fixed", replicas="3", cpu_limit="1", memory_limit="1Gi")
    embedded.work()
    form = ada.get(at(live, "deploy/options")).context["form"]
    values = [form[name].value() for name in ("scale", "replicas", "cpu_limit", "memory_limit", "use_spot")]
    assert values == ["fixed", 3, "1", "1Gi", True]
    now = {"scale": "fixed", "replicas": "3", "cpu_limit": "", "memory_limit": "1Gi"}
    choose(ada, live, **now)
    assert options_of(embedded, live) == AppOptions(autoscaling=False, replicas=3, memory_limit="1Gi")


def test_options_that_somebody_else_chose_meanwhile_stay(ada, in_cluster, embedded, live):
    in_cluster()
    before = ada.get(at(live, "deploy/options")).context["form"]["shown"].value()
    choose(ada, live, memory_limit="1Gi")
    embedded.work()
    ada.post(at(live, "deploy/options"), {**USUAL, "shown": before, "cpu_limit": "2"})
    assert options_of(embedded, live) == AppOptions(cpu_limit="2", memory_limit="1Gi")


def test_spot_is_let_go_by_an_unchecked_box(ada, in_cluster, embedded, live):
    in_cluster()
    form = ada.get(at(live, "deploy/options")).context["form"]
    typed = {name: value for name, value in USUAL.items() if name != "use_spot"}
    ada.post(at(live, "deploy/options"), {**typed, "shown": form["shown"].value()})
    assert options_of(embedded, live) == AppOptions(use_spot=False)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"cpu_limit": "1 core"}, "Invalid resource format for cpu_limit"),
        ({"memory_limit": "1mb"}, "Invalid resource format for memory_limit"),
        ({"scale": "fixed", "replicas": "0"}, "At least one pod has to run."),
        ({"scale": "fixed", "replicas": ""}, "Say how many pods."),
        ({"scale": "perhaps"}, "perhaps"),
    ],
)
def test_what_can_t_be_is_refused_and_nothing_begins(ada, in_cluster, embedded, live, wrong, told):
    in_cluster()
    answer = choose(ada, live, **wrong)
    assert answer.status_code == 422
    assert told in said(answer)
    assert len(embedded.platform.deployments.list(live.id)) == 1


def test_the_preview_follows_what_is_typed_and_deploys_nothing(ada, in_cluster, embedded, live):
    in_cluster()
    form = ada.get(at(live, "deploy/options")).context["form"]
    typed = {**USUAL, "shown": form["shown"].value(), "scale": "fixed", "replicas": "4", "preview": "1"}
    part = ada.post(at(live, "deploy/options"), typed, headers=HTMX)
    assert not is_whole_page(part)
    assert "replicas: 4" in said(part)
    assert is_whole_page(ada.post(at(live, "deploy/options"), typed))
    wrong = ada.post(at(live, "deploy/options"), {**typed, "cpu_limit": "x"}, headers=HTMX)
    assert wrong.status_code == 422
    assert "Invalid resource format for cpu_limit" in said(wrong)
    assert len(embedded.platform.deployments.list(live.id)) == 1


def test_a_viewer_sees_how_it_does_and_chooses_nothing(member, in_cluster, live):
    in_cluster()
    viewer = member("viewer")
    assert "Deploy with options" not in said(viewer.get(at(live, "deployments")))
    assert viewer.get(at(live, "app")).status_code == 200
    assert viewer.get(at(live, "deploy/options")).status_code == 403


def test_while_a_deployment_runs_another_one_is_refused_with_a_reason(ada, in_cluster, live):
    in_cluster()
    choose(ada, live, cpu_limit="1")
    answer = choose(ada, live, cpu_limit="2")
    assert "A deployment of this function is in progress." in said(ada.get(answer["Location"]))


def test_an_app_image_shows_where_it_came_from(ada, in_cluster, embedded, live):
    in_cluster()
    version = embedded.platform.deployments.list_versions(live.id)[0]
    bare = replace(version, number=2, code_hash="", code_key="", image=IMAGE, artifact=None)
    embedded.platform.deployments.versions.add(bare)
    deployment = embedded.platform.deployments.list(live.id)[0]
    embedded.platform.deployments.repository.save(replace(deployment, version=2))
    assert f"deployed as an image {IMAGE}" in said(ada.get(at(live, "deployments")))
