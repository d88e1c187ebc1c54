import stat
from dataclasses import replace

import pytest

from faasweb.wasmhost.functions import Functions, NotServed
from faasweb.wasmhost.live import (
    InvalidRelease,
    LiveRelease,
    promote_candidate,
    read_release,
    release_path,
    remove_release,
    write_release,
)
from faasweb.wasmhost.sites import Sites

RELEASE = LiveRelease("fn-AbCd1234", "ws-AbCd1234", "dp-1", version=2, files={"app.py": "x = 'é'"})


def test_a_release_is_read_as_it_was_written(tmp_path):
    write_release(tmp_path, RELEASE)
    path = release_path(tmp_path, RELEASE.function_id)
    assert read_release(path) == RELEASE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_promoted_candidate_is_live(tmp_path):
    write_release(tmp_path, RELEASE)
    write_release(tmp_path, replace(RELEASE, release="dp-2"), "candidate")
    promote_candidate(tmp_path, RELEASE.function_id)
    assert read_release(release_path(tmp_path, RELEASE.function_id)).release == "dp-2"
    assert not release_path(tmp_path, RELEASE.function_id, "candidate").exists()


@pytest.mark.parametrize("name", ["../escape", "a/b", "", "fn.1", "a" * 65, "fn\n"])
def test_an_id_that_is_no_plain_name_has_no_path(tmp_path, name):
    with pytest.raises(InvalidRelease):
        release_path(tmp_path, name)


@pytest.mark.parametrize(
    "change",
    [
        {"mode": "native"},
        {"mode": "baked"},
        {"mode": "baked", "component": "../x"},
        {"files": {}},
        {"files": {"app.py": 1}},
        {"module": "app; import os"},
        {"memory_mb": 0},
        {"memory_mb": True},
        {"timeout_s": float("nan")},
        {"timeout_s": "2"},
        {"environment": {"A": 1}},
        {"allowed_outbound_hosts": "https://example.com"},
        {"function_id": "../x"},
    ],
)
def test_a_release_that_cannot_run_is_refused(change):
    content = {"function_id": "fn-1", "workspace_id": "ws-1", "release": "r", "files": {"app.py": ""}} | change
    with pytest.raises(InvalidRelease):
        LiveRelease.from_json(content)


def test_keys_of_a_later_version_are_ignored():
    content = {"function_id": "fn-1", "workspace_id": "ws-1", "release": "r", "files": {"app.py": ""}, "new": 1}
    assert LiveRelease.from_json(content).release == "r"


def test_a_switch_is_seen_by_the_next_request(tmp_path):
    functions = Functions(tmp_path, Sites(tmp_path))
    write_release(tmp_path, RELEASE)
    first = functions.find(RELEASE.function_id, "live")
    assert functions.find(RELEASE.function_id, "live") is first
    write_release(tmp_path, replace(RELEASE, release="dp-2"), "candidate")
    assert functions.find(RELEASE.function_id, "live") is first
    assert functions.find(RELEASE.function_id, "candidate").release.release == "dp-2"
    promote_candidate(tmp_path, RELEASE.function_id)
    assert functions.find(RELEASE.function_id, "live").release.release == "dp-2"


def test_a_removed_function_is_not_served(tmp_path):
    functions = Functions(tmp_path, Sites(tmp_path))
    write_release(tmp_path, RELEASE)
    functions.find(RELEASE.function_id, "live")
    remove_release(tmp_path, RELEASE.function_id)
    with pytest.raises(NotServed):
        functions.find(RELEASE.function_id, "live")
    with pytest.raises(NotServed):
        functions.find("../etc/passwd", "live")
