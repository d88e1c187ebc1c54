"""The API server that other tests rely on: it is one, and its limited users are limited."""

from __future__ import annotations

import pytest
from kubernetes import client as kube
from kubernetes import config

pytestmark = pytest.mark.slow
SPINAPPS = "/apis/core.spinkube.dev/v1alpha1/namespaces/{}/spinapps"
APP = {
    "apiVersion": "core.spinkube.dev/v1alpha1",
    "kind": "SpinApp",
    "metadata": {"name": "hello"},
    "spec": {"image": "registry.example/hello:1", "executor": "containerd-shim-spin", "replicas": 1},
}


def test_a_spin_app_is_stored(kubernetes):
    namespace = kubernetes.add_namespace()
    with kubernetes.client() as client:
        assert client.post(SPINAPPS.format(namespace), json=APP).status_code == 201
        found = client.get(f"{SPINAPPS.format(namespace)}/hello").json()
    assert found["spec"]["image"] == "registry.example/hello:1"


def test_an_account_may_do_what_its_rules_say_and_nothing_else(kubernetes):
    namespace, other = kubernetes.add_namespace(), kubernetes.add_namespace()
    rules = [{"apiGroups": ["core.spinkube.dev"], "resources": ["spinapps"], "verbs": ["create", "get"]}]
    token = kubernetes.account(namespace, "deployer", rules)
    with kubernetes.client(token) as client:
        assert client.post(SPINAPPS.format(namespace), json=APP).status_code == 201
        assert client.delete(f"{SPINAPPS.format(namespace)}/hello").status_code == 403
        assert client.get(f"{SPINAPPS.format(other)}/hello").status_code == 403


def test_a_kubeconfig_opens_the_door(kubernetes):
    token = kubernetes.account(kubernetes.add_namespace(), "nobody")
    with _client(kubernetes.kubeconfig) as admin:
        assert kube.VersionApi(admin).get_code().major == "1"
    with (
        _client(kubernetes.kubeconfig_for(token)) as limited,
        pytest.raises(kube.ApiException, match="Forbidden"),
    ):
        kube.CoreV1Api(limited).list_namespace()


def _client(path):
    return config.new_client_from_config(str(path))
