import io
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from tests.integration.conftest import HELLO, Api, assert_error, base64_of

pytestmark = pytest.mark.django_db

SPIN_TOML = """\
spin_manifest_version = 2
[application]
name = "parts"
description = "Of several files"
[variables]
greeting = { default = "hi" }
api_key = { required = true, secret = true }
[[trigger.http]]
route = "/..."
component = "parts"
[component.parts]
allowed_outbound_hosts = ["https://api.example.com"]
[component.parts.variables]
greeting = "{{ greeting }}"
api_key = "{{ api_key }}"
[component.parts.build]
command = "componentize-py -w spin-http componentize web -o app.wasm"
"""


def zipped(files):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target.getvalue()


def names_in(answer):
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        return archive.namelist()


def put(api, path, content, name="parts.zip", **headers):
    body = encode_multipart(BOUNDARY, {"file": SimpleUploadedFile(name, content)})
    given = {"authorization": f"Bearer {api.token}", **headers}
    return api.client.put(path, body, content_type=MULTIPART_CONTENT, headers=given)


@pytest.fixture
def function(ada, workspace):
    path = f"/api/workspaces/{workspace.id}/functions"
    return ada.post(path, {"name": "parts", "code": base64_of(HELLO)}).json()


def both(workspace, function):
    return [
        f"/api/workspaces/{workspace.id}/functions/{function['id']}/source",
        f"/api/functions/{function['id']}/source",
    ]


def test_all_files_go_in_and_come_out_at_both_addresses(ada, workspace, function):
    for path in both(workspace, function):
        single = ada.get(path)
        assert (single["Content-Type"], names_in(single)) == ("application/zip", ["app.py"])
        files = {"spin.toml": SPIN_TOML, "web.py": HELLO, "pkg/data.bin": b"\xff\x00"}
        saved = put(ada, path, zipped(files))
        assert saved.status_code == 200, saved.content
        assert saved.json()["module"] == "web"
        assert saved.json()["missingVariables"] == ["api_key"]
        answer = ada.get(path)
        assert names_in(answer) == saved.json()["files"] == ["pkg/data.bin", "spin.toml", "web.py"]
        assert answer["ETag"] == f'"{saved.json()["hash"]}"'
        assert put(ada, path, answer.content).json()["hash"] == saved.json()["hash"]
        shown = ada.get(f"/api/functions/{function['id']}").json()
        assert (shown["code"], shown["description"]) == (base64_of(HELLO), "Of several files")
        assert shown["environmentVariables"] == {"greeting": "hi"}
        assert shown["allowedOutboundHosts"] == ["https://api.example.com"]
        assert put(ada, path, HELLO.encode(), "any name.py").json()["files"] == ["app.py"]
        assert ada.get(f"/api/functions/{function['id']}").json()["environmentVariables"] == {}


def test_a_change_of_code_replaces_the_main_file_only(ada, workspace, function):
    path = both(workspace, function)[1]
    put(ada, path, zipped({"spin.toml": SPIN_TOML, "web.py": HELLO, "other.py": "X = 1\n"}))
    changed = ada.patch(f"/api/functions/{function['id']}", {"code": base64_of(HELLO + "# changed\n")})
    assert changed.json()["code"] == base64_of(HELLO + "# changed\n")
    assert names_in(ada.get(path)) == ["other.py", "spin.toml", "web.py"]


def test_a_source_made_from_an_older_one_is_refused(ada, workspace, function):
    path = both(workspace, function)[0]
    etag = ada.get(path)["ETag"]
    assert put(ada, path, b"X = 1\n", "app.py", **{"if-match": etag}).status_code == 200
    refused = put(ada, path, b"Y = 1\n", "app.py", **{"if-match": etag})
    assert_error(refused, 409, "CONFLICT")
    assert put(ada, path, b"Y = 1\n", "app.py", **{"if-match": "*"}).status_code == 200


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"no zip", "a.zip"),
        (zipped({"../evil.py": "x"}), "a.zip"),
        (zipped({"main.py": HELLO}), "a.zip"),
        (zipped({"app.py": HELLO, "spin.toml": "name ="}), "a.zip"),
        (b"x = 1", "a.txt"),
        (b"\xff", "a.py"),
    ],
)
def test_what_is_no_source_is_refused_and_changes_nothing(ada, workspace, function, content, name):
    path = both(workspace, function)[1]
    before = ada.get(path)["ETag"]
    assert_error(put(ada, path, content, name), 400, "VALIDATION_ERROR", "file")
    assert ada.get(path)["ETag"] == before


def test_a_body_that_is_no_form_is_refused(ada, workspace, function):
    assert_error(ada.call("PUT", both(workspace, function)[1], b"{}"), 400, "VALIDATION_ERROR", "file")


def test_strangers_see_nothing(workspace, function, person, token):
    person("eve")
    stranger = Api(token("eve"))
    for path in both(workspace, function):
        assert stranger.get(path).status_code == 404
        assert put(stranger, path, b"x = 1", "app.py").status_code == 404


def test_viewers_read_and_do_not_write(workspace, function, member):
    viewer = Api(member("viewer"))
    for path in both(workspace, function):
        assert viewer.get(path).status_code == 200
        assert_error(put(viewer, path, b"x = 1", "app.py"), 403, "FORBIDDEN")
