import io
import zipfile
from datetime import UTC, datetime

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile

from faasweb.adapters.repositories.sqlite import SqliteTable
from faasweb.domain.access import Role
from faasweb.domain.builds import Build
from faasweb.domain.errors import NamespaceMissing
from faasweb.domain.source import Source
from faasweb.ports import Release
from faasweb.usecases import apps
from tests.integration.conftest import HELLO, Api, assert_error, base64_of

pytestmark = pytest.mark.django_db


def upload(text=HELLO, name="greet.py"):
    return SimpleUploadedFile(name, text if isinstance(text, bytes) else text.encode(), "text/x-python")


@pytest.fixture
def built(ada, embedded, workspace):
    """A finished task of greet.py, built and pushed."""
    form = {"file": upload(), "app_name": "greet", "workspace_id": workspace.id}
    task = ada.upload("/api/v1/build-and-push", form).json()
    embedded.work()
    return ada.get(f"/api/v1/tasks/{task['task_id']}").json()


def test_build_and_push_answers_at_once_and_the_task_ends_with_an_image(ada, embedded, workspace):
    form = {"file": upload(), "registry_url": "", "app_name": "Greet Me", "workspace_id": workspace.id}

    accepted = ada.upload("/api/v1/build-and-push", form)

    assert accepted.status_code == 202
    body = accepted.json()
    task_id = body["task_id"]
    assert body == {
        "task_id": task_id,
        "status": "pending",
        "message": "Build and push task created",
        "source_s3_path": f"s3://local/build-sources/{workspace.id}/{task_id}/greet.py",
    }
    waiting = {"task_id": task_id, "status": "pending", "result": None, "error": None}
    assert ada.get(f"/api/v1/tasks/{task_id}").json() == waiting
    embedded.work()
    done = ada.get(f"/api/v1/tasks/{task_id}/").json()
    assert (done["status"], done["error"]) == ("done", None)
    image = done["result"]["image_url"]
    assert image.startswith(f"local/greet-me:{Source.single(HELLO).hash[:12]}@sha256:")
    assert done["result"] == {
        "wasm_path": f"s3://local/build-artifacts/{task_id}/app.wasm",
        "image_url": image,
        "image_uri": image,
        "file_path": body["source_s3_path"],
    }


def test_a_build_alone_has_no_image(ada, embedded, workspace):
    task = ada.upload("/api/v1/build", {"file": upload(), "workspace_id": workspace.id})
    embedded.work()

    assert (task.status_code, task.json()["message"]) == (202, "Build task created")
    done = ada.get(f"/api/v1/tasks/{task.json()['task_id']}").json()
    assert done["result"]["wasm_path"].endswith("/app.wasm")
    assert done["result"]["image_url"] is None


def test_a_source_that_does_not_build_ends_as_failed_with_the_place(ada, embedded, workspace):
    task = ada.upload("/api/v1/build", {"file": upload("def broken(:\n"), "workspace_id": workspace.id}).json()
    embedded.work()

    failed = ada.get(f"/api/v1/tasks/{task['task_id']}").json()
    assert (failed["status"], failed["result"]) == ("failed", None)
    assert failed["error"].startswith("app.py:1:")


def test_the_newest_fifty_tasks_are_listed(ada, embedded, workspace):
    with time_machine.travel(datetime(2026, 11, 21, 4, 0, tzinfo=UTC), tick=False) as clock:
        for number in range(55):
            clock.shift(1)
            build = Build.create(workspace.id, f"app-{number}", "", "")
            embedded.platform.builds.repository.add(build)

    listed = ada.get(f"/api/v1/workspaces/{workspace.id}/tasks").json()

    assert (listed["count"], listed["workspace_id"]) == (50, workspace.id)
    assert [task["app_name"] for task in listed["tasks"]] == [f"app-{number}" for number in range(54, 4, -1)]
    assert listed["tasks"][0]["created_at"] == "2026-11-21T13:00:55+09:00"


def test_asking_for_a_task_every_other_second_is_cheap(ada, embedded, workspace, built, monkeypatch):
    """Whoever waits for a build asks often: that reads an item or two, and nothing of a list or a log."""
    keys = []
    read = SqliteTable.batch_get
    monkeypatch.setattr(SqliteTable, "batch_get", lambda table, asked: keys.extend(asked) or read(table, asked))
    monkeypatch.setattr(SqliteTable, "query", lambda *_, **__: pytest.fail("a list was read"))

    assert ada.get(f"/api/v1/tasks/{built['task_id']}").json()["status"] == "done"

    assert len(keys) <= 2


def test_tasks_of_a_workspace_are_listed_newest_first(ada, embedded, workspace, built):
    newer = ada.upload("/api/v1/build", {"file": upload(), "workspace_id": workspace.id}).json()

    listed = ada.get(f"/api/v1/workspaces/{workspace.id}/tasks").json()

    assert (listed["workspace_id"], listed["count"]) == (workspace.id, 2)
    assert [task["task_id"] for task in listed["tasks"]] == [newer["task_id"], built["task_id"]]
    assert set(listed["tasks"][0]) == {
        "task_id",
        "status",
        "result",
        "error",
        "app_name",
        "created_at",
        "updated_at",
    }
    assert listed["tasks"][1]["app_name"] == "greet"
    assert listed["tasks"][1]["created_at"].endswith("+09:00")
    assert listed["tasks"][0]["app_name"].startswith("app-")


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"file": upload(name="greet.txt")}, "file"),
        ({"file": upload(name="greet.PY")}, "file"),
        ({"file": upload(b"\xff\xfe")}, "file"),
        ({"file": upload("  \n")}, "file"),
        ({}, "file"),
        ({"file": upload(), "registry_url": "123.dkr.ecr.ap-northeast-2.amazonaws.com/faas"}, "registry_url"),
        ({"file": upload(), "registry_url": "https://ghcr.io/team"}, "registry_url"),
        ({"file": upload(), "tag": "no spaces"}, "tag"),
        ({"file": upload(), "app_name": "한글"}, "app_name"),
    ],
)
def test_a_wrong_upload_is_refused_with_the_fields_name(ada, workspace, form, field):
    answer = ada.upload("/api/v1/build-and-push", {"workspace_id": workspace.id, **form})

    assert_error(answer, 400, "VALIDATION_ERROR", field)


@pytest.mark.parametrize(
    ("registries", "registry", "told"),
    [
        ([], "ghcr.io/team", "FAASWEB_REGISTRIES"),
        (["ghcr.io"], "https://ghcr.io.example.com/team", "FAASWEB_REGISTRIES"),
        (["registry.example.com:5000"], "registry.example.com:5001/x", "FAASWEB_REGISTRIES"),
        (["ghcr.io/team"], "ghcr.io/teams", "FAASWEB_REGISTRIES"),
        (["*"], "http://[::1", "FAASWEB_REGISTRIES"),
        (["*"], "ghcr.io/Team", "FAASWEB_REGISTRIES"),
    ],
)
def test_a_registry_that_is_not_listed_is_refused(ada, workspace, registries, registry, told):
    answer = ada.upload(
        "/api/v1/build-and-push", {"file": upload(), "workspace_id": workspace.id, "registry_url": registry}
    )

    assert told in assert_error(answer, 400, "VALIDATION_ERROR", "registry_url")["message"]


def test_only_python_and_zip_files_are_built_and_the_refusal_says_so(ada, workspace):
    answer = ada.upload("/api/v1/build", {"file": upload(name="a.tar"), "workspace_id": workspace.id})

    assert ".py" in assert_error(answer, 400, "VALIDATION_ERROR", "file")["message"]


SPIN_TOML = b"""\
spin_manifest_version = 2
[application]
name = "parts"
[[trigger.http]]
route = "/hello/..."
component = "parts"
[component.parts]
environment = { COLOUR = "red" }
[component.parts.build]
command = "componentize-py -w spin-http componentize web -o app.wasm"
"""


def zipped(**files):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return target.getvalue()


def test_a_zip_file_is_built_and_its_source_pushed_again(ada, embedded, workspace):
    archive = zipped(spin_dot_toml=SPIN_TOML, web_dot_py=HELLO, pkg__other_dot_py="X = 1\n")
    form = {"file": upload(archive, "parts.zip"), "workspace_id": workspace.id}
    task = ada.upload("/api/v1/build-and-push", form).json()
    embedded.work()

    done = ada.get(f"/api/v1/tasks/{task['task_id']}").json()
    assert (done["status"], done["error"]) == ("done", None)
    assert task["source_s3_path"].endswith("/parts.zip")
    assert f":{Source.upload('a.zip', archive).hash[:12]}@" in done["result"]["image_url"]
    body = {"workspace_id": workspace.id, "tag": "v2", "s3_source_path": task["source_s3_path"]}
    pushed = ada.post("/api/v1/push", body).json()
    embedded.work()
    assert ada.get(f"/api/v1/tasks/{pushed['task_id']}").json()["status"] == "done"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"no zip file", "Invalid zip file format"),
        (zipped(app_dot_py=HELLO), "spin.toml not found in root directory"),
        (zipped(sub__spin_dot_toml=SPIN_TOML), "spin.toml not found in root directory"),
    ],
)
def test_an_archive_that_cannot_be_built_is_accepted_and_its_task_fails(ada, embedded, workspace, content, told):
    form = {"file": upload(content, "parts.zip"), "workspace_id": workspace.id}
    accepted = ada.upload("/api/v1/build", form)
    embedded.work()

    assert accepted.status_code == 202
    task = accepted.json()
    assert task["source_s3_path"].startswith(f"s3://local/build-sources/{workspace.id}/{task['task_id']}/")
    failed = ada.get(f"/api/v1/tasks/{task['task_id']}").json()
    assert (failed["status"], failed["result"]) == ("failed", None)
    assert told in failed["error"]


def test_a_file_over_the_limit_is_413(ada, workspace):
    form = {"file": upload(b"#" * 1_000_001), "workspace_id": workspace.id}

    assert_error(ada.upload("/api/v1/build", form), 413, "TOO_LARGE")


@pytest.mark.parametrize("registry", ["", "local", "localhost:5000/faas-app", "http://127.0.0.1:5000"])
def test_the_local_registry_has_several_names(ada, workspace, registry):
    form = {"file": upload(), "workspace_id": workspace.id, "registry_url": registry, "password": "dummy-password"}

    assert ada.upload("/api/v1/build-and-push", form).status_code == 202


def test_a_strange_file_name_is_made_safe(ada, workspace):
    task = ada.upload("/api/v1/build", {"file": upload(name="한 글.py"), "workspace_id": workspace.id})

    assert task.json()["source_s3_path"].endswith("/app.py")


def test_a_finished_task_can_be_pushed_under_another_tag(ada, embedded, workspace, built):
    path = f"s3://local/build-sources/{workspace.id}/{built['task_id']}/"
    body = {"workspace_id": workspace.id, "registry_url": "local", "tag": "v2", "s3_source_path": path}

    pushed = ada.post("/api/v1/push", body)
    embedded.work()

    assert pushed.status_code == 202
    assert (pushed.json()["message"], pushed.json()["source_s3_path"]) == ("Push task created", None)
    done = ada.get(f"/api/v1/tasks/{pushed.json()['task_id']}").json()
    assert done["result"]["image_url"].startswith("local/greet:v2@")


@pytest.mark.parametrize("path", [None, "s3://local/etc/passwd", "/build-sources/x"])
def test_a_push_needs_a_source_of_this_console(ada, workspace, path):
    body = {"workspace_id": workspace.id, "s3_source_path": path}

    assert_error(ada.post("/api/v1/push", body), 400, "VALIDATION_ERROR", "s3_source_path")


@pytest.mark.parametrize("body", [{}, {"workspace_id": ""}, {"workspace_id": None}])
def test_a_push_needs_a_workspace(ada, body):
    assert_error(ada.post("/api/v1/push", body), 400, "VALIDATION_ERROR", "workspace_id")


def test_unknown_tasks_are_named_in_the_refusal(ada, person, token, built):
    person("eve")
    unknown = "0d6e1f9c-9b1a-4c58-9d0c-0f5a6d1d3e77"

    assert (
        assert_error(ada.get(f"/api/v1/tasks/{unknown}"), 404, "NOT_FOUND")["message"] == f"Task not found: {unknown}"
    )
    hidden = assert_error(Api(token("eve")).get(f"/api/v1/tasks/{built['task_id']}"), 404, "NOT_FOUND")
    assert hidden["message"] == f"Task not found: {built['task_id']}"


def test_builds_need_a_workspace_one_may_write_to(workspace, member, person, token, embedded):
    viewer = Api(member("viewer"))
    person("eve")
    eve = Api(token("eve"))
    form = {"workspace_id": workspace.id}

    assert_error(viewer.upload("/api/v1/build", {"file": upload(), **form}), 403, "FORBIDDEN")
    assert_error(eve.upload("/api/v1/build", {"file": upload(), **form}), 404, "NOT_FOUND")
    assert_error(eve.upload("/api/v1/build", {"file": upload()}), 404, "NOT_FOUND")
    assert_error(eve.get(f"/api/v1/workspaces/{workspace.id}/tasks"), 404, "NOT_FOUND")
    assert viewer.get(f"/api/v1/workspaces/{workspace.id}/tasks").json()["tasks"] == []
    embedded.platform.access.accounts.set_role("ws-default", "eve", Role.DEVELOPER)
    assert eve.upload("/api/v1/build", {"file": upload(), "workspace_id": ""}).status_code == 202


# --- deploying an image ------------------------------------------------------------------------------------------


@pytest.fixture
def greet(ada, workspace):
    body = {"name": "greet", "code": base64_of("# not what will be deployed\n")}
    return ada.post(f"/api/workspaces/{workspace.id}/functions", body).json()


def test_a_deployed_image_answers_before_the_response_returns(ada, embedded, workspace, built, greet):
    image = built["result"]["image_url"]
    body = {"namespace": "default", "image_ref": image, "function_id": greet["id"], "use_spot": False, "cpu_limit": "1"}

    answer = ada.post("/api/v1/deploy", body)

    assert answer.status_code == 200
    assert answer.json() == {
        "app_name": "greet",
        "namespace": "default",
        "service_name": "greet",
        "service_status": "found",
        "endpoint": f"localhost/fn/{workspace.id}/greet",
        "enable_autoscaling": True,
        "use_spot": False,
        "error": None,
    }
    assert embedded.runtime.live[greet["id"]].image == image
    shown = ada.get(f"/api/functions/{greet['id']}").json()
    assert shown["status"] == "active"
    assert shown["lastDeployed"] is not None


def test_what_a_deployment_chooses_reaches_the_runtime_and_stays_until_it_is_given_again(ada, embedded, built, greet):
    image = built["result"]["image_url"]
    body = {"namespace": "default", "image_ref": image, "function_id": greet["id"]}
    chosen = {
        "enable_autoscaling": False,
        "replicas": 3,
        "custom_tolerations": [{"key": "gpu", "tolerationSeconds": 5}],
    }

    first = ada.post("/api/v1/deploy", body | chosen).json()
    again = ada.post("/api/v1/deploy", body | {"cpu_limit": "1"}).json()

    assert (first["enable_autoscaling"], again["enable_autoscaling"]) == (False, False)
    assert embedded.runtime.live[greet["id"]].options.given == {
        "namespace": "default",
        "autoscaling": False,
        "replicas": 3,
        "tolerations": [{"key": "gpu", "tolerationSeconds": 5}],
        "cpu_limit": "1",
    }


def test_the_endpoint_in_a_cluster_is_the_bare_name_of_its_service(ada, embedded, built, greet, monkeypatch):
    served = "http://greet.default.svc.cluster.local"
    switch = embedded.runtime.switch
    monkeypatch.setattr(embedded.runtime, "switch", lambda release: switch(release) or served)
    body = {"namespace": "default", "image_ref": built["result"]["image_url"], "function_id": greet["id"]}

    answer = ada.post("/api/v1/deploy", body).json()

    assert (answer["service_status"], answer["endpoint"]) == ("found", "greet.default.svc.cluster.local")
    assert ada.get(f"/api/functions/{greet['id']}").json()["invocationUrl"] == served


def test_a_namespace_that_is_missing_is_told_before_anything_begins(ada, embedded, built, greet):
    body = {"namespace": "xxx", "image_ref": built["result"]["image_url"], "function_id": greet["id"]}

    error = assert_error(ada.post("/api/v1/deploy", body), 400, "VALIDATION_ERROR", "namespace")

    assert error["message"] == "Namespace 'xxx' not found"
    assert embedded.platform.deployments.list(greet["id"]) == []


def test_a_namespace_that_the_cluster_misses_is_told_in_the_same_words(ada, embedded, built, greet, monkeypatch):
    def refuse(release: Release) -> None:
        raise NamespaceMissing.of(release.options.namespace or "")

    monkeypatch.setattr(embedded.runtime, "apply", refuse)
    body = {"namespace": "default", "image_ref": built["result"]["image_url"], "function_id": greet["id"]}

    error = assert_error(ada.post("/api/v1/deploy", body), 400, "VALIDATION_ERROR", "namespace")

    assert error["message"] == "Namespace 'default' not found"
    assert ada.get(f"/api/functions/{greet['id']}").json()["lastDeployed"] is None


@pytest.mark.parametrize("app_name", [None, "greet", "Greet"])
def test_without_an_id_the_function_is_found_by_the_name_it_runs_under(ada, built, greet, app_name):
    image = built["result"]["image_url"].partition("@")[0]

    answer = ada.post("/api/v1/deploy", {"namespace": "default", "image_ref": image, "app_name": app_name})

    assert answer.json()["service_status"] == "found"


def test_an_image_of_nothing_we_built_is_not_found(ada, built, greet):
    body = {"namespace": "default", "image_ref": "local/other:1", "function_id": greet["id"]}

    assert_error(ada.post("/api/v1/deploy", body), 404, "NOT_FOUND")
    assert_error(ada.post("/api/v1/deploy", body | {"function_id": None}), 404, "NOT_FOUND")


@pytest.mark.parametrize("image", ["ghcr.io/team/other:1", "greet", "ghcr.io/team/../x:1"])
def test_an_image_of_a_registry_that_is_not_listed_is_refused(ada, greet, image):
    body = {"namespace": "default", "image_ref": image, "function_id": greet["id"]}

    assert_error(ada.post("/api/v1/deploy", body), 400, "VALIDATION_ERROR", "image_ref")


def test_an_image_without_a_function_of_its_name_is_not_found(ada, built):
    body = {"namespace": "default", "image_ref": built["result"]["image_url"]}

    assert "create it first" in assert_error(ada.post("/api/v1/deploy", body), 404, "NOT_FOUND")["message"]


def test_a_runtime_that_is_away_leaves_it_pending_and_asking_again_begins_nothing(
    ada, embedded, built, greet, monkeypatch
):
    monkeypatch.setattr(apps, "AWAY_PATIENCE_S", 0)
    embedded.runtime.away = True
    body = {"namespace": "default", "image_ref": built["result"]["image_url"], "function_id": greet["id"]}

    for _ in range(2):
        answer = ada.post("/api/v1/deploy", body).json()
        assert (answer["service_status"], answer["endpoint"], answer["error"]) == ("pending", None, None)
    assert_error(ada.post("/api/v1/deploy", body | {"cpu_limit": "1"}), 409, "CONFLICT")
    embedded.runtime.away = False
    embedded.work(delayed=True)
    assert greet["id"] in embedded.runtime.live
    assert len(embedded.platform.deployments.list(greet["id"])) == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"namespace": None}, "namespace"),
        ({"image_ref": ""}, "image_ref"),
        ({"replicas": "many"}, "replicas"),
        ({"enable_autoscaling": "perhaps"}, "enable_autoscaling"),
        ({"custom_tolerations": "all"}, "custom_tolerations"),
    ],
)
def test_a_wrong_deployment_is_refused_with_the_fields_name(ada, changes, field):
    body = {"namespace": "default", "image_ref": "local/greet:1", **changes}

    assert_error(ada.post("/api/v1/deploy", body), 400, "VALIDATION_ERROR", field)


@pytest.mark.parametrize("field", ["cpu_limit", "cpu_request", "memory_limit", "memory_request"])
def test_an_amount_that_is_none_is_refused_with_its_field_and_value(ada, built, greet, field):
    image = built["result"]["image_url"]
    body = {"namespace": "default", "image_ref": image, "function_id": greet["id"], field: "128mb"}

    error = assert_error(ada.post("/api/v1/deploy", body), 400, "VALIDATION_ERROR", field)

    assert "'128mb'" in error["message"]


@pytest.mark.parametrize("given", [{}, {"enable_autoscaling": None}, {"enable_autoscaling": True}])
@pytest.mark.parametrize("replicas", [0, 3, None])
def test_replicas_mean_nothing_with_autoscaling(ada, embedded, built, greet, given, replicas):
    body = {"namespace": "default", "image_ref": built["result"]["image_url"], "function_id": greet["id"]}

    answer = ada.post("/api/v1/deploy", body | given | {"replicas": replicas, "use_spot": None})

    assert answer.status_code == 200
    assert (answer.json()["enable_autoscaling"], answer.json()["use_spot"]) == (True, True)
    assert embedded.runtime.live[greet["id"]].options.replicas is None


@pytest.mark.parametrize(
    ("before", "now", "field"),
    [
        ({}, {"enable_autoscaling": False, "replicas": 0}, "replicas"),
        ({"enable_autoscaling": False}, {"replicas": 0}, "replicas"),
        ({}, {"memory_request": "4Gi"}, "memory_request"),
        ({"cpu_limit": "200m"}, {"cpu_request": "1"}, "cpu_request"),
    ],
)
def test_what_does_not_fit_to_what_is_deployed_is_refused_before_anything_begins(
    ada, embedded, built, greet, before, now, field
):
    body = {"namespace": "default", "image_ref": built["result"]["image_url"], "function_id": greet["id"]}
    assert ada.post("/api/v1/deploy", body | before).status_code == 200

    assert_error(ada.post("/api/v1/deploy", body | now), 400, "VALIDATION_ERROR", field)

    assert len(embedded.platform.deployments.list(greet["id"])) == 1


@pytest.mark.parametrize("name", ["한글", "_ -"])
def test_a_name_without_a_letter_is_no_apps_name(ada, built, name):
    body = {"namespace": "default", "image_ref": built["result"]["image_url"], "app_name": name}

    assert_error(ada.post("/api/v1/deploy", body), 400, "VALIDATION_ERROR", "app_name")


def test_only_who_may_write_deploys(workspace, built, greet, member, person, token):
    body = {"namespace": "default", "image_ref": built["result"]["image_url"], "function_id": greet["id"]}
    viewer = Api(member("viewer"))
    person("eve")

    assert_error(viewer.post("/api/v1/deploy", body), 403, "FORBIDDEN")
    assert_error(viewer.post("/api/v1/deploy", body | {"function_id": None}), 403, "FORBIDDEN")
    assert_error(Api(token("eve")).post("/api/v1/deploy", body), 404, "NOT_FOUND")
    assert_error(Api(token("eve")).post("/api/v1/deploy", body | {"function_id": None}), 404, "NOT_FOUND")


def test_forms_that_no_browser_sends_are_refused_not_broken(ada, caplog):
    def posted(body, content_type="multipart/form-data; boundary=x"):
        headers = {"authorization": f"Bearer {ada.token}"}
        return ada.client.generic("POST", "/api/v1/build", body, content_type, headers=headers)

    part = b'--x\r\nContent-Disposition: form-data; name="%s"; filename="a.py"%s\r\n\r\n!\r\n'
    for answer in (
        posted(b"x", "multipart/form-data"),
        posted(part % (b"file", b"") + b"--x--", "multipart/form-data; boundary=\xff"),
        posted(part % (b"file" * 3000, b"") + b"--x--"),
        posted(part % (b"file", b"\r\nContent-Transfer-Encoding: base64") + b"--x--"),
        posted(b"".join(part % (b"f%d" % number, b"") for number in range(200)) + b"--x--"),
    ):
        assert "can't be read" in assert_error(answer, 400, "BAD_REQUEST")["message"]
    assert "Traceback" not in caplog.text


def test_an_image_of_the_default_workspace_is_for_its_members(ada, embedded, workspace, person, token):
    person("operator", operator=True)
    form = {"file": upload(), "app_name": "secret", "workspace_id": "ws-default"}
    task = Api(token("operator")).upload("/api/v1/build-and-push", form).json()["task_id"]
    embedded.work()
    image = embedded.platform.builds.get(task).image
    made = ada.post(f"/api/workspaces/{workspace.id}/functions", {"name": "mine", "code": base64_of(HELLO)}).json()

    answer = ada.post("/api/v1/deploy", {"namespace": "default", "image_ref": image, "function_id": made["id"]})

    assert_error(answer, 404, "NOT_FOUND")
