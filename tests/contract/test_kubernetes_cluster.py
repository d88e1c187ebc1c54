"""Apps on a real Kubernetes API server. The operator's part is done by hand: nothing else is made up."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from faasweb.adapters.runtime.kubernetes_cluster import KubernetesCluster
from faasweb.adapters.runtime.kubernetes_connection import ClusterAddress, Connection
from faasweb.domain.errors import ClusterRefused, Conflict, NamespaceMissing, NotFound, Unavailable
from faasweb.domain.functions import EnvironmentVariable
from faasweb.domain.spinapps import AppDefaults, AppOptions, AppSpec
from tests.contract.kubernetes_world import AUTOSCALERS, DEPLOYMENTS, SECRETS, SPINAPPS, Operator

ROOT = Path(__file__).resolve().parent.parent.parent
IMAGE = "registry.example.com/apps/greet"
RULES = [
    {"apiGroups": ["core.spinkube.dev"], "resources": ["spinapps"], "verbs": ["get", "list", "patch"]},
]


@pytest.fixture
def operator(kubernetes):
    with kubernetes.client() as client:
        yield Operator(client, kubernetes.add_namespace())


@pytest.fixture
def cluster(kubernetes):
    connection = Connection(ClusterAddress(str(kubernetes.kubeconfig)), pause_s=0.01)
    return KubernetesCluster(connection, AppDefaults(), patience_s=0)


@pytest.fixture
def greet(operator):
    return AppSpec(operator.namespace, "greet", f"{IMAGE}:1", function_id="fn-a1b2c3d4")


def asking(spec: AppSpec, **options) -> AppSpec:
    return replace(spec, options=AppOptions(**options))


def test_a_new_app_is_pending_until_its_service_has_an_address(cluster, operator, greet):
    status = cluster.apply(greet)
    assert (status.service_status, status.endpoint) == ("not_found", None)
    operator.reconcile("greet")
    status = cluster.status(operator.namespace, "greet")
    assert (status.service_status, status.endpoint) == ("found", f"greet.{operator.namespace}.svc.cluster.local")
    assert not status.rolled_out
    operator.roll_out("greet")
    assert cluster.status(operator.namespace, "greet").rolled_out


def test_the_app_is_written_as_it_should_be(cluster, operator, greet):
    cluster.apply(greet)
    app = operator.get(SPINAPPS, "greet")
    assert app["metadata"]["labels"]["function_id"] == "fn-a1b2c3d4"
    assert app["metadata"]["labels"]["faas"] == "true"
    assert app["spec"]["podLabels"] == {"faas": "true", "function_id": "fn-a1b2c3d4"}
    assert app["spec"]["executor"] == "containerd-shim-spin"
    assert app["spec"]["enableAutoscaling"] is True
    assert "replicas" not in app["spec"]


def test_applying_the_same_again_changes_nothing(cluster, operator, greet):
    cluster.apply(greet)
    first = operator.get(SPINAPPS, "greet")["metadata"]["resourceVersion"]
    cluster.apply(greet)
    assert operator.get(SPINAPPS, "greet")["metadata"]["resourceVersion"] == first


def test_a_new_image_leaves_everything_else_as_it_is_deployed(cluster, operator, greet):
    cluster.apply(asking(greet, autoscaling=False, replicas=3, service_account="reader", memory_limit="1Gi"))
    before = operator.get(SPINAPPS, "greet")["spec"]
    cluster.apply(replace(greet, image=f"{IMAGE}:2", function_id=None))
    assert operator.get(SPINAPPS, "greet")["spec"] == {**before, "image": f"{IMAGE}:2"}


def test_what_somebody_scaled_by_hand_stays_when_nobody_asks_otherwise(cluster, operator, greet):
    cluster.apply(asking(greet, autoscaling=False, replicas=1))
    operator.patch(SPINAPPS, "greet", "kubectl-scale", spec={"replicas": 5})
    cluster.apply(replace(greet, image=f"{IMAGE}:2"))
    assert operator.get(SPINAPPS, "greet")["spec"]["replicas"] == 5


def test_what_is_asked_for_now_wins_over_another_manager_and_it_is_told(cluster, operator, greet):
    cluster.apply(asking(greet, autoscaling=False, replicas=1))
    operator.patch(SPINAPPS, "greet", "kubectl-scale", spec={"replicas": 5})
    status = cluster.apply(asking(greet, replicas=2))
    assert operator.get(SPINAPPS, "greet")["spec"]["replicas"] == 2
    assert "kubectl-scale had set .spec.replicas: it is as deployed here again." in status.notes


def test_autoscaling_comes_and_goes_with_the_option(cluster, operator, greet):
    cluster.apply(greet)
    scaler = operator.get(AUTOSCALERS, "greet-hpa")
    assert scaler["spec"]["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "greet"}
    assert (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]) == (1, 10)
    assert scaler["spec"]["targetCPUUtilizationPercentage"] == 50
    assert scaler["metadata"]["labels"]["function_id"] == "fn-a1b2c3d4"
    cluster.apply(asking(greet, autoscaling=False))
    assert operator.get(AUTOSCALERS, "greet-hpa") is None
    assert operator.get(SPINAPPS, "greet")["spec"]["replicas"] == 1


def test_autoscaling_takes_the_replicas_away_whoever_set_them(cluster, operator, greet):
    cluster.apply(asking(greet, autoscaling=False, replicas=1))
    operator.patch(SPINAPPS, "greet", "kubectl-scale", spec={"replicas": 5})
    cluster.apply(asking(greet, autoscaling=True))
    spec = operator.get(SPINAPPS, "greet")["spec"]
    assert spec["enableAutoscaling"] is True
    assert "replicas" not in spec


def test_an_autoscaler_of_something_else_is_not_taken_over(cluster, operator, greet):
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "other"}
    operator.make(AUTOSCALERS, "greet-hpa", spec={"scaleTargetRef": target, "maxReplicas": 2})
    with pytest.raises(Conflict, match="greet-hpa"):
        cluster.apply(greet)


def test_pods_go_to_spot_machines_through_the_operators_deployment(cluster, operator, greet):
    cluster.apply(greet)
    operator.reconcile("greet")
    cluster.apply(greet)
    pods = operator.get(DEPLOYMENTS, "greet")["spec"]["template"]["spec"]
    assert pods["tolerations"] == [{"key": "spot", "operator": "Exists", "effect": "NoSchedule"}]
    (preference,) = pods["affinity"]["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    assert preference["weight"] == 100
    cluster.apply(asking(greet, use_spot=False))
    pods = operator.get(DEPLOYMENTS, "greet")["spec"]["template"]["spec"]
    assert "tolerations" not in pods
    assert "preferred" not in str(pods.get("affinity"))
    assert pods["containers"][0]["image"] == f"{IMAGE}:1"


def test_tolerations_are_kept_word_for_word_and_never_enter_the_spinapp(cluster, operator, greet):
    given = [{"key": "gpu", "operator": "Equal", "value": "a100", "effect": "NoExecute", "tolerationSeconds": 30}]
    cluster.apply(asking(greet, tolerations=given))
    operator.reconcile("greet")
    cluster.reschedule(operator.namespace, "greet")
    assert operator.get(DEPLOYMENTS, "greet")["spec"]["template"]["spec"]["tolerations"] == given
    assert "tolerations" not in operator.get(SPINAPPS, "greet")["spec"]


def test_a_deployment_that_is_not_there_is_never_made(cluster, operator, greet):
    cluster.apply(greet)
    cluster.reschedule(operator.namespace, "greet")
    assert operator.get(DEPLOYMENTS, "greet") is None


def test_secret_values_are_in_a_secret_and_a_change_starts_the_pods_anew(cluster, operator, greet):
    variables = (EnvironmentVariable("API_KEY", "s3cret"), EnvironmentVariable("GREETING", "hi", plain=True))
    cluster.apply(replace(greet, variables=variables))
    app = operator.get(SPINAPPS, "greet")
    assert "s3cret" not in str(app)
    assert app["spec"]["variables"][1] == {"name": "greeting", "value": "hi"}
    first = app["spec"]["podAnnotations"]
    assert operator.get(SECRETS, "greet-variables")["data"] == {"api_key": "czNjcmV0"}
    cluster.apply(replace(greet, variables=(EnvironmentVariable("API_KEY", "changed"),)))
    assert operator.get(SPINAPPS, "greet")["spec"]["podAnnotations"] != first
    cluster.apply(greet)
    assert operator.get(SPINAPPS, "greet")["spec"]["variables"][0]["name"] == "api_key"
    cluster.apply(replace(greet, variables=()))
    assert "variables" not in operator.get(SPINAPPS, "greet")["spec"]
    assert operator.get(SECRETS, "greet-variables") is None


def test_a_secret_of_somebody_else_is_not_overwritten(cluster, operator, greet):
    operator.make(SECRETS, "greet-variables", stringData={"api_key": "theirs"})
    with pytest.raises(Conflict, match="greet-variables"):
        cluster.apply(replace(greet, variables=(EnvironmentVariable("API_KEY", "ours"),)))


def test_a_name_of_another_function_is_a_conflict(cluster, operator, greet):
    cluster.apply(greet)
    with pytest.raises(Conflict, match="another function"):
        cluster.apply(replace(greet, function_id="fn-z9y8x7w6", image=f"{IMAGE}:2"))
    assert operator.get(SPINAPPS, "greet")["spec"]["image"] == f"{IMAGE}:1"


def test_an_app_of_nobody_is_updated_on_request_but_not_taken_by_a_function(cluster, operator, greet):
    operator.make(
        SPINAPPS,
        "greet",
        apiVersion="core.spinkube.dev/v1alpha1",
        kind="SpinApp",
        spec={"image": "theirs", "executor": "containerd-shim-spin", "replicas": 2},
    )
    with pytest.raises(Conflict, match="not made by this console"):
        cluster.apply(replace(greet, complete=True))
    cluster.apply(greet)
    spec = operator.get(SPINAPPS, "greet")["spec"]
    assert (spec["image"], spec["replicas"], spec["enableAutoscaling"]) == (f"{IMAGE}:1", 2, False)


def test_a_missing_namespace_is_told_in_these_words(cluster, greet):
    with pytest.raises(NamespaceMissing) as refused:
        cluster.apply(replace(greet, namespace="no-such-ns"))
    assert refused.value.message == "Namespace 'no-such-ns' not found"


def test_an_app_that_is_not_there_is_not_found(cluster, operator):
    with pytest.raises(NotFound, match="nothing"):
        cluster.status(operator.namespace, "nothing")


def test_removing_takes_everything_and_twice_is_no_error(cluster, operator, greet):
    cluster.apply(replace(greet, variables=(EnvironmentVariable("API_KEY", "s3cret"),)))
    for _ in range(2):
        cluster.remove(operator.namespace, "greet", "fn-a1b2c3d4")
    assert operator.get(SPINAPPS, "greet") is None
    assert operator.get(AUTOSCALERS, "greet-hpa") is None
    assert operator.get(SECRETS, "greet-variables") is None


def test_what_half_a_removal_left_is_found_by_the_functions_label(cluster, operator, greet):
    cluster.apply(replace(greet, variables=(EnvironmentVariable("API_KEY", "s3cret"),)))
    cluster.apply(replace(greet, name="greet-before-its-new-name"))
    operator.delete(SPINAPPS, "greet")
    cluster.remove(operator.namespace, "greet", "fn-a1b2c3d4")
    assert operator.get(AUTOSCALERS, "greet-hpa") is None
    assert operator.get(SECRETS, "greet-variables") is None
    assert operator.get(SPINAPPS, "greet-before-its-new-name") is None


class Dying(Connection):
    """Stops answering at one request."""

    left = 1_000_000

    def _send(self, request, **options):
        self.left -= 1
        if self.left <= 0:
            raise Unavailable("died")
        return super()._send(request, **options)


def test_what_dies_at_any_request_is_finished_by_the_next_attempt(kubernetes, operator, greet):
    connection = Dying(ClusterAddress(str(kubernetes.kubeconfig)), pause_s=0.01)
    dying = KubernetesCluster(connection, AppDefaults(), patience_s=0)
    secret = replace(greet, variables=(EnvironmentVariable("API_KEY", "s3cret"),))
    for blow_at in range(1, 40):
        attempts = []
        for act in (lambda: dying.apply(secret), lambda: dying.remove(operator.namespace, "greet", "fn-a1b2c3d4")):
            connection.left = blow_at
            with suppress(Unavailable):
                act()
            attempts.append(connection.left <= 0)
            connection.left = 1_000_000
            act()
        assert operator.get(SPINAPPS, "greet") is None, blow_at
        assert operator.get(AUTOSCALERS, "greet-hpa") is None, blow_at
        assert operator.get(SECRETS, "greet-variables") is None, blow_at
        if not any(attempts):
            break
    else:
        raise AssertionError("it took more requests than tried")
    assert blow_at > 8


def test_what_belongs_to_others_is_never_removed(cluster, operator, greet):
    cluster.apply(greet)
    cluster.remove(operator.namespace, "greet", "fn-z9y8x7w6")
    assert operator.get(SPINAPPS, "greet") is not None
    assert operator.get(AUTOSCALERS, "greet-hpa") is not None
    kind = {"apiVersion": "core.spinkube.dev/v1alpha1", "kind": "SpinApp"}
    operator.make(SPINAPPS, "theirs", **kind, spec={"image": "x", "executor": "containerd-shim-spin"})
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "theirs"}
    operator.make(AUTOSCALERS, "theirs-hpa", spec={"scaleTargetRef": target, "maxReplicas": 2})
    cluster.remove(operator.namespace, "theirs")
    assert operator.get(SPINAPPS, "theirs") is not None
    assert operator.get(AUTOSCALERS, "theirs-hpa") is not None


def test_an_autoscaler_of_the_earlier_system_goes_with_its_app(cluster, operator, greet):
    cluster.apply(asking(greet, autoscaling=False))
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "greet"}
    operator.make(AUTOSCALERS, "greet-hpa", spec={"scaleTargetRef": target, "maxReplicas": 2})
    cluster.remove(operator.namespace, "greet", "fn-a1b2c3d4")
    assert operator.get(AUTOSCALERS, "greet-hpa") is None


def test_removing_in_a_namespace_that_is_gone_is_no_error(cluster):
    cluster.remove("no-such-ns", "greet", "fn-a1b2c3d4")


def test_an_app_that_a_finalizer_holds_is_not_removed_yet(cluster, operator, greet, monkeypatch):
    monkeypatch.setattr("faasweb.adapters.runtime.kubernetes_removal.PATIENCE_S", 0.3)
    cluster.apply(greet)
    operator.patch(SPINAPPS, "greet", metadata={"finalizers": ["core.spinkube.dev/tidy"]})
    with pytest.raises(Unavailable, match=r"core\.spinkube\.dev/tidy holds it"):
        cluster.remove(operator.namespace, "greet", "fn-a1b2c3d4")
    with pytest.raises(Unavailable, match="still being deleted"):
        cluster.apply(greet)
    operator.patch(SPINAPPS, "greet", metadata={"finalizers": None})
    cluster.remove(operator.namespace, "greet", "fn-a1b2c3d4")


def test_ours_are_listed_with_who_changed_them(cluster, operator, greet):
    cluster.apply(asking(greet, autoscaling=False, replicas=2))
    cluster.apply(replace(greet, name="bye", function_id=None))
    operator.patch(SPINAPPS, "greet", "kubectl-edit", spec={"image": "theirs"})
    bye, changed = cluster.list(operator.namespace)
    assert (bye.name, bye.function_id, bye.replicas, bye.changed_by) == ("bye", None, None, ())
    assert (changed.name, changed.image, changed.replicas) == ("greet", "theirs", 2)
    assert changed.changed_by == ("kubectl-edit",)


UNSCHEDULABLE = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/3 nodes: no memory.",
}


def waiting(reason: str, message: str = "", **more) -> dict[str, object]:
    state = {"waiting": {"reason": reason, "message": message}}
    return {"name": "greet", "image": "x", "imageID": "", "ready": False, "restartCount": 3, "state": state, **more}


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({"conditions": [UNSCHEDULABLE]}, "no machine takes it (0/3 nodes: no memory)"),
        (
            {"containerStatuses": [waiting("ErrImagePull", "pull: 401 Unauthorized")]},
            "the image can't be pulled (unauthorized: check the pull secrets)",
        ),
        (
            {"containerStatuses": [waiting("ImagePullBackOff", 'Back-off pulling image "x"')]},
            "the image can't be pulled",
        ),
        ({"containerStatuses": [waiting("ErrImagePull", "x: not found")]}, "the image can't be pulled (not found in"),
        (
            {
                "containerStatuses": [
                    waiting("CrashLoopBackOff", lastState={"terminated": {"exitCode": 137, "reason": "OOMKilled"}})
                ]
            },
            "it ran out of memory (its limit is 384Mi), 3 restarts",
        ),
        (
            {"containerStatuses": [waiting("CrashLoopBackOff", lastState={"terminated": {"exitCode": 1}})]},
            "it ends right after its start (exit code 1), 3 restarts",
        ),
        (
            {"containerStatuses": [waiting("CreateContainerConfigError", 'secret "s" not found')]},
            'its settings are incomplete (secret "s" not found)',
        ),
        (
            {"containerStatuses": [waiting("", state={"running": {"startedAt": "2026-01-01T00:00:00Z"}})]},
            "it is running, but does not answer its readiness check yet",
        ),
        ({"phase": "Pending"}, "it is being started"),
        ({"phase": "Failed", "reason": "Evicted", "message": "low on disk"}, "stopped by the cluster (Evicted: low"),
    ],
)
def test_what_keeps_pods_from_running_is_told_in_words(cluster, operator, greet, status, said):
    cluster.apply(asking(greet, autoscaling=False, replicas=2))
    operator.reconcile("greet")
    operator.roll_out("greet", ready=0)
    for number in (1, 2):
        operator.add_pod("greet", f"greet-{number}", **status)
    found = cluster.status(operator.namespace, "greet")
    assert found.sentence.startswith("0 of 2 pods run: ")
    assert said in found.sentence
    assert len(found.problems) == 1


def test_what_a_node_complains_of_is_told_while_there_is_no_container(cluster, operator, greet):
    cluster.apply(greet)
    operator.reconcile("greet")
    operator.roll_out("greet", ready=0)
    operator.add_pod("greet", "greet-1", phase="Pending")
    said = 'Failed to create pod sandbox: no runtime for "spin" is configured'
    operator.make(
        "/api/v1/namespaces/{}/events",
        "greet-1.1",
        involvedObject={"kind": "Pod", "name": "greet-1", "namespace": operator.namespace},
        type="Warning",
        reason="FailedCreatePodSandBox",
        message=said,
        lastTimestamp="2026-11-21T04:00:00Z",
    )
    assert cluster.status(operator.namespace, "greet").problems == (f"it can't be started ({said})",)


def test_pods_of_an_earlier_image_do_not_count_as_rolled_out(cluster, operator, greet):
    cluster.apply(greet)
    operator.reconcile("greet")
    operator.roll_out("greet")
    cluster.apply(replace(greet, image=f"{IMAGE}:2"))
    status = cluster.status(operator.namespace, "greet")
    assert not status.rolled_out
    assert status.problems == ("SpinKube's operator has not taken it up yet",)


def limited(kubernetes, namespace, rules) -> KubernetesCluster:
    token = kubernetes.account(namespace, "faasweb", rules)
    connection = Connection(ClusterAddress(str(kubernetes.kubeconfig_for(token))), pause_s=0.01)
    return KubernetesCluster(connection, AppDefaults(), patience_s=0)


def test_a_missing_right_is_told_with_its_verbs_and_kind(kubernetes, operator, greet):
    with pytest.raises(ClusterRefused, match=f"get spinapps in namespace {operator.namespace}: allow the verbs get"):
        limited(kubernetes, operator.namespace, []).apply(greet)


def test_an_apply_that_has_to_create_names_both_verbs(kubernetes, operator, greet):
    with pytest.raises(ClusterRefused, match=r"allow the verbs patch and create on spinapps of core\.spinkube\.dev"):
        limited(kubernetes, operator.namespace, RULES).apply(greet)


def test_a_missing_namespace_is_told_also_to_who_has_rights_in_others_only(kubernetes, operator, greet):
    cluster = limited(kubernetes, operator.namespace, RULES)
    with pytest.raises(ClusterRefused, match="allow the verbs get on spinapps"):
        cluster.apply(replace(greet, namespace="no-such-ns"))
    rbac, name = "/apis/rbac.authorization.k8s.io/v1", f"look-{operator.namespace}"
    rule = {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]}
    who = {"kind": "ServiceAccount", "name": "faasweb", "namespace": operator.namespace}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
    for kind, content in (
        ("clusterroles", {"rules": [rule]}),
        ("clusterrolebindings", {"roleRef": role, "subjects": [who]}),
    ):
        operator.client.post(f"{rbac}/{kind}", json={"metadata": {"name": name}, **content}).raise_for_status()
    refused: Exception | None = None
    until = time.monotonic() + 20  # rights take a moment to be known
    while not isinstance(refused, NamespaceMissing) and time.monotonic() < until:
        with pytest.raises((NamespaceMissing, ClusterRefused)) as told:
            cluster.apply(replace(greet, namespace="no-such-ns"))
        refused = told.value
    assert str(refused) == "Namespace 'no-such-ns' not found"


def test_the_role_that_we_ship_allows_all_of_it(kubernetes, operator, greet):
    documents = yaml.safe_load_all((ROOT / "deploy" / "k8s" / "base" / "rbac.yaml").read_text())
    rules = next(
        item["rules"] for item in documents if item["kind"] == "Role" and item["metadata"]["name"] == "deployer"
    )
    cluster = limited(kubernetes, operator.namespace, rules)
    secret = replace(greet, variables=(EnvironmentVariable("API_KEY", "s3cret"),))
    until = time.monotonic() + 20
    while True:
        try:
            cluster.apply(secret)
            break
        except ClusterRefused:  # rights take a moment to be known
            assert time.monotonic() < until
            time.sleep(0.1)
    operator.reconcile("greet")
    status = cluster.apply(asking(replace(secret, variables=()), autoscaling=False))
    assert status.service_status == "found"
    assert status.notes == ()
    assert status.problems == ("the new pods are being started",)
    assert "tolerations" in operator.get(DEPLOYMENTS, "greet")["spec"]["template"]["spec"]
    cluster.apply(secret)
    assert [app.name for app in cluster.list(operator.namespace)] == ["greet"]
    cluster.remove(operator.namespace, "greet", "fn-a1b2c3d4")
    assert operator.get(SPINAPPS, "greet") is None
    assert operator.get(AUTOSCALERS, "greet-hpa") is None
    assert operator.get(SECRETS, "greet-variables") is None


def test_a_wrong_token_is_told(kubernetes, greet):
    connection = Connection(ClusterAddress(str(kubernetes.kubeconfig_for("wrong"))), pause_s=0.01)
    cluster = KubernetesCluster(connection, AppDefaults())
    with pytest.raises(ClusterRefused, match="does not accept who we are"):
        cluster.apply(greet)
    assert "does not accept" in (cluster.ready() or "")


def test_a_cluster_with_spinkube_is_ready(cluster):
    assert cluster.ready() is None


def test_a_kubeconfig_that_is_not_there_is_told_by_what_to_set(tmp_path, greet):
    cluster = KubernetesCluster(Connection(ClusterAddress(str(tmp_path / "none"))), AppDefaults())
    assert "set KUBECONFIG" in (cluster.ready() or "")
    with pytest.raises(Unavailable, match="KUBECONFIG"):
        cluster.apply(greet)
