"""Pushing to a real registry and deploying from it, through the addresses that programs and people use."""

import httpx
import pytest

from faasweb.domain.access import Actor
from faasweb.domain.functions import FunctionRef
from faasweb.domain.source import Source
from faasweb.usecases import apps
from tests.docker_registry import docker_registry
from tests.in_process import MAGIC
from tests.integration.api.test_builds import upload
from tests.integration.conftest import HELLO, assert_error, base64_of

pytestmark = pytest.mark.django_db
ACCEPT = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
OPERATOR = Actor(None, "root", is_operator=True)
OTHER = HELLO.replace("hello", "good evening")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with docker_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture
def registries(server):
    return (f"{server.host}/team",)


@pytest.fixture
def url(server):
    return f"{server.host}/team/faas-app"


@pytest.fixture
def greet(ada, workspace):
    body = {"name": "greet", "code": base64_of(OTHER)}
    return ada.post(f"/api/workspaces/{workspace.id}/functions", body).json()


@pytest.fixture
def patience(monkeypatch):
    """A worker of these tests works after the answer, not meanwhile."""
    monkeypatch.setattr(apps, "PATIENCE_S", 0.0)


def push(ada, embedded, workspace, url, **more):
    form = {"file": upload(), "app_name": "greet", "workspace_id": workspace.id, "registry_url": url, **more}
    accepted = ada.upload("/api/v1/build-and-push", form)
    assert accepted.status_code == 202, accepted.content
    embedded.work()
    return ada.get(f"/api/v1/tasks/{accepted.json()['task_id']}").json()


def deploy(ada, embedded, function, image):
    body = {"namespace": "default", "image_ref": image, "function_id": function["id"]}
    answer = ada.post("/api/v1/deploy", body)
    assert answer.status_code == 200, answer.content
    embedded.work()
    return answer.json()


def foreign(server, tag="by-others"):
    """An image in the registry that no task here has made."""
    v2 = f"{server.url}/v2/team/faas-app"
    made = httpx.get(f"{v2}/manifests/v1", headers=ACCEPT)
    headers = {"Content-Type": "application/vnd.oci.image.manifest.v1+json"}
    httpx.put(f"{v2}/manifests/{tag}", content=made.content, headers=headers).raise_for_status()
    return f"{server.host}/team/faas-app:{tag}"


def test_an_image_is_named_by_the_registry_url_and_the_tag_and_is_really_there(ada, embedded, workspace, server, url):
    task = push(ada, embedded, workspace, f"http://{url}/", username="AWS", password="dummy-password", tag="sha256")

    tag = Source.single(HELLO).hash[:12]
    assert (task["status"], task["error"]) == ("done", None)
    assert task["result"]["image_url"] == task["result"]["image_uri"] == f"{url}:{tag}"
    found = httpx.get(f"{server.url}/v2/team/faas-app/manifests/{tag}", headers=ACCEPT)
    assert found.status_code == 200


def test_a_pushed_image_is_deployed_by_the_name_that_was_told(ada, embedded, workspace, url, greet):
    task = push(ada, embedded, workspace, url, tag="v1")

    deployed = deploy(ada, embedded, greet, task["result"]["image_url"])

    assert deployed["service_status"] == "found"
    assert embedded.runtime.live[greet["id"]].image.startswith(f"{url}:v1@sha256:")


def test_an_image_that_others_pushed_is_pulled_and_goes_live(ada, embedded, workspace, server, url, greet, patience):
    push(ada, embedded, workspace, url, tag="v1")
    image = foreign(server)

    deployed = deploy(ada, embedded, greet, image)

    assert (deployed["service_status"], deployed["error"]) == ("pending", None)
    live = embedded.runtime.live[greet["id"]]
    assert live.image.startswith(f"{image}@sha256:")
    assert embedded.runtime.code.get(live.artifact.key) == MAGIC + HELLO.encode()


def test_code_can_be_deployed_after_an_image_and_the_image_comes_back(
    ada, embedded, workspace, server, url, greet, patience
):
    push(ada, embedded, workspace, url, tag="v1")
    image = foreign(server)
    deploy(ada, embedded, greet, image)
    deployments, ref = embedded.platform.deployments, FunctionRef(workspace.id, greet["id"])
    deployments.deploy(OPERATOR, ref)
    embedded.work()
    assert embedded.runtime.live[greet["id"]].image is None
    back = deployments.roll_back(OPERATOR, ref, 1)
    assert back.error is None
    assert embedded.runtime.live[greet["id"]].image.startswith(image)


def test_pages_show_a_version_without_a_source(
    ada, embedded, workspace, server, url, greet, patience, client, django_user_model
):
    push(ada, embedded, workspace, url, tag="v1")
    image = foreign(server)
    deploy(ada, embedded, greet, image)
    client.force_login(django_user_model.objects.get(username="ada"))
    function = f"/workspaces/{workspace.id}/functions/{greet['id']}"
    build = embedded.platform.deployments.list(greet["id"])[0].build_id

    for path in ("", "/test", "/deployments", "/executions", "/logs", "/metrics", "/settings"):
        assert client.get(function + path).status_code == 200, path
    assert image in client.get(f"{function}/deployments").content.decode()
    shown = client.get(f"/workspaces/{workspace.id}/builds/{build}").content.decode()
    assert image in shown
    assert "component of" in shown
    assert client.get(f"/workspaces/{workspace.id}/builds").status_code == 200
    assert ada.get(f"/api/v1/tasks/{build}").json()["result"]["image_url"] == image


def test_an_image_that_is_not_there_ends_the_deployment_with_a_sentence(
    ada, embedded, workspace, server, greet, patience
):
    deploy(ada, embedded, greet, f"{server.host}/team/never:v1")

    [ended] = embedded.platform.deployments.list(greet["id"])
    assert ended.status == "failed"
    assert ended.error.startswith("There is no image")


def test_a_repository_beside_the_listed_one_is_refused(ada, workspace, server, greet):
    body = {"namespace": "default", "image_ref": f"{server.host}/others/x:1", "function_id": greet["id"]}

    assert_error(ada.post("/api/v1/deploy", body), 400, "VALIDATION_ERROR", "image_ref")


def test_a_pulled_task_has_no_source_to_push(ada, embedded, workspace, server, url, greet, patience):
    push(ada, embedded, workspace, url, tag="v1")
    deploy(ada, embedded, greet, foreign(server))
    build = embedded.platform.deployments.list(greet["id"])[0].build_id
    path = f"s3://local/build-sources/{workspace.id}/{build}/"

    answer = ada.post("/api/v1/push", {"workspace_id": workspace.id, "s3_source_path": path})

    assert_error(answer, 400, "VALIDATION_ERROR", "s3_source_path")
