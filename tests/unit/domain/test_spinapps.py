from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import pytest
import yaml

from faasweb.domain import spinapp_manifests as manifests
from faasweb.domain.errors import InvalidInput, NamespaceMissing
from faasweb.domain.functions import EnvironmentVariable
from faasweb.domain.quantities import amount
from faasweb.domain.spinapps import NOTHING, AppDefaults, AppOptions, AppSpec, AppStatus, Deployed, completed

DEFAULTS = AppDefaults()
GREET = AppSpec("functions", "greet", "registry.example.com/apps/greet:1", function_id="fn-a1b2c3d4")


def asking(**options) -> AppSpec:
    return replace(GREET, options=AppOptions(**options))


def whole(deployed: Deployed = NOTHING, **options) -> AppOptions:
    return completed(asking(**options).checked(), DEFAULTS, deployed).options


@pytest.mark.parametrize(
    ("text", "value"),
    [("500m", "0.5"), ("1.5", "1.5"), ("256Mi", str(256 * 2**20)), ("1G", "1000000000"), ("2Ei", str(2 * 2**60))],
)
def test_an_amount_is_a_number_and_a_unit(text, value):
    assert amount(text, "cpu_limit") == Decimal(value)


@pytest.mark.parametrize("text", ["", "-1", "1 Gi", "128mb", "1GB", "MiB", "1b", "1.", ".5", "1e3", "१Mi", "1\n"])
def test_what_is_no_amount_is_refused_by_field_and_value(text):
    with pytest.raises(InvalidInput) as refused:
        asking(memory_limit=text).checked()
    assert refused.value.details["field"] == "memory_limit"
    assert repr(text[:60]) in refused.value.message


def test_an_app_that_asks_for_nothing_gets_what_the_installation_gives():
    options = whole()
    assert (options.cpu_limit, options.memory_limit) == ("500m", "500Mi")
    assert (options.cpu_request, options.memory_request) == ("100m", "400Mi")
    assert options.autoscaling is True
    assert options.replicas is None
    assert options.use_spot is True


def test_a_functions_memory_is_its_request_and_the_limit_has_room_for_the_shim():
    options = completed(replace(GREET, memory_mb=128), DEFAULTS).options
    assert (options.memory_limit, options.memory_request) == ("384Mi", "128Mi")


def test_a_request_that_nobody_gave_is_lowered_to_a_smaller_limit():
    options = whole(memory_limit="128Mi", cpu_limit="50m")
    assert (options.memory_request, options.cpu_request) == ("128Mi", "50m")


def test_a_given_request_above_the_limit_is_refused_with_both_values():
    with pytest.raises(InvalidInput, match=r"memory_request '2Gi' is more than memory_limit '1Gi'"):
        asking(memory_request="2Gi", memory_limit="1Gi").checked()
    with pytest.raises(InvalidInput, match=r"cpu_request '2' is more than cpu_limit '500m'"):
        whole(cpu_request="2")


def test_replicas_count_without_autoscaling_only():
    assert whole(autoscaling=True, replicas=0).replicas is None
    assert whole(autoscaling=False).replicas == 1
    assert whole(autoscaling=False, replicas=3).replicas == 3
    with pytest.raises(InvalidInput) as refused:
        asking(autoscaling=False, replicas=0).checked()
    assert refused.value.details["field"] == "replicas"


@pytest.mark.parametrize(
    ("field", "spec"),
    [
        ("app_name", replace(GREET, name="___")),
        ("image_ref", replace(GREET, image="a b")),
        ("image_ref", replace(GREET, image="")),
        ("function_id", replace(GREET, function_id="a/b")),
        ("service_account", asking(service_account="--all")),
        ("pull_secrets", asking(pull_secrets=["A B"])),
        ("executor", asking(executor="My Executor")),
    ],
)
def test_what_kubernetes_would_refuse_is_refused_with_its_field(field, spec):
    with pytest.raises(InvalidInput) as refused:
        spec.checked()
    assert refused.value.details["field"] == field


def test_options_that_no_cluster_could_hold_are_refused_with_their_field():
    deep: dict[str, object] = {}
    for _level in range(900):
        deep = {"a": deep}
    for field, options in {
        "replicas": {"replicas": 10**30},
        "custom_affinity": {"affinity": deep},
        "custom_tolerations": {"tolerations": [{"key": "a" * 50}] * 1000},
    }.items():
        with pytest.raises(InvalidInput) as caught:
            asking(**options).checked()
        assert caught.value.details["field"] == field
        assert len(caught.value.message) < 300
    assert asking(affinity=manifests.SPOT_PREFERENCE, tolerations=[manifests.SPOT_TOLERATION], replicas=1000).checked()


def test_a_namespace_that_can_not_exist_is_not_found():
    with pytest.raises(NamespaceMissing) as refused:
        replace(GREET, namespace="No Such").checked()
    assert refused.value.message == "Namespace 'No Such' not found"


def test_a_name_keeps_its_hyphens():
    assert replace(GREET, name="My-Function 2").checked().name == "my-function-2"
    assert replace(GREET, name="spin-happy-cloud-1234").checked().name == "spin-happy-cloud-1234"


def redeployed(first: AppSpec, second: AppSpec) -> AppSpec:
    """What the second one asks for after the first was deployed."""
    before = completed(first.checked(), DEFAULTS)
    deployed = manifests.deployed_from(manifests.with_chosen(manifests.spinapp(before), first))
    return completed(second.checked(), DEFAULTS, deployed)


def test_what_is_not_given_again_stays_as_deployed_and_the_image_is_replaced():
    toleration = {"key": "gpu", "operator": "Exists"}
    first = asking(
        service_account="reader",
        memory_limit="1Gi",
        autoscaling=False,
        replicas=4,
        use_spot=False,
        tolerations=[toleration],
        pull_secrets=("registry",),
    )
    again = redeployed(first, replace(GREET, image="registry.example.com/apps/greet:2"))
    assert again.image.endswith(":2")
    assert again.options.given == completed(first, DEFAULTS).options.given


def test_switching_autoscaling_on_forgets_the_replicas():
    again = redeployed(asking(autoscaling=False, replicas=4), asking(autoscaling=True))
    assert again.options.replicas is None


def test_a_kept_request_is_lowered_to_a_new_limit():
    assert redeployed(GREET, asking(memory_limit="64Mi")).options.memory_request == "64Mi"


def test_another_memory_of_the_function_changes_the_pods_and_the_same_keeps_them():
    first = replace(asking(), memory_mb=256)
    assert redeployed(first, replace(first, memory_mb=512)).options.memory_limit == "768Mi"
    by_hand = completed(first.checked(), DEFAULTS)
    manifest = manifests.spinapp(by_hand)
    manifest["spec"]["resources"]["limits"]["memory"] = "900Mi"
    kept = completed(first, DEFAULTS, manifests.deployed_from(manifest))
    assert kept.options.memory_limit == "900Mi"


def test_what_a_complete_spec_no_longer_chooses_goes_back_to_the_installations():
    chosen = replace(asking(service_account="reader", cpu_limit="2"), complete=True)
    undone = redeployed(chosen, replace(GREET, complete=True))
    assert undone.options.service_account is None
    assert undone.options.cpu_limit == "500m"


def test_what_others_wrote_is_kept_unless_it_can_not_be_read():
    foreign = {"metadata": {}, "spec": {"image": "x", "resources": {"limits": {"cpu": "1e3", "memory": "1Gi"}}}}
    options = completed(GREET, DEFAULTS, manifests.deployed_from(foreign)).options
    assert (options.cpu_limit, options.memory_limit) == ("500m", "1Gi")


def test_the_manifest_of_an_app():
    spec = completed(asking(service_account="reader", pull_secrets=["registry"]).checked(), DEFAULTS)
    manifest = manifests.spinapp(spec)
    assert manifest["apiVersion"] == "core.spinkube.dev/v1alpha1"
    assert manifest["kind"] == "SpinApp"
    assert manifest["metadata"]["labels"] == {
        "app.kubernetes.io/managed-by": "blue-faas",
        "faas": "true",
        "function_id": "fn-a1b2c3d4",
    }
    assert manifest["spec"] == {
        "executor": "containerd-shim-spin",
        "image": "registry.example.com/apps/greet:1",
        "enableAutoscaling": True,
        "podLabels": {"faas": "true", "function_id": "fn-a1b2c3d4"},
        "resources": {
            "limits": {"cpu": "500m", "memory": "500Mi"},
            "requests": {"cpu": "100m", "memory": "400Mi"},
        },
        "serviceAccountName": "reader",
        "imagePullSecrets": [{"name": "registry"}],
    }


def test_a_spinapp_never_says_where_its_pods_run():
    given = {"tolerations": [{"key": "gpu", "operator": "Exists"}], "affinity": {"podAffinity": {}}}
    spec = completed(asking(**given).checked(), DEFAULTS)
    assert not {"tolerations", "affinity"} & set(manifests.spinapp(spec)["spec"])
    assert manifests.scheduling(spec)["spec"]["template"]["spec"] == given


def test_spot_machines_are_tolerated_and_preferred():
    pods = manifests.pod_scheduling(AppOptions(use_spot=True))
    assert pods["tolerations"] == [{"key": "spot", "operator": "Exists", "effect": "NoSchedule"}]
    (preference,) = pods["affinity"]["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    assert preference["weight"] == 100
    assert preference["preference"]["matchExpressions"] == [{"key": "spot", "operator": "In", "values": ["true"]}]
    assert manifests.pod_scheduling(AppOptions(use_spot=False)) == {}


def test_an_autoscaler_names_the_deployment_and_the_percentage():
    spec = completed(GREET, DEFAULTS)
    scaler = manifests.autoscaler(spec, DEFAULTS)
    assert scaler is not None
    assert scaler["metadata"]["name"] == "greet-hpa"
    assert scaler["spec"]["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "greet"}
    assert (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]) == (1, 10)
    assert scaler["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 50
    older = manifests.autoscaler(spec, DEFAULTS, "v1")
    assert older is not None
    assert older["spec"]["targetCPUUtilizationPercentage"] == 50
    assert manifests.autoscaler(completed(asking(autoscaling=False), DEFAULTS), DEFAULTS) is None


ENVIRONMENT = (
    EnvironmentVariable("GREETING", "hello", plain=True),
    EnvironmentVariable("API_KEY", "s3cret"),
    EnvironmentVariable("_PRIVATE", "x"),
)


def test_variables_are_in_lower_case_and_secret_values_in_a_secret():
    spec = completed(replace(GREET, variables=ENVIRONMENT), DEFAULTS)
    manifest = manifests.spinapp(spec, variables_version="7")
    assert manifest["spec"]["variables"] == [
        {"name": "api_key", "valueFrom": {"secretKeyRef": {"name": "greet-variables", "key": "api_key"}}},
        {"name": "greeting", "value": "hello"},
    ]
    assert manifest["spec"]["podAnnotations"] == {"faasweb/variables": "7"}
    assert "s3cret" not in json.dumps(manifest)
    hidden = manifests.secret(spec)
    assert hidden is not None
    assert hidden["stringData"] == {"api_key": "s3cret"}


def test_variables_that_are_not_given_stay_as_they_are():
    spec = completed(replace(GREET, variables=ENVIRONMENT), DEFAULTS)
    before = manifests.spinapp(spec, variables_version="7")
    deployed = manifests.deployed_from(before)
    assert manifests.spinapp(completed(GREET, DEFAULTS, deployed), deployed)["spec"] == before["spec"]


def test_a_preview_has_a_document_for_each_object_and_no_secret():
    text = manifests.preview(replace(GREET, variables=ENVIRONMENT), DEFAULTS)
    documents = list(yaml.safe_load_all(text))
    assert [item["kind"] for item in documents] == ["SpinApp", "Secret", "HorizontalPodAutoscaler", "Deployment"]
    assert "s3cret" not in text
    assert documents[3]["spec"]["template"]["spec"]["tolerations"][0]["key"] == "spot"
    plain = manifests.preview(asking(autoscaling=False, use_spot=False), DEFAULTS)
    assert [item["kind"] for item in yaml.safe_load_all(plain)] == ["SpinApp"]


def test_a_status_is_a_sentence():
    status = AppStatus("default", "greet", "x", None, "pending", None, 0, 2, False, AppOptions())
    assert status.sentence == "0 of 2 pods run."
    pulling = replace(status, desired=1, problems=("the image can't be pulled (unauthorized)",))
    assert pulling.sentence == "0 of 1 pod runs: the image can't be pulled (unauthorized)."
