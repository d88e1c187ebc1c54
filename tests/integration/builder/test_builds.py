import io
import zipfile
from datetime import UTC, datetime

import pytest
import time_machine

from faasweb import bootstrap
from faasweb.domain.builds import Build
from faasweb.domain.source import Source
from tests.integration.builder.conftest import TEAM, TOKEN, upload
from tests.integration.conftest import HELLO

pytestmark = pytest.mark.django_db


def problems(answer):
    """The fields that a 422 names."""
    assert answer.status_code == 422, answer.content
    found = answer.json()["detail"]
    assert all(set(problem) == {"type", "loc", "msg", "input"} for problem in found)
    return [".".join(map(str, problem["loc"])) for problem in found]


def test_a_build_and_push_is_accepted_at_once_and_ends_with_an_image(service, embedded):
    form = {"file": upload(), "workspace_id": TEAM, "app_name": "Greet Me", "username": "", "password": ""}

    accepted = service.upload("/api/v1/build-and-push", form)

    assert accepted.status_code == 202
    task_id = accepted.json()["task_id"]
    assert accepted.json() == {
        "task_id": task_id,
        "status": "pending",
        "message": "Build and push task created",
        "source_s3_path": f"s3://local/build-sources/{TEAM}/{task_id}/",
    }
    waiting = {"task_id": task_id, "status": "pending", "result": None, "error": None}
    assert service.get(f"/api/v1/tasks/{task_id}?workspace_id={TEAM}").json() == waiting
    embedded.work()
    done = service.get(f"/api/v1/tasks/{task_id}/").json()
    image = done["result"]["image_uri"]
    assert (done["status"], done["error"]) == ("done", None)
    assert image.startswith(f"local/greet-me:{Source.single(HELLO).hash[:12]}@sha256:")
    assert done["result"] == {
        "wasm_path": f"s3://local/build-artifacts/{task_id}/app.wasm",
        "image_url": image,
        "image_uri": image,
        "file_path": f"s3://local/build-sources/{TEAM}/{task_id}/greet.py",
    }


def test_a_build_alone_has_no_image_and_needs_no_workspace(service, embedded):
    accepted = service.upload("/api/v1/build", {"file": upload()}).json()
    embedded.work()

    assert accepted["message"] == "Build task created"
    assert accepted["source_s3_path"] == f"s3://local/build-sources/ws-default/{accepted['task_id']}/"
    done = service.get(f"/api/v1/tasks/{accepted['task_id']}").json()
    assert (done["status"], done["result"]["image_uri"]) == ("done", None)


def test_a_task_is_found_by_its_id_alone_also_by_another_process(service, built):
    bootstrap.get_platform.cache_clear()  # what a process remembers is gone

    assert service.get(f"/api/v1/tasks/{built['task_id']}").json() == built
    elsewhere = service.get(f"/api/v1/tasks/{built['task_id']}?workspace_id=ws-other")
    assert (elsewhere.status_code, elsewhere.json()) == (404, {"detail": f"Task not found: {built['task_id']}"})
    assert service.get("/api/v1/tasks/no-such-task").json() == {"detail": "Task not found: no-such-task"}


def test_tasks_of_a_workspace_are_listed_newest_first(service, built):
    newer = service.upload("/api/v1/build", {"file": upload(), "workspace_id": TEAM}).json()

    listed = service.get(f"/api/v1/workspaces/{TEAM}/tasks").json()

    assert (listed["workspace_id"], listed["count"]) == (TEAM, 2)
    assert [task["task_id"] for task in listed["tasks"]] == [newer["task_id"], built["task_id"]]
    keys = {"task_id", "status", "result", "error", "app_name", "created_at", "updated_at"}
    assert set(listed["tasks"][0]) == keys
    assert listed["tasks"][1]["created_at"].endswith("+09:00")
    nobody = {"workspace_id": "ws-nobody", "tasks": [], "count": 0}
    assert service.get("/api/v1/workspaces/ws-nobody/tasks/").json() == nobody


@pytest.mark.parametrize(
    ("file", "told"),
    [
        (upload("print(1)", "greet.rb"), ".py"),
        (upload("print(1)", "GREET.PY"), ".py"),
        (upload(b"\xff\xfe\x00"), "UTF-8"),
        (upload("  \n"), "empty"),
    ],
)
def test_a_file_that_can_not_be_built_is_accepted_and_its_task_tells_why(service, embedded, file, told):
    accepted = service.upload("/api/v1/build-and-push", {"file": file, "workspace_id": TEAM})

    assert (accepted.status_code, accepted.json()["status"]) == (202, "pending")
    embedded.work()
    task = service.get(f"/api/v1/tasks/{accepted.json()['task_id']}").json()
    assert (task["status"], task["result"]) == ("failed", None)
    assert told in task["error"]
    log = service.get(f"/api/v1/tasks/{task['task_id']}/log").json()
    assert log["lines"][-1]["text"] == task["error"]


def project(files):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return packed.getvalue()


SPIN = """
spin_manifest_version = 2
[application]
name = "greeter"
version = "1.0.0"
[[trigger.http]]
route = "/..."
component = "greeter"
[component.greeter]
source = "app.wasm"
[component.greeter.build]
command = "componentize-py -w spin-http componentize app -o app.wasm"
"""


def test_a_zip_file_with_a_manifest_is_built(service, embedded):
    file = upload(project({"spin.toml": SPIN, "app.py": HELLO, "words.py": "HELLO = 1\n"}), "greeter.zip")
    accepted = service.upload("/api/v1/build-and-push", {"file": file, "app_name": "greeter"}).json()
    embedded.work()

    done = service.get(f"/api/v1/tasks/{accepted['task_id']}").json()
    assert (done["status"], done["error"]) == ("done", None)
    assert done["result"]["image_uri"].startswith("local/greeter:")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"PK no archive", "Invalid zip file format"),
        (project({"app.py": HELLO}), "spin.toml not found in root directory"),
        (project({"below/spin.toml": SPIN, "app.py": HELLO}), "spin.toml not found in root directory"),
    ],
)
def test_a_zip_file_that_is_no_project_fails_with_the_words_clients_know(service, embedded, content, told):
    accepted = service.upload("/api/v1/build", {"file": upload(content, "x.zip")}).json()
    embedded.work()

    failed = service.get(f"/api/v1/tasks/{accepted['task_id']}").json()
    assert failed["status"] == "failed"
    assert told in failed["error"]


@pytest.mark.parametrize("name", ["한글.py", "my-app_v2 x.py", "_.py", "123.py"])
def test_a_file_may_have_any_name(service, embedded, name):
    accepted = service.upload("/api/v1/build", {"file": upload(name=name)}).json()
    embedded.work()

    assert service.get(f"/api/v1/tasks/{accepted['task_id']}").json()["error"] is None


def test_times_of_tasks_are_in_kst_and_the_newest_come_first(service, embedded):
    with time_machine.travel(datetime(2026, 11, 21, 4, 0, tzinfo=UTC), tick=False) as clock:
        for number in range(3):
            clock.shift(1)
            embedded.platform.builds.repository.add(Build.create(TEAM, f"app-{number}", "", ""))

    listed = service.get(f"/api/v1/workspaces/{TEAM}/tasks").json()

    assert [task["app_name"] for task in listed["tasks"]] == ["app-2", "app-1", "app-0"]
    assert listed["tasks"][0]["created_at"] == "2026-11-21T13:00:03+09:00"
    assert service.get(f"/api/v1/workspaces/{TEAM}/tasks?limit=2").json()["count"] == 2
    assert service.get("/api/v1/workspaces/ws-nobody/tasks").json()["tasks"] == []


def test_a_source_with_an_error_fails_with_its_place(service, embedded):
    accepted = service.upload("/api/v1/build", {"file": upload("def broken(:\n")}).json()
    embedded.work()

    failed = service.get(f"/api/v1/tasks/{accepted['task_id']}").json()
    assert (failed["status"], failed["result"]) == ("failed", None)
    assert "app.py:1:" in failed["error"]


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({}, "body.file"),
        ({"file": upload(), "workspace_id": "../etc"}, "body.workspace_id"),
        ({"file": upload(), "workspace_id": "a/b"}, "body.workspace_id"),
        ({"file": upload(), "tag": "no spaces"}, "body.tag"),
        ({"file": upload(), "app_name": "한글"}, "body.app_name"),
        ({"file": upload(), "registry_url": "https://elsewhere.example.com/x"}, "body.registry_url"),
    ],
)
def test_a_wrong_form_is_refused_with_the_place_of_the_field(service, form, field):
    assert problems(service.upload("/api/v1/build-and-push", form)) == [field]


def test_a_file_over_the_limit_is_413(service):
    answer = service.upload("/api/v1/build", {"file": upload(b"#" * 1_000_001)})

    assert answer.status_code == 413
    assert "1,000,000" in answer.json()["detail"]


# --- pushing again -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["task_id", "s3_source_path"])
def test_what_was_built_can_be_pushed_under_another_tag(service, embedded, built, by):
    path = f"s3://local/build-sources/{TEAM}/{built['task_id']}/"
    given = {"task_id": built["task_id"]} if by == "task_id" else {"s3_source_path": path}
    body = {"workspace_id": TEAM, "registry_url": "", "username": "", "password": "dummy-password", "tag": "v2"}

    pushed = service.post("/api/v1/push", body | given)
    embedded.work()

    assert pushed.status_code == 202
    assert (pushed.json()["message"], pushed.json()["source_s3_path"]) == ("Push task created", None)
    done = service.get(f"/api/v1/tasks/{pushed.json()['task_id']}").json()
    assert done["result"]["image_url"].startswith("local/greet:v2@")


def test_an_empty_push_is_told_everything_that_is_missing(service):
    named = problems(service.post("/api/v1/push", {}))

    assert named == ["body.workspace_id", "body.s3_source_path", "body.task_id", "body.app_dir"]


def test_a_folder_of_the_service_is_never_pushed(service, embedded):
    pushed = service.post("/api/v1/push", {"workspace_id": TEAM, "app_dir": "/etc"})
    embedded.work()

    task = service.get(f"/api/v1/tasks/{pushed.json()['task_id']}").json()
    assert (task["status"], task["error"]) == ("failed", "Application directory not found: /etc")


def test_only_sources_of_the_named_workspace_are_pushed(service, built):
    task_id = built["task_id"]
    body = {"workspace_id": TEAM}
    for path in (
        f"s3://local/build-sources/ws-other/{task_id}/",
        f"s3://elsewhere/build-sources/{TEAM}/{task_id}/",
        f"s3://local/build-sources/{TEAM}/../../secret_key",
        "/etc/passwd",
    ):
        assert problems(service.post("/api/v1/push", body | {"s3_source_path": path})) == ["body.s3_source_path"]
    stranger = service.post("/api/v1/push", {"workspace_id": "ws-other", "task_id": task_id})
    assert (stranger.status_code, stranger.json()["detail"]) == (404, f"Task not found: {task_id}")
    longer = service.post("/api/v1/push", body | {"s3_source_path": f"s3://local/build-sources/{TEAM}/{task_id}0/"})
    assert longer.status_code == 404


# --- the log -----------------------------------------------------------------------------------------------------


def test_the_log_of_a_task_is_read_piece_by_piece(service, embedded):
    task_id = service.upload("/api/v1/build-and-push", {"file": upload()}).json()["task_id"]
    before = service.get(f"/api/v1/tasks/{task_id}/log").json()
    assert before == {"task_id": task_id, "status": "pending", "lines": [], "next": 0, "finished": False}
    embedded.work()

    log = service.get(f"/api/v1/tasks/{task_id}/log").json()

    assert (log["status"], log["finished"]) == ("done", True)
    assert [line["number"] for line in log["lines"]] == list(range(1, log["next"] + 1))
    assert {line["phase"] for line in log["lines"]} == {"check", "build", "push"}
    assert set(log["lines"][0]) == {"number", "at", "phase", "text"}
    rest = service.get(f"/api/v1/tasks/{task_id}/log?after=1").json()
    assert rest["lines"] == log["lines"][1:]
    end = service.get(f"/api/v1/tasks/{task_id}/log?after={log['next']}").json()
    assert (end["lines"], end["next"], end["finished"]) == ([], log["next"], True)
    assert problems(service.get(f"/api/v1/tasks/{task_id}/log?after=x")) == ["query.after"]
    assert service.get("/api/v1/tasks/unknown/log").status_code == 404


def test_a_form_that_no_program_sends_is_refused(service):
    headers = {"authorization": f"Bearer {TOKEN}"}
    answer = service.client.generic("POST", "/api/v1/build", b"x", "multipart/form-data", headers=headers)
    assert (answer.status_code, list(answer.json())) == (400, ["detail"])
