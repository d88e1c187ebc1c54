"""The manifests against a real API server: it keeps every field, and roles allow what deploying needs and no more."""

from __future__ import annotations

import json
import re

import pytest

from tests.integration.deploy.kustomize import identity, of_kind, render

pytestmark = pytest.mark.slow
PLURALS = {"NetworkPolicy": "networkpolicies", "Ingress": "ingresses"}
TOO_NEW = {("policy/v1", "PodDisruptionBudget"), ("autoscaling/v2", "HorizontalPodAutoscaler")}
OPERATORS = {"SpinAppExecutor"}  # the SpinKube operator brings this kind
CLUSTER_WIDE = {"Namespace", "ClusterRole", "ClusterRoleBinding"}
FUNCTIONS = "/apis/core.spinkube.dev/v1alpha1/namespaces/faas-functions/spinapps"
APP = {
    "apiVersion": "core.spinkube.dev/v1alpha1",
    "kind": "SpinApp",
    "metadata": {"name": "hello"},
    "spec": {"image": "registry.example/hello:1", "executor": "containerd-shim-spin", "replicas": 1},
}


def path_of(item):
    version, kind, namespace, name = identity(item)
    root = "/api/v1" if version == "v1" else f"/apis/{version}"
    plural = PLURALS.get(kind, f"{kind.lower()}s")
    where = "" if kind in CLUSTER_WIDE else f"/namespaces/{namespace}"
    return f"{root}{where}/{plural}/{name}"


def apply(client, item, **params):
    headers = {"content-type": "application/apply-patch+yaml"}
    params = {"fieldManager": "tests", "force": "true", **params}
    return client.patch(path_of(item), params=params, headers=headers, content=json.dumps(item))


def missing(sent, kept, path=""):
    """Where the server's object lacks what was sent, or has something else there."""
    if isinstance(sent, dict) and isinstance(kept, dict):
        return [where for key, value in sent.items() for where in missing(value, kept.get(key), f"{path}.{key}")]
    if isinstance(sent, list) and isinstance(kept, list) and len(sent) == len(kept):
        pairs = zip(sent, kept, strict=True)
        return [where for i, (one, other) in enumerate(pairs) for where in missing(one, other, f"{path}[{i}]")]
    return [] if sent == kept else [f"{path}: sent {sent!r}, kept {kept!r}"]


def known(item):
    return item["kind"] not in OPERATORS and (item["apiVersion"], item["kind"]) not in TOO_NEW


@pytest.fixture(scope="module")
def cluster(kubernetes):
    """The production overlay, really applied."""
    with kubernetes.client() as client:
        for item in filter(known, render("production")):
            answer = apply(client, item)
            assert answer.status_code in (200, 201), answer.text
    return kubernetes


@pytest.mark.parametrize("folder", ["production", "production/setup", "small"])
def test_the_server_takes_every_object_and_keeps_every_field(cluster, folder):
    with cluster.client() as client:
        for item in filter(known, render(folder)):
            answer = apply(client, item, dryRun="All")
            assert answer.status_code in (200, 201), f"{identity(item)}: {answer.text}"
            assert missing(item, answer.json()) == [], identity(item)


def test_a_server_that_drops_a_field_is_noticed(cluster):
    item = next(item for item in render("production") if item["kind"] == "Deployment")
    item["spec"]["template"]["spec"]["terminationGracePeriodSecond"] = 1
    with cluster.client() as client:
        assert missing(item, apply(client, item, dryRun="All").json())


def may(client, verb, group, resource, namespace="faas-functions", name="hello"):
    resource, _, sub = resource.partition("/")
    asked = {
        "verb": verb,
        "group": group,
        "resource": resource,
        "subresource": sub,
        "namespace": namespace,
        "name": name,
    }
    body = {"spec": {"resourceAttributes": asked}}
    answer = client.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", json=body)
    return answer.raise_for_status().json()["status"]["allowed"]


DEPLOYING = [
    *[(verb, "core.spinkube.dev", "spinapps") for verb in ("get", "list", "watch", "create", "patch", "delete")],
    *[(verb, "autoscaling", "horizontalpodautoscalers") for verb in ("get", "create", "patch", "delete")],
    *[(verb, "", "secrets") for verb in ("get", "create", "patch", "delete")],
    *[("get", "", what) for what in ("services", "pods", "events")],
    *[("list", "", what) for what in ("services", "pods", "events")],
    *[(verb, "apps", "deployments") for verb in ("get", "patch")],
]
FORBIDDEN = [
    ("list", "", "secrets", "faas-functions"),
    ("create", "", "pods", "faas-functions"),
    ("create", "", "pods/exec", "faas-functions"),
    ("create", "apps", "deployments", "faas-functions"),
    ("delete", "apps", "deployments", "faas-functions"),
    ("create", "rbac.authorization.k8s.io", "rolebindings", "faas-functions"),
    ("update", "core.spinkube.dev", "spinapps/status", "faas-functions"),
    ("get", "", "secrets", "faasweb"),
    ("create", "core.spinkube.dev", "spinapps", "faasweb"),
    ("create", "core.spinkube.dev", "spinapps", "default"),
    ("list", "", "namespaces", ""),
    ("create", "", "namespaces", ""),
]


@pytest.mark.parametrize("account", ["web", "worker", "builder"])
def test_what_deploys_may_do_that_and_nothing_else(cluster, account):
    with cluster.client(cluster.token_of("faasweb", account)) as client:
        refused = [rule for rule in DEPLOYING if not may(client, *rule)]
        allowed = [rule for rule in FORBIDDEN if may(client, *rule)]
        assert (refused, allowed) == ([], [])
        assert client.get("/api/v1/namespaces/faas-functions").status_code == 200
        assert client.get("/api/v1/namespaces/not-there").status_code == 404


def test_the_worker_really_makes_a_spin_app_and_the_edge_does_not(cluster):
    with cluster.client(cluster.token_of("faasweb", "edge")) as client:
        assert client.post(FUNCTIONS, json=APP).status_code == 403
        assert client.get(FUNCTIONS).status_code == 403
    with cluster.client(cluster.token_of("faasweb", "worker")) as client:
        assert client.post(FUNCTIONS, json=APP).status_code == 201
        assert client.delete(f"{FUNCTIONS}/hello").status_code == 200


@pytest.mark.parametrize("account", [("faasweb", "edge"), ("faasweb", "default"), ("faas-functions", "default")])
def test_other_accounts_may_nothing(cluster, account):
    with cluster.client() as admin:
        admin.post(f"/api/v1/namespaces/{account[0]}/serviceaccounts", json={"metadata": {"name": account[1]}})
    with cluster.client(cluster.token_of(*account)) as client:
        assert not [rule for rule in DEPLOYING if may(client, *rule)]
        assert client.get("/api/v1/namespaces/faas-functions").status_code == 403


def test_roles_name_what_they_allow():
    for item in of_kind(render("production"), "Role") + of_kind(render("production"), "ClusterRole"):
        text = json.dumps(item["rules"])
        assert not re.search(r'"\*"', text), identity(item)
