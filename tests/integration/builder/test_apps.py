from dataclasses import replace

import pytest
import yaml

from faasweb import bootstrap
from faasweb.domain.access import SYSTEM_ACTOR
from faasweb.domain.errors import NamespaceMissing
from faasweb.domain.functions import FunctionRef
from faasweb.domain.source import Source
from faasweb.domain.spinapps import AppOptions, AppStatus
from faasweb.usecases import apps
from tests.integration.builder.conftest import TEAM, upload
from tests.integration.builder.test_builds import problems
from tests.integration.conftest import HELLO, answering

pytestmark = pytest.mark.django_db
FOREIGN = "ghcr.io/team/greet:1"


def body_of(built, **more):
    return {"namespace": "default", "image_ref": built["result"]["image_url"], **more}


# --- where functions run on this machine -------------------------------------------------------------------------


def test_an_image_that_was_built_here_gets_a_function_and_answers(service, embedded, built):
    answer = service.post("/api/v1/deploy", body_of(built, use_spot=False))

    assert answer.status_code == 200
    assert answer.json() == {
        "app_name": "greet",
        "namespace": "default",
        "service_name": "greet",
        "service_status": "found",
        "endpoint": f"localhost/fn/{TEAM}/greet",
        "enable_autoscaling": True,
        "use_spot": False,
        "error": None,
    }
    function = embedded.platform.functions.resolve(TEAM, "greet")
    assert embedded.runtime.live[function.id].image == built["result"]["image_url"]
    assert embedded.platform.functions.with_source(function).source.text == HELLO
    assert "POST" in function.settings.http_methods


def test_asking_again_begins_nothing_anew(service, embedded, built):
    first = service.post("/api/v1/deploy", body_of(built)).json()
    assert service.post("/api/v1/deploy", body_of(built)).json() == first

    function = embedded.platform.functions.resolve(TEAM, "greet")
    assert len(embedded.platform.deployments.list(function.id)) == 1


def test_another_image_of_that_name_replaces_it_and_an_earlier_one_brings_it_back(service, embedded, built):
    service.post("/api/v1/deploy", body_of(built))
    form = {"file": upload(answering("Response(201)")), "app_name": "greet", "workspace_id": TEAM}
    newer = service.upload("/api/v1/build-and-push", form).json()
    embedded.work()
    newer = service.get(f"/api/v1/tasks/{newer['task_id']}").json()
    function = embedded.platform.functions.resolve(TEAM, "greet")

    for task in (newer, built):
        answer = service.post("/api/v1/deploy", body_of(task)).json()
        assert (answer["app_name"], answer["service_status"]) == ("greet", "found")
        assert embedded.runtime.live[function.id].image == task["result"]["image_url"]


def test_an_app_keeps_the_id_that_its_function_has_elsewhere(service, embedded, built):
    body = body_of(built, function_id="fn-AbcdEfgh", app_name="Greet Me")

    answer = service.post("/api/v1/deploy", body).json()

    assert (answer["app_name"], answer["endpoint"]) == ("greet-me", f"localhost/fn/{TEAM}/greet-me")
    assert embedded.platform.functions.get(FunctionRef(TEAM, "fn-AbcdEfgh")).app_name == "greet-me"
    assert service.post("/api/v1/deploy", body).json() == answer
    other = service.post("/api/v1/deploy", body | {"function_id": "fn-HgfedcbA"})
    assert (other.status_code, list(other.json())) == (409, ["detail"])


def test_two_workspaces_do_not_take_each_others_apps(service, embedded, built):
    service.post("/api/v1/deploy", body_of(built))
    form = {"file": upload(answering("Response(201)")), "app_name": "greet", "workspace_id": "ws-RivaRiva"}
    rival = service.upload("/api/v1/build-and-push", form).json()
    embedded.work()
    rival = service.get(f"/api/v1/tasks/{rival['task_id']}").json()

    refused = service.post("/api/v1/deploy", body_of(rival))

    assert refused.status_code == 409
    assert "choose another app_name" in refused.json()["detail"]
    function = embedded.platform.functions.resolve(TEAM, "greet")
    assert embedded.runtime.live[function.id].image == built["result"]["image_url"]
    assert service.post("/api/v1/deploy", body_of(rival, app_name="rival")).json()["app_name"] == "rival"


def test_a_runtime_that_is_away_leaves_it_pending_and_asking_again_finds_it(service, embedded, built, monkeypatch):
    monkeypatch.setattr(apps, "AWAY_PATIENCE_S", 0)
    embedded.runtime.away = True
    body = body_of(built)
    for _ in range(2):
        answer = service.post("/api/v1/deploy", body).json()
        assert (answer["service_status"], answer["endpoint"], answer["error"]) == ("pending", None, None)
    embedded.runtime.away = False
    embedded.work(delayed=True)

    assert service.post("/api/v1/deploy", body).json()["service_status"] == "found"
    function = embedded.platform.functions.resolve(TEAM, "greet")
    assert len(embedded.platform.deployments.list(function.id)) == 1


def test_what_does_not_start_is_refused_with_the_reason(service, embedded):
    form = {"file": upload("from json import nothing_of_that_name\n"), "app_name": "broken", "workspace_id": TEAM}
    task = service.upload("/api/v1/build-and-push", form).json()
    embedded.work()
    task = service.get(f"/api/v1/tasks/{task['task_id']}").json()

    answer = service.post("/api/v1/deploy", body_of(task))

    assert answer.status_code == 400
    assert "nothing_of_that_name" in answer.json()["detail"]


def test_a_missing_namespace_is_told_as_clients_know_it(service, built):
    answer = service.post("/api/v1/deploy", body_of(built, namespace="nowhere"))

    assert answer.status_code == 400
    assert answer.json()["detail"] == "Namespace 'nowhere' not found"
    assert answer.json()["error"]["message"] == "Namespace 'nowhere' not found"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"cpu_limit": "lots"}, "cpu_limit"),
        ({"memory_limit": "128MB"}, "memory_limit"),
        ({"memory_request": "-1Gi"}, "memory_request"),
        ({"memory_limit": "128Mi", "memory_request": "256Mi"}, "memory_request"),
        ({"enable_autoscaling": False, "replicas": 0}, "replicas"),
        ({"app_name": "_ -"}, "app_name"),
        ({"image_ref": ""}, "image_ref"),
        ({"service_account": "no spaces"}, "service_account"),
    ],
)
def test_a_wrong_value_is_refused_by_its_field(service, built, changes, field):
    answer = service.post("/api/v1/deploy", body_of(built) | changes)

    assert problems(answer) == [f"body.{field}"]
    if field.endswith(("limit", "request")):
        assert changes[field] in answer.json()["detail"][0]["msg"]


def test_an_empty_deployment_is_told_everything_that_is_missing(service):
    assert problems(service.post("/api/v1/deploy", {})) == ["body.namespace", "body.image_ref"]


@pytest.mark.parametrize("given", [{}, {"enable_autoscaling": True}])
@pytest.mark.parametrize("replicas", [0, 3])
def test_replicas_do_not_matter_with_autoscaling(service, embedded, built, given, replicas):
    body = body_of(built, replicas=replicas, **given)
    first = service.post("/api/v1/deploy", body)

    assert (first.status_code, first.json()["enable_autoscaling"]) == (200, True)
    assert service.post("/api/v1/deploy", body).json() == first.json()
    function = embedded.platform.functions.resolve(TEAM, "greet")
    assert len(embedded.platform.deployments.list(function.id)) == 1


def test_an_image_of_nothing_we_know_is_not_found(service, built):
    answer = service.post("/api/v1/deploy", body_of(built) | {"image_ref": FOREIGN})

    assert (answer.status_code, answer.json()) == (404, {"detail": "No image of that name was built here."})


# --- on a cluster ------------------------------------------------------------------------------------------------


class RememberingCluster:
    """Has one namespace, and does what it is told at once."""

    def __init__(self):
        self.specs = []
        self.endpoint = True

    def apply(self, spec):
        if spec.namespace == "gone":
            raise NamespaceMissing.of(spec.namespace)
        self.specs.append(spec)
        given = AppOptions(autoscaling=True, use_spot=True)
        endpoint = f"{spec.name}.{spec.namespace}.svc.cluster.local" if self.endpoint else None
        status = "found" if self.endpoint else "pending"
        options = spec.options.over(given)
        return AppStatus(
            spec.namespace, spec.name, spec.image, spec.function_id, status, endpoint, 0, 1, False, options
        )


@pytest.fixture
def cluster(service, embedded, monkeypatch):
    known = RememberingCluster()
    before = bootstrap.adapters_from_settings()
    adapters = replace(
        before, cluster=known, namespaces=("default", "gone"), rules=replace(before.rules, listed=("*",))
    )
    monkeypatch.setattr(bootstrap, "adapters_from_settings", lambda: adapters)
    bootstrap.get_platform.cache_clear()
    return known


def test_a_cluster_is_given_everything_that_was_asked_for(service, cluster):
    tolerations = [{"key": "gpu", "operator": "Exists"}]
    body = {
        "namespace": "default",
        "image_ref": FOREIGN,
        "app_name": "my-function",
        "function_id": "fn-AbcdEfgh",
        "service_account": "runner",
        "cpu_limit": "1",
        "memory_limit": "256Mi",
        "enable_autoscaling": False,
        "replicas": 3,
        "use_spot": False,
        "custom_tolerations": tolerations,
        "custom_affinity": {"nodeAffinity": {}},
    }

    answer = service.post("/api/v1/deploy", body)

    assert answer.json() == {
        "app_name": "my-function",
        "namespace": "default",
        "service_name": "my-function",
        "service_status": "found",
        "endpoint": "my-function.default.svc.cluster.local",
        "enable_autoscaling": False,
        "use_spot": False,
        "error": None,
    }
    (spec,) = cluster.specs
    assert (spec.name, spec.image, spec.function_id) == ("my-function", FOREIGN, "fn-AbcdEfgh")
    options = spec.options
    assert (options.cpu_limit, options.memory_limit, options.replicas) == ("1", "256Mi", 3)
    assert (options.service_account, options.tolerations) == ("runner", tolerations)
    assert options.cpu_request is None  # the deployed one, else the installation's


def test_an_app_without_a_name_gets_one_and_a_service_without_address_is_pending(service, cluster):
    cluster.endpoint = False

    answer = service.post("/api/v1/deploy", {"namespace": "default", "image_ref": FOREIGN}).json()

    assert answer["app_name"].startswith("spin-")
    assert (answer["service_status"], answer["endpoint"]) == ("pending", None)


def test_a_function_of_ours_is_deployed_as_always(service, cluster, workspace, built):
    platform = bootstrap.get_platform()
    function = platform.functions.create(SYSTEM_ACTOR, workspace.id, "greet", Source.single(HELLO))
    body = body_of(built, function_id=function.id, replicas=2, enable_autoscaling=False)

    first = service.post("/api/v1/deploy", body).json()
    again = service.post("/api/v1/deploy", body).json()
    more = service.post("/api/v1/deploy", body | {"replicas": 3}).json()

    assert (first["service_status"], first["enable_autoscaling"]) == ("found", False)
    assert first == again == more
    assert cluster.specs == []  # the runtime of functions applies them
    deployments = platform.deployments.list(function.id)
    assert [deployment.options.replicas for deployment in deployments] == [3, 2]


@pytest.mark.parametrize("namespace", ["gone", "kube-system", "Not A Name"])
def test_only_namespaces_of_functions_that_are_there_can_be_reached(service, cluster, namespace):
    answer = service.post("/api/v1/deploy", {"namespace": namespace, "image_ref": FOREIGN})

    assert (answer.status_code, answer.json()["detail"]) == (400, f"Namespace '{namespace}' not found")
    assert cluster.specs == []


def test_images_come_from_registries_that_are_listed(service, cluster, monkeypatch):
    images = bootstrap.get_platform().images
    object.__setattr__(images.rules, "entries", ())

    answer = service.post("/api/v1/deploy", {"namespace": "default", "image_ref": FOREIGN})

    assert problems(answer) == ["body.image_ref"]
    assert "FAASWEB_REGISTRIES" in answer.json()["detail"][0]["msg"]


# --- scaffolding -------------------------------------------------------------------------------------------------


def test_a_manifest_of_an_image_is_written_for_the_caller_and_not_to_the_server(service, tmp_path):
    target = tmp_path / "app.yaml"
    body = {"image_ref": FOREIGN, "replicas": 2, "component": "web", "output_path": str(target)}

    answer = service.post("/api/v1/scaffold", body).json()

    assert (answer["success"], answer["file_path"], answer["error"]) == (True, None, None)
    manifest = yaml.safe_load(answer["yaml_content"])
    assert (manifest["apiVersion"], manifest["kind"]) == ("core.spinkube.dev/v1alpha1", "SpinApp")
    assert manifest["metadata"]["name"] == "greet"
    assert (manifest["spec"]["image"], manifest["spec"]["replicas"]) == (FOREIGN, 2)
    assert manifest["spec"]["executor"] == "containerd-shim-spin"
    assert manifest["spec"]["components"] == ["web"]
    assert not target.exists()


@pytest.mark.parametrize("wrong", [{"image_ref": "no image"}, {"replicas": 0}, {"component": "--"}])
def test_what_can_not_be_scaffolded_is_an_answer_with_the_reason(service, wrong):
    answer = service.post("/api/v1/scaffold", {"image_ref": FOREIGN} | wrong)

    assert answer.status_code == 200
    told = answer.json()
    assert (told["success"], told["yaml_content"], told["file_path"]) == (False, None, None)
    assert told["error"]


def test_a_scaffold_needs_an_image(service):
    assert problems(service.post("/api/v1/scaffold", {"replicas": "many"})) == ["body.image_ref", "body.replicas"]
