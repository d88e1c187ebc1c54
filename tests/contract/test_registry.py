"""What an image registry promises, and the format of the images, read back as Spin reads them."""

from __future__ import annotations

import base64
import errno
import fcntl
import hashlib
import json
import multiprocessing
import os
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from faasweb.adapters.registry import layout
from faasweb.adapters.registry.layout import LayoutRegistry
from faasweb.adapters.registry.spin_image import spin_image
from faasweb.domain.errors import InvalidInput, Unavailable
from faasweb.domain.functions import EnvironmentVariable, FunctionSettings
from faasweb.ports import Image, ImageRegistry

CREATED = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
WASM = b"\0asm\x0d\0\1\0" + b"x" * 5000


def quiet(phase: str, line: str) -> None: ...


@pytest.fixture
def image(tmp_path) -> Image:
    component = tmp_path / "app.wasm"
    component.write_bytes(WASM)
    return Image("greet", "v1", component, CREATED)


@pytest.fixture
def registry(tmp_path) -> LayoutRegistry:
    return LayoutRegistry(tmp_path / "registry")


def pull(root: Path, reference: str) -> tuple[dict[str, Any], list[tuple[str, bytes]]]:
    """The manifest and the layers by media type, every digest and size verified."""
    named, _, digest = reference.removeprefix("local/").partition("@")
    assert json.loads((root / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    index = json.loads((root / "index.json").read_text())
    entries = [
        entry
        for entry in index["manifests"]
        if entry["annotations"].get("org.opencontainers.image.ref.name") == named and entry["digest"] == digest
    ]
    assert len(entries) == 1, index
    manifest = json.loads(blob(root, entries[0]))
    blob(root, manifest["config"])
    return manifest, [(layer["mediaType"], blob(root, layer)) for layer in manifest["layers"]]


def blob(root: Path, descriptor: dict[str, Any]) -> bytes:
    content: bytes = (root / "blobs" / "sha256" / descriptor["digest"].removeprefix("sha256:")).read_bytes()
    assert len(content) == descriptor["size"]
    assert descriptor["digest"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
    return content


def locked_app(root: Path, reference: str) -> dict[str, Any]:
    media_type, content = pull(root, reference)[1][-1]
    assert media_type == "application/vnd.fermyon.spin.application.v1+config"
    found: dict[str, Any] = json.loads(content)
    return found


# --- the registry ------------------------------------------------------------------------------------------------


def test_a_pushed_image_can_be_pulled_by_its_reference(registry, image):
    said: list[tuple[str, str]] = []
    reference = registry.push(image, lambda phase, line: said.append((phase, line)))
    assert reference.startswith("local/greet:v1@sha256:")
    manifest, layers = pull(registry.root, reference)
    assert layers[0] == ("application/vnd.wasm.content.layer.v1+wasm", WASM)
    assert {phase for phase, _ in said} == {"push"}
    assert "mediaType" not in manifest


def test_pushing_again_gives_the_same_reference_and_nothing_twice(registry, image):
    references = {registry.push(image, quiet) for _ in range(3)}
    assert len(references) == 1
    assert len(list((registry.root / "blobs" / "sha256").iterdir())) == 4
    assert len(json.loads((registry.root / "index.json").read_text())["manifests"]) == 1


def test_two_images_of_one_component_share_its_blob_and_its_disk_space(registry, image):
    registry.push(image, quiet)
    registry.push(replace(image, tag="v2"), quiet)
    name = hashlib.sha256(WASM).hexdigest()
    assert (registry.root / "blobs" / "sha256" / name).samefile(image.component)
    assert len(list((registry.root / "blobs" / "sha256").iterdir())) == 7


def test_a_tag_moves_to_the_newer_image_and_the_older_one_stays_by_digest(registry, image, tmp_path):
    older = registry.push(image, quiet)
    newer_component = tmp_path / "newer.wasm"
    newer_component.write_bytes(b"newer" * 100)
    newer = registry.push(replace(image, component=newer_component), quiet)
    assert older != newer
    assert pull(registry.root, newer)[1][0][1] == b"newer" * 100
    digests = [entry["digest"] for entry in json.loads((registry.root / "index.json").read_text())["manifests"]]
    assert digests == [older.partition("@")[2], newer.partition("@")[2]]


def test_removing_an_application_takes_its_images_and_leaves_those_of_others(registry, image):
    registry.push(image, quiet)
    registry.push(replace(image, tag="v2"), quiet)
    other = registry.push(replace(image, app_name="greet-2"), quiet)
    registry.remove("greet")
    assert pull(registry.root, other)[1][0][1] == WASM
    assert len(list((registry.root / "blobs" / "sha256").iterdir())) == 4
    registry.remove("greet-2")
    assert list((registry.root / "blobs" / "sha256").iterdir()) == []


def test_removing_what_was_never_pushed_is_no_error(registry, image):
    registry.remove("greet")
    registry.push(image, quiet)
    for name in ("absent", "", "../..", "UPPER"):
        registry.remove(name)
    assert len(list((registry.root / "blobs" / "sha256").iterdir())) == 4


@pytest.mark.parametrize(
    "name", ["", "Greet", "a/b", "../x", "-a", "a-", "a b", "a:b", "a..b", "a___b", "é", "a" * 129]
)
def test_a_name_that_registries_refuse_is_refused(registry, image, name):
    with pytest.raises(InvalidInput) as caught:
        registry.push(replace(image, app_name=name), quiet)
    assert caught.value.details["field"] == "app_name"
    assert not registry.root.exists()


@pytest.mark.parametrize("tag", ["", ".a", "-a", "a/b", "a:b", "a@b", "a b", "a\n", "é", "a" * 129])
def test_a_tag_that_registries_refuse_is_refused(registry, image, tag):
    with pytest.raises(InvalidInput) as caught:
        registry.push(replace(image, tag=tag), quiet)
    assert caught.value.details["field"] == "tag"


def test_another_registry_is_refused_with_a_sentence(registry, image):
    with pytest.raises(InvalidInput, match="own disk"):
        registry.push(replace(image, registry="ghcr.io/acme", password="hunter2"), quiet)


def test_it_is_ready_where_it_can_write(registry, image):
    assert registry.ready() is None
    registry.push(image, quiet)
    assert registry.ready() is None


def test_where_it_cannot_write_it_says_so(registry, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert registry.ready() == "The image registry's folder can't be written."


def _push_some(root: Path, component: Path, name: str) -> None:
    for number in range(5):
        LayoutRegistry(root).push(Image(name, f"v{number}", component, CREATED), quiet)


def test_several_processes_may_push_at_once(registry, image):
    context = multiprocessing.get_context("spawn")
    pushers = [context.Process(target=_push_some, args=(registry.root, image.component, f"app{i}")) for i in range(3)]
    for pusher in pushers:
        pusher.start()
    for pusher in pushers:
        pusher.join(60)
        assert pusher.exitcode == 0
    entries = json.loads((registry.root / "index.json").read_text())["manifests"]
    assert len(entries) == 15
    for entry in entries:
        named = entry["annotations"]["org.opencontainers.image.ref.name"]
        pull(registry.root, f"local/{named}@{entry['digest']}")


def test_an_image_pushed_during_a_removal_keeps_its_blobs(registry, image):
    stop = threading.Event()

    def remove() -> None:
        while not stop.wait(0.001):
            registry.remove("gone")

    remover = threading.Thread(target=remove)
    remover.start()
    try:
        for number in range(20):
            pull(registry.root, registry.push(replace(image, tag=f"v{number}"), quiet))
            registry.push(replace(image, app_name="gone"), quiet)
    finally:
        stop.set()
        remover.join()


def test_a_push_that_never_ends_does_not_block_others_for_ever(registry, image, monkeypatch):
    registry.push(image, quiet)
    monkeypatch.setattr(layout, "LOCK_WAIT_S", 0.05)
    with (registry.root / ".lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(Unavailable, match="busy"):
            registry.push(image, quiet)


@pytest.mark.parametrize(("number", "word"), [(errno.ENOSPC, "full"), (errno.EROFS, "written"), (errno.EIO, "error")])
def test_a_disk_that_fails_is_told_without_server_paths(registry, image, monkeypatch, number, word):
    def fail(descriptor: int) -> None:
        raise OSError(number, os.strerror(number), "/secret/path")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(Unavailable, match=word) as caught:
        registry.push(image, quiet)
    assert "secret" not in caught.value.message
    monkeypatch.undo()
    assert not (registry.root / "index.json").exists()
    pull(registry.root, registry.push(image, quiet))


def test_a_damaged_index_is_told_and_not_overwritten(registry, image):
    registry.push(image, quiet)
    (registry.root / "index.json").write_text('{"manifests": [{')
    for use in (lambda: registry.push(image, quiet), lambda: registry.remove("greet")):
        with pytest.raises(Unavailable, match="damaged"):
            use()
    assert len(list((registry.root / "blobs" / "sha256").iterdir())) == 4


def test_the_adapter_fits_the_port(registry):
    used: ImageRegistry = registry
    assert used.ready() is None


# --- the format --------------------------------------------------------------------------------------------------


def test_the_config_names_the_locked_app_by_its_digest(registry, image):
    manifest, layers = pull(registry.root, registry.push(image, quiet))
    config = json.loads(blob(registry.root, manifest["config"]))
    assert manifest["config"]["mediaType"] == "application/vnd.oci.image.config.v1+json"
    assert config == {
        "architecture": "wasm",
        "os": "Wasip1",
        "config": {
            "Labels": {"com.fermyon.spin.lockedAppDigest": f"sha256:{hashlib.sha256(layers[-1][1]).hexdigest()}"}
        },
        "rootfs": {"type": "layers", "diff_ids": []},
    }


def test_the_locked_app_has_one_component_at_every_path(registry, image):
    assert locked_app(registry.root, registry.push(image, quiet)) == {
        "spin_lock_version": 0,
        "metadata": {"name": "greet", "trigger": {"type": "http"}, "triggers": {"http": {}}, "version": "v1"},
        "triggers": [
            {
                "id": "trigger-greet",
                "trigger_type": "http",
                "trigger_config": {"component": "greet", "route": "/..."},
            }
        ],
        "components": [
            {
                "id": "greet",
                "metadata": {"databases": ["default"], "key_value_stores": ["default"]},
                "source": {
                    "content_type": "application/wasm",
                    "digest": f"sha256:{hashlib.sha256(WASM).hexdigest()}",
                },
            }
        ],
    }


def test_settings_become_capabilities_and_variables_but_no_secret_is_in_an_image(registry, image):
    settings = FunctionSettings(
        environment=(
            EnvironmentVariable("GREETING", "hello", plain=True),
            EnvironmentVariable("API_KEY", "hunter2"),
            EnvironmentVariable("_ODD", "x", plain=True),
        ),
        allowed_outbound_hosts=("https://api.example.com",),
    )
    reference = registry.push(replace(image, settings=settings), quiet)
    locked = locked_app(registry.root, reference)
    component = locked["components"][0]
    assert component["metadata"]["allowed_outbound_hosts"] == ["https://api.example.com"]
    assert component["env"] == {"GREETING": "hello", "_ODD": "x"}
    assert locked["variables"] == {"api_key": {"secret": True}, "greeting": {"default": "hello"}}
    assert component["config"] == {"api_key": "{{ api_key }}", "greeting": "{{ greeting }}"}
    for path in (registry.root / "blobs" / "sha256").iterdir():
        assert b"hunter2" not in path.read_bytes()


def test_annotations_tell_title_version_and_time(registry, image):
    manifest, _ = pull(registry.root, registry.push(image, quiet))
    assert manifest["annotations"] == {
        "org.opencontainers.image.created": "2026-11-21T04:00:00+00:00",
        "org.opencontainers.image.title": "greet",
        "org.opencontainers.image.version": "v1",
    }


def test_content_of_up_to_128_bytes_is_repeated_inside_the_locked_app(image, tmp_path):
    for size, inline in ((128, True), (129, False)):
        image.component.unlink()
        image.component.write_bytes(b"w" * size)
        locked = json.loads(bytes(spin_image(image).blobs[-1].content))
        found = locked["components"][0]["source"].get("inline")
        assert found == (base64.b64encode(b"w" * size).decode() if inline else None)


def test_files_are_layers_before_the_locked_app_and_small_ones_are_inside_it(registry, image):
    large, small = b"x" * 200, b"y" * 128
    files = {"static/b.txt": large, "a.txt": small, "again.txt": large}
    reference = registry.push(replace(image, files=files), quiet)
    manifest, layers = pull(registry.root, reference)
    assert [layer["mediaType"].rpartition("+")[2] for layer in manifest["layers"]] == ["wasm", "data", "config"]
    assert layers[1][1] == large
    assert locked_app(registry.root, reference)["components"][0]["files"] == [
        {"inline": base64.b64encode(small).decode(), "digest": digest_of(small), "path": "a.txt"},
        {"digest": digest_of(large), "path": "again.txt"},
        {"digest": digest_of(large), "path": "static/b.txt"},
    ]
    assert registry.push(replace(image, files=dict(reversed(files.items()))), quiet) == reference


def digest_of(content):
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_an_image_is_the_same_bytes_each_time_and_another_for_any_change(image):
    settings = FunctionSettings(allowed_outbound_hosts=("*",))
    images = [image, replace(image, tag="v2"), replace(image, app_name="other"), replace(image, settings=settings)]
    digests = [spin_image(item).manifest.digest for item in images]
    assert digests == [spin_image(item).manifest.digest for item in images]
    assert len(set(digests)) == len(images)
