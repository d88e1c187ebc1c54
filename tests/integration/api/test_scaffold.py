import pytest
import yaml

from tests.integration.conftest import Api, assert_error

pytestmark = pytest.mark.django_db


def test_a_manifest_of_an_image_is_written_for_the_caller_and_not_to_the_server(ada, tmp_path):
    target = tmp_path / "app.yaml"
    body = {"image_ref": "ghcr.io/acme/greet:v2", "replicas": 2, "output_path": str(target)}

    answer = ada.post("/api/v1/scaffold", body)

    assert answer.status_code == 200
    told = answer.json()
    assert (told["success"], told["file_path"], told["error"]) == (True, None, None)
    manifest = yaml.safe_load(told["yaml_content"])
    assert (manifest["kind"], manifest["metadata"]["name"]) == ("SpinApp", "greet")
    assert (manifest["spec"]["image"], manifest["spec"]["replicas"]) == ("ghcr.io/acme/greet:v2", 2)
    assert not target.exists()


def test_what_is_no_image_is_an_answer_with_the_reason(ada):
    answer = ada.post("/api/v1/scaffold", {"image_ref": "greet"})

    assert (answer.status_code, answer.json()["success"]) == (200, False)
    assert "registry/repository:tag" in answer.json()["error"]


@pytest.mark.parametrize(("changes", "field"), [({"image_ref": ""}, "image_ref"), ({"replicas": 0}, "replicas")])
def test_wrong_values_are_refused(ada, changes, field):
    body = {"image_ref": "ghcr.io/acme/greet:v2", **changes}

    assert_error(ada.post("/api/v1/scaffold", body), 400, "VALIDATION_ERROR", field)


def test_strangers_scaffold_nothing(ada):
    assert_error(Api().post("/api/v1/scaffold", {"image_ref": "ghcr.io/acme/greet:v2"}), 401, "UNAUTHENTICATED")
