"""The manifests agree with themselves and with the settings: what no API server checks."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from django.core.management import get_commands

from faasweb.routing import EDGE_PATHS
from tests.integration.deploy.kustomize import K8S, containers, identity, of_kind, pods, render

ROOT = Path(__file__).parents[3]
FOLDERS = ("production", "production/setup", "small")
SETTINGS = set(re.findall(r'env\w*\(\s*"(\w+)"', (ROOT / "faasweb" / "settings.py").read_text()))
OWN_IMAGES = re.compile(r"(^|/)faasweb:")


@pytest.fixture(scope="module", params=FOLDERS)
def objects(request):
    return render(request.param)


def selected(objects, selector, namespace):
    wanted = selector.get("matchLabels", selector) if selector else {}
    return [
        template
        for owner, template in pods(objects)
        if owner["metadata"]["namespace"] == namespace and wanted.items() <= template["metadata"]["labels"].items()
    ]


def ports_of(template):
    return {port["name"]: port["containerPort"] for c in template["spec"]["containers"] for port in c.get("ports", [])}


def test_every_object_is_in_a_namespace_that_is_made(objects):
    made = {item["metadata"]["name"] for item in of_kind(objects, "Namespace")}
    cluster_wide = ("Namespace", "ClusterRole", "ClusterRoleBinding")
    for item in objects:
        assert item["kind"] in cluster_wide or item["metadata"]["namespace"] in made, identity(item)


def test_services_lead_to_ports_of_pods(objects):
    for service in of_kind(objects, "Service"):
        found = selected(objects, service["spec"]["selector"], service["metadata"]["namespace"])
        assert len(found) == 1, identity(service)
        for port in service["spec"]["ports"]:
            assert port["targetPort"] in ports_of(found[0]), identity(service)


def test_ingresses_lead_to_services(objects):
    for ingress in of_kind(objects, "Ingress"):
        for path in ingress["spec"]["rules"][0]["http"]["paths"]:
            backend = path["backend"]["service"]
            service = next(s for s in of_kind(objects, "Service") if s["metadata"]["name"] == backend["name"])
            assert backend["port"]["name"] in {port["name"] for port in service["spec"]["ports"]}


def test_deployments_select_their_own_pods_and_spread_them(objects):
    for owner, template in pods(objects):
        if owner["kind"] == "Job":
            continue
        labels = owner["spec"]["selector"]["matchLabels"]
        assert labels.items() <= template["metadata"]["labels"].items()
        assert len(selected(objects, labels, owner["metadata"]["namespace"])) == 1
        for rule in template["spec"].get("topologySpreadConstraints", []):
            assert rule["labelSelector"]["matchLabels"] == labels


def test_disruption_budgets_select_pods(objects):
    for budget in of_kind(objects, "PodDisruptionBudget"):
        assert budget["apiVersion"] == "policy/v1"
        assert len(selected(objects, budget["spec"]["selector"], budget["metadata"]["namespace"])) == 1
        assert set(budget["spec"]) == {"maxUnavailable", "selector"}


def test_autoscalers_target_deployments_that_leave_the_number_to_them(objects):
    for scaler in of_kind(objects, "HorizontalPodAutoscaler"):
        assert scaler["apiVersion"] == "autoscaling/v2"
        name = scaler["spec"]["scaleTargetRef"]["name"]
        target = next(d for d in of_kind(objects, "Deployment") if d["metadata"]["name"] == name)
        assert "replicas" not in target["spec"]
        assert 1 <= scaler["spec"]["minReplicas"] < scaler["spec"]["maxReplicas"]
        asked = {metric["resource"]["name"] for metric in scaler["spec"]["metrics"]}
        for container in target["spec"]["template"]["spec"]["containers"]:
            assert asked <= set(container["resources"]["requests"])  # utilisation is a share of what is asked for


def test_network_policies_select_pods_that_exist(objects):
    names = {t["metadata"]["labels"]["app.kubernetes.io/name"] for _owner, t in pods(objects)}
    for policy in of_kind(objects, "NetworkPolicy"):
        selector = policy["spec"]["podSelector"]
        for rule in selector.get("matchExpressions", []):
            assert set(rule["values"]) <= names
        assert set(selector.get("matchLabels", {}).values()) <= names


def test_metadata_of_the_machine_is_never_reachable(objects):
    for policy in of_kind(objects, "NetworkPolicy"):
        for rule in policy["spec"].get("egress", []):
            for peer in rule.get("to", []):
                if block := peer.get("ipBlock"):
                    assert "169.254.0.0/16" in block["except"], identity(policy)
            assert rule.get("to"), identity(policy)  # a rule without "to" is to everywhere


def test_pods_run_confined(objects):
    for owner, template in pods(objects):
        spec = template["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True, identity(owner)
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] in (False, True)
    for container in containers(objects):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, container["name"]
        assert "memory" in container["resources"]["limits"], container["name"]
        assert {"cpu", "memory"} <= set(container["resources"]["requests"]), container["name"]


def test_mounts_have_volumes_and_tmp_is_one(objects):
    for owner, template in pods(objects):
        spec = template["spec"]
        claims = [claim["metadata"]["name"] for claim in owner["spec"].get("volumeClaimTemplates", [])]
        volumes = {volume["name"] for volume in spec.get("volumes", [])} | set(claims)
        for container in [*spec.get("initContainers", []), *spec["containers"]]:
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
        for container in spec["containers"]:
            assert "/tmp" in {mount["mountPath"] for mount in container["volumeMounts"]}


def test_every_setting_exists(objects):
    given = {name for settings in of_kind(objects, "ConfigMap") for name in settings["data"]}
    for container in containers(objects):
        if OWN_IMAGES.search(container["image"]):
            given |= {item["name"] for item in container.get("env", [])}
    assert given
    assert {name.removesuffix("_FILE") for name in given} <= SETTINGS


def test_settings_are_text_and_hold_no_secret(objects):
    for settings in of_kind(objects, "ConfigMap"):
        for name, value in settings["data"].items():
            assert isinstance(value, str), name
            secret = any(word in name for word in ("SECRET", "PASSWORD", "DATABASE_URL"))
            assert not secret or name.endswith("_FILE"), name


def test_secrets_are_mounted_where_the_settings_look_for_them(objects):
    settings = {name: value for item in of_kind(objects, "ConfigMap") for name, value in item["data"].items()}
    files = {Path(value) for name, value in settings.items() if name.endswith("_FILE")}
    assert {path.name for path in files} == {"secret-key", "database-url"}
    for container in containers(objects):
        if container.get("envFrom"):
            assert {path.parent for path in files} <= {Path(m["mountPath"]) for m in container["volumeMounts"]}


def test_commands_exist(objects):
    for container in containers(objects):
        if "command" not in container and OWN_IMAGES.search(container["image"]):
            assert container["args"][0] in get_commands(), container["name"]


def test_probes_ask_a_port_that_is_there_and_a_host_that_is_allowed(objects):
    allowed = {
        host.strip()
        for settings in of_kind(objects, "ConfigMap")
        for host in settings["data"].get("FAASWEB_HOSTS", "").split(",")
    }
    for container in containers(objects):
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            question = container.get(probe, {}).get("httpGet")
            if question is None:
                continue
            assert question["port"] in {port["name"] for port in container["ports"]}
            assert question["path"] in ("/health", "/readyz")
            if question["path"] == "/readyz":  # Django answers it, and only to names that it knows
                assert question["httpHeaders"][0]["value"] in allowed


def test_one_image_for_every_process(objects):
    own = {container["image"] for container in containers(objects) if "postgres" not in container["image"]}
    assert len(own) == 1
    assert not own.pop().endswith((":latest", "faasweb"))


def test_setup_runs_the_image_that_is_deployed():
    images = {container["image"] for folder in FOLDERS[:2] for container in containers(render(folder))}
    assert len(images) == 1


def test_the_way_in_splits_paths_as_the_router_does():
    ingress = of_kind(render("production"), "Ingress")[0]
    rules = [
        (re.compile(re.escape(path["path"]).replace(r"\*", ".*") + r"\Z"), path["backend"]["service"]["name"])
        for path in ingress["spec"]["rules"][0]["http"]["paths"]
    ]
    asked = (
        "/fn/ws/f",
        "/fn/ws/f/deep/er",
        "/run/x",
        "/stream/builds/1",
        "/api/workspaces/ws/functions/f/invoke",
        "/api/workspaces/ws/functions/f/invoke/",
        "/api/functions/f/invoke",
        "/api/functions/f",
        "/api/functions/f/invoke/more",
        "/",
        "/fn",
        "/operator/",
        "/static/css/base.css",
        "/health",
        "/readyz",
    )
    for path in asked:
        goes_to = next(name for rule, name in rules if rule.match(path))
        assert goes_to == ("edge" if EDGE_PATHS.match(path) else "web"), path


def test_only_what_deploys_gets_a_token_of_the_cluster():
    objects = render("production")
    with_token = {
        owner["metadata"]["name"]
        for owner, template in pods(objects)
        if template["spec"]["automountServiceAccountToken"]
    }
    bound = {subject["name"] for binding in of_kind(objects, "RoleBinding") for subject in binding["subjects"]}
    assert with_token == bound == {"web", "worker", "builder"}


def test_what_runs_drafts_knows_no_secret():
    edge = next(owner for owner, _t in pods(render("production")) if owner["metadata"]["name"] == "edge")
    template = edge["spec"]["template"]
    drafts = next(c for c in template["spec"]["containers"] if c["name"] == "drafts")
    assert "envFrom" not in drafts
    assert "secrets" not in {mount["name"] for mount in drafts["volumeMounts"]}
    skipped = template["metadata"]["annotations"]["eks.amazonaws.com/skip-containers"]
    assert "drafts" in skipped.split(",")


@pytest.mark.parametrize("folder", ["settings", "base", "setup", "production/settings", *FOLDERS])
def test_the_real_kustomize_reads_the_same(folder):
    if not shutil.which("kubectl"):
        pytest.skip("no kubectl, whose kustomize would be asked")
    done = subprocess.run(["kubectl", "kustomize", K8S / folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    real = {identity(item): item for item in yaml.safe_load_all(done.stdout)}
    assert {identity(item): item for item in render(folder)} == real
