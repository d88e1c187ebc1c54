"""The manifests that Deploy would apply, where functions don't run in a cluster: to take along."""

import pytest
import yaml

from faasweb.domain.builds import Artifact, Build
from faasweb.domain.functions import EnvironmentVariable
from tests.integration.pages.conftest import HTMX, at, is_whole_page, said

pytestmark = pytest.mark.django_db
IMAGE = "registry.example.com/team/greet:1@sha256:" + "ab" * 32


def pushed(embedded, function, image):
    """A build of the function that was pushed."""
    build = Build.create(function.workspace_id, function.app_name, "key", "hash", function_id=function.id)
    embedded.platform.builds.repository.add(build)
    done = embedded.platform.builds.get(build.id).done(Artifact("sha256:ab", 1, "key"), image)
    return embedded.platform.builds.repository.save(done)


def manifests(browser, function):
    answer = browser.get(at(function, "preview?download=1"))
    assert answer.status_code == 200
    return list(yaml.safe_load_all(answer.content))


def test_a_function_that_was_never_deployed_has_a_preview_too(ada, greet):
    app, scaler, deployment = manifests(ada, greet)
    assert (app["kind"], app["metadata"]["name"]) == ("SpinApp", "greet")
    assert app["spec"]["image"] == "REGISTRY/greet:TAG"
    assert app["spec"]["podLabels"]["function_id"] == greet.id
    assert (scaler["kind"], deployment["kind"]) == ("HorizontalPodAutoscaler", "Deployment")
    assert "Push an image of it to a registry first" in said(ada.get(at(greet, "preview")))


def test_it_has_the_settings_of_now_and_the_newest_image_that_a_cluster_could_pull(ada, embedded, greet):
    pushed(embedded, greet, "registry.example.com/team/greet:0")
    pushed(embedded, greet, IMAGE)
    pushed(embedded, greet, "local/greet:2@sha256:" + "cd" * 32)
    app = manifests(ada, greet)[0]
    assert app["spec"]["image"] == IMAGE
    assert app["spec"]["resources"]["limits"]["memory"] == "512Mi"
    assert "Push an image" not in said(ada.get(at(greet, "preview")))


def test_secrets_have_names_and_no_values(ada, embedded, workspace):
    environment = (EnvironmentVariable("API_KEY", "s3cret"), EnvironmentVariable("GREETING", "hello", plain=True))
    function = embedded.deployed(workspace, environment=environment)
    answer = ada.get(at(function, "preview"))
    assert "s3cret" not in answer.content.decode()
    app, secret = manifests(ada, function)[:2]
    assert secret["stringData"] == {"api_key": "(hidden)"}
    assert {"name": "greeting", "value": "hello"} in app["spec"]["variables"]


def test_it_is_a_page_a_part_and_a_file(ada, greet):
    assert is_whole_page(ada.get(at(greet, "preview")))
    part = ada.get(at(greet, "preview"), headers=HTMX)
    assert not is_whole_page(part)
    assert "apiVersion: core.spinkube.dev/v1alpha1" in said(part)
    file = ada.get(at(greet, "preview?download=1"))
    assert file["Content-Disposition"] == 'attachment; filename="greet.yaml"'
    page = ada.get(at(greet, "deployments")).content.decode()
    assert at(greet, "preview") in page


def test_who_may_look_sees_it_and_a_stranger_does_not(browser, person, member, greet):
    assert "SpinApp" in said(member("viewer").get(at(greet, "preview")))
    person("eve")
    assert browser("eve").get(at(greet, "preview")).status_code == 404


def test_without_a_cluster_nothing_of_one_is_offered(ada, embedded, greet):
    page = ada.get(at(greet, "deployments"))
    assert "Deploy with options" not in said(page)
    assert at(greet, "app") not in page.content.decode()
    answer = ada.get(at(greet, "deploy/options"))
    assert answer.status_code == 302
    assert answer["Location"] == at(greet, "deployments")
    ada.post(at(greet, "deploy/options"), {"scale": "fixed", "replicas": "3"})
    assert embedded.platform.deployments.list(greet.id) == []


# where an image came from


def test_an_image_says_where_it_came_from(ada, embedded, greet):
    build = pushed(embedded, greet, IMAGE)
    pulled = Build.create(greet.workspace_id, "greet", "", "", origin="registry.example.com/vendor/greet:7")
    embedded.platform.builds.repository.add(pulled)
    builds = f"/workspaces/{greet.workspace_id}/builds"
    listed = said(ada.get(builds))
    assert "pushed registry.example.com/team/greet:1" in listed
    assert "pulled registry.example.com/vendor/greet:7" in listed
    assert f'data-copy="#{build.id}-image"' in ada.get(builds).content.decode()
    assert f"Pushed as {IMAGE}" in said(ada.get(f"{builds}/{build.id}"))
    assert "Pulled from registry.example.com/vendor/greet:7" in said(ada.get(f"{builds}/{pulled.id}"))
